"""A Wasserstein GAN with gradient penalty of eight Gaussians on a circle."""

import keras_gen as kg

from ..embedded import RING_STDDEV, ring_modes
from ..optimizing import Cosine
from ..recipe import Recipe

EPOCHS, STEPS = 300, 40
RATE = Cosine(1e-3, EPOCHS * STEPS)


def build(seed: int, steps: int | None = None) -> "kg.GenerativeModel":
    """The compiled model."""
    import keras

    generator, discriminator = kg.networks.mlp_gan(
        (2,), 2, generator_units=(256,) * 3, discriminator_units=(256,) * 3
    )
    model = kg.GAN(
        generator,
        discriminator,
        objective=kg.Wasserstein(),
        regularizers=[kg.GradientPenalty(0.1)],
        seed=seed,
    )
    rate = RATE.over(steps)
    model.compile(
        keras.optimizers.Adam(rate, beta_1=0.5),
        keras.optimizers.Adam(rate, beta_1=0.5),
    )
    return model


recipe = Recipe(
    build=build,
    rate=RATE,
    family="GAN",
    data="ring",
    epochs=EPOCHS,
    batch_size=256,
    parameters=265_475,
    source="Gulrajani et al. 2017",
    expected={"modes_found": (8, 8), "near_a_mode": (0.9, 1)},
    results={"modes_found": 8, "near_a_mode": 0.9399},
    evaluation={
        "modes": ring_modes(),
        "stddev": RING_STDDEV,
        "num_samples": 10_000,
    },
)
