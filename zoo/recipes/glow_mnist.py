"""A small Glow of MNIST."""

import keras_gen as kg

from ..flows import flow_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 8, 600

recipe = flow_recipe(
    lambda: [kg.bijectors.Logit(), *kg.bijectors.glow(2, 8, units=(64, 64))],
    (28, 28, 1),
    rate=Cosine(1e-3, EPOCHS * STEPS),
    adam={"clipnorm": 1.0},
    levels=256,
    data="mnist",
    epochs=EPOCHS,
    batch_size=100,
    parameters=152_192,
    source="Kingma and Dhariwal 2018, small",
    expected={"bits_per_dim": (1.57, 1.61)},
    results={
        "log_prob": -862.46,
        "bits_per_dim": 1.587,
        "frechet_distance": 198.6,
        "kernel_distance": 54.06,
        "precision": 0.465,
        "recall": 0.448,
        "density": 0.294,
        "coverage": 0.086,
        "memorization": 0.022,
    },
)
