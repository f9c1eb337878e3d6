"""Networks from images to images: generators, and discriminators of patches."""

from collections.abc import Sequence

import keras
from keras import layers, ops

from ..validation import check_positive, check_sizes
from .adversarial import SLOPE, squash_of
from .dropout import Dropout
from .normalization import GroupNormalization
from .sides import check_image, check_multiple
from .structure import functional


def pix2pix(
    source_shape: Sequence[int],
    data_shape: Sequence[int] | None = None,
    *,
    channels: Sequence[int] = (64, 128, 256, 512),
    dropout: float = 0.5,
    patch_channels: Sequence[int] = (64, 128, 256),
) -> tuple[keras.Model, keras.Model]:
    """A U-Net from images to images, and a discriminator of patches of pairs.

    Args:
        source_shape: `(height, width, channels)` of the images to translate.
        data_shape: The shape of the translations. The default is `source_shape`.
        channels: Channels of the U-Net's convolutions. Each halves the sides, which
            must be multiples of `2 ** len(channels)`.
        dropout: Share of values that training drops in the innermost layer, in [0, 1).
        patch_channels: Channels of the discriminator's convolutions. All but the last
            halve the sides: three of them judge patches of 34x34 pixels.

    Returns:
        `(generator, discriminator)`: images to translations in [-1, 1], and
        translations with their sources to raw logits `(batch, rows, columns, 1)`.

    Raises:
        ValueError: If a shape is not one of images of the same sides, if the sides
            cannot be halved so often, or if a size is wrong.

    References:
        Isola, Zhu, Zhou and Efros, "Image-to-image translation with conditional
        adversarial networks", CVPR 2017, section 3.2 and appendix 6.1. Instead of batch
        normalization of one example, each example is normalized alone. Odena et al.,
        "Deconvolution and checkerboard artifacts", 2016 (resize and convolution).

    Example:
        >>> networks = kg.networks.pix2pix((8, 8, 1), (8, 8, 3), channels=(4, 8))
        >>> [network.output_shape for network in networks]
        [(None, 8, 8, 3), (None, 2, 2, 1)]
    """
    check_sizes(channels, "channels")
    source_shape, data_shape = _shapes(source_shape, data_shape, len(channels))
    source = keras.Input(source_shape, name="source")
    y, kept = source, []
    for place, width in enumerate(channels):
        kept.append(y)
        y = layers.Conv2D(width, 4, 2, padding="same")(y)
        y = _normalized(y, skip=place == 0)
        y = layers.LeakyReLU(SLOPE)(y)
    for place, width in enumerate([*channels[-2::-1], channels[0]]):
        y = layers.Conv2D(width, 3, padding="same")(layers.UpSampling2D()(y))
        y = _normalized(y)
        y = Dropout(dropout)(y) if dropout and not place else y
        y = layers.Concatenate()([layers.ReLU()(y), kept.pop()])
    y = layers.Conv2D(data_shape[-1], 3, padding="same")(y)
    y = layers.Activation(squash_of(data_shape))(y)
    generator = functional([source], y, name="generator")
    return generator, _patches(data_shape, patch_channels, source_shape)


def cycle_gan(
    source_shape: Sequence[int],
    data_shape: Sequence[int] | None = None,
    *,
    channels: Sequence[int] = (64, 128, 256),
    blocks: int = 6,
    patch_channels: Sequence[int] = (64, 128, 256),
) -> tuple[keras.Model, keras.Model, keras.Model, keras.Model]:
    """Residual generators in both directions, and a discriminator of patches of each.

    Args:
        source_shape: `(height, width, channels)` of the images to translate.
        data_shape: The shape of the translations. The default is `source_shape`.
        channels: Channels of a generator's convolutions. All but the first halve the
            sides, which must be multiples of `2 ** (len(channels) - 1)`.
        blocks: Residual blocks on the smallest map.
        patch_channels: As in `pix2pix`.

    Returns:
        `(generator, back_generator, discriminator, back_discriminator)`: sources to
        translations and back, in [-1, 1], and translations and sources to raw logits
        `(batch, rows, columns, 1)`.

    Raises:
        ValueError: As for `pix2pix`.

    References:
        Zhu, Park, Isola and Efros, "Unpaired image-to-image translation using
        cycle-consistent adversarial networks", ICCV 2017, appendix 7.2. Ulyanov,
        Vedaldi and Lempitsky, "Instance normalization", 2016.

    Example:
        >>> networks = kg.networks.cycle_gan((8, 8, 1), channels=(4, 8), blocks=1)
        >>> [network.output_shape for network in networks]
        [(None, 8, 8, 1), (None, 8, 8, 1), (None, 2, 2, 1), (None, 2, 2, 1)]
    """
    check_sizes(channels, "channels")
    check_positive(blocks, "blocks", integer=True)
    source_shape, data_shape = _shapes(source_shape, data_shape, len(channels) - 1)
    return (
        _residual(source_shape, data_shape, channels, blocks),
        _residual(data_shape, source_shape, channels, blocks),
        _patches(data_shape, patch_channels),
        _patches(source_shape, patch_channels),
    )


def _residual(
    source_shape: tuple[int, ...],
    data_shape: tuple[int, ...],
    channels: Sequence[int],
    blocks: int,
) -> keras.Model:
    """A residual generator."""
    source = keras.Input(source_shape, name="source")
    first, *others = channels
    y = _reflected(source, first, 7)
    y = layers.ReLU()(_normalized(y))
    for width in others:
        y = layers.Conv2D(width, 3, 2, padding="same")(y)
        y = layers.ReLU()(_normalized(y))
    for _ in range(blocks):
        branch = layers.ReLU()(_normalized(_reflected(y, channels[-1], 3)))
        y = layers.Add()([y, _normalized(_reflected(branch, channels[-1], 3))])
    for width in channels[-2::-1]:
        y = layers.Conv2D(width, 3, padding="same")(layers.UpSampling2D()(y))
        y = layers.ReLU()(_normalized(y))
    y = layers.Activation(squash_of(data_shape))(_reflected(y, data_shape[-1], 7))
    return functional([source], y, name="generator")


def patch_discriminator(
    data_shape: Sequence[int], *, channels: Sequence[int] = (64, 128, 256)
) -> keras.Model:
    """A discriminator of the patches of an image.

    Args:
        data_shape: `(height, width, channels)` of the images.
        channels: Channels of the convolutions. All but the last halve the sides: three
            of them judge patches of 34x34 pixels.

    Returns:
        A model from images to raw logits `(batch, rows, columns, 1)`.

    Raises:
        ValueError: If the shape is not one of images, or if a size is wrong.

    References:
        Isola, Zhu, Zhou and Efros, "Image-to-image translation with conditional
        adversarial networks", CVPR 2017, section 3.2.2.

    Example:
        >>> network = kg.networks.patch_discriminator((16, 16, 3), channels=(4, 8))
        >>> network.output_shape
        (None, 8, 8, 1)
    """
    check_image(data_shape)
    return _patches(data_shape, channels)


def _patches(
    data_shape: Sequence[int],
    channels: Sequence[int],
    source_shape: Sequence[int] | None = None,
) -> keras.Model:
    """A discriminator of patches, of pairs if there is a source."""
    check_sizes(channels, "patch_channels")
    inputs = [keras.Input(tuple(data_shape), name="x")]
    y = inputs[0]
    if source_shape is not None:
        inputs.append(keras.Input(tuple(source_shape), name="source"))
        y = layers.Concatenate()(inputs)
    last = len(channels) - 1
    for place, width in enumerate(channels):
        strides = 2 if place < max(last, 1) else 1
        y = layers.Conv2D(width, 4, strides, padding="same")(y)
        y = layers.LeakyReLU(SLOPE)(_normalized(y, skip=place == 0))
    y = layers.Conv2D(1, 4, padding="same")(y)
    return functional(inputs, y, name="discriminator")


def _reflected(y: keras.KerasTensor, width: int, side: int) -> keras.KerasTensor:
    """A convolution of a map that its own reflection surrounds."""
    around = side // 2
    y = ops.pad(y, ((0, 0), (around, around), (around, around), (0, 0)), "reflect")
    return layers.Conv2D(width, side)(y)


def _normalized(y: keras.KerasTensor, *, skip: bool = False) -> keras.KerasTensor:
    """Each channel of an example with mean 0 and variance 1 (instance norm).

    A single place would be 0 always (Isola et al. 2017, errata), and stays as it is.
    """
    is_single = y.shape[1:3] == (1, 1)
    return y if skip or is_single else GroupNormalization(y.shape[-1])(y)


def _shapes(
    source_shape: Sequence[int], data_shape: Sequence[int] | None, halvings: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of sources and translations, by default the same.

    Raises:
        ValueError: If they are not images of the same sides, which can be halved so
            often.
    """
    source_shape, data_shape = tuple(source_shape), tuple(data_shape or source_shape)
    check_image(source_shape)
    check_image(data_shape)
    if source_shape[:2] != data_shape[:2]:
        raise ValueError(
            f"source_shape and data_shape must have the same height and width, "
            f"received {source_shape} and {data_shape}."
        )
    check_multiple(source_shape, 2**halvings, f"halved {halvings} times")
    return source_shape, data_shape
