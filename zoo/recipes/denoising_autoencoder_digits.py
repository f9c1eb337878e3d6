"""A denoising autoencoder of 8x8 digits, with salt-and-pepper noise."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    encoder, decoder = kg.networks.mlp_autoencoder((8, 8, 1), 32, units=(128,))
    model = kg.Autoencoder(
        encoder, decoder, corruption=kg.SaltAndPepper(0.2), seed=seed
    )
    model.compile()
    return model


recipe = Recipe(
    build=build,
    family="Autoencoder",
    data="digits",
    epochs=200,
    parameters=24_928,
    source="Vincent et al. 2010, small",
    expected={"reconstruction_error": (15.8, 16.3)},
    results={
        "reconstruction_error": 16.05,
        "denoising_error": 18.19,
        "frechet_distance": 5.573,
        "kernel_distance": 14.38,
        "precision": 0.914,
        "recall": 0.594,
        "density": 1.134,
        "coverage": 0.919,
        "memorization": 0.533,
    },
)
