"""A neural spline flow of gas sensors."""

import keras_gen as kg

from ..recipe import Recipe

EPOCHS, STEPS = 240, 1_665


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    import keras

    bijectors = kg.bijectors.neural_spline(
        10, bins=8, bound=3.0, units=(256,) * 5, seed=seed
    )
    model = kg.Flow(bijectors, (8,), seed=seed)
    rate = keras.optimizers.schedules.CosineDecay(5e-4, EPOCHS * STEPS)
    model.compile(keras.optimizers.Adam(rate, global_clipnorm=5.0))
    return model


recipe = Recipe(
    build=build,
    family="flow",
    data="gas",
    epochs=EPOCHS,
    batch_size=512,
    parameters=2_882_280,
    source=(
        "Durkan et al. 2019, RQ-NSF (C); 5 plain layers for the residual network of "
        "2 blocks, no dropout, no splines of the kept half"
    ),
    expected={},
    results={},
)
