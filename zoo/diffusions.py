"""What the recipes of diffusion and flow matching share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .optimizing import compiled
from .recipe import Recipe

if TYPE_CHECKING:
    from ..models import Diffusion


def diffusion_recipe(
    model: "Callable[[int], Diffusion]",
    *,
    rate: float,
    decay_steps: int | None = None,
    adam: dict[str, float] | None = None,
    **facts: Any,
) -> Recipe:
    """A recipe of a diffusion model trained with Adam.

    Args:
        model: Makes the model from the seed of its noise.
        rate: Learning rate.
        decay_steps: Steps in which it falls to 0 by half a cosine; None keeps it.
        adam: Further arguments of the optimizer.
        **facts: Further fields of `Recipe`.
    """

    def build(seed: int) -> "Diffusion":
        return compiled(model(seed), rate, decay_steps, **(adam or {}))

    return Recipe(build=build, family="diffusion", **facts)
