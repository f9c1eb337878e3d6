"""A class-conditional neural spline flow of 8x8 digits."""

import keras_gen as kg

from ..recipe import Recipe

EPOCHS, STEPS = 60, 23


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    import keras

    bijectors = [
        kg.bijectors.Logit(),
        kg.bijectors.Flatten(),
        *kg.bijectors.neural_spline(4, bound=3.0, units=(128, 128)),
    ]
    model = kg.Flow(
        bijectors,
        (8, 8, 1),
        dequantization=kg.bijectors.UniformDequantization(17),
        num_classes=10,
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
    parameters=500_864,
    source="Durkan et al. 2019, small",
    expected={"bits_per_dim": (2.19, 2.23)},
    results={
        "log_prob": -97.85,
        "bits_per_dim": 2.206,
        "label_agreement": 0.85,
        "frechet_distance": 13.5,
        "kernel_distance": 70.38,
        "precision": 0.739,
        "recall": 0.786,
        "density": 0.709,
        "coverage": 0.831,
        "memorization": 0.293,
    },
)
