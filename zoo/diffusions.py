"""Shared parts of the recipes of diffusion and flow matching."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .optimizing import Rate, compiled
from .recipe import Recipe

if TYPE_CHECKING:
    from keras_gen.models import Diffusion


def diffusion_recipe(
    model: "Callable[[int], Diffusion]",
    *,
    rate: Rate,
    adam: dict[str, float] | None = None,
    **facts: Any,
) -> Recipe:
    """A recipe of a diffusion model trained with Adam.

    Args:
        model: Makes the model from the seed of its noise.
        rate: Learning rate.
        adam: Further arguments of the optimizer.
        **facts: Further fields of `Recipe`.
    """

    def build(seed: int, steps: int | None = None) -> "Diffusion":
        return compiled(model(seed), rate, steps, **(adam or {}))

    return Recipe(build=build, rate=rate, family="diffusion", **facts)
