"""Residual generator and discriminator with pre-activation blocks."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from ..objectives.packing import packed_shape
from ..validation import check_positive, check_sizes
from .adversarial import batch_normalized, squash_of
from .attention import SelfAttention
from .conv import Along, crop, halved, upsample
from .heads import discriminator, noise_inputs
from .minibatch import MinibatchStandardDeviation
from .spectral import normalized
from .structure import functional


def residual_gan(
    data_shape: Sequence[int],
    noise_dim: int = 128,
    *,
    channels: Sequence[int] = (32, 64),
    spectral_norm: bool = True,
    batch_norm: bool = True,
    activation: str | None = None,
    attention: bool = False,
    minibatch_stddev: bool = False,
    num_classes: int | None = None,
    auxiliary_outputs: int = 0,
    packing: int = 1,
) -> tuple[keras.Model, keras.Model]:
    """A residual generator and discriminator, with any of the usual stabilisers.

    The default networks are those of SNGAN. `spectral_norm=False, batch_norm=False`
    makes the pair without normalisation of R3GAN: leaky ReLU with slope 0.2, and each
    block starts as its shortcut, with the last convolution of its branch at 0.

    Args:
        data_shape: `(length, channels)` of at least 8, `(height, width, channels)` or
            `(frames, height, width, channels)` of at least 8x8.
        noise_dim: Size of the noise.
        channels: Channels of the discriminator's blocks. Each halves the sides
            (rounding up), and one more block keeps the size. The generator mirrors the
            halvings.
        spectral_norm: Whether the discriminator's layers have `SpectralNormalization`.
        batch_norm: Whether the generator has batch normalisation.
        activation: Activation of both. The default is `"relu"`, or `"leaky_relu"`
            without any normalisation.
        attention: Whether both have `SelfAttention` at the first halved size, for
            images.
        minibatch_stddev: Whether to append `MinibatchStandardDeviation` before the
            discriminator's last block.
        num_classes: As in `mlp_gan`.
        auxiliary_outputs: As in `mlp_gan`.
        packing: As in `mlp_gan`.

    Returns:
        `(generator, discriminator)`: noise to examples, with images and clips in
        [-1, 1], and examples to raw logits `(batch, 1)`, or `[logits, auxiliary]`.

    Raises:
        ValueError: If a side is shorter than 8, or if a size is wrong.

    References:
        Miyato et al., "Spectral normalization for generative adversarial networks",
        ICLR 2018, appendix B.4. Huang et al., "The GAN is dead; long live the GAN! A
        modern GAN baseline", NeurIPS 2024, section 3.

    Example:
        >>> networks = kg.networks.residual_gan((8, 8, 1), noise_dim=4, channels=(8,))
        >>> [network.output_shape for network in networks]
        [(None, 8, 8, 1), (None, 1)]
    """
    check_sizes(channels, "channels")
    check_positive(packing, "packing", integer=True)
    along, sizes = halved(data_shape, channels)
    if activation is None:
        activation = "relu" if spectral_norm or batch_norm else "leaky_relu"
    inputs, y = noise_inputs(noise_dim, num_classes)
    style = _Style(along, activation, batch_norm=batch_norm)
    y = _generator_features(y, channels, sizes, style, attention=attention)
    y = style.convolution(data_shape[-1], 3, "glorot_uniform")(style.active(y))
    if squash := squash_of(data_shape):
        y = layers.Activation(squash)(y)
    generator = functional(inputs, y, name="generator")
    style = _Style(along, activation, spectral_norm=spectral_norm)
    x = keras.Input(packed_shape(data_shape, packing), name="x")
    y = _discriminator_map(x, channels, style, attention=attention)
    if minibatch_stddev:
        y = MinibatchStandardDeviation()(y)
    y = style.active(style.block(y, channels[-1]))
    return generator, discriminator(
        x,
        ops.sum(y, axis=tuple(range(1, len(data_shape)))),
        num_classes=num_classes,
        auxiliary_outputs=auxiliary_outputs,
        packing=packing,
        dense=style.dense,
    )


@dataclasses.dataclass(frozen=True)
class _Style:
    """The options of all layers of a player."""

    along: Along
    activation: str
    batch_norm: bool = False
    spectral_norm: bool = False

    def active(self, y: keras.KerasTensor) -> keras.KerasTensor:
        y = batch_normalized(y) if self.batch_norm else y
        return layers.Activation(self.activation)(y)

    def convolution(self, filters: int, side: int, initializer: str) -> keras.Layer:
        layer = self.along.convolution(
            filters, side, padding="same", kernel_initializer=initializer
        )
        return normalized(layer, spectral_norm=self.spectral_norm)

    def dense(self, units: int, **options: Any) -> keras.Layer:
        layer = layers.Dense(units, **options)
        return normalized(layer, spectral_norm=self.spectral_norm)

    def shortcut(self, y: keras.KerasTensor, filters: int) -> keras.KerasTensor:
        """The identity, or a convolution of side 1 to another number of channels."""
        if y.shape[-1] == filters:
            return y
        return self.convolution(filters, 1, "glorot_uniform")(y)

    def branch(
        self,
        y: keras.KerasTensor,
        filters: int,
        size: tuple[int, ...] | None = None,
        *,
        is_first: bool = False,
    ) -> keras.KerasTensor:
        """Two convolutions of side 3, after a doubling if a size is given."""
        has_norm = self.batch_norm or self.spectral_norm
        y = y if is_first else self.active(y)
        y = y if size is None else crop(upsample(y), size)
        y = self.active(self.convolution(filters, 3, "he_normal")(y))
        last = "he_normal" if has_norm else "zeros"
        return self.convolution(filters, 3, last)(y)

    def block(self, y: keras.KerasTensor, filters: int) -> keras.KerasTensor:
        """A block that keeps the size."""
        branch = self.branch(y, filters)
        return layers.Add()([self.shortcut(y, filters), branch])

    def doubling(
        self, y: keras.KerasTensor, filters: int, size: tuple[int, ...]
    ) -> keras.KerasTensor:
        """A block that doubles the sides, to `size`."""
        branch = self.branch(y, filters, size)
        shortcut = crop(upsample(self.shortcut(y, filters)), size)
        return layers.Add()([shortcut, branch])

    def halving(
        self, y: keras.KerasTensor, filters: int, *, is_first: bool
    ) -> keras.KerasTensor:
        """A block that halves the sides. The first one starts from raw values."""
        branch = self.branch(y, filters, is_first=is_first)
        shortcut = self.shortcut(self.pooled(y), filters)
        return layers.Add()([shortcut, self.pooled(branch)])

    def pooled(self, y: keras.KerasTensor) -> keras.KerasTensor:
        return self.along.average(2, padding="same")(y)


def _generator_features(
    y: keras.KerasTensor,
    channels: Sequence[int],
    sizes: Sequence[tuple[int, ...]],
    style: _Style,
    *,
    attention: bool,
) -> keras.KerasTensor:
    y = layers.Dense(math.prod(sizes[-1]) * channels[-1])(y)
    y = layers.Reshape((*sizes[-1], channels[-1]))(y)
    widths = (*tuple(channels)[-2::-1], channels[0])
    for i, (width, size) in enumerate(zip(widths, sizes[-2::-1], strict=True)):
        if attention and i == len(widths) - 1:
            y = SelfAttention()(y)
        y = style.doubling(y, width, size)
    return y


def _discriminator_map(
    y: keras.KerasTensor, channels: Sequence[int], style: _Style, *, attention: bool
) -> keras.KerasTensor:
    for i, width in enumerate(channels):
        y = style.halving(y, width, is_first=i == 0)
        if attention and i == 0:
            y = SelfAttention(spectral_norm=style.spectral_norm)(y)
    return y
