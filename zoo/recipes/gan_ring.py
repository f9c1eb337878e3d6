"""The minimax GAN of eight Gaussians on a circle."""

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
    model = kg.GAN(generator, discriminator, objective=kg.Minimax(), seed=seed)
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
    source="Goodfellow et al. 2014, minimax",
    expected={"modes_found": (1, 8), "near_a_mode": (0, 1)},
    results={
        "modes_found": 8,
        "near_a_mode": 0.715,
    },
    evaluation={
        "modes": ring_modes(),
        "stddev": RING_STDDEV,
        "num_samples": 10_000,
    },
)
