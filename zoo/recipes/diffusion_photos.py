"""EDM of colour patches of photographs."""

import keras_gen as kg

from ..diffusions import diffusion_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 40, 96

recipe = diffusion_recipe(
    lambda seed: kg.Diffusion(
        kg.networks.unet((32, 32, 3), channels=(32, 64, 64)),
        kg.schedules.VarianceExploding(),
        kg.parameterizations.Preconditioned(deviation=0.65),
        times=kg.LogNormalLevels(),
        sampling=kg.samplers.Sampling("heun", kg.samplers.KarrasGrid(), 18),
        seed=seed,
    ),
    rate=Cosine(1e-3, EPOCHS * STEPS, share=95 / 96),
    epochs=EPOCHS,
    batch_size=64,
    data="photos",
    parameters=894_435,
    evaluation={"num_samples": 1_000},
    source="Karras et al. 2022, small",
    expected={"bits_per_dim": (2.9, 3.0)},
    results={
        "elbo": -6281.92,
        "bits_per_dim": 2.95,
        "frechet_distance": 3.295,
        "kernel_distance": 0.03302,
        "precision": 0.385,
        "recall": 0.729,
        "density": 0.429,
        "coverage": 0.288,
        "memorization": 0.292,
    },
)
