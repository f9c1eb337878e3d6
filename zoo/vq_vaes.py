"""Shared parts of the recipes of VQ-VAEs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .optimizing import Cosine, compiled
from .recipe import Recipe, Stage

if TYPE_CHECKING:
    from keras_gen import VQVAE, GenerativeModel, Latent


def vq_vae_recipe(
    autoencoder: "Callable[[int], VQVAE]",
    prior: "Callable[[VQVAE, int], GenerativeModel]",
    epochs: tuple[int, int],
    *,
    rates: tuple[Cosine, Cosine],
    **facts: Any,
) -> Recipe:
    """A recipe of a VQ-VAE and of a model of its codes, in two stages.

    Args:
        autoencoder: Makes the VQ-VAE from its seed.
        prior: Makes the model of codes from the VQ-VAE and a seed.
        epochs: Epochs of the two stages.
        rates: Learning rates of the two stages.
        **facts: Further fields of `Recipe`.
    """

    def build_autoencoder(seed: int, steps: int | None = None) -> "VQVAE":
        return compiled(autoencoder(seed), rates[0], steps)

    def build(seed: int, vq_vae: "VQVAE", steps: int | None = None) -> "Latent":
        import keras_gen as kg

        latent = kg.Latent(vq_vae, prior(vq_vae, seed))
        return compiled(latent, rates[1], steps)

    stages = (
        Stage("autoencoder", build_autoencoder, epochs=epochs[0], rate=rates[0]),
        Stage("prior", build, epochs=epochs[1], rate=rates[1]),
    )
    return Recipe(stages=stages, family="VQ-VAE", **facts)
