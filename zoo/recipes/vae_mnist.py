"""The dense VAE 784-400-20 on MNIST."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    encoder, decoder = kg.networks.mlp_vae((28, 28, 1), 20, units=(400,))
    model = kg.VAE(encoder, decoder, seed=seed)
    model.compile()
    return model


recipe = Recipe(
    build=build,
    family="VAE",
    data="mnist",
    epochs=10,
    parameters=652_824,
    source="Kingma and Welling 2013; 784-400-20, Adam 1e-3, batch 64",
    expected={"elbo": (-106, -104.5)},
    results={
        "elbo": -105.32,
        "importance_log_prob": -100.74,
        "active_units": 20,
        "frechet_distance": 197.5,
        "kernel_distance": 58.11,
        "precision": 0.742,
        "recall": 0.42,
        "density": 0.547,
        "coverage": 0.184,
        "memorization": 0.071,
    },
)
