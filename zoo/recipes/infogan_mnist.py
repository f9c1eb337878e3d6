"""A convolutional GAN whose codes can be read from its digits."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    codes = kg.InfoGAN(categories=10, continuous=2)
    generator, discriminator = kg.networks.dcgan(
        (28, 28, 1), 74, channels=(32, 64), auxiliary_outputs=codes.head_size(None, 74)
    )
    model = kg.GAN(generator, discriminator, auxiliary=codes, seed=seed)
    model.compile()
    return model


recipe = Recipe(
    build=build,
    family="GAN",
    data="mnist",
    epochs=6,
    parameters=331_472,
    source="Chen et al. 2016",
    expected={"classes_found": (9, 10)},
    results={
        "classes_found": 10,
        "smallest_class_share": 0.036,
        "frechet_distance": 73.63,
        "kernel_distance": 15.15,
        "precision": 0.407,
        "recall": 0.505,
        "density": 0.241,
        "coverage": 0.215,
        "memorization": 0.085,
    },
)
