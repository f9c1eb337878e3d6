"""A neural spline flow of two moons."""

import keras_gen as kg

from ..planes import plane_recipe

recipe = plane_recipe(
    lambda: kg.bijectors.neural_spline(4, bins=16, bound=3.0),
    data="two_moons",
    parameters=29_412,
    source="Durkan et al. 2019",
    expected={"log_prob": (-0.32, -0.3)},
    results={
        "log_prob": -0.3068,
    },
)
