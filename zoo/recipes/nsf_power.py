"""A neural spline flow of household power."""

import keras_gen as kg

from ..recipe import Recipe

EPOCHS, STEPS = 123, 3_243


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    import keras

    bijectors = kg.bijectors.neural_spline(
        10, bins=8, bound=3.0, units=(256,) * 5, seed=seed
    )
    model = kg.Flow(bijectors, (6,), seed=seed)
    rate = keras.optimizers.schedules.CosineDecay(5e-4, EPOCHS * STEPS)
    model.compile(keras.optimizers.Adam(rate, global_clipnorm=5.0))
    return model


recipe = Recipe(
    build=build,
    family="flow",
    data="power",
    epochs=EPOCHS,
    batch_size=512,
    parameters=2_820_030,
    source=(
        "Durkan et al. 2019, RQ-NSF (C); 5 plain layers for the residual network of "
        "2 blocks, no splines of the kept half"
    ),
    expected={},
    results={},
)
