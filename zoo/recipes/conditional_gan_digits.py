"""A class-conditional dense GAN on 8x8 digits."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    generator, discriminator = kg.networks.mlp_gan(
        (8, 8, 1),
        32,
        generator_units=(128, 256),
        discriminator_units=(256, 128),
        num_classes=10,
    )
    model = kg.GAN(generator, discriminator, regularizers=[kg.R1(1.0)], seed=seed)
    model.compile()
    return model


recipe = Recipe(
    build=build,
    family="GAN",
    data="digits",
    epochs=300,
    parameters=109_057,
    source="Miyato and Koyama 2018, small",
    expected={"label_agreement": (0.9, 1)},
    results={
        "classes_found": 10,
        "smallest_class_share": 0.092,
        "label_agreement": 0.9806,
        "frechet_distance": 1.956,
        "kernel_distance": -2.728,
        "precision": 0.875,
        "recall": 0.839,
        "density": 0.959,
        "coverage": 0.95,
        "memorization": 0.477,
    },
)
