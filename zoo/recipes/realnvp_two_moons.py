"""A RealNVP of two moons."""

import keras_gen as kg

from ..planes import plane_recipe

recipe = plane_recipe(
    lambda: kg.bijectors.real_nvp(10),
    data="two_moons",
    parameters=44_220,
    source="Dinh et al. 2017",
    expected={},
    results={},
)
