"""A neural spline flow of neutrino events."""

import keras_gen as kg

from ..recipe import Recipe

EPOCHS, STEPS = 866, 231


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    import keras

    bijectors = kg.bijectors.neural_spline(
        10, bins=4, bound=3.0, units=(32,) * 3, seed=seed
    )
    model = kg.Flow(bijectors, (43,), seed=seed)
    rate = keras.optimizers.schedules.CosineDecay(3e-4, EPOCHS * STEPS)
    model.compile(keras.optimizers.Adam(rate, global_clipnorm=5.0))
    return model


recipe = Recipe(
    build=build,
    family="flow",
    data="miniboone",
    epochs=EPOCHS,
    batch_size=128,
    parameters=142_120,
    source=(
        "Durkan et al. 2019, RQ-NSF (C); 3 plain layers for the residual network of "
        "1 block, no dropout, no splines of the kept half"
    ),
    expected={},
    results={},
)
