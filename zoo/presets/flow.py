"""A normalizing flow: Glow of images, spline couplings of vectors."""

from typing import TYPE_CHECKING, Any

import keras_gen as kg

from ..optimizing import Cosine
from ..preset import Preset, halvings, require_even

if TYPE_CHECKING:
    from keras_gen.specs import Spec

DEEPEST = 3  # halvings of images


def make(inputs: "Spec", condition: "Spec | None", width: int, seed: int) -> kg.Flow:
    """The model."""
    known: dict[str, Any] = {"condition": condition, "seed": seed}
    units = (4 * width, 4 * width)
    if not isinstance(inputs, kg.specs.Images):
        bijectors = kg.bijectors.neural_spline(6, units=units)
        return kg.Flow(bijectors, inputs, **known)
    sides = inputs.height, inputs.width
    require_even(inputs, "flow")
    levels = min(DEEPEST, *map(halvings, sides))
    bijectors = [kg.bijectors.Logit(), *kg.bijectors.glow(levels, 6, units=units)]
    grey = kg.bijectors.UniformDequantization(256)
    return kg.Flow(bijectors, inputs, dequantization=grey, **known)


recipe = Preset(
    make=make,
    kinds=("Images", "Vectors", "Columns"),
    family="flow",
    rate=Cosine(1e-3, 1),
    adam={"clipnorm": 1.0},
    source="Kingma and Dhariwal 2018, Durkan et al. 2019",
)
