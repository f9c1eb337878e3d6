"""A diffusion transformer of MNIST, guided by class."""

import keras_gen as kg

from ..diffusions import diffusion_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 8, 938

recipe = diffusion_recipe(
    lambda seed: kg.Diffusion(
        kg.networks.dit((28, 28, 1), num_classes=10), guidance_scale=2.0, seed=seed
    ),
    rate=Cosine(5e-4, EPOCHS * STEPS, share=937 / 938),
    epochs=EPOCHS,
    batch_size=64,
    data="mnist",
    parameters=1_852_560,
    evaluation={"num_samples": 2_000},
    source="Peebles and Xie 2023, small",
    expected={"label_agreement": (0.97, 1.0)},
    results={
        "elbo": -1294.98,
        "bits_per_dim": 2.383,
        "label_agreement": 0.9895,
        "frechet_distance": 13.62,
        "kernel_distance": 3.106,
        "precision": 0.756,
        "recall": 0.629,
        "density": 0.749,
        "coverage": 0.387,
        "memorization": 0.454,
    },
)
