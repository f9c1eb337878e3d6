"""Multi-head attention, of positions to each other and to a text."""

import math
from typing import Any

import tensorflow as tf
from keras import layers, ops

from ..limits import PAD
from ..serialization import register
from ..validation import Shape, check_positive

FAR = -3e4  # a score that the softmax turns into 0; within float16


@register
class MultiHeadSelfAttention(layers.Layer):
    """Multi-head attention of each position to all positions.

    Queries, keys and values come from one dense layer, and all heads are one product
    of matrices `(batch, heads, positions, size)`.

    Args:
        heads: Number of heads, a divisor of the channels.
        zeros: Whether the output layer starts at 0, so that the output is 0.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Vaswani et al., "Attention is all you need", 2017, section 3.2.

    Example:
        >>> layer = kg.networks.MultiHeadSelfAttention(heads=2)
        >>> layer(tf.zeros((1, 5, 8))).shape
        TensorShape([1, 5, 8])
    """

    loses_by_xla = True

    def __init__(self, heads: int = 4, *, zeros: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_positive(heads, "heads", integer=True)
        self.heads, self.zeros = heads, zeros

    def build(self, input_shape: Shape) -> None:
        """Builds the two dense layers for `(batch, positions, channels)`.

        Raises:
            ValueError: If the heads do not divide the channels.
        """
        channels = input_shape[-1]
        if channels % self.heads:
            raise ValueError(
                f"heads must divide the {channels} channels, received {self.heads}."
            )
        self.joint = layers.Dense(3 * channels, dtype=self.dtype_policy)
        self.out = layers.Dense(
            channels,
            kernel_initializer="zeros" if self.zeros else "glorot_uniform",
            dtype=self.dtype_policy,
        )
        self.joint.build(input_shape)
        self.out.build(input_shape)

    def call(self, x: Any, seen: Any = None) -> Any:
        """Attends.

        Args:
            x: `(batch, positions, channels)`.
            seen: Which positions are seen, as in `attend`. None means all.

        Returns:
            The shape of `x`.
        """
        queries, keys, values = _by_head(self.joint(x), self.heads, 3)
        return self.out(_joined(attend(_scaled(queries), keys, values, seen)))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "heads": self.heads, "zeros": self.zeros}


@register
class CrossAttention(layers.Layer):
    """Multi-head attention of each position to the vectors of a text.

    It sees the first vector, which stands for the whole text, and those of tokens.
    Padding has no effect.

    Args:
        heads: Number of heads, a divisor of the channels.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Rombach et al., "High-resolution image synthesis with latent diffusion models",
        CVPR 2022, section 3.3.

    Example:
        >>> reader = kg.networks.TextReader(9, length=3, width=12)
        >>> tokens = tf.constant([[1, 2, -1]])
        >>> layer = kg.networks.CrossAttention(heads=2)
        >>> layer(tf.ones((1, 5, 8)), reader(tokens), tokens).shape
        TensorShape([1, 5, 8])
    """

    loses_by_xla = True

    def __init__(self, heads: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_positive(heads, "heads", integer=True)
        self.heads = heads

    def build(self, x_shape: Shape, text_shape: Shape, tokens_shape: Shape) -> None:
        """Builds the dense layers. The output layer starts at 0.

        Raises:
            ValueError: If the heads do not divide the channels.
        """
        del tokens_shape
        channels = x_shape[-1]
        if channels % self.heads:
            raise ValueError(
                f"heads must divide the {channels} channels, received {self.heads}."
            )
        options: dict[str, Any] = {"dtype": self.dtype_policy}
        self.query = layers.Dense(channels, **options)
        self.joint = layers.Dense(2 * channels, **options)
        self.out = layers.Dense(channels, kernel_initializer="zeros", **options)
        self.query.build(x_shape)
        self.joint.build(text_shape)
        self.out.build(x_shape)

    def call(self, x: Any, text: Any, tokens: Any) -> Any:
        """Attends.

        Args:
            x: `(batch, positions, channels)`.
            text: Vectors of the text and of each token, `(batch, 1 + length, width)`.
            tokens: int32 `(batch, length)`, -1 after the last token of a row.

        Returns:
            The shape of `x`, which starts as zeros.
        """
        (queries,) = _by_head(self.query(x), self.heads, 1)
        keys, values = _by_head(self.joint(text), self.heads, 2)
        read = attend(_scaled(queries), keys, values, seen_of(tokens))
        return self.out(_joined(read))

    def compute_output_shape(
        self, x_shape: tuple, text_shape: tuple, tokens_shape: tuple
    ) -> tuple:
        """The shape of `x`."""
        del text_shape, tokens_shape
        return x_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "heads": self.heads}


def seen_of(tokens: Any) -> Any:
    """Which vectors of a text are seen: the first one, and those of tokens.

    Args:
        tokens: int32 `(batch, length)`, -1 after the last token of a row.

    Returns:
        bool `(batch, 1, 1, 1 + length)`, for `attend`.
    """
    marked = tf.pad(tokens, [[0, 0], [1, 0]])
    return tf.not_equal(marked, PAD)[:, tf.newaxis, tf.newaxis]


def _by_head(x: Any, heads: int, parts: int) -> list[Any]:
    """Equal parts of the channels, each `(batch, heads, positions, size)`."""
    _, positions, channels = x.shape
    size = channels // (parts * heads)
    x = ops.reshape(x, (-1, positions, parts * heads, size))
    return ops.split(ops.transpose(x, (0, 2, 1, 3)), parts, axis=1)


def _scaled(queries: Any) -> Any:
    return queries * (1 / math.sqrt(queries.shape[-1]))


def _joined(read: Any) -> Any:
    """`(batch, heads, positions, size)` to `(batch, positions, channels)`."""
    _, heads, positions, size = read.shape
    read = ops.transpose(read, (0, 2, 1, 3))
    return ops.reshape(read, (-1, positions, heads * size))


def attend(queries: Any, keys: Any, values: Any, seen: Any = None) -> Any:
    """Attention of scaled queries: softmax(queries keys^T) values.

    Args:
        queries: `(batch, heads, n, size)`, already scaled.
        keys: `(batch, heads, m, size)`.
        values: `(batch, heads, m, size)`.
        seen: Which keys each query sees, boolean `(n, m)`, or one that broadcasts to
            `(batch, heads, n, m)`. None means all.

    Returns:
        `(batch, heads, n, size)`.
    """
    scores = ops.matmul(queries, ops.transpose(keys, (0, 1, 3, 2)))
    if seen is not None:
        scores = ops.where(seen, scores, FAR)
    return ops.matmul(tf.nn.softmax(scores), values)
