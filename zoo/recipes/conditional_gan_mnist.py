"""A class-conditional convolutional GAN with projection and R1 on MNIST."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    generator, discriminator = kg.networks.dcgan(
        (28, 28, 1),
        channels=(32, 64),
        discriminator_normalization=None,
        num_classes=10,
    )
    model = kg.GAN(generator, discriminator, regularizers=[kg.R1(1.0)], seed=seed)
    model.compile()
    return model


recipe = Recipe(
    build=build,
    family="GAN",
    data="mnist",
    epochs=7,
    parameters=714_986,
    source="Miyato and Koyama 2018; Mescheder et al. 2018",
    expected={"label_agreement": (0.95, 1)},
    results={
        "classes_found": 10,
        "smallest_class_share": 0.091,
        "label_agreement": 0.981,
        "frechet_distance": 3.4,
        "kernel_distance": 0.2024,
        "precision": 0.704,
        "recall": 0.754,
        "density": 0.617,
        "coverage": 0.781,
        "memorization": 0.392,
    },
)
