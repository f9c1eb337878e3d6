"""A convolutional VAE of 64x64 emoji, conditioned on categories."""

from ..emoji import STEPS, pictures
from ..presets.vae import recipe as preset

recipe = preset.recipe_for(
    pictures,
    steps=STEPS,
    epochs=20,
    chosen={"channels": (16, 32, 64, 128), "hidden": 256, "latent_size": 128},
    batch_size=64,
    data="emoji",
    parameters=1_496_643,
    source="Sohn et al. 2015",
    expected={"elbo": (-4750.0, -4400.0), "label_agreement": (0.3, 0.5)},
    results={
        "elbo": -4570.33,
        "importance_log_prob": -4475.98,
        "active_units": 128,
        "frechet_distance": 611.6,
        "kernel_distance": 1486.2,
        "precision": 0.764,
        "recall": 0.032,
        "density": 0.963,
        "coverage": 0.262,
        "memorization": 0.607,
        "label_agreement": 0.3944,
    },
    evaluation={"num_samples": 900},
)
