"""The classic dense GAN on 8x8 digits."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    generator, discriminator = kg.networks.mlp_gan(
        (8, 8, 1), 32, generator_units=(128, 256), discriminator_units=(256, 128)
    )
    model = kg.GAN(generator, discriminator, seed=seed)
    model.compile()
    return model


recipe = Recipe(
    build=build,
    family="GAN",
    data="digits",
    epochs=300,
    parameters=103_361,
    source="Goodfellow et al. 2014, small",
    expected={"classes_found": (10, 10)},
    results={
        "classes_found": 10,
        "smallest_class_share": 0.044,
        "frechet_distance": 12.06,
        "kernel_distance": 27.99,
        "precision": 0.756,
        "recall": 0.878,
        "density": 0.685,
        "coverage": 0.8,
        "memorization": 0.255,
    },
)
