"""Recipes of variational autoencoders with gated layers, as their authors compare them.

The networks have two layers of 300 gated units and 40 latent values. Images are black
and white.

References:
    Tomczak and Welling, "VAE with a VampPrior", AISTATS 2018, section 4.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .optimizing import Cosine, compiled
from .recipe import Recipe

if TYPE_CHECKING:
    from keras_gen import VAE
    from keras_gen.distributions import Prior

WARMUP = 0.1  # share of the run over which the weight of the divergence rises
BATCH = 100


def gated_vae_recipe(
    *,
    data: str,
    steps: int,
    epochs: int,
    prior: "Callable[[], Prior] | None" = None,
    is_grey: bool = False,
    **facts: Any,
) -> Recipe:
    """A recipe of a VAE with gated layers.

    Args:
        data: Name of the data set.
        steps: Steps of an epoch.
        epochs: Passes over the data.
        prior: Makes the prior. None means a standard normal one.
        is_grey: Whether the images are grey, and binarized anew at each step.
        **facts: Further fields of `Recipe`.
    """
    rate = Cosine(1e-3, epochs * steps)

    def build(seed: int, steps: int | None = None) -> "VAE":
        import keras_gen as kg

        pair = kg.networks.mlp_vae(
            (28, 28, 1), 40, units=(300, 300), activation="gated"
        )
        model = kg.VAE(
            *pair,
            objective=kg.ELBO(1.0, round(WARMUP * (steps or rate.steps))),
            prior=prior and prior(),
            observation=kg.StochasticBinarization() if is_grey else None,
            seed=seed,
        )
        return compiled(model, rate, steps)

    own: dict[str, Any] = {"rate": rate, "epochs": epochs, "batch_size": BATCH}
    own["evaluation"] = {"importance_samples": 5000}
    return Recipe(build=build, family="VAE", data=data, **own, **facts)
