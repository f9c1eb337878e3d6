"""A neural spline flow of a checkerboard."""

import keras_gen as kg

from ..planes import plane_recipe

recipe = plane_recipe(
    lambda: kg.bijectors.neural_spline(4, bins=16, bound=3.0),
    data="checkerboard",
    parameters=29_412,
    source="Durkan et al. 2019",
    expected={},
    results={},
)
