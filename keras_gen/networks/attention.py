"""Self-attention over the positions of a feature map."""

from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

from ..serialization import register
from ..validation import Shape
from .spectral import normalized


@register
class SelfAttention(layers.Layer):
    """Self-attention with a residual connection: `x + gamma * o(x)`.

    Queries, keys and values are 1x1 convolutions without bias with 1/8, 1/8 and 1/2 of
    the channels. Max pooling halves the height and width of keys and values, as in the
    authors' implementation. gamma starts at 0, so the layer starts as the identity.

    Args:
        spectral_norm: Whether the convolutions have `SpectralNormalization`.
        **kwargs: `name`, `dtype` and `trainable`, for Keras.

    References:
        Zhang et al., "Self-attention generative adversarial networks", ICML 2019,
        eq. 1 to 3.

    Example:
        >>> layer = kg.networks.SelfAttention()
        >>> x = tf.ones((1, 4, 4, 8))
        >>> bool(tf.reduce_all(layer(x) == x))  # starts as the identity
        True
    """

    def __init__(self, *, spectral_norm: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spectral_norm = spectral_norm

    def build(self, input_shape: Shape) -> None:
        """Builds the convolutions for `(batch, height, width, channels)`.

        Raises:
            ValueError: If height, width or channels are None.
        """
        if len(input_shape) != 4 or None in input_shape[1:]:
            raise ValueError(
                "SelfAttention requires (batch, height, width, channels) with fixed "
                f"height, width and channels, received {tuple(input_shape)}."
            )
        channels = input_shape[-1]
        inner = max(1, channels // 2)
        self.query = self._convolution(max(1, channels // 8))
        self.key = self._convolution(max(1, channels // 8))
        self.value = self._convolution(inner)
        self.output_map = self._convolution(channels)
        for convolution in (self.query, self.key, self.value):
            convolution.build(input_shape)
        self.output_map.build((*input_shape[:-1], inner))
        self.pooling = layers.MaxPooling2D(2, padding="same", dtype=self.dtype_policy)
        self.gamma = self.add_weight(name="gamma", shape=(), initializer="zeros")

    def attention(self, x: tf.Tensor) -> tf.Tensor:
        """The attention weights, `(batch, height * width, pooled)`.

        Each row is a distribution over the pooled positions (eq. 1).
        """
        queries = _positions(self.query(x))
        keys = _positions(self.pooling(self.key(x)))
        return ops.softmax(queries @ ops.transpose(keys, (0, 2, 1)), axis=-1)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """`(batch, height, width, channels)` to the same shape (eq. 2, 3)."""
        height, width = x.shape[1:3]
        read = self.attention(x) @ _positions(self.pooling(self.value(x)))
        read = ops.reshape(read, (-1, height, width, read.shape[-1]))
        return x + ops.cast(self.gamma, x.dtype) * self.output_map(read)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "spectral_norm": self.spectral_norm}

    def _convolution(self, filters: int) -> keras.Layer:
        layer = layers.Conv2D(filters, 1, use_bias=False, dtype=self.dtype_policy)
        return normalized(layer, spectral_norm=self.spectral_norm)


def _positions(x: tf.Tensor) -> tf.Tensor:
    """`(batch, height, width, channels)` to `(batch, height * width, channels)`."""
    return ops.reshape(x, (-1, x.shape[1] * x.shape[2], x.shape[3]))
