"""DDPM of MNIST."""

import keras_gen as kg

from ..diffusions import diffusion_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 5, 938

recipe = diffusion_recipe(
    lambda seed: kg.Diffusion(
        kg.networks.unet((28, 28, 1), channels=(32, 64, 64)),
        kg.schedules.Linear(),
        kg.parameterizations.Epsilon(),
        sampling=kg.samplers.Sampling("ddpm", kg.samplers.Uniform(), 100),
        seed=seed,
    ),
    rate=Cosine(1e-3, EPOCHS * STEPS, share=937 / 938),
    epochs=EPOCHS,
    batch_size=64,
    data="mnist",
    parameters=893_281,
    evaluation={"num_samples": 2_000},
    source="Ho, Jain and Abbeel 2020, small",
    expected={"bits_per_dim": (1.95, 2.04)},
    results={
        "elbo": -1084.12,
        "bits_per_dim": 1.995,
        "frechet_distance": 14.71,
        "kernel_distance": 5.07,
        "precision": 0.65,
        "recall": 0.878,
        "density": 0.564,
        "coverage": 0.367,
        "memorization": 0.301,
    },
)
