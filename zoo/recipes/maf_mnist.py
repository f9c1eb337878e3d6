"""A masked autoregressive flow of MNIST."""

import keras_gen as kg

from ..recipe import Recipe


def build(seed: int) -> "kg.GenerativeModel":
    """The compiled model."""
    import keras

    bijectors = [
        kg.bijectors.Logit(1e-6),
        kg.bijectors.Flatten(),
        *kg.bijectors.masked_autoregressive(5, units=(1024,)),
    ]
    model = kg.Flow(
        bijectors,
        (28, 28, 1),
        dequantization=kg.bijectors.UniformDequantization(256),
        seed=seed,
    )
    model.compile(keras.optimizers.Adam(1e-4, clipnorm=1.0))
    return model


recipe = Recipe(
    build=build,
    family="flow",
    data="mnist",
    epochs=15,
    batch_size=100,
    parameters=12_063_040,
    source="Papamakarios et al. 2017, MAF(5); fewer epochs, no batch normalization",
    expected={},
    results={},
)
