"""The classic dense GAN on MNIST."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    generator, discriminator = kg.networks.mlp_gan((28, 28, 1), 100)
    model = kg.GAN(generator, discriminator, ema_decay=None, seed=seed)
    model.compile()
    return model


recipe = Recipe(
    build=build,
    family="GAN",
    data="mnist",
    epochs=20,
    parameters=2_019_857,
    source="Goodfellow et al. 2014; 100-256-512-1024-784 against 784-512-256-1",
    expected={"classes_found": (9, 10)},
    results={
        "classes_found": 10,
        "smallest_class_share": 0.076,
        "frechet_distance": 54.1,
        "kernel_distance": 20.27,
        "precision": 0.794,
        "recall": 0.372,
        "density": 0.747,
        "coverage": 0.627,
        "memorization": 0.313,
    },
)
