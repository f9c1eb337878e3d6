"""Networks from images to features, for classifiers."""

from collections.abc import Sequence

import keras
from keras import layers


def conv_features(
    image_shape: Sequence[int],
    num_features: int = 128,
    *,
    channels: Sequence[int] = (32, 64, 128),
    activation: str = "relu",
) -> keras.Model:
    """3x3 convolutions, each followed by 2x2 max pooling, and a dense layer.

    Args:
        image_shape: `(height, width, channels)`. Height and width are at least
            2 ** len(channels).
        num_features: Number of outputs.
        channels: Channels of each convolution.
        activation: Activation of all layers.

    Raises:
        ValueError: If `image_shape` is not an image shape, or is too small.

    Example:
        >>> network = kg.networks.conv_features((8, 8, 1), 16, channels=(8, 8))
        >>> model = kg.Classifier(network, num_classes=10)
        >>> model.num_features
        16
    """
    smallest = 2 ** len(channels)
    if len(image_shape) != 3 or min(image_shape[:2]) < smallest:
        raise ValueError(
            f"image_shape must be (height, width, channels) of at least "
            f"{smallest}x{smallest} pixels for {len(channels)} convolutions, received "
            f"{tuple(image_shape)}."
        )
    y = x = keras.Input(tuple(image_shape), name="x")
    for width in channels:
        y = layers.Conv2D(width, 3, padding="same", activation=activation)(y)
        y = layers.MaxPooling2D(2)(y)
    y = layers.Dense(num_features, activation=activation)(layers.Flatten()(y))
    return keras.Model(x, y, name="features")
