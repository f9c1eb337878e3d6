"""A convolutional GAN of 64x64 emoji, by category."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    generator, discriminator = kg.networks.dcgan(
        (64, 64, 3),
        128,
        channels=(24, 48, 96, 192),
        discriminator_normalization=None,
        num_classes=9,
    )
    model = kg.GAN(
        generator,
        discriminator,
        regularizers=[kg.R1(1.0)],
        augmentation=kg.DifferentiableAugmentation(),
        seed=seed,
    )
    model.compile()
    return model


recipe = Recipe(
    build=build,
    family="GAN",
    data="emoji",
    epochs=20,
    balance=0.5,
    parameters=1_425_988,
    evaluation={"num_samples": 900},
    source="Miyato and Koyama 2018, Mescheder et al. 2018, Zhao et al. 2020",
    expected={"label_agreement": (0.5, 0.65), "frechet_distance": (170.0, 270.0)},
    results={
        "frechet_distance": 216.69,
        "kernel_distance": 709.1,
        "precision": 0.641,
        "recall": 0.337,
        "density": 0.69,
        "coverage": 0.477,
        "memorization": 0.333,
        "label_agreement": 0.5733,
        "classes_found": 9,
        "smallest_class_share": 0.019,
    },
)
