"""Recurrent layers, for a whole sequence or one position at a time."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from keras import layers, ops

from ..serialization import register
from ..validation import Shape, check_positive, check_share
from .dropout import Dropout

State = tuple[tf.Tensor, ...]
Cell = Callable[[tf.Tensor, tf.Tensor, State], State]


def lstm(entered: tf.Tensor, recurrent: tf.Tensor, state: State) -> State:
    """A step of the LSTM: output and cell state.

    Args:
        entered: The gates' values from the inputs, `(batch, 4 * units)`.
        recurrent: The gates' values from the last output.
        state: The last output and cell state, `(batch, units)` each.
    """
    total = ops.split(entered + recurrent, 4, axis=-1)
    into, forget, out = (ops.sigmoid(total[i]) for i in (0, 1, 3))
    memory = forget * state[1] + into * ops.tanh(total[2])
    return out * ops.tanh(memory), memory


def gru(entered: tf.Tensor, recurrent: tf.Tensor, state: State) -> State:
    """A step of the GRU. The reset gate is applied after the recurrent product."""
    ours, theirs = (ops.split(part, 3, axis=-1) for part in (entered, recurrent))
    update, reset = (ops.sigmoid(ours[i] + theirs[i]) for i in range(2))
    proposed = ops.tanh(ours[2] + reset * theirs[2])
    return (update * state[0] + (1 - update) * proposed,)


CELLS = {"lstm": (lstm, 4, 2), "gru": (gru, 3, 1)}  # cell, its gates, its states


@register
class Recurrent(layers.Layer):
    """An LSTM or GRU, with a residual connection if input and output widths are equal.

    The gradient of the recurrent kernel is one product over all positions.

    Args:
        units: Number of units.
        cell: "lstm" or "gru".
        dropout: Dropout rate of the outputs, in [0, 1).
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Hochreiter and Schmidhuber, "Long short-term memory", 1997; Cho et al.,
        "Learning phrase representations using RNN encoder-decoder", 2014.

    Example:
        >>> layer = kg.networks.Recurrent(8, cell="gru")
        >>> layer(tf.zeros((2, 5, 8))).shape
        TensorShape([2, 5, 8])
    """

    def __init__(
        self, units: int, *, cell: str = "lstm", dropout: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_positive(units, "units", integer=True)
        check_share(dropout, "dropout")
        if cell not in CELLS:
            raise ValueError(
                f"cell must be one of {', '.join(CELLS)}, received {cell!r}."
            )
        self.units, self.cell, self.dropout = units, cell, dropout

    def build(self, input_shape: Shape) -> None:
        """Makes the weights for `(batch, positions, channels)`."""
        _, gates, _ = CELLS[self.cell]
        width = gates * self.units
        self.entry = layers.Dense(width, dtype=self.dtype_policy)
        self.entry.build(input_shape)
        if self.cell == "lstm":  # starts with an open forget gate
            is_forget = ops.repeat(ops.array([0.0, 1.0, 0.0, 0.0]), self.units)
            self.entry.bias.assign(is_forget)
        self.kernel = self.add_weight(
            (self.units, width), "orthogonal", name="recurrent_kernel"
        )
        self.bias = self.add_weight((width,), "zeros", name="recurrent_bias")
        self.drop = Dropout(self.dropout, dtype=self.dtype_policy)
        self.is_residual = input_shape[-1] == self.units

    def call(self, x: Any, *, training: bool = False) -> Any:
        """`(batch, positions, channels)` to `(batch, positions, units)`."""
        entered = tf.transpose(self.entry(x), (1, 0, 2))
        kernel, bias = (ops.cast(w, x.dtype) for w in (self.kernel, self.bias))
        cell, _, _ = CELLS[self.cell]
        y = scan(cell, entered, kernel, bias, self.start(tf.shape(x)[0]))
        y = self.drop(tf.transpose(y, (1, 0, 2)), training=training)
        return x + y if self.is_residual else y

    def start(self, rows: Any) -> State:
        """The state before the first position."""
        _, _, count = CELLS[self.cell]
        return (tf.zeros((rows, self.units), self.compute_dtype),) * count

    def step(self, x: Any, state: State, position: Any) -> tuple[Any, State]:
        """One position, `(batch, channels)`, and the state after it."""
        del position
        kernel, bias = (ops.cast(w, x.dtype) for w in (self.kernel, self.bias))
        cell, _, _ = CELLS[self.cell]
        state = cell(self.entry(x), state[0] @ kernel + bias, state)
        return (x + state[0] if self.is_residual else state[0]), state

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """`units` channels."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("units", "cell", "dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def scan(
    cell: Cell, entered: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, start: State
) -> tf.Tensor:
    """The outputs of a recurrent cell at all positions.

    Args:
        cell: A function from the gates' values, the recurrent values and the last state
            to the next state. The output is the first part of the state.
        entered: The gates' values from the inputs, `(positions, batch, width)`.
        kernel: `(units, width)`.
        bias: `(width,)`.
        start: The state before the first position. It gets no gradient.

    Returns:
        `(positions, batch, units)`.
    """

    @tf.custom_gradient
    def run(entered: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> Any:
        returned, *states = _states(cell, entered, kernel, bias, start)
        outputs = states[0][1:]
        before = [part[:-1] for part in states]

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
            given = entered, returned, before
            to_entered, to_returned = _backward(cell, given, kernel, upstream)
            rows = tf.reshape(before[0], (-1, kernel.shape[0]))
            flat = tf.reshape(to_returned, (-1, kernel.shape[1]))
            to_kernel = tf.matmul(rows, flat, transpose_a=True)
            return to_entered, to_kernel, tf.reduce_sum(flat, axis=0)

        return outputs, gradient

    return run(entered, kernel, bias)


def _states(
    cell: Cell, entered: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, start: State
) -> list[tf.Tensor]:
    """Recurrent values, `(positions, batch, width)`, and all states.

    The states are `(positions + 1, batch, units)` each, with the first state.
    """
    length = entered.shape[0]
    kept = [_array(entered.dtype, length + 1).write(0, part) for part in start]

    def body(i: tf.Tensor, state: State, backs: tf.TensorArray, kept: list) -> tuple:
        back = state[0] @ kernel + bias
        state = cell(entered[i], back, state)
        kept = [k.write(i + 1, part) for k, part in zip(kept, state, strict=True)]
        return i + 1, state, backs.write(i, back), kept

    begin = (tf.constant(0), start, _array(entered.dtype, length), kept)
    loop = (lambda i, *_: i < length, body, begin)
    _, _, backs, kept = tf.while_loop(*loop, maximum_iterations=length)
    return [part.stack() for part in (backs, *kept)]


def _backward(
    cell: Cell, given: tuple[Any, ...], kernel: tf.Tensor, upstream: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Gradients of the inputs' and the recurrent values, in the shape of `entered`."""
    entered, returned, before = given
    length = entered.shape[0]

    def body(i: tf.Tensor, after: State, kept: list[tf.TensorArray]) -> tuple:
        known = (entered[i], returned[i], tuple(part[i] for part in before))
        with tf.GradientTape() as tape:
            tape.watch(known)
            state = cell(*known)
        after = (after[0] + upstream[i], *after[1:])
        to_known = tape.gradient(
            state, known, after, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        to_entered, to_returned, (to_output, *rest) = to_known
        to_output += tf.matmul(to_returned, kernel, transpose_b=True)
        kept = [k.write(i, g) for k, g in zip(kept, to_known[:2], strict=True)]
        return i - 1, (to_output, *rest), kept

    none = tuple(tf.zeros_like(part[0]) for part in before)
    kept = [_array(entered.dtype, length) for _ in range(2)]
    loop = (lambda i, *_: i >= 0, body, (tf.constant(length - 1), none, kept))
    _, _, kept = tf.while_loop(*loop, maximum_iterations=length)
    return kept[0].stack(), kept[1].stack()


def _array(dtype: tf.DType, size: int) -> tf.TensorArray:
    return tf.TensorArray(dtype, size)
