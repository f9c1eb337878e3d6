"""A convolutional VAE on MNIST."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    encoder, decoder = kg.networks.conv_vae((28, 28, 1), 20)
    model = kg.VAE(encoder, decoder, seed=seed)
    model.compile()
    return model


recipe = Recipe(
    build=build,
    family="VAE",
    data="mnist",
    epochs=10,
    parameters=1_699_177,
    source="3x3 convolutions of 32 and 64 channels, resize and convolution",
    expected={"elbo": (-99.5, -96)},
    results={
        "elbo": -98.02,
        "importance_log_prob": -92.85,
        "active_units": 17,
        "frechet_distance": 84.1,
        "kernel_distance": 30.36,
        "precision": 0.758,
        "recall": 0.616,
        "density": 0.643,
        "coverage": 0.531,
        "memorization": 0.188,
    },
)
