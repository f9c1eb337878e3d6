"""A convolutional GAN on MNIST."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    generator, discriminator = kg.networks.dcgan((28, 28, 1), channels=(32, 64))
    model = kg.GAN(
        generator,
        discriminator,
        objective=kg.NonSaturating(smoothing=0.1),
        ema_decay=None,
        seed=seed,
    )
    model.compile()
    return model


recipe = Recipe(
    build=build,
    family="GAN",
    data="mnist",
    epochs=20,
    parameters=369_090,
    source="Radford et al. 2016; label smoothing, Salimans et al. 2016",
    expected={"classes_found": (10, 10), "smallest_class_share": (0.03, 0.1)},
    results={
        "classes_found": 10,
        "smallest_class_share": 0.041,
        "frechet_distance": 62.96,
        "kernel_distance": 13.84,
        "precision": 0.492,
        "recall": 0.708,
        "density": 0.305,
        "coverage": 0.352,
        "memorization": 0.143,
    },
)
