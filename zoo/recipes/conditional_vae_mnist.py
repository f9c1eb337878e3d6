"""A class-conditional dense VAE on MNIST."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    encoder, decoder = kg.networks.mlp_vae(
        (28, 28, 1), 20, units=(400,), num_classes=10
    )
    model = kg.VAE(encoder, decoder, seed=seed)
    model.compile()
    return model


recipe = Recipe(
    build=build,
    family="VAE",
    data="mnist",
    epochs=10,
    parameters=660_824,
    source="Sohn et al. 2015; 784-400-20 with labels",
    expected={"elbo": (-102.5, -100)},
    results={
        "elbo": -101.18,
        "importance_log_prob": -96.65,
        "active_units": 20,
        "frechet_distance": 138.1,
        "kernel_distance": 46.98,
        "precision": 0.783,
        "recall": 0.307,
        "density": 0.639,
        "coverage": 0.348,
        "memorization": 0.16,
    },
)
