"""A masked autoregressive flow of MNIST."""

import keras_gen as kg

from ..flows import flow_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 20, 300

recipe = flow_recipe(
    lambda: [
        kg.bijectors.Logit(1e-6),
        kg.bijectors.Flatten(),
        *kg.bijectors.masked_autoregressive(5, units=(1024,)),
    ],
    (28, 28, 1),
    rate=Cosine(3e-4, EPOCHS * STEPS),
    adam={"clipnorm": 1.0},
    levels=256,
    data="mnist",
    epochs=EPOCHS,
    batch_size=200,
    parameters=12_063_040,
    source="Papamakarios et al. 2017, MAF(5); fewer epochs, no batch normalization",
    expected={"bits_per_dim": (1.73, 1.77)},
    results={
        "log_prob": -951.56,
        "bits_per_dim": 1.751,
        "logit_log_prob": -1224.2,
        "frechet_distance": 160.4,
        "kernel_distance": 45.57,
        "precision": 0.717,
        "recall": 0.585,
        "density": 0.516,
        "coverage": 0.271,
        "memorization": 0.103,
    },
)
