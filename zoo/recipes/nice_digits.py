"""NICE on 8x8 digits."""

import keras_gen as kg

from ..flows import flow_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 40, 23

recipe = flow_recipe(
    lambda: [
        kg.bijectors.Logit(),
        kg.bijectors.Flatten(),
        *kg.bijectors.nice(6, units=(256, 256)),
    ],
    (8, 8, 1),
    rate=Cosine(1e-3, EPOCHS * STEPS),
    adam={"clipnorm": 1.0},
    levels=17,
    data="digits",
    epochs=EPOCHS,
    parameters=494_912,
    source="Dinh et al. 2014, small",
    expected={"bits_per_dim": (2.27, 2.31)},
    results={
        "log_prob": -101.44,
        "bits_per_dim": 2.287,
        "frechet_distance": 12.58,
        "kernel_distance": 26.95,
        "precision": 0.617,
        "recall": 0.872,
        "density": 0.466,
        "coverage": 0.608,
        "memorization": 0.136,
    },
)
