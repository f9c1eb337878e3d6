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
        "elbo": -97.5,
        "importance_log_prob": -92.51,
        "active_units": 15,
        "frechet_distance": 82.6,
        "kernel_distance": 29.94,
        "precision": 0.754,
        "recall": 0.617,
        "density": 0.63,
        "coverage": 0.521,
        "memorization": 0.185,
    },
)
