"""A small Glow of 8x8 digits."""

import keras_gen as kg

from ..flows import flow_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 60, 23

recipe = flow_recipe(
    lambda: [kg.bijectors.Logit(), *kg.bijectors.glow(2, 6, units=(64, 64))],
    (8, 8, 1),
    rate=Cosine(1e-3, EPOCHS * STEPS),
    adam={"clipnorm": 1.0},
    levels=17,
    data="digits",
    epochs=EPOCHS,
    parameters=114_144,
    source="Kingma and Dhariwal 2018, small",
    expected={"bits_per_dim": (2.12, 2.16)},
    results={
        "log_prob": -94.81,
        "bits_per_dim": 2.137,
        "frechet_distance": 15.41,
        "kernel_distance": 63.73,
        "precision": 0.683,
        "recall": 0.822,
        "density": 0.523,
        "coverage": 0.661,
        "memorization": 0.175,
    },
)
