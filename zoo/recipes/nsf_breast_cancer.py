"""A neural spline flow of measurements of tumours."""

import keras_gen as kg

from ..flows import flow_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 60, 8

recipe = flow_recipe(
    lambda: kg.bijectors.neural_spline(
        2, num_bins=4, bound=3.0, units=(32,), autoregressive=True
    ),
    (30,),
    rate=Cosine(2e-3, EPOCHS * STEPS),
    adam={"clipnorm": 1.0},
    data="breast_cancer",
    epochs=EPOCHS,
    parameters=27_424,
    source="Durkan et al. 2019, autoregressive, small",
    expected={"log_prob": (-7.23, -6.23)},
    results={
        "log_prob": -6.7335,
    },
)
