"""A small Glow of 8x8 digits."""

import keras_gen as kg

from ..recipe import Recipe

EPOCHS, STEPS = 60, 23


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    import keras

    bijectors = [kg.bijectors.Logit(), *kg.bijectors.glow(2, 6, units=(64, 64))]
    model = kg.Flow(
        bijectors,
        (8, 8, 1),
        dequantization=kg.bijectors.UniformDequantization(17),
        seed=seed,
    )
    rate = keras.optimizers.schedules.CosineDecay(1e-3, EPOCHS * STEPS)
    model.compile(keras.optimizers.Adam(rate, clipnorm=1.0))
    return model


recipe = Recipe(
    build=build,
    family="flow",
    data="digits",
    epochs=EPOCHS,
    parameters=114_144,
    source="Kingma and Dhariwal 2018, small",
    expected={"bits_per_dim": (2.12, 2.16)},
    results={
        "log_prob": -95.11,
        "bits_per_dim": 2.144,
        "frechet_distance": 18.08,
        "kernel_distance": 77.54,
        "precision": 0.628,
        "recall": 0.819,
        "density": 0.493,
        "coverage": 0.631,
        "memorization": 0.171,
    },
)
