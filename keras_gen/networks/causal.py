"""Convolutions that see previous positions only, in raster order."""

import abc
from typing import Any

import tensorflow as tf
from keras import layers, ops

from ..serialization import register
from ..validation import Shape, check_count


class CausalConvolution(layers.Layer, abc.ABC):
    """A convolution with a kernel that reaches backwards along one axis.

    Attributes:
        axis: The axis, 1 for rows and 2 for columns.
        memory: Number of previous positions that it sees.
    """

    axis: int
    loses_by_xla = True

    def __init__(
        self,
        filters: int,
        kernel_size: tuple[int, ...],
        *,
        strict: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_count(filters, "filters")
        self.filters, self.kernel_shape = filters, kernel_size
        self.strict = strict

    @property
    def memory(self) -> int:
        """Number of previous positions along the axis that it sees."""
        return self.kernel_shape[self.axis - 1] - (not self.strict)

    def build(self, input_shape: Shape) -> None:
        """Makes kernel and bias."""
        shape = (*self.kernel_shape, input_shape[-1], self.filters)
        self.kernel = self.add_weight(shape=shape, name="kernel")
        self.bias = self.add_weight(shape=shape[-1:], name="bias", initializer="zeros")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """`(batch, height, width, channels)` to `(batch, height, width, filters)`."""
        if self.strict:
            x = x[:, :-1] if self.axis == 1 else x[:, :, :-1]
        pads = [(0, 0)] * 4
        pads[self.axis] = (self.memory, 0)
        return self.window(ops.pad(x, pads))

    def window(self, x: tf.Tensor) -> tf.Tensor:
        """Outputs at the positions from number `memory` on, or at the next one."""
        x = ops.cast(x, self.compute_dtype)
        side = self.kernel_shape[1] // 2 if self.axis == 1 else 0
        x = ops.pad(x, ((0, 0), (0, 0), (side, side), (0, 0))) if side else x
        y = ops.conv(x, ops.cast(self.kernel, x.dtype), padding="valid")
        return y + ops.cast(self.bias, x.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape, with `filters` channels."""
        return (*input_shape[:-1], self.filters)


@register
class VerticalStackConv2D(CausalConvolution):
    """A convolution over the rows above, and over its own row unless it is strict.

    Args:
        filters: Number of outputs.
        kernel_size: Rows and columns of the kernel. The number of columns is odd.
        strict: Whether to leave out its own row.
        **kwargs: `name`, `dtype` and `trainable`, for Keras.

    Example:
        >>> layer = kg.networks.VerticalStackConv2D(1, (3, 3), strict=True)
        >>> x = np.zeros((1, 4, 4, 1), "float32")
        >>> before = layer(x)
        >>> x[:, 2:] = 1  # rows 2 and 3 cannot change rows 0 to 2
        >>> bool(np.allclose(layer(x)[:, :3], before[:, :3]))
        True
    """

    axis = 1

    def __init__(
        self,
        filters: int,
        kernel_size: tuple[int, ...],
        *,
        strict: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(filters, tuple(kernel_size), strict=strict, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {"filters": self.filters, "kernel_size": self.kernel_shape}
        return {**super().get_config(), **own, "strict": self.strict}


@register
class HorizontalStackConv2D(CausalConvolution):
    """A convolution over the values to the left, and its own unless it is strict.

    Args:
        filters: Number of outputs.
        kernel_size: Columns of the kernel.
        strict: Whether to leave out its own position.
        **kwargs: `name`, `dtype` and `trainable`, for Keras.

    Example:
        >>> layer = kg.networks.HorizontalStackConv2D(4, 3)
        >>> layer(tf.zeros((1, 4, 4, 1))).shape
        TensorShape([1, 4, 4, 4])
    """

    axis = 2

    def __init__(
        self, filters: int, kernel_size: int, *, strict: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(filters, (1, kernel_size), strict=strict, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {"filters": self.filters, "kernel_size": self.kernel_shape[1]}
        return {**super().get_config(), **own, "strict": self.strict}


@register
class PositionBias(layers.Layer):
    """Adds a bias per pixel, which starts at 0.

    Args:
        **kwargs: `name` and `dtype`, for Keras.

    Example:
        >>> layer = kg.networks.PositionBias()
        >>> layer(tf.ones((2, 4, 4, 8))).shape
        TensorShape([2, 4, 4, 8])
        >>> layer.count_params()
        128
    """

    def build(self, input_shape: Shape) -> None:
        """Makes the bias."""
        shape = input_shape[1:]
        self.bias = self.add_weight(shape=shape, name="bias", initializer="zeros")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """`(batch, height, width, channels)` to the same shape."""
        return x + ops.cast(self.bias, x.dtype)


@register
class Gate(layers.Layer):
    """tanh of the first half of the channels, times the sigmoid of the second.

    Args:
        **kwargs: `name` and `dtype`, for Keras.

    References:
        van den Oord et al., "Conditional image generation with PixelCNN decoders",
        2016, eq. 2.

    Example:
        >>> gate = kg.networks.Gate()
        >>> round(float(gate(tf.constant([[1.0, 0.0]]))[0, 0]), 4)  # tanh(1) / 2
        0.3808
    """

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """`(..., 2 * channels)` to `(..., channels)`."""
        value, gate = ops.split(x, 2, axis=-1)
        return ops.tanh(value) * ops.sigmoid(gate)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Half the channels."""
        return (*input_shape[:-1], input_shape[-1] // 2)


@register
class OneHotLevels(layers.Layer):
    """Grey levels as vectors with a 1: for codes, whose numbers have no order.

    Args:
        levels: Number of levels; x in [0, 1] means level x * (levels - 1).
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        ValueError: If `levels` < 2.

    References:
        van den Oord, Vinyals and Kavukcuoglu, "Neural discrete representation
        learning", 2017, section 3.3 (a PixelCNN over codes).

    Example:
        >>> hot = kg.networks.OneHotLevels(3)
        >>> hot(tf.constant([[0.5]])).numpy()  # the second of 3 levels
        array([[0., 1., 0.]], dtype=float32)
    """

    def __init__(self, levels: int, **kwargs: Any) -> None:
        check_count(levels, "levels", least=2)
        super().__init__(**kwargs)
        self.levels = levels

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """`(..., channels)` to `(..., channels * levels)`."""
        level = ops.cast(ops.round(ops.cast(x, "float32") * (self.levels - 1)), "int32")
        hot = ops.one_hot(level, self.levels, dtype=self.compute_dtype)
        return ops.reshape(hot, (-1, *self.compute_output_shape(x.shape)[1:]))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """As many channels for each."""
        return (*input_shape[:-1], input_shape[-1] * self.levels)

    def get_config(self) -> dict[str, Any]:
        """The number of levels."""
        return {**super().get_config(), "levels": self.levels}
