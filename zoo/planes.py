"""Recipes of flows on the densities of the plane: what they share."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras_gen as kg

from .recipe import Recipe

if TYPE_CHECKING:
    from ..bijectors import LazyBijector

EPOCHS, BATCH_SIZE, NUM_TRAIN = 80, 512, 50_000


def plane_recipe(bijectors: Callable[[], "list[LazyBijector]"], **facts: Any) -> Recipe:
    """A recipe of a flow on 2-D points: Adam, its rate falling to 0 by half a cosine.

    Args:
        bijectors: Makes the bijectors.
        **facts: Further fields of `Recipe`.
    """

    def build(seed: int) -> "kg.GenerativeModel":
        import keras

        model = kg.Flow(bijectors(), (2,), seed=seed)
        steps = EPOCHS * math.ceil(NUM_TRAIN / BATCH_SIZE)
        rate = keras.optimizers.schedules.CosineDecay(1e-3, steps)
        model.compile(keras.optimizers.Adam(rate, clipnorm=1.0))
        return model

    return Recipe(
        build=build, family="flow", epochs=EPOCHS, batch_size=BATCH_SIZE, **facts
    )
