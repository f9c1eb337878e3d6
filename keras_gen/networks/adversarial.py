"""Generators and discriminators: dense, and deep convolutional.

Generators map noise, and one-hot labels if conditional, to data: images and clips in
[-1, 1] by a final tanh, vectors and series unbounded. Discriminators map data, and
labels, to raw logits.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from ..objectives.packing import packed_shape
from ..validation import check_positive, check_sizes
from .conv import Along, crop, halved, upsample
from .heads import check_choice, discriminator, noise_inputs
from .minibatch import MinibatchStandardDeviation
from .spectral import normalized
from .structure import functional

SLOPE = 0.2  # negative slope of the leaky ReLU


def mlp_gan(
    data_shape: Sequence[int],
    noise_dim: int = 100,
    *,
    generator_units: Sequence[int] = (256, 512, 1024),
    discriminator_units: Sequence[int] = (512, 256),
    activation: str = "leaky_relu",
    num_classes: int | None = None,
    auxiliary_outputs: int = 0,
    packing: int = 1,
) -> tuple[keras.Model, keras.Model]:
    """A dense generator and discriminator, for any data.

    Args:
        data_shape: Shape of one example: `(features,)`, `(length, channels)`, or for
            data in [0, 1] `(height, width, channels)` or `(frames, height, width,
            channels)`.
        noise_dim: Size of the noise.
        generator_units: Widths of the generator's hidden layers.
        discriminator_units: Widths of the discriminator's hidden layers.
        activation: Activation of the hidden layers. Keras' leaky ReLU has slope 0.2.
        num_classes: If given, the generator takes one-hot labels, and so does the
            discriminator (`projection_logit`) if it has no auxiliary outputs.
        auxiliary_outputs: Size of the discriminator's second output, such as the
            class logits of AC-GAN or the codes of InfoGAN. 0 means no second output.
        packing: Number of examples that the discriminator sees together, along the last
            axis; see `GAN`.

    Returns:
        `(generator, discriminator)`: noise to examples, with images and clips in
        [-1, 1], and examples to raw logits `(batch, 1)`, or `[logits, auxiliary]`.

    Raises:
        ValueError: If a size is not an integer > 0, or if the shape has more than 4
            axes.

    Example:
        >>> generator, discriminator = kg.networks.mlp_gan((8, 8, 1), noise_dim=4)
        >>> generator.output_shape, discriminator.output_shape
        ((None, 8, 8, 1), (None, 1))
        >>> model = kg.GAN(generator, discriminator)
    """
    check_sizes(data_shape, "data_shape")
    check_sizes(generator_units, "generator_units")
    check_sizes(discriminator_units, "discriminator_units")
    if not 1 <= len(data_shape) <= 4:
        raise ValueError(
            "data_shape must be (features,), (length, channels), (height, width, "
            f"channels) or (frames, height, width, channels), received "
            f"{tuple(data_shape)}."
        )
    check_positive(packing, "packing", integer=True)
    is_vector = len(data_shape) == 1
    inputs, y = noise_inputs(noise_dim, num_classes)
    for width in generator_units:
        y = layers.Dense(width, activation=activation)(y)
    y = layers.Dense(math.prod(data_shape), activation=squash_of(data_shape))(y)
    y = y if is_vector else layers.Reshape(tuple(data_shape))(y)
    x = keras.Input(packed_shape(data_shape, packing), name="x")
    features = x if is_vector else layers.Flatten()(x)
    for width in discriminator_units:
        features = layers.Dense(width, activation=activation)(features)
    heads = {"num_classes": num_classes, "auxiliary_outputs": auxiliary_outputs}
    heads["packing"] = packing
    return functional(inputs, y, name="generator"), discriminator(x, features, **heads)


def dcgan(
    data_shape: Sequence[int],
    noise_dim: int = 100,
    *,
    channels: Sequence[int] = (64, 128),
    kernel_size: int = 4,
    generator_normalization: str | None = "batch",
    discriminator_normalization: str | None = "batch",
    transposed: bool = False,
    minibatch_stddev: bool = False,
    num_classes: int | None = None,
    auxiliary_outputs: int = 0,
    packing: int = 1,
) -> tuple[keras.Model, keras.Model]:
    """A deep convolutional generator and discriminator.

    Args:
        data_shape: `(length, channels)` of at least 8, `(height, width, channels)` or
            `(frames, height, width, channels)` of at least 8x8.
        noise_dim: Size of the noise.
        channels: Channels of the discriminator's convolutions. Each halves the sides
            (rounding up), and the generator mirrors them.
        kernel_size: Side of the strided and of the transposed convolutions.
        generator_normalization: `"batch"` or None.
        discriminator_normalization: `"batch"` (except for the first convolution),
            `"spectral"` or None. With batch normalisation a logit depends on the whole
            batch, so gradient penalties of single examples need another choice.
        transposed: Whether to double by transposed convolutions, as in the paper,
            instead of nearest-neighbour resize and 3x3 convolution. See `conv_decoder`.
        minibatch_stddev: Whether to append `MinibatchStandardDeviation` to the
            features.
        num_classes: As in `mlp_gan`.
        auxiliary_outputs: As in `mlp_gan`.
        packing: As in `mlp_gan`.

    Returns:
        `(generator, discriminator)`: noise to examples, with images and clips in
        [-1, 1], and examples to raw logits `(batch, 1)`, or `[logits, auxiliary]`.

    Raises:
        ValueError: If a side is shorter than 8, or if a size or choice is wrong.

    References:
        Radford et al., "Unsupervised representation learning with deep convolutional
        generative adversarial networks", ICLR 2016, section 3.

    Example:
        >>> networks = kg.networks.dcgan((8, 8, 1), noise_dim=4, channels=(8,))
        >>> kg.GAN(*networks).sample(2, seed=7).shape
        (2, 8, 8, 1)
    """
    check_sizes(channels, "channels")
    along, sizes = halved(data_shape, channels)
    check_positive(kernel_size, "kernel_size", integer=True)
    check_positive(packing, "packing", integer=True)
    check_choice(generator_normalization, ("batch", None), "generator_normalization")
    known = ("batch", "spectral", None)
    check_choice(discriminator_normalization, known, "discriminator_normalization")
    inputs, y = noise_inputs(noise_dim, num_classes)
    widths = (*tuple(channels)[::-1], data_shape[-1])
    doubling = kernel_size if transposed else None
    how = doubling, generator_normalization
    y = _generator_map(y, along, widths, sizes[::-1], *how)
    x = keras.Input(packed_shape(data_shape, packing), name="x")
    how = kernel_size, discriminator_normalization
    features = _discriminator_map(x, along, channels, *how)
    if minibatch_stddev:
        features = MinibatchStandardDeviation()(features)

    return functional(inputs, y, name="generator"), discriminator(
        x,
        layers.Flatten()(features),
        num_classes=num_classes,
        auxiliary_outputs=auxiliary_outputs,
        packing=packing,
        dense=functools.partial(
            _dense, spectral_norm=discriminator_normalization == "spectral"
        ),
    )


def squash_of(data_shape: Sequence[int]) -> str | None:
    """The generator's last activation: tanh for images and clips, otherwise None."""
    return "tanh" if len(data_shape) > 2 else None


def _generator_map(
    y: keras.KerasTensor,
    along: Along,
    widths: Sequence[int],
    sizes: Sequence[tuple[int, ...]],
    kernel_size: int | None,
    normalization: str | None,
) -> keras.KerasTensor:
    """A first feature map, then doublings, transposed if a kernel size is given."""
    options = {"use_bias": normalization is None, **_initializer()}
    y = layers.Dense(math.prod(sizes[0]) * widths[0], **options)(y)
    y = layers.Reshape((*sizes[0], widths[0]))(y)
    for i, (width, size) in enumerate(zip(widths[1:], sizes[1:], strict=True)):
        y = layers.ReLU()(batch_normalized(y) if normalization else y)
        is_last = i == len(widths) - 2
        options = {"use_bias": is_last or normalization is None, **_initializer()}
        squash = squash_of((*size, width)) if is_last else None
        options |= {"padding": "same", "activation": squash}
        if kernel_size is None:
            y = along.convolution(width, 3, **options)(crop(upsample(y), size))
        else:
            y = along.transposed(width, kernel_size, 2, **options)(y)
            y = crop(y, size)
    return y


def _discriminator_map(
    y: keras.KerasTensor,
    along: Along,
    channels: Sequence[int],
    kernel_size: int,
    normalization: str | None,
) -> keras.KerasTensor:
    """Strided convolutions. The first has no batch normalisation."""
    for i, width in enumerate(channels):
        batch = normalization == "batch" and i > 0
        options = {"padding": "same", "use_bias": not batch, **_initializer()}
        layer = along.convolution(width, kernel_size, 2, **options)
        y = normalized(layer, spectral_norm=normalization == "spectral")(y)
        y = batch_normalized(y) if batch else y
        y = layers.LeakyReLU(SLOPE)(y)
    return y


def batch_normalized(y: keras.KerasTensor) -> keras.KerasTensor:
    """Batch normalisation with moving averages over tens of steps."""
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(y)


def _dense(units: int, *, spectral_norm: bool, **options: Any) -> keras.Layer:
    layer = layers.Dense(units, **_initializer(), **options)
    return normalized(layer, spectral_norm=spectral_norm)


def _initializer() -> dict[str, keras.initializers.Initializer]:
    return {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02)}
