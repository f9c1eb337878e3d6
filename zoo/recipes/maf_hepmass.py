"""A masked autoregressive flow of particle collisions."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    import keras

    bijectors = kg.bijectors.masked_autoregressive(5, units=(512, 512))
    model = kg.Flow(bijectors, (21,), seed=seed)
    model.compile(keras.optimizers.Adam(1e-4))
    return model


recipe = Recipe(
    build=build,
    family="flow",
    data="hepmass",
    epochs=100,
    batch_size=100,
    parameters=1_477_540,
    source=(
        "Papamakarios, Pavlakou and Murray 2017, MAF(5); activation normalization for "
        "batch normalization, a fixed number of epochs for early stopping, no weight "
        "decay"
    ),
    expected={},
    results={},
)
