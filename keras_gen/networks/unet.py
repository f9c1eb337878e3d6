"""The U-Net of diffusion models."""

import dataclasses
import math
from collections.abc import Sequence

import keras
from keras import layers

from ..validation import check_count, check_share, check_sizes
from .conv import MIN_SIZE, Along, crop, halved
from .denoisers import Text, denoiser_inputs, with_condition
from .doubling import DoublingConvolution
from .dropout import Dropout
from .normalization import GroupNormalization
from .patches import patchify, unpatchify
from .sides import check_image, check_multiple
from .text_reader import TextReader
from .transformer import CrossAttention, MultiHeadSelfAttention


def unet(
    data_shape: Sequence[int],
    *,
    channels: Sequence[int] = (32, 64, 64),
    blocks: int = 1,
    patch: int = 1,
    attention: Sequence[bool] | None = None,
    heads: int = 4,
    groups: int = 8,
    dropout: float = 0.0,
    activation: str = "silu",
    embedding: str = "sinusoidal",
    num_classes: int | None = None,
    condition_channels: int = 0,
    out_channels: int | None = None,
    text: TextReader | None = None,
) -> keras.Model:
    """A U-Net: residual blocks down to small sizes and up, with skip connections.

    The noise level and the class condition each block by a scale and a shift after its
    second group normalization. Blocks start as their shortcut. The way up mirrors the
    way down. The papers have one more block at each size of the way up, for a longer
    step. A text conditions each block as a whole, and where there is self-attention,
    attention to its tokens follows.

    Args:
        data_shape: `(length, channels)` of at least 8, `(height, width, channels)` or
            `(frames, height, width, channels)` of at least 8x8.
        channels: Channels at each size, multiples of `groups`. The sides are halved
            between sizes (rounding up), and doubled sides are cropped.
        blocks: Residual blocks at each size, on the way down and on the way up. Each
            block on the way up has a skip connection from one on the way down.
        patch: Side of the squares of pixels that are one place of the largest size.
            Larger patches take less time, by up to `patch**2`, and leave details to
            the last layer. Choose 2 to 8 from 64x64 on. For images only.
        attention: For each size, whether self-attention follows each block. The default
            is the smallest size only, if there are several. The middle has attention if
            the smallest size has.
        heads: Heads of the attention, a divisor of its channels.
        groups: Groups of the normalization.
        dropout: Dropout rate of each block, in [0, 1).
        activation: Activation of all layers.
        embedding: Embedding of the noise level: "sinusoidal" or "fourier".
        num_classes: If given, one-hot labels are an input.
        condition_channels: If > 0, an example with this many channels is the last
            input.
        out_channels: Channels of the output. The default is those of the examples.
        text: If given, tokens are an input, which this layer reads. Instead of labels.

    Returns:
        A model from noisy examples, noise levels `(batch, 1)`, perhaps labels or
        tokens, and a condition, to raw values `(batch, ..., out_channels)`, which start
        at 0.

    Raises:
        ValueError: If a side is shorter than 8 pixels or places, if patches do not
            fill the image, if a size or choice is wrong, or if there is a text and no
            attention.

    References:
        Ho, Jain and Abbeel, "Denoising diffusion probabilistic models", 2020, appendix
        B. Nichol and Dhariwal, "Improved denoising diffusion probabilistic models",
        2021. Dhariwal and Nichol, "Diffusion models beat GANs on image synthesis",
        2021, section 3. Rombach et al., "High-resolution image synthesis with latent
        diffusion models", 2022, section 3.3 (text). Hoogeboom, Heek and Salimans,
        "Simple diffusion: end-to-end diffusion for high resolution images", 2023
        (patches).

    Example:
        >>> network = kg.networks.unet((8, 8, 1), channels=(8, 8), groups=4)
        >>> network.output_shape
        (None, 8, 8, 1)
        >>> model = kg.Diffusion(network)
    """
    check_count(blocks, "blocks")
    check_share(dropout, "dropout")
    check_sizes(channels, "channels")
    check_sizes(data_shape, "data_shape")
    check_count(patch, "patch")
    if patch > 1:
        check_image(data_shape)
        check_multiple(data_shape, patch, f"cut into patches of {patch}x{patch}")
    places = [side // patch for side in data_shape[:-1]]
    if patch > 1 and min(places) < MIN_SIZE:
        raise ValueError(
            f"patch must leave at least {MIN_SIZE}x{MIN_SIZE} places, received "
            f"{patch} for {tuple(data_shape)}, which leaves {places[0]}x{places[1]}."
        )
    along, sizes = halved((*places, data_shape[-1]), channels[1:])
    out_channels = data_shape[-1] if out_channels is None else out_channels
    check_count(out_channels, "out_channels")
    attention = _attention_by_size(attention, len(channels))
    if text is not None and not any(attention):
        raise ValueError(
            "attention must be true at one size at least if there is a text, received "
            f"{attention}. Pass attention=(False, ..., True)."
        )
    inputs, known, read = denoiser_inputs(
        data_shape,
        4 * channels[0],
        activation,
        embedding=embedding,
        num_classes=num_classes,
        condition_channels=condition_channels,
        text=text,
    )
    parts = _Parts(along, known, read, heads, groups, dropout, activation)
    y = with_condition(inputs, condition_channels)
    if patch > 1:
        y = layers.Reshape((*places, -1))(patchify(y, patch))
    y = parts.convolution(channels[0])(y)
    y, skips = _down(y, parts, channels, blocks, attention)
    y = parts.block(y, channels[-1], attention=attention[-1])
    y = parts.block(y, channels[-1])
    y = _up(y, parts, skips, channels, sizes, blocks, attention)
    y = parts.active(GroupNormalization(groups)(y))
    y = parts.convolution(patch**2 * out_channels, initializer="zeros")(y)
    if patch > 1:
        y = unpatchify(y, data_shape[:2], patch)
    return keras.Model(inputs, y, name="unet")


def _attention_by_size(attention: Sequence[bool] | None, num_sizes: int) -> list[bool]:
    """Whether each size has attention. The default is the smallest of several."""
    if attention is None:
        return [0 < i == num_sizes - 1 for i in range(num_sizes)]
    is_list = isinstance(attention, Sequence) and len(attention) == num_sizes
    if not is_list or not all(attends in (True, False) for attends in attention):
        raise ValueError(
            f"attention must hold one boolean for each of the {num_sizes} sizes, "
            f"received {attention!r}."
        )
    return list(attention)


def _down(
    y: keras.KerasTensor,
    parts: "_Parts",
    channels: Sequence[int],
    blocks: int,
    attention: Sequence[bool],
) -> tuple[keras.KerasTensor, list[keras.KerasTensor]]:
    """The smallest feature map, and the skip connections for the way up."""
    skips = []
    for i, (width, attends) in enumerate(zip(channels, attention, strict=True)):
        if i:
            y = parts.convolution(width, strides=2)(y)
        for _ in range(blocks):
            y = parts.block(y, width, attention=attends)
            skips.append(y)
    return y, skips


def _up(
    y: keras.KerasTensor,
    parts: "_Parts",
    skips: list[keras.KerasTensor],
    channels: Sequence[int],
    sizes: Sequence[tuple[int, ...]],
    blocks: int,
    attention: Sequence[bool],
) -> keras.KerasTensor:
    """The way up, with the skip connections from the last to the first."""
    levels = list(zip(channels, sizes, attention, strict=True))[::-1]
    for i, (width, size, attends) in enumerate(levels):
        if i:
            y = crop(DoublingConvolution(width)(y), size)
        for _ in range(blocks):
            y = layers.Concatenate()([y, skips.pop()])
            y = parts.block(y, width, attention=attends)
    return y


@dataclasses.dataclass(frozen=True)
class _Parts:
    """The options of all blocks."""

    along: Along
    known: keras.KerasTensor
    read: Text | None
    heads: int
    groups: int
    dropout: float
    activation: str

    def active(self, y: keras.KerasTensor) -> keras.KerasTensor:
        return layers.Activation(self.activation)(y)

    def block(
        self, x: keras.KerasTensor, width: int, *, attention: bool = False
    ) -> keras.KerasTensor:
        """A residual block, and perhaps attention."""
        y = self.active(GroupNormalization(self.groups)(x))
        y = self.convolution(width)(y)
        modulation = layers.Dense(2 * width)(self.known)
        y = self.active(GroupNormalization(self.groups)(y, modulation))
        y = Dropout(self.dropout)(y) if self.dropout else y
        y = self.convolution(width, initializer="zeros")(y)
        if x.shape[-1] != width:
            x = self.along.convolution(width, 1)(x)
        y = layers.Add()([y, x])
        return self.attention(y) if attention else y

    def attention(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Adds self-attention over all positions, and attention to the text.

        Both start as the identity.
        """
        x = self._attending(x, MultiHeadSelfAttention(self.heads, zeros=True))
        return (
            x
            if self.read is None
            else self._attending(x, CrossAttention(self.heads), *self.read)
        )

    def _attending(
        self, x: keras.KerasTensor, layer: keras.Layer, *read: keras.KerasTensor
    ) -> keras.KerasTensor:
        """Adds an attention layer's output for normalized positions."""
        _, *sides, channels = x.shape
        y = GroupNormalization(self.groups)(x)
        y = layer(layers.Reshape((math.prod(sides), channels))(y), *read)
        return layers.Add()([x, layers.Reshape((*sides, channels))(y)])

    def convolution(
        self, width: int, *, strides: int = 1, initializer: str = "glorot_uniform"
    ) -> keras.Layer:
        return self.along.convolution(
            width, 3, strides, padding="same", kernel_initializer=initializer
        )
