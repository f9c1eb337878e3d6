"""Flow matching of emoji of 64x64 pixels, guided by category."""

import keras_gen as kg

from ..diffusions import diffusion_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 120, 108

recipe = diffusion_recipe(
    lambda seed: kg.Diffusion(
        kg.networks.dit((64, 64, 3), patch=8, width=192, depth=6, num_classes=9),
        kg.schedules.RectifiedFlow(),
        kg.parameterizations.X0(),
        weighting=kg.VelocityWeighting(),
        times=kg.LogitNormalTimes(),
        guidance_scale=2.0,
        seed=seed,
    ),
    rate=Cosine(1e-3, EPOCHS * STEPS, warmup_steps=200),
    epochs=EPOCHS,
    batch_size=64,
    data="emoji",
    parameters=0,
    source="Li and He 2025, small; Lipman et al. 2023; Ho and Salimans 2022",
    expected={},
    results={},
)
