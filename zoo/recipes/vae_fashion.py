"""A VAE of gated layers of 300 units, on stochastically binarized Fashion-MNIST."""

from typing import TYPE_CHECKING

import keras_gen as kg

from ..optimizing import Cosine, compiled
from ..recipe import Recipe

if TYPE_CHECKING:
    import keras

EPOCHS, STEPS, LATENT = 150, 600, 40
RATE = Cosine(1e-3, EPOCHS * STEPS)
WARMUP = 20 * STEPS


def build(seed: int, steps: int | None = None) -> "kg.GenerativeModel":
    """The compiled model."""
    import keras
    from keras import layers

    x, z = keras.Input((28, 28, 1)), keras.Input((LATENT,))
    statistics = layers.Dense(2 * LATENT)(_gated(layers.Flatten()(x)))
    logits = layers.Dense(28 * 28)(_gated(z))
    decoder = keras.Model(z, layers.Reshape((28, 28, 1))(logits))
    model = kg.VAE(
        keras.Model(x, statistics),
        decoder,
        objective=kg.ELBO(warmup_steps=RATE.in_proportion(WARMUP, steps)),
        observation=kg.StochasticBinarization(),
        seed=seed,
    )
    return compiled(model, RATE, steps)


def _gated(y: "keras.KerasTensor") -> "keras.KerasTensor":
    """Two layers of 300 units, each a linear one times a sigmoid one."""
    from keras import layers

    for _ in range(2):
        gate = layers.Dense(300, "sigmoid")(y)
        y = layers.Multiply()([layers.Dense(300)(y), gate])
    return y


recipe = Recipe(
    build=build,
    rate=RATE,
    family="VAE",
    data="fashion_mnist",
    epochs=EPOCHS,
    batch_size=100,
    parameters=0,
    source="Tomczak and Welling 2018 (gated); Norouzi et al. 2020, table 1: -228.70",
    expected={},
    results={},
    evaluation={"importance_samples": 5000},
)
