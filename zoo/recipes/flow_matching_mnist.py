"""Flow matching of MNIST, guided by class."""

import keras_gen as kg

from ..diffusions import diffusion_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 7, 938

recipe = diffusion_recipe(
    lambda seed: kg.Diffusion(
        kg.networks.unet((28, 28, 1), channels=(32, 64, 64), num_classes=10),
        kg.schedules.RectifiedFlow(),
        kg.parameterizations.Velocity(),
        times=kg.LogitNormalTimes(),
        guidance_scale=2.0,
        sampling=kg.samplers.Sampling(grid=kg.samplers.KarrasGrid()),
        seed=seed,
    ),
    rate=Cosine(1e-3, EPOCHS * STEPS, share=937 / 938),
    epochs=EPOCHS,
    batch_size=64,
    data="mnist",
    parameters=894_561,
    source="Lipman et al. 2023, Esser et al. 2024, Ho and Salimans 2022",
    expected={"label_agreement": (0.98, 1.0)},
    results={
        "elbo": -1779.17,
        "bits_per_dim": 3.274,
        "label_agreement": 0.9998,
        "frechet_distance": 12.71,
        "kernel_distance": 5.312,
        "precision": 0.857,
        "recall": 0.714,
        "density": 0.938,
        "coverage": 0.803,
        "memorization": 0.559,
    },
)
