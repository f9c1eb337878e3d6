"""A RealNVP of 8x8 digits."""

import keras_gen as kg

from ..recipe import Recipe

EPOCHS, STEPS = 25, 23


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    import keras

    bijectors = [
        kg.bijectors.Logit(),
        kg.bijectors.Flatten(),
        *kg.bijectors.real_nvp(8, units=(128, 128)),
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
    parameters=232_960,
    source="Dinh et al. 2017, dense, small",
    expected={"bits_per_dim": (2.28, 2.32)},
    results={
        "log_prob": -102.1,
        "bits_per_dim": 2.302,
        "frechet_distance": 20.79,
        "kernel_distance": 82.17,
        "precision": 0.669,
        "recall": 0.736,
        "density": 0.512,
        "coverage": 0.581,
        "memorization": 0.145,
    },
)
