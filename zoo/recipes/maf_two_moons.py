"""A masked autoregressive flow of two moons."""

import keras_gen as kg

from ..flows import flow_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 80, 98

recipe = flow_recipe(
    lambda: kg.bijectors.masked_autoregressive(10),
    (2,),
    rate=Cosine(1e-3, EPOCHS * STEPS),
    adam={"clipnorm": 1.0},
    epochs=EPOCHS,
    batch_size=512,
    data="two_moons",
    parameters=46_160,
    source="Papamakarios et al. 2017",
    expected={"log_prob": (-0.31, -0.29)},
    results={
        "log_prob": -0.3046,
    },
)
