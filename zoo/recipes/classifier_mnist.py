"""A classifier of 28x28 digits, whose features measure samples of them."""

import keras_gen as kg

from ..optimizing import Cosine
from ..recipe import Recipe

EPOCHS, STEPS = 15, 938
RATE = Cosine(1e-3, EPOCHS * STEPS)


def build(seed: int, steps: int | None = None) -> "kg.GenerativeModel":
    """The compiled model."""
    import keras

    network = kg.networks.conv_features((28, 28, 1))
    model = kg.Classifier(network, 10, augmentation=kg.RandomShift(2), seed=seed)
    rate = RATE.over(steps)
    model.compile(keras.optimizers.Adam(rate))
    return model


recipe = Recipe(
    build=build,
    rate=RATE,
    family="classifier",
    data="mnist",
    epochs=EPOCHS,
    parameters=241_546,
    source="3x3 convolutions, max pooling, shifts by two pixels, cosine decay",
    expected={"accuracy": (0.992, 1)},
    results={"accuracy": 0.9959},
)
