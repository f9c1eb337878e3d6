"""A residual GAN with spectral normalization and self-attention on MNIST."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    import keras

    generator, discriminator = kg.networks.residual_gan(
        (28, 28, 1), channels=(16, 32, 64), attention=True
    )
    model = kg.GAN(generator, discriminator, objective=kg.objectives.Hinge(), seed=seed)
    model.compile(
        keras.optimizers.Adam(1e-4, beta_1=0.0, beta_2=0.9),
        keras.optimizers.Adam(4e-4, beta_1=0.0, beta_2=0.9),
    )
    return model


recipe = Recipe(
    build=build,
    family="GAN",
    data="mnist",
    epochs=6,
    parameters=323_572,
    source="Miyato et al. 2018; Zhang et al. 2019",
    expected={"classes_found": (10, 10), "smallest_class_share": (0.03, 0.1)},
    results={
        "classes_found": 10,
        "smallest_class_share": 0.06,
        "frechet_distance": 49.08,
        "kernel_distance": 14.8,
        "precision": 0.556,
        "recall": 0.741,
        "density": 0.366,
        "coverage": 0.418,
        "memorization": 0.182,
    },
)
