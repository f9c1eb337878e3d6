"""Convolutional encoder and decoder with a latent vector at each of many places."""

from collections.abc import Sequence

import keras
from keras import layers

from ..validation import check_count, check_sizes
from .conv import Along, crop, halved
from .doubling import DoublingConvolution


def spatial_autoencoder(
    data_shape: Sequence[int],
    code_size: int = 64,
    *,
    channels: Sequence[int] = (64, 128),
    blocks: int = 2,
    statistics: int = 1,
    values_per_channel: int = 1,
) -> tuple[keras.Model, keras.Model]:
    """Encoder and decoder for `VQVAE`, with vectors on a grid of halved sides.

    The encoder halves the sides by strided convolutions, and both networks have
    residual blocks at the smallest size. With `statistics=2` they are those of a `VAE`
    with a spatial latent.

    Args:
        data_shape: `(length, channels)` of at least 8, `(height, width, channels)` or
            `(frames, height, width, channels)` of at least 8x8.
        code_size: Width of the vector at each place, `len(sizes)` for a
            `FiniteScalarQuantizer`.
        channels: Channels of the encoder's convolutions. Each halves the sides
            (rounding up). The decoder mirrors them.
        blocks: Residual blocks of each network, >= 0.
        statistics: Encoder outputs for each value of a vector: 1 for codes, 2 for mean
            and log variance.
        values_per_channel: Raw values per channel, an attribute of the likelihood.

    Returns:
        `(encoder, decoder)`: examples to vectors
        `(batch, *places, statistics * code_size)`, and vectors
        `(batch, *places, code_size)` to raw values.

    Raises:
        ValueError: If a size does not fit.

    References:
        van den Oord, Vinyals and Kavukcuoglu, "Neural discrete representation
        learning", 2017, section 4.1.

    Example:
        >>> how = {"channels": (8, 8), "blocks": 1}
        >>> pair = kg.networks.spatial_autoencoder((9, 12, 3), 4, **how)
        >>> [network.output_shape for network in pair]
        [(None, 3, 3, 4), (None, 9, 12, 3)]
    """
    check_sizes(data_shape, "data_shape")
    check_sizes(channels, "channels")
    check_count(blocks, "blocks", least=0)
    sizes = {"code_size": code_size, "statistics": statistics}
    for name, size in {**sizes, "values_per_channel": values_per_channel}.items():
        check_count(size, name)
    along, sides = halved(data_shape, channels)
    y = x = keras.Input(tuple(data_shape), name="x")
    for width in channels:
        y = along.convolution(width, 3, 2, padding="same", activation="relu")(y)
    y = along.convolution(channels[-1], 3, padding="same")(y)
    y = _refined(y, along, blocks)
    encoder = along.convolution(statistics * code_size, 1)(y)
    y = z = keras.Input((*sides[-1], code_size), name="z")
    y = along.convolution(channels[-1], 3, padding="same")(y)
    y = _refined(y, along, blocks)
    raw = data_shape[-1] * values_per_channel
    widths = (*tuple(channels)[-2::-1], raw)
    for i, (width, size) in enumerate(zip(widths, sides[-2::-1], strict=True)):
        y = layers.Activation("relu")(y) if i else y
        y = crop(DoublingConvolution(width)(y), size)
    return keras.Model(x, encoder, name="encoder"), keras.Model(z, y, name="decoder")


def _refined(y: keras.KerasTensor, along: Along, blocks: int) -> keras.KerasTensor:
    """Residual blocks that keep the size, and an activation."""
    width = y.shape[-1]
    for _ in range(blocks):
        branch = layers.Activation("relu")(y)
        branch = along.convolution(
            max(1, width // 2), 3, padding="same", activation="relu"
        )(branch)
        y = layers.Add()([y, along.convolution(width, 1)(branch)])
    return layers.Activation("relu")(y)
