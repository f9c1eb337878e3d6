"""Flow matching of scikit-learn's digits."""

import keras_gen as kg

from ..diffusions import diffusion_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 150, 23

recipe = diffusion_recipe(
    lambda seed: kg.Diffusion(
        kg.networks.unet((8, 8, 1), channels=(32, 64)),
        kg.schedules.RectifiedFlow(),
        kg.parameterizations.Velocity(),
        times=kg.LogitNormalTimes(),
        sampling=kg.samplers.Sampling("heun", kg.samplers.Uniform(), 10),
        seed=seed,
    ),
    rate=Cosine(1e-3, EPOCHS * STEPS, share=22 / 23),
    epochs=EPOCHS,
    batch_size=64,
    data="digits",
    parameters=593_185,
    evaluation={"levels": 17},
    source="Lipman et al. 2023, Esser et al. 2024",
    expected={"bits_per_dim": (2.82, 2.92)},
    results={
        "elbo": -127.14,
        "bits_per_dim": 2.866,
        "frechet_distance": 2.181,
        "kernel_distance": -5.616,
        "precision": 0.919,
        "recall": 0.842,
        "density": 1.029,
        "coverage": 0.958,
        "memorization": 0.544,
    },
)
