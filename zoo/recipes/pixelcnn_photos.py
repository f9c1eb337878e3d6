"""A PixelCNN++ of patches of photographs."""

import keras_gen as kg

from ..optimizing import Cosine
from ..pixels import pixel_recipe

EPOCHS, STEPS = 10, 382

recipe = pixel_recipe(
    lambda: kg.networks.pixel_cnn(
        (32, 32, 3), 50, filters=64, blocks=6, first_kernel_size=7
    ),
    lambda: kg.DiscretizedLogisticMixture(5),
    rate=Cosine(2e-3, EPOCHS * STEPS),
    adam={"clipnorm": 1.0},
    data="photos",
    epochs=EPOCHS,
    batch_size=16,
    evaluation={"num_samples": 1_000},
    parameters=72_562,
    source="van den Oord et al. 2016, Salimans et al. 2017, small",
    expected={"bits_per_dim": (2.84, 2.93)},
    results={
        "log_prob": -6144.36,
        "bits_per_dim": 2.886,
        "frechet_distance": 2.244,
        "kernel_distance": 0.02181,
        "precision": 0.315,
        "recall": 0.558,
        "density": 0.249,
        "coverage": 0.24,
        "memorization": 0.252,
    },
)
