"""Diffusion of 64x64 emoji, guided by category."""

import keras_gen as kg

from ..diffusions import diffusion_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 90, 216

recipe = diffusion_recipe(
    lambda seed: kg.Diffusion(
        kg.networks.unet(
            (64, 64, 3),
            patch=8,
            channels=(64, 128),
            attention=(True, True),
            num_classes=9,
        ),
        kg.schedules.RectifiedFlow(),
        kg.parameterizations.X0(),
        weighting=kg.VelocityWeighting(),
        times=kg.LogitNormalTimes(mean=0.4),
        guidance_scale=3.0,
        seed=seed,
    ),
    rate=Cosine(1e-3, EPOCHS * STEPS, warmup_steps=300),
    epochs=EPOCHS,
    batch_size=32,
    data="emoji",
    parameters=2_620_032,
    evaluation={"num_samples": 900},
    source="Hoogeboom et al. 2023, Li and He 2025",
    expected={"label_agreement": (0.68, 0.8), "frechet_distance": (80.0, 125.0)},
    results={
        "frechet_distance": 99.99,
        "kernel_distance": 101.2,
        "precision": 0.547,
        "recall": 0.681,
        "density": 0.59,
        "coverage": 0.613,
        "memorization": 0.463,
        "label_agreement": 0.7411,
    },
)
