"""Upsampling and convolution of series, images and clips in one operation."""

import functools
from typing import Any

import numpy as np
from keras import layers, ops

from ..serialization import register
from ..validation import Shape, check_positive

# Row i: the taps of a kernel of 3 that add up to tap i of the equal kernel of 4.
TAPS = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]], np.float32)


@register
class DoublingConvolution(layers.Layer):
    """Repeats each value along all sides, then applies a convolution of side 3.

    Both are computed as one transposed convolution of stride 2 with a kernel of side 4,
    of sums of the values of the kernel of side 3. For images, it takes 4 products per
    output value instead of 9, and no image of repeated pixels.

    Args:
        filters: Channels of the output.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Shi et al., "Is the deconvolution layer the same as a convolutional layer?",
        2016. Odena et al., "Deconvolution and checkerboard artifacts", 2016.

    Example:
        >>> layer = kg.networks.DoublingConvolution(4)
        >>> layer(tf.zeros((1, 8, 8, 2))).shape
        TensorShape([1, 16, 16, 4])
    """

    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_positive(filters, "filters", integer=True)
        self.filters = filters

    def build(self, input_shape: Shape) -> None:
        """Adds the kernel, `(3, ..., filters, channels)`, and the bias."""
        self.channels, self.axes = input_shape[-1], len(input_shape) - 2
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*[3] * self.axes, self.filters, self.channels),
            initializer="glorot_uniform",
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.filters,), initializer="zeros"
        )

    def call(self, x: Any) -> Any:
        """`(batch, ..., channels)` to twice the sides."""
        taps = ops.cast(functools.reduce(np.kron, [TAPS] * self.axes), x.dtype)
        kernel = ops.matmul(taps, ops.reshape(self.kernel, (3**self.axes, -1)))
        shape = (*[4] * self.axes, self.filters, self.channels)
        kernel = ops.reshape(kernel, shape)
        return ops.conv_transpose(x, kernel, 2, padding="same") + self.bias

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Twice the sides, and `filters` channels."""
        batch, *sides, _ = input_shape
        return (batch, *(2 * side for side in sides), self.filters)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "filters": self.filters}
