"""Diffusion on two moons."""

import keras_gen as kg

from ..diffusions import diffusion_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 60, 98

recipe = diffusion_recipe(
    lambda seed: kg.Diffusion(kg.networks.mlp_denoiser((2,)), seed=seed),
    rate=Cosine(2e-3, EPOCHS * STEPS),
    epochs=EPOCHS,
    batch_size=512,
    data="two_moons",
    parameters=66_562,
    source="Ho, Jain and Abbeel 2020, Nichol and Dhariwal 2021",
    expected={"log_prob": (-0.36, -0.32)},
    results={
        "log_prob": -0.3389,
    },
)
