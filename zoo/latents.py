"""Recipes in two stages: an autoencoder, and a model of its latent values."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .optimizing import Cosine, compiled
from .recipe import Recipe, Stage

if TYPE_CHECKING:
    from keras_gen import VAE, VQVAE, GenerativeModel, Latent


def latent_recipe(
    autoencoder: "Callable[[int], VAE | VQVAE]",
    prior: "Callable[[Any, int], GenerativeModel]",
    epochs: tuple[int, int],
    *,
    rates: tuple[Cosine, Cosine],
    **facts: Any,
) -> Recipe:
    """A recipe of an autoencoder and of a model of its latent values.

    Args:
        autoencoder: Makes the autoencoder from its seed.
        prior: Makes the model of latent values from the autoencoder and a seed.
        epochs: Epochs of the two stages.
        rates: Learning rates of the two stages.
        **facts: Further fields of `Recipe`.
    """

    def build_autoencoder(seed: int, steps: int | None = None) -> "VAE | VQVAE":
        return compiled(autoencoder(seed), rates[0], steps)

    def build(seed: int, before: Any, steps: int | None = None) -> "Latent":
        import keras_gen as kg

        latent = kg.Latent(before, prior(before, seed))
        return compiled(latent, rates[1], steps)

    stages = (
        Stage("autoencoder", build_autoencoder, epochs=epochs[0], rate=rates[0]),
        Stage("prior", build, epochs=epochs[1], rate=rates[1]),
    )
    return Recipe(stages=stages, **facts)
