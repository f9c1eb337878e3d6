"""The dense VAE 784-256-128-20 on MNIST."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    encoder, decoder = kg.networks.mlp_vae((28, 28, 1), 20, units=(256, 128))
    model = kg.VAE(encoder, decoder, seed=seed)
    model.compile()
    return model


recipe = Recipe(
    build=build,
    family="VAE",
    data="mnist",
    epochs=10,
    parameters=476_216,
    source="784-256-128-20, Adam 1e-3, batch 64",
    expected={"elbo": (-106, -102)},
    results={
        "elbo": -104.18,
        "importance_log_prob": -99.74,
        "active_units": 15,
        "frechet_distance": 150.2,
        "kernel_distance": 48.24,
        "precision": 0.785,
        "recall": 0.365,
        "density": 0.631,
        "coverage": 0.331,
        "memorization": 0.13,
    },
)
