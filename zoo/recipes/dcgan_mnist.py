"""A convolutional GAN on MNIST."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    generator, discriminator = kg.networks.dcgan((28, 28, 1), channels=(32, 64))
    model = kg.GAN(generator, discriminator, moving_average=None, seed=seed)
    model.compile()
    return model


recipe = Recipe(
    build=build,
    family="GAN",
    data="mnist",
    epochs=20,
    parameters=369_090,
    source="Radford et al. 2016",
    expected={"classes_found": (10, 10), "smallest_class_share": (0.03, 0.1)},
    results={
        "classes_found": 10,
        "smallest_class_share": 0.047,
        "frechet_distance": 55.69,
        "kernel_distance": 11.87,
        "precision": 0.468,
        "recall": 0.727,
        "density": 0.277,
        "coverage": 0.354,
        "memorization": 0.142,
    },
)
