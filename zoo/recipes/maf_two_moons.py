"""A masked autoregressive flow of two moons."""

import keras_gen as kg

from ..planes import plane_recipe

recipe = plane_recipe(
    lambda: kg.bijectors.masked_autoregressive(8),
    data="two_moons",
    parameters=36_928,
    source="Papamakarios et al. 2017",
    expected={},
    results={},
)
