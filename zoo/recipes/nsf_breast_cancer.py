"""A neural spline flow of measurements of tumours."""

import keras_gen as kg

from ..recipe import Recipe

EPOCHS, STEPS = 60, 8


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    import keras

    bijectors = kg.bijectors.neural_spline(
        2, bins=4, bound=3.0, units=(32,), autoregressive=True
    )
    model = kg.Flow(bijectors, (30,), seed=seed)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, EPOCHS * STEPS)
    model.compile(keras.optimizers.Adam(rate, clipnorm=1.0))
    return model


recipe = Recipe(
    build=build,
    family="flow",
    data="breast_cancer",
    epochs=EPOCHS,
    parameters=27_424,
    source="Durkan et al. 2019, autoregressive, small",
    expected={"log_prob": (-6.35, -5.35)},
    results={
        "log_prob": -5.8527,
    },
)
