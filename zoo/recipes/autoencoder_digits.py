"""A dense autoencoder of 8x8 digits."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    encoder, decoder = kg.networks.mlp_autoencoder((8, 8, 1), 16, units=(128,))
    model = kg.Autoencoder(encoder, decoder, seed=seed)
    model.compile()
    return model


recipe = Recipe(
    build=build,
    family="Autoencoder",
    data="digits",
    epochs=200,
    parameters=20_816,
    source="Hinton and Salakhutdinov 2006, small",
    expected={"reconstruction_error": (15.2, 15.6)},
    results={
        "reconstruction_error": 15.38,
        "frechet_distance": 3.492,
        "kernel_distance": 6.887,
        "precision": 0.819,
        "recall": 0.883,
        "density": 0.851,
        "coverage": 0.942,
        "memorization": 0.382,
    },
)
