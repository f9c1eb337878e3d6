"""A normalizing flow: Glow of images and series, spline couplings of vectors."""

from typing import TYPE_CHECKING, Any

import keras_gen as kg

from ..optimizing import Cosine
from ..preset import Preset, halvings, sides
from ..recipe import UsageError

if TYPE_CHECKING:
    from keras_gen.specs import Spec

DEEPEST = 3  # halvings


def make(inputs: "Spec", condition: "Spec | None", width: int, seed: int) -> kg.Flow:
    """The model."""
    known: dict[str, Any] = {"condition": condition, "seed": seed}
    units = (4 * width, 4 * width)
    if not sides(inputs):
        bijectors = kg.bijectors.neural_spline(6, units=units)
        return kg.Flow(bijectors, inputs, **known)
    levels = min(DEEPEST, *map(halvings, sides(inputs)))
    if not levels:
        odd = next(side for side in sides(inputs) if side % 2)
        raise UsageError(
            f"flow halves the sides of images and the length of series at least once, "
            f"received {inputs}: choose even ones, such as {odd - 1} or {odd + 1}, "
            "with --image-size or --window, or crop the arrays."
        )
    bijectors = kg.bijectors.glow(levels, 6, units=units)
    if isinstance(inputs, kg.specs.Series):
        return kg.Flow(bijectors, inputs, **known)
    bijectors = [kg.bijectors.Logit(), *bijectors]
    grey = kg.bijectors.UniformDequantization(256)
    return kg.Flow(bijectors, inputs, dequantization=grey, **known)


recipe = Preset(
    make=make,
    kinds=("Images", "Series", "Vectors", "Columns"),
    family="flow",
    rate=Cosine(1e-3, 1),
    adam={"clipnorm": 1.0},
    source="Kingma and Dhariwal 2018, Durkan et al. 2019",
)
