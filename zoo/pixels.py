"""Shared parts of the recipes of autoregressive models of pixels."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras_gen as kg

from .optimizing import Rate, compiled
from .recipe import Recipe

if TYPE_CHECKING:
    import keras

    from keras_gen.distributions import PixelDistribution


def pixel_recipe(
    network: "Callable[[], keras.Model]",
    distribution: "Callable[[], PixelDistribution] | None" = None,
    *,
    rate: Rate,
    adam: dict[str, float] | None = None,
    **facts: Any,
) -> Recipe:
    """A recipe of an autoregressive model trained with Adam.

    Args:
        network: Makes the network.
        distribution: Makes the distribution of a pixel. None means grey images, which
            are binarized at random at each step.
        rate: Learning rate.
        adam: Further arguments of the optimizer.
        **facts: Further fields of `Recipe`.
    """

    def build(seed: int, steps: int | None = None) -> "kg.GenerativeModel":
        law = None if distribution is None else distribution()
        drawn = kg.StochasticBinarization() if law is None else None
        model = kg.PixelAutoregressive(network(), law, observation=drawn, seed=seed)
        return compiled(model, rate, steps, **(adam or {}))

    return Recipe(build=build, rate=rate, family="autoregressive", **facts)
