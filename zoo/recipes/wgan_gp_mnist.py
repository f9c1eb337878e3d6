"""A convolutional Wasserstein GAN with gradient penalty on MNIST."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    import keras

    generator, discriminator = kg.networks.dcgan(
        (28, 28, 1), channels=(32, 64), discriminator_normalization=None
    )
    model = kg.GAN(
        generator,
        discriminator,
        objective=kg.Wasserstein(),
        regularizers=[kg.GradientPenalty(10.0)],
        discriminator_steps=3,
        seed=seed,
    )
    adam = {"learning_rate": 2e-4, "beta_1": 0.0, "beta_2": 0.9}
    model.compile(keras.optimizers.Adam(**adam), keras.optimizers.Adam(**adam))
    return model


recipe = Recipe(
    build=build,
    family="GAN",
    data="mnist",
    epochs=12,
    parameters=369_026,
    source="Gulrajani et al. 2017",
    expected={"classes_found": (10, 10), "smallest_class_share": (0.03, 0.1)},
    results={
        "classes_found": 10,
        "smallest_class_share": 0.058,
        "frechet_distance": 78.73,
        "kernel_distance": 20.35,
        "precision": 0.444,
        "recall": 0.67,
        "density": 0.255,
        "coverage": 0.239,
        "memorization": 0.076,
    },
)
