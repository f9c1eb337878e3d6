"""A classifier of 64x64 emoji, whose features measure samples of them."""

import keras_gen as kg

from ..optimizing import Cosine, compiled
from ..recipe import Recipe

EPOCHS, STEPS = 15, 108
RATE = Cosine(1e-3, EPOCHS * STEPS)


def build(seed: int, steps: int | None = None) -> "kg.GenerativeModel":
    """The compiled model."""
    channels = 32, 64, 128, 128
    network = kg.networks.conv_features((64, 64, 3), channels=channels)
    model = kg.Classifier(network, 9, augmentation=kg.RandomShift(4), seed=seed)
    return compiled(model, RATE, steps)


recipe = Recipe(
    build=build,
    rate=RATE,
    family="classifier",
    data="emoji",
    epochs=EPOCHS,
    parameters=504_265,
    source="3x3 convolutions, max pooling, shifts by four pixels, cosine decay",
    expected={"accuracy": (0.74, 0.84)},
    results={"accuracy": 0.7907},
)
