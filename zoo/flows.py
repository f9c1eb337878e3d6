"""Shared parts of the recipes of flows."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras_gen as kg

from .optimizing import Rate, compiled
from .recipe import Recipe

if TYPE_CHECKING:
    from keras_gen.bijectors import LazyBijector


def flow_recipe(
    bijectors: Callable[[], "list[LazyBijector]"],
    data_shape: tuple[int, ...],
    *,
    rate: Rate,
    adam: dict[str, float] | None = None,
    levels: int | None = None,
    num_classes: int | None = None,
    **facts: Any,
) -> Recipe:
    """A recipe of a flow trained with Adam.

    Args:
        bijectors: Makes the bijectors.
        data_shape: Shape of one example.
        rate: Learning rate.
        adam: Further arguments of the optimizer.
        levels: Number of grey values of images, None for continuous data.
        num_classes: Number of classes if the flow is class-conditional.
        **facts: Further fields of `Recipe`.
    """

    def build(seed: int, steps: int | None = None) -> "kg.GenerativeModel":
        grey = None if levels is None else kg.bijectors.UniformDequantization(levels)
        known = kg.specs.Classes(num_classes) if num_classes else None
        options = {"dequantization": grey, "condition": known, "seed": seed}
        model = kg.Flow(bijectors(), data_shape, **options)
        return compiled(model, rate, steps, **(adam or {}))

    return Recipe(build=build, rate=rate, family="flow", **facts)
