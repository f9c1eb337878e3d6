"""A multi-scale RealNVP of colour patches of photographs."""

import keras_gen as kg

from ..flows import flow_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 40, 61

recipe = flow_recipe(
    lambda: [
        kg.bijectors.Logit(),
        *kg.bijectors.multi_scale_real_nvp(3, 6, units=(64, 64)),
    ],
    (32, 32, 3),
    rate=Cosine(1e-3, EPOCHS * STEPS),
    adam={"clipnorm": 1.0},
    levels=256,
    data="photos",
    epochs=EPOCHS,
    batch_size=100,
    parameters=513_000,
    source="Dinh et al. 2017, small, without checkerboards",
    expected={"bits_per_dim": (2.94, 2.98)},
    results={
        "log_prob": -6294.03,
        "bits_per_dim": 2.956,
        "frechet_distance": 1.624,
        "kernel_distance": 0.02173,
        "precision": 0.478,
        "recall": 0.586,
        "density": 0.378,
        "coverage": 0.259,
        "memorization": 0.256,
    },
)
