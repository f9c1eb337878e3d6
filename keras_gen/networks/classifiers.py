"""Networks from images to features, for classifiers."""

from collections.abc import Sequence

import keras
from keras import layers

from .conv import ALONG


def conv_features(
    data_shape: Sequence[int],
    num_features: int = 128,
    *,
    channels: Sequence[int] = (32, 64, 128),
    activation: str = "relu",
) -> keras.Model:
    """Convolutions of side 3, each followed by max pooling of 2, and a dense layer.

    Args:
        data_shape: `(length, channels)`, `(height, width, channels)` or `(frames,
            height, width, channels)`. Sides are at least 2 ** len(channels), but for
            frames.
        num_features: Number of outputs.
        channels: Channels of each convolution.
        activation: Activation of all layers.

    Raises:
        ValueError: If `data_shape` is another shape, or is too small.

    Example:
        >>> network = kg.networks.conv_features((8, 8, 1), 16, channels=(8, 8))
        >>> model = kg.Classifier(network, num_classes=10)
        >>> model.num_features
        16
    """
    smallest, along = 2 ** len(channels), ALONG.get(len(data_shape) - 1)
    if along is None or min(data_shape[-3:-1]) < smallest:
        raise ValueError(
            "data_shape must be (length, channels), (height, width, channels) or "
            f"(frames, height, width, channels) with sides of at least {smallest} for "
            f"{len(channels)} convolutions, received {tuple(data_shape)}."
        )
    y = x = keras.Input(tuple(data_shape), name="x")
    for width in channels:
        y = along.convolution(width, 3, padding="same", activation=activation)(y)
        y = along.maximum([min(2, side) for side in y.shape[1:-1]])(y)
    y = layers.Dense(num_features, activation=activation)(layers.Flatten()(y))
    return keras.Model(x, y, name="features")
