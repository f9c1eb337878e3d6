"""The diffusion transformer."""

from collections.abc import Sequence

import keras
from keras import layers

from ..validation import check_count
from .denoisers import Text, denoiser_inputs, with_condition
from .embeddings import PositionEmbedding
from .normalization import LayerNormalization
from .patches import patchify, unpatchify
from .sides import check_image, check_multiple
from .text_reader import TextReader
from .transformer import CrossAttention, MultiHeadSelfAttention


def dit(
    image_shape: Sequence[int],
    *,
    patch: int = 4,
    width: int = 128,
    depth: int = 6,
    heads: int = 4,
    embedding: str = "sinusoidal",
    num_classes: int | None = None,
    condition_channels: int = 0,
    out_channels: int | None = None,
    text: TextReader | None = None,
) -> keras.Model:
    """A transformer over the patches of an image.

    The noise level and the class condition each block by scales, shifts and gates. The
    gates start at 0, so each block starts as the identity (adaLN-Zero). A text
    conditions each block as a whole, and each patch attends to its tokens.

    Args:
        image_shape: `(height, width, channels)`, at least 8x8.
        patch: Side of a patch.
        width: Channels of each patch, a multiple of 4 and of `heads`.
        depth: Number of blocks.
        heads: Heads of the attention.
        embedding: Embedding of the noise level: "sinusoidal" or "fourier".
        num_classes: If given, one-hot labels are an input.
        condition_channels: If > 0, an image with this many channels is the last input.
        out_channels: Channels of the output. The default is those of the image.
        text: If given, tokens are an input, which this layer reads. Instead of labels.

    Returns:
        A model from noisy images, noise levels `(batch, 1)`, perhaps labels or tokens,
        and a condition, to raw values `(batch, height, width, out_channels)`, which
        start at 0.

    Raises:
        ValueError: If patches do not fill the image, or if a size or choice is wrong.

    References:
        Peebles and Xie, "Scalable diffusion models with transformers", ICCV 2023,
        section 3.2. Chen et al., "PixArt-alpha: fast training of diffusion transformer
        for photorealistic text-to-image synthesis", ICLR 2024, section 2.3 (text).

    Example:
        >>> network = kg.networks.dit((8, 8, 1), patch=4, width=16, depth=1)
        >>> [tuple(x.shape) for x in network.inputs]
        [(None, 8, 8, 1), (None, 1)]
        >>> model = kg.Diffusion(network)
    """
    for name, value in {"patch": patch, "width": width, "depth": depth}.items():
        check_count(value, name)
    check_image(image_shape)
    check_multiple(image_shape, patch, f"cut into patches of {patch}x{patch}")
    out_channels = image_shape[-1] if out_channels is None else out_channels
    check_count(out_channels, "out_channels")
    inputs, known, read = denoiser_inputs(
        image_shape,
        width,
        "silu",
        embedding=embedding,
        num_classes=num_classes,
        condition_channels=condition_channels,
        text=text,
    )
    y = patchify(with_condition(inputs, condition_channels), patch)
    y = PositionEmbedding(image_shape[1] // patch)(layers.Dense(width)(y))
    for _ in range(depth):
        y = _block(y, known, heads, read)
    y = LayerNormalization()(y, _zeros(2 * width)(known))
    y = unpatchify(_zeros(patch**2 * out_channels)(y), image_shape[:2], patch)
    return keras.Model(inputs, y, name="dit")


def _zeros(units: int) -> keras.Layer:
    return layers.Dense(units, kernel_initializer="zeros")


def _block(
    x: keras.KerasTensor, known: keras.KerasTensor, heads: int, read: Text | None
) -> keras.KerasTensor:
    """Attention, then a dense network at each position, each with a gate.

    Attention to a text is between them. It starts at 0 and has no gate.
    """
    width = x.shape[-1]
    y = LayerNormalization()(x, _zeros(2 * width)(known))
    x = _gated_sum(x, MultiHeadSelfAttention(heads)(y), known)
    if read is not None:
        x = layers.Add()([x, CrossAttention(heads)(LayerNormalization()(x), *read)])
    y = LayerNormalization()(x, _zeros(2 * width)(known))
    y = layers.Dense(4 * width, activation="gelu")(y)
    return _gated_sum(x, layers.Dense(width)(y), known)


def _gated_sum(
    x: keras.KerasTensor, y: keras.KerasTensor, known: keras.KerasTensor
) -> keras.KerasTensor:
    """`x + gate * y`, with a gate per channel that starts at 0."""
    gate = layers.Reshape((1, x.shape[-1]))(_zeros(x.shape[-1])(known))
    return layers.Add()([x, layers.Multiply()([y, gate])])
