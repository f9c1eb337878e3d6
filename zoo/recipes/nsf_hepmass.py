"""A neural spline flow of particle collisions."""

import keras_gen as kg

from ..recipe import Recipe

EPOCHS, STEPS = 325, 1_231


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    import keras

    bijectors = kg.bijectors.neural_spline(
        20, bins=8, bound=3.0, units=(128,) * 3, seed=seed
    )
    model = kg.Flow(bijectors, (21,), seed=seed)
    rate = keras.optimizers.schedules.CosineDecay(5e-4, EPOCHS * STEPS)
    model.compile(keras.optimizers.Adam(rate, global_clipnorm=5.0))
    return model


recipe = Recipe(
    build=build,
    family="flow",
    data="hepmass",
    epochs=EPOCHS,
    batch_size=256,
    parameters=1_302_660,
    source=(
        "Durkan et al. 2019, RQ-NSF (C); 3 plain layers for the residual network of "
        "1 block, no dropout, no splines of the kept half"
    ),
    expected={},
    results={},
)
