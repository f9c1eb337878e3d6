"""A neural spline flow of a pinwheel."""

import keras_gen as kg

from ..flows import flow_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 80, 98

recipe = flow_recipe(
    lambda: kg.bijectors.neural_spline(4, num_bins=16, bound=3.0),
    (2,),
    rate=Cosine(1e-3, EPOCHS * STEPS),
    adam={"clipnorm": 1.0},
    epochs=EPOCHS,
    batch_size=512,
    data="pinwheel",
    parameters=29_412,
    source="Durkan et al. 2019",
    expected={"log_prob": (-2.35, -2.33)},
    results={
        "log_prob": -2.3385,
    },
)
