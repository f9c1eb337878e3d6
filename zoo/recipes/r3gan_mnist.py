"""A residual relativistic GAN with R1 and R2, without normalization, on MNIST."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    import keras

    generator, discriminator = kg.networks.residual_gan(
        (28, 28, 1), channels=(16, 32, 64), spectral_norm=False, batch_norm=False
    )
    model = kg.GAN(
        generator,
        discriminator,
        objective=kg.RelativisticPairing(),
        regularizers=[kg.R1(1.0), kg.R2(1.0)],
        seed=seed,
    )
    adam = {"learning_rate": 2e-4, "beta_1": 0.0, "beta_2": 0.99}
    model.compile(keras.optimizers.Adam(**adam), keras.optimizers.Adam(**adam))
    return model


recipe = Recipe(
    build=build,
    family="GAN",
    data="mnist",
    epochs=6,
    parameters=322_546,
    source="Huang et al. 2025",
    expected={"classes_found": (10, 10), "smallest_class_share": (0.03, 0.1)},
    results={
        "classes_found": 10,
        "smallest_class_share": 0.069,
        "frechet_distance": 26.73,
        "kernel_distance": 7.103,
        "precision": 0.623,
        "recall": 0.79,
        "density": 0.452,
        "coverage": 0.581,
        "memorization": 0.215,
    },
)
