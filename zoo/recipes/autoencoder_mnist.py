"""The dense autoencoder 784-256-64-256-784 on MNIST."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    encoder, decoder = kg.networks.mlp_autoencoder((28, 28, 1), 64, units=(256,))
    model = kg.Autoencoder(encoder, decoder, seed=seed)
    model.compile()
    return model


recipe = Recipe(
    build=build,
    family="Autoencoder",
    data="mnist",
    epochs=10,
    parameters=435_536,
    source="784-256-64-256-784, cross-entropy, Adam 1e-3, batch 64",
    expected={"reconstruction_error": (54, 56)},
    results={
        "reconstruction_error": 55.1,
        "frechet_distance": 117.6,
        "kernel_distance": 40.07,
        "precision": 0.762,
        "recall": 0.428,
        "density": 0.633,
        "coverage": 0.37,
        "memorization": 0.201,
    },
)
