"""Multi-head attention."""

import math
from typing import Any

import tensorflow as tf
from keras import layers, ops

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

    def call(self, x: Any) -> Any:
        """`(batch, positions, channels)` to the same shape."""
        _, positions, channels = x.shape
        size = channels // self.heads
        joint = ops.reshape(self.joint(x), (-1, positions, 3 * self.heads, size))
        joint = ops.transpose(joint, (0, 2, 1, 3))
        queries, keys, values = ops.split(joint, 3, axis=1)
        read = attend(queries * (1 / math.sqrt(size)), keys, values)
        read = ops.transpose(read, (0, 2, 1, 3))
        return self.out(ops.reshape(read, (-1, positions, channels)))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "heads": self.heads, "zeros": self.zeros}


def attend(queries: Any, keys: Any, values: Any, seen: Any = None) -> Any:
    """Attention of scaled queries: softmax(queries keys^T) values.

    Args:
        queries: `(batch, heads, n, size)`, already scaled.
        keys: `(batch, heads, m, size)`.
        values: `(batch, heads, m, size)`.
        seen: Which keys each query sees, boolean `(n, m)`. None means all.

    Returns:
        `(batch, heads, n, size)`.
    """
    scores = ops.matmul(queries, ops.transpose(keys, (0, 1, 3, 2)))
    if seen is not None:
        scores = ops.where(seen, scores, FAR)
    return ops.matmul(tf.nn.softmax(scores), values)
