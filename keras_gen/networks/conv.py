"""Convolutional encoder and decoder for images of any size from 8x8.

The encoder halves the image with each stride (rounding up); the decoder takes the
same sizes in reverse, so that odd sizes come out exactly.
"""

from collections.abc import Sequence

import keras
from keras import layers

from .mlp import join_labels
from .structure import functional

MIN_SIZE = 8


def conv_encoder(
    image_shape: Sequence[int],
    output_size: int,
    *,
    channels: Sequence[int] = (32, 64),
    hidden: int = 256,
    activation: str = "relu",
    num_classes: int | None = None,
) -> keras.Model:
    """Strided 3x3 convolutions, a dense layer, a linear head.

    Args:
        image_shape: `(height, width, channels)`, at least 8x8.
        output_size: Number of outputs.
        channels: Channels of each convolution; each halves the image.
        hidden: Width of the dense layer.
        activation: Activation of all layers but the last.
        num_classes: If given, one-hot labels join the features before the head.

    Raises:
        ValueError: If the image is smaller than 8x8 or no image shape.
    """
    halved_sizes(image_shape, channels)
    inputs = [keras.Input(tuple(image_shape), name="x")]
    y = inputs[0]
    for width in channels:
        y = layers.Conv2D(width, 3, 2, padding="same", activation=activation)(y)
    y = join_labels(layers.Flatten()(y), inputs, num_classes)
    y = layers.Dense(hidden, activation=activation)(y)
    return functional(inputs, layers.Dense(output_size)(y), name="encoder")


def conv_decoder(
    latent_dim: int,
    image_shape: Sequence[int],
    *,
    channels: Sequence[int] = (64, 32),
    hidden: int = 256,
    activation: str = "relu",
    num_classes: int | None = None,
    transposed: bool = False,
) -> keras.Model:
    """Dense layers, then doublings of the image, each followed by a convolution.

    Args:
        latent_dim: Size of the latent vector.
        image_shape: `(height, width, raw channels)`, at least 8x8.
        channels: Channels after each doubling, plus the first feature map's.
        hidden: Width of the dense layer.
        activation: Activation of all layers but the last.
        num_classes: If given, one-hot labels join the latent vector.
        transposed: Doubles by transposed convolution instead of nearest-neighbour
            resize and convolution. Transposed convolutions leave checkerboards and
            quantise badly (Odena et al., "Deconvolution and checkerboard
            artifacts", 2016).

    Raises:
        ValueError: If the image is smaller than 8x8 or no image shape.
    """
    sizes = halved_sizes(image_shape, channels)
    inputs = [keras.Input((latent_dim,), name="z")]
    y = join_labels(inputs[0], inputs, num_classes)
    y = layers.Dense(hidden, activation=activation)(y)
    height, width = sizes[-1]
    y = layers.Dense(height * width * channels[0], activation=activation)(y)
    y = layers.Reshape((height, width, channels[0]))(y)
    for filters, size in zip(channels, sizes[-2::-1], strict=True):
        y = _double(y, filters, size, activation, transposed=transposed)
    y = layers.Conv2D(image_shape[-1], 3, padding="same")(y)
    return functional(inputs, y, name="decoder")


def conv_autoencoder(
    image_shape: Sequence[int],
    latent_dim: int,
    *,
    channels: Sequence[int] = (32, 64),
    hidden: int = 256,
    activation: str = "relu",
    transposed: bool = False,
) -> tuple[keras.Model, keras.Model]:
    """Encoder and decoder for `Autoencoder`.

    Args:
        image_shape: `(height, width, channels)`, at least 8x8.
        latent_dim: Size of the code.
        channels: Channels of the encoder's convolutions; the decoder mirrors them.
        hidden: Width of the dense layers.
        activation: Activation of all layers but the last.
        transposed: See `conv_decoder`.

    Returns:
        `(encoder, decoder)`: images to codes `(batch, latent_dim)`, and codes to raw
        values `(batch, *image_shape)`.
    """
    shared = {"hidden": hidden, "activation": activation}
    encoder = conv_encoder(image_shape, latent_dim, channels=channels, **shared)
    decoder = conv_decoder(
        latent_dim,
        image_shape,
        channels=tuple(channels)[::-1],
        transposed=transposed,
        **shared,
    )
    return encoder, decoder


def conv_vae(
    image_shape: Sequence[int],
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
        image_shape: `(height, width, channels)`, at least 8x8.
        latent_dim: Size of the latent vector.
        channels: Channels of the encoder's convolutions; the decoder mirrors them.
        hidden: Width of the dense layers.
        activation: Activation of all layers but the last.
        values_per_channel: What the likelihood reads per channel (its attribute).
        num_classes: If given, both networks take one-hot labels.
        transposed: See `conv_decoder`.

    Returns:
        `(encoder, decoder)`: images to mean and log variance,
        `(batch, 2 * latent_dim)`, and latent vectors to raw values.
    """
    shared = {"hidden": hidden, "activation": activation, "num_classes": num_classes}
    encoder = conv_encoder(image_shape, 2 * latent_dim, channels=channels, **shared)
    decoder = conv_decoder(
        latent_dim,
        (*image_shape[:-1], image_shape[-1] * values_per_channel),
        channels=tuple(channels)[::-1],
        transposed=transposed,
        **shared,
    )
    return encoder, decoder


def _double(
    y: keras.KerasTensor,
    filters: int,
    size: tuple[int, int],
    activation: str,
    *,
    transposed: bool,
) -> keras.KerasTensor:
    """Doubles an image and cuts it to `size`, which is at most one pixel smaller."""
    if transposed:
        y = layers.Conv2DTranspose(
            filters, 3, 2, padding="same", activation=activation
        )(y)
    else:
        y = layers.Conv2D(filters, 3, padding="same", activation=activation)(
            upsample(y)
        )
    return crop(y, size)


def upsample(y: keras.KerasTensor) -> keras.KerasTensor:
    """Doubles an image, each pixel to 2x2 pixels."""
    doubled = (2 * y.shape[1], 2 * y.shape[2], y.shape[3])
    y = layers.UpSampling2D(2)(y)
    return layers.Reshape(doubled)(y)  # the LiteRT converter loses the height


def crop(y: keras.KerasTensor, size: tuple[int, int]) -> keras.KerasTensor:
    """Cuts the last row or column of a doubled image if `size` is odd."""
    surplus = [(0, have - want) for have, want in zip(y.shape[1:3], size, strict=True)]
    return layers.Cropping2D(surplus)(y) if any(s for _, s in surplus) else y


def halved_sizes(
    image_shape: Sequence[int], channels: Sequence[int]
) -> list[tuple[int, int]]:
    """The image size before and after each halving."""
    if len(image_shape) != 3 or min(image_shape[:2]) < MIN_SIZE:
        raise ValueError(
            "image_shape must be (height, width, channels) of at least "
            f"{MIN_SIZE}x{MIN_SIZE}, received {tuple(image_shape)}."
        )
    sizes = [tuple(image_shape[:2])]
    for _ in channels:
        height, width = sizes[-1]
        sizes.append(((height + 1) // 2, (width + 1) // 2))
    return sizes
