"""NICE on 8x8 digits."""

import keras_gen as kg

from ..recipe import Recipe

EPOCHS, STEPS = 40, 23


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    import keras

    bijectors = [
        kg.bijectors.Logit(),
        kg.bijectors.Flatten(),
        *kg.bijectors.nice(6, units=(256, 256)),
    ]
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
    parameters=494_912,
    source="Dinh et al. 2014, small",
    expected={"bits_per_dim": (2.27, 2.31)},
    results={
        "log_prob": -101.56,
        "bits_per_dim": 2.289,
        "frechet_distance": 18.56,
        "kernel_distance": 57.5,
        "precision": 0.575,
        "recall": 0.878,
        "density": 0.423,
        "coverage": 0.6,
        "memorization": 0.137,
    },
)
