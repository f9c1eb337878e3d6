"""Masked network: output i depends on the inputs before i only."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from ..constants import table
from ..serialization import register
from ..validation import Shape, check_sizes


@register
class MaskedDense(layers.Layer):
    """A dense layer with some connections masked.

    Args:
        in_degrees: A degree per input.
        out_degrees: A degree per output.
        strict: Whether an output sees only inputs of lower degree, not of equal degree.
        activation: Name of the activation.
        zeros: Whether it starts at 0. Otherwise the kernel starts as in `Dense`, and
            the biases are spread.
        **kwargs: `name`, `dtype` and `trainable`, for Keras.
    """

    def __init__(
        self,
        in_degrees: Sequence[int],
        out_degrees: Sequence[int],
        *,
        strict: bool = False,
        activation: str | None = None,
        zeros: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.in_degrees, self.out_degrees = list(in_degrees), list(out_degrees)
        self.strict, self.activation, self.zeros = strict, activation, zeros
        before, after = np.array(self.in_degrees), np.array(self.out_degrees)
        compare = np.greater if strict else np.greater_equal
        self._mask = table(compare(after[None], before[:, None]))

    def build(self, input_shape: Shape) -> None:
        """Makes kernel and bias."""
        kernel, bias = "glorot_uniform", spread_bias(len(self.in_degrees))
        if self.zeros:
            kernel = bias = "zeros"
        shape = self._mask.shape
        self.kernel = self.add_weight(shape=shape, initializer=kernel, name="kernel")
        self.bias = self.add_weight(shape=shape[1:], initializer=bias, name="bias")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """`(batch, inputs)` to `(batch, outputs)`."""
        y = ops.matmul(x, ops.cast(self.masked_kernel(), x.dtype))
        return self.activate(y + ops.cast(self.bias, x.dtype))

    def masked_kernel(self) -> tf.Tensor:
        """The kernel, 0 at masked connections."""
        return self.kernel * ops.cast(self._mask, self.kernel.dtype)

    def activate(self, y: tf.Tensor) -> tf.Tensor:
        """The activation alone."""
        return keras.activations.get(self.activation)(y)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """One value per output degree."""
        return (*input_shape[:-1], len(self.out_degrees))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("in_degrees", "out_degrees", "strict", "activation", "zeros")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def made(
    size: int,
    outputs_per_value: int,
    *,
    units: Sequence[int] = (64, 64),
    activation: str = "relu",
    context_size: int = 0,
    dtype: Any = None,
) -> keras.Model:
    """A masked autoencoder for distribution estimation.

    The outputs for value i depend on the values before i and on the whole context. The
    last layer starts at 0.

    Args:
        size: Number of values.
        outputs_per_value: Outputs per value.
        units: Widths of the hidden layers.
        activation: Activation of the hidden layers.
        context_size: Number of further inputs, which all outputs see.
        dtype: Dtype policy of the layers, float32 or float64.

    Returns:
        A model from `(batch, size + context_size)`, with the context last, to
        `(batch, size * outputs_per_value)`, value by value.

    Raises:
        TypeError: If `units` is not a list or tuple.
        ValueError: If `units` are not integers > 0.

    References:
        Germain, Gregor, Murray and Larochelle, "MADE", 2015, section 4.
    """
    check_sizes(units, "units", empty=True)
    degrees = [*range(1, size + 1), *([0] * context_size)]
    wide = getattr(dtype, "compute_dtype", dtype)
    x = y = keras.Input((size + context_size,), name="x", dtype=wide)
    lowest = 0 if context_size else min(1, size - 1)
    for width in units:
        spread = _degrees(lowest, max(lowest, size - 1), width)
        y = MaskedDense(degrees, spread, activation=activation, dtype=dtype)(y)
        degrees = spread
    last = np.repeat(np.arange(1, size + 1), outputs_per_value).tolist()
    y = MaskedDense(degrees, last, strict=True, zeros=True, dtype=dtype)(y)
    return keras.Model(x, y, name="made")


class StepwiseMade:
    """Computes the outputs of a masked network value by value.

    The first layer's sums over the values so far are kept, and only the required
    outputs of the last layer are computed. So these two layers cost as much as in one
    call of the network in total, instead of one call per value.

    Args:
        network: A model from `made`.
        size: Its `size`.
    """

    def __init__(self, network: keras.Model, size: int) -> None:
        self._first, *self._inner = network.layers[1:]
        self._last = self._inner.pop() if self._inner else None
        self._size = size
        self._kernel = self._first.masked_kernel()
        if self._last is not None:
            self._last_kernel = self._by_value(self._last.masked_kernel())
            self._last_bias = self._by_value(self._last.bias[tf.newaxis])

    def start(self, context: tf.Tensor | None) -> tf.Tensor:
        """The first layer's sums before any value, for each row or one for all."""
        sums = self._first.bias[tf.newaxis]
        if context is None:
            return sums
        return sums + tf.cast(context, sums.dtype) @ self._kernel[self._size :]

    def add(self, sums: tf.Tensor, i: int | tf.Tensor, value: tf.Tensor) -> tf.Tensor:
        """Adds value `i`, `(batch, 1)`, to the sums."""
        return sums + tf.cast(value, sums.dtype) * tf.gather(self._kernel, i)

    def outputs(self, sums: tf.Tensor, i: int | tf.Tensor) -> tf.Tensor:
        """The outputs of value `i`, `(rows, outputs_per_value)`."""
        if self._last is None:
            return tf.gather(self._by_value(sums), i)
        hidden = self._first.activate(sums)
        for layer in self._inner:
            hidden = tf.cast(layer(hidden), self._last_kernel.dtype)
        return hidden @ tf.gather(self._last_kernel, i) + tf.gather(self._last_bias, i)

    def _by_value(self, columns: tf.Tensor) -> tf.Tensor:
        """`(rows, size * outputs_per_value)` to `(size, rows, outputs_per_value)`."""
        outputs = columns.shape[1] // self._size
        by_value = tf.reshape(columns, (-1, self._size, outputs))
        return tf.transpose(by_value, (1, 0, 2))


def spread_bias(inputs: int) -> keras.initializers.Initializer:
    """Biases uniform within 1 / sqrt(inputs).

    In a ReLU network with one or a few inputs, biases of 0 put all kinks at 0, and
    training has to pull them apart.
    """
    return keras.initializers.RandomUniform(-(inputs**-0.5), inputs**-0.5)


def _degrees(lowest: int, highest: int, width: int) -> list[int]:
    """All degrees in turn; some of them, with both ends, for a narrow layer."""
    count = highest - lowest + 1
    if width >= count:
        return (lowest + np.arange(width) % count).tolist()
    return np.linspace(highest, lowest, width).round().astype(int).tolist()
