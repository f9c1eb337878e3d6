"""Diffusion of scikit-learn's digits, guided by class."""

import keras_gen as kg

from ..diffusions import diffusion_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 150, 23

recipe = diffusion_recipe(
    lambda seed: kg.Diffusion(
        kg.networks.unet((8, 8, 1), channels=(32, 64), num_classes=10),
        guidance_scale=2.0,
        seed=seed,
    ),
    rate=Cosine(1e-3, EPOCHS * STEPS, share=22 / 23),
    epochs=EPOCHS,
    batch_size=64,
    data="digits",
    parameters=594_465,
    evaluation={"levels": 17},
    source="Ho and Salimans 2022, Salimans and Ho 2022",
    expected={"label_agreement": (0.97, 1.0)},
    results={
        "elbo": -274.62,
        "bits_per_dim": 6.191,
        "label_agreement": 1.0,
        "frechet_distance": 4.839,
        "kernel_distance": 6.548,
        "precision": 0.969,
        "recall": 0.672,
        "density": 1.184,
        "coverage": 0.933,
        "memorization": 0.658,
    },
)
