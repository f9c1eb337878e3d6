"""A RealNVP of 8x8 digits."""

import keras_gen as kg

from ..flows import flow_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 25, 23

recipe = flow_recipe(
    lambda: [
        kg.bijectors.Logit(),
        kg.bijectors.Flatten(),
        *kg.bijectors.real_nvp(8, units=(128, 128)),
    ],
    (8, 8, 1),
    rate=Cosine(1e-3, EPOCHS * STEPS),
    adam={"clipnorm": 1.0},
    levels=17,
    data="digits",
    epochs=EPOCHS,
    parameters=232_960,
    source="Dinh et al. 2017, dense, small",
    expected={"bits_per_dim": (2.27, 2.31)},
    results={
        "log_prob": -101.72,
        "bits_per_dim": 2.293,
        "frechet_distance": 24.55,
        "kernel_distance": 103.7,
        "precision": 0.628,
        "recall": 0.753,
        "density": 0.473,
        "coverage": 0.633,
        "memorization": 0.136,
    },
)
