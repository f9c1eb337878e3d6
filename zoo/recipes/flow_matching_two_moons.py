"""Flow matching on two moons."""

import keras_gen as kg

from ..diffusions import diffusion_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 60, 98

recipe = diffusion_recipe(
    lambda seed: kg.Diffusion(
        kg.networks.mlp_denoiser((2,)),
        kg.schedules.RectifiedFlow(),
        kg.parameterizations.Velocity(),
        sampling=kg.samplers.Sampling("heun", kg.samplers.Uniform()),
        seed=seed,
    ),
    rate=Cosine(2e-3, EPOCHS * STEPS),
    epochs=EPOCHS,
    batch_size=512,
    data="two_moons",
    parameters=66_562,
    source="Lipman et al. 2023",
    expected={"log_prob": (-0.37, -0.33)},
    results={
        "log_prob": -0.3455,
    },
)
