"""Convolutional encoder and decoder for series, images and clips.

The encoder halves the sides with each stride (rounding up). The decoder takes the same
sizes in reverse, so that odd sizes are exact.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
from keras import layers

from .mlp import join_labels
from .structure import functional

MIN_SIZE = 8


class Along(NamedTuple):
    """The layers for a number of axes."""

    convolution: Callable[..., keras.Layer]
    transposed: Callable[..., keras.Layer]
    doubling: Callable[..., keras.Layer]
    cropping: Callable[..., keras.Layer]
    average: Callable[..., keras.Layer]
    maximum: Callable[..., keras.Layer]


ALONG = {  # by the number of axes before the channels
    1: Along(
        layers.Conv1D,
        layers.Conv1DTranspose,
        layers.UpSampling1D,
        layers.Cropping1D,
        layers.AveragePooling1D,
        layers.MaxPooling1D,
    ),
    2: Along(
        layers.Conv2D,
        layers.Conv2DTranspose,
        layers.UpSampling2D,
        layers.Cropping2D,
        layers.AveragePooling2D,
        layers.MaxPooling2D,
    ),
    3: Along(
        layers.Conv3D,
        layers.Conv3DTranspose,
        layers.UpSampling3D,
        layers.Cropping3D,
        layers.AveragePooling3D,
        layers.MaxPooling3D,
    ),
}


def conv_encoder(
    data_shape: Sequence[int],
    output_size: int,
    *,
    channels: Sequence[int] = (32, 64),
    hidden: int = 256,
    activation: str = "relu",
    num_classes: int | None = None,
) -> keras.Model:
    """Strided convolutions of side 3, a dense layer, a linear head.

    Args:
        data_shape: `(length, channels)` of at least 8, `(height, width, channels)` or
            `(frames, height, width, channels)` of at least 8x8.
        output_size: Number of outputs.
        channels: Channels of the convolutions. Each halves the sides.
        hidden: Width of the dense layer.
        activation: Activation of all layers except the last.
        num_classes: If given, one-hot labels are joined to the features before the
            head.

    Raises:
        ValueError: If `data_shape` is another shape, or if a side is too short.

    Example:
        >>> encoder = kg.networks.conv_encoder((8, 8, 1), 4, channels=(8,), hidden=16)
        >>> encoder.output_shape
        (None, 4)
    """
    along, _ = halved(data_shape, channels)
    inputs = [keras.Input(tuple(data_shape), name="x")]
    y = inputs[0]
    for width in channels:
        options = {"padding": "same", "activation": activation}
        y = along.convolution(width, 3, 2, **options)(y)
    y = join_labels(layers.Flatten()(y), inputs, num_classes)
    y = layers.Dense(hidden, activation=activation)(y)
    return functional(inputs, layers.Dense(output_size)(y), name="encoder")


def conv_decoder(
    latent_dim: int,
    data_shape: Sequence[int],
    *,
    channels: Sequence[int] = (64, 32),
    hidden: int = 256,
    activation: str = "relu",
    num_classes: int | None = None,
    transposed: bool = False,
) -> keras.Model:
    """Dense layers, then doublings of the sides, each followed by a convolution.

    Args:
        latent_dim: Size of the latent vector.
        data_shape: As in `conv_encoder`, but with the number of raw channels.
        channels: Channels of the first feature map and after each doubling.
        hidden: Width of the dense layer.
        activation: Activation of all layers except the last.
        num_classes: If given, one-hot labels are joined to the latent vector.
        transposed: Whether to double by transposed convolutions instead of
            nearest-neighbour resize and convolution. Transposed convolutions leave
            checkerboards and quantise badly (Odena et al., "Deconvolution and
            checkerboard artifacts", 2016).

    Raises:
        ValueError: If `data_shape` is another shape, or if a side is too short.

    Example:
        >>> decoder = kg.networks.conv_decoder(4, (9, 9, 1), channels=(8,), hidden=16)
        >>> decoder.output_shape
        (None, 9, 9, 1)
    """
    along, sizes = halved(data_shape, channels)
    inputs = [keras.Input((latent_dim,), name="z")]
    y = join_labels(inputs[0], inputs, num_classes)
    y = layers.Dense(hidden, activation=activation)(y)
    first = (*sizes[-1], channels[0])
    y = layers.Dense(math.prod(first), activation=activation)(y)
    y = layers.Reshape(first)(y)
    for filters, size in zip(channels, sizes[-2::-1], strict=True):
        y = _double(y, filters, size, activation, transposed=transposed)
    y = along.convolution(data_shape[-1], 3, padding="same")(y)
    return functional(inputs, y, name="decoder")


def conv_autoencoder(
    data_shape: Sequence[int],
    latent_dim: int,
    *,
    channels: Sequence[int] = (32, 64),
    hidden: int = 256,
    activation: str = "relu",
    transposed: bool = False,
) -> tuple[keras.Model, keras.Model]:
    """Encoder and decoder for `Autoencoder`.

    Args:
        data_shape: `(length, channels)` of at least 8, `(height, width, channels)` or
            `(frames, height, width, channels)` of at least 8x8.
        latent_dim: Size of the code.
        channels: Channels of the encoder's convolutions. The decoder mirrors them.
        hidden: Width of the dense layers.
        activation: Activation of all layers except the last.
        transposed: See `conv_decoder`.

    Returns:
        `(encoder, decoder)`: examples to codes `(batch, latent_dim)`, and codes to raw
        values `(batch, *data_shape)`.

    Example:
        >>> how = {"channels": (8,), "hidden": 16}
        >>> networks = kg.networks.conv_autoencoder((8, 8, 1), 2, **how)
        >>> kg.Autoencoder(*networks).encode(np.zeros((3, 8, 8, 1))).shape
        (3, 2)
    """
    shared = {"hidden": hidden, "activation": activation}
    encoder = conv_encoder(data_shape, latent_dim, channels=channels, **shared)
    decoder = conv_decoder(
        latent_dim,
        data_shape,
        channels=tuple(channels)[::-1],
        transposed=transposed,
        **shared,
    )
    return encoder, decoder


def conv_vae(
    data_shape: Sequence[int],
    latent_dim: int,
    *,
    channels: Sequence[int] = (32, 64),
    hidden: int = 256,
    activation: str = "relu",
    values_per_channel: int = 1,
    num_classes: int | None = None,
    transposed: bool = False,
) -> tuple[keras.Model, keras.Model]:
    """Encoder and decoder for `VAE`.

    Args:
        data_shape: `(length, channels)` of at least 8, `(height, width, channels)` or
            `(frames, height, width, channels)` of at least 8x8.
        latent_dim: Size of the latent vector.
        channels: Channels of the encoder's convolutions. The decoder mirrors them.
        hidden: Width of the dense layers.
        activation: Activation of all layers except the last.
        values_per_channel: Raw values per channel, an attribute of the likelihood.
        num_classes: If given, both networks take one-hot labels.
        transposed: See `conv_decoder`.

    Returns:
        `(encoder, decoder)`: examples to mean and log variance,
        `(batch, 2 * latent_dim)`, and latent vectors to raw values.

    Example:
        >>> networks = kg.networks.conv_vae((8, 8, 1), 2, channels=(8,), hidden=16)
        >>> kg.VAE(*networks).sample(3, seed=7).shape
        (3, 8, 8, 1)
    """
    shared = {"hidden": hidden, "activation": activation, "num_classes": num_classes}
    encoder = conv_encoder(data_shape, 2 * latent_dim, channels=channels, **shared)
    decoder = conv_decoder(
        latent_dim,
        (*data_shape[:-1], data_shape[-1] * values_per_channel),
        channels=tuple(channels)[::-1],
        transposed=transposed,
        **shared,
    )
    return encoder, decoder


def _double(
    y: keras.KerasTensor,
    filters: int,
    size: tuple[int, ...],
    activation: str,
    *,
    transposed: bool,
) -> keras.KerasTensor:
    """Doubles all sides and crops them to `size`, which is at most 1 smaller."""
    along, options = ALONG[len(size)], {"padding": "same", "activation": activation}
    if transposed:
        y = along.transposed(filters, 3, 2, **options)(y)
    else:
        y = along.convolution(filters, 3, **options)(upsample(y))
    return crop(y, size)


def upsample(y: keras.KerasTensor) -> keras.KerasTensor:
    """Doubles all sides. Each value becomes 2, 2x2 or 2x2x2 values."""
    *sides, channels = y.shape[1:]
    y = ALONG[len(sides)].doubling(2)(y)
    doubled = (*(2 * side for side in sides), channels)
    return layers.Reshape(doubled)(y)  # the LiteRT converter loses the height


def crop(y: keras.KerasTensor, size: tuple[int, ...]) -> keras.KerasTensor:
    """Crops the last value of doubled sides if `size` is odd."""
    surplus = [(0, y.shape[1 + i] - want) for i, want in enumerate(size)]
    if not any(s for _, s in surplus):
        return y
    cropping = ALONG[len(size)].cropping
    return cropping(surplus[0] if len(size) == 1 else surplus)(y)


def halved(
    data_shape: Sequence[int], channels: Sequence[Any]
) -> tuple[Along, list[tuple[int, ...]]]:
    """The layers for a shape, and the sides before and after each halving.

    Args:
        data_shape: `(length, channels)`, `(height, width, channels)` or `(frames,
            height, width, channels)`.
        channels: One value for each halving, which rounds up.

    Raises:
        ValueError: If `data_shape` is another shape, or if a side is too short.
    """
    along = ALONG.get(len(data_shape) - 1)
    sides = data_shape[-3:-1]  # frames may be few
    if along is None or min(sides) < MIN_SIZE:
        raise ValueError(
            f"data_shape must be (length, channels) of at least {MIN_SIZE}, or (height,"
            " width, channels) or (frames, height, width, channels) of at least "
            f"{MIN_SIZE}x{MIN_SIZE}, received {tuple(data_shape)}."
        )
    sizes = [tuple(data_shape[:-1])]
    for _ in channels:
        sizes.append(tuple((side + 1) // 2 for side in sizes[-1]))
    return along, sizes
