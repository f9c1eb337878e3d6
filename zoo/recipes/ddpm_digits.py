"""DDPM of scikit-learn's digits."""

import keras_gen as kg

from ..diffusions import diffusion_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 150, 23

recipe = diffusion_recipe(
    lambda seed: kg.Diffusion(
        kg.networks.unet((8, 8, 1), channels=(32, 64)),
        kg.schedules.Linear(),
        kg.parameterizations.Epsilon(),
        sampling=kg.samplers.Sampling("ddpm", kg.samplers.Uniform(), 100),
        seed=seed,
    ),
    rate=Cosine(1e-3, EPOCHS * STEPS, share=22 / 23),
    epochs=EPOCHS,
    batch_size=64,
    data="digits",
    parameters=593_185,
    evaluation={"levels": 17},
    source="Ho, Jain and Abbeel 2020",
    expected={"bits_per_dim": (4.69, 4.79)},
    results={
        "elbo": -210.3,
        "bits_per_dim": 4.741,
        "frechet_distance": 2.631,
        "kernel_distance": -4.004,
        "precision": 0.919,
        "recall": 0.844,
        "density": 1.15,
        "coverage": 0.978,
        "memorization": 0.533,
    },
)
