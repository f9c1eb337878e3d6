"""A classifier of 8x8 digits, whose features measure samples of them."""

import keras_gen as kg

from ..optimizing import Cosine
from ..recipe import Recipe

EPOCHS, STEPS = 150, 23
RATE = Cosine(2e-3, EPOCHS * STEPS)


def build(seed: int, steps: int | None = None) -> "kg.GenerativeModel":
    """The compiled model."""
    import keras

    network = kg.networks.conv_features((8, 8, 1), 64, channels=(32, 64))
    model = kg.Classifier(network, 10, augmentation=kg.RandomShift(1), seed=seed)
    rate = RATE.over(steps)
    model.compile(keras.optimizers.Adam(rate))
    return model


recipe = Recipe(
    build=build,
    rate=RATE,
    family="classifier",
    data="digits",
    epochs=EPOCHS,
    parameters=35_914,
    source="3x3 convolutions, max pooling, shifts by one pixel, cosine decay",
    expected={"accuracy": (0.98, 1)},
    results={"accuracy": 0.9944},
)
