"""The range of a network's outputs for any weights."""

import math
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from ..engine.internals import origin

ROWS, VALUES = 16, 2**20  # fewer rows of large examples
FIRST = ((10.0, 1.0),)  # scale of the weights (0 keeps them) and their sign
FURTHER = tuple((s, sign) for s in (1.0, 30.0, 1000.0, 0.0) for sign in (1.0, -1.0))
LOGIT = 2.0  # a probability of 0.12, which elu, selu, gelu and tanh cannot reach
Range = tuple[float, float]
Suits = Callable[[float, float], bool]


def logits(low: float, high: float) -> bool:
    """Whether a range of values suits inputs of a sigmoid or softplus."""
    return low < -LOGIT and high > LOGIT


def unbounded(low: float, high: float) -> bool:
    """Whether a range suits values of any scale."""
    return low < -1 or high > 1


def both_signs(low: float, high: float) -> bool:
    """Whether a range suits the mean of a latent vector."""
    return low < -0.5 and high > 0.5


def negative(low: float, high: float) -> bool:
    """Whether a range suits log variances, which must be able to be negative."""
    return low < -0.5


def pictures(low: float, high: float) -> bool:
    """Whether a range suits images in [-1, 1], black and white included."""
    return low < -0.9 and high > 0.9


def choices(low: float, high: float) -> bool:
    """Whether a range suits inputs of a softmax, which sees differences only."""
    return high - low > 2 * LOGIT


def anything(low: float, high: float) -> bool:
    """True: any range is suitable."""
    return True


def out_of_reach(
    network: keras.Model,
    suits: Sequence[Suits],
    *,
    output: int = 0,
    values: int | None = None,
) -> list[Range]:
    """Finds unsuitable ranges that parts of an output cannot leave.

    The last layers with weights and the layers after them are run on large random
    values, with random weights. So a last layer of zeros, or bounded hidden units, have
    no effect. The network is not changed.

    Args:
        network: A Functional or Sequential model.
        suits: For each equal part of the output's last axis, a function that says
            whether a range is suitable. If a range is suitable, so are wider ones.
        output: Number of the output.
        values: Number of values of the last axis, the first ones, that have parts. None
            means all.

    Returns:
        The range of each unsuitable part; empty if all are suitable.
    """
    probe, ranges = _Probe(network, output), [(np.inf, -np.inf) for _ in suits]
    for scale, sign in FIRST + FURTHER:
        try:
            parts = probe.parts(scale, sign, len(suits), values)
        except tf.errors.OpError:  # a layer takes only certain values
            return []
        for i, part in enumerate(parts):
            finite = part[np.isfinite(part)]
            low, high = ranges[i]
            ranges[i] = finite.min(initial=low), finite.max(initial=high)
        short = [
            (float(low), float(high))
            for (low, high), suit in zip(ranges, suits, strict=True)
            if low <= high and not suit(low, high)  # low > high if no value was finite
        ]
        if not short:
            return []
    return short


class _Probe:
    """Runs a network from the inputs of its last layers with weights."""

    def __init__(self, network: keras.Model, output: int) -> None:
        last = network.outputs[output]
        cut, self._layers = _last_layers(last)
        if any(None in tensor.shape[1:] for tensor in cut):
            cut = list(network.inputs)
        self._inputs, self._tail = cut, keras.Function(cut, last)
        largest = max(math.prod(tensor.shape[1:]) for tensor in cut)
        self._rows = min(max(VALUES // largest, 2), ROWS)
        self._random = np.random.default_rng(0)

    def parts(
        self, scale: float, sign: float, count: int, values: int | None
    ) -> list[np.ndarray]:
        """The output of one draw, split into parts."""
        inputs = [self._values(tensor) for tensor in self._inputs]
        with keras.StatelessScope(state_mapping=list(self._weights(scale, sign))):
            made = ops.cast(self._tail(inputs), "float32").numpy()
        return np.split(made[..., :values], count, axis=-1)

    def _values(self, tensor: keras.KerasTensor) -> keras.KerasTensor:
        """Rows of all scales from 0.1 to 1,000."""
        shape = tuple(tensor.shape)
        rows = shape[0] or self._rows
        if not keras.backend.is_float_dtype(tensor.dtype):
            values = self._random.integers(0, 2, (rows, *shape[1:]))
        else:
            values = self._random.standard_normal((rows, *shape[1:]), np.float32)
            powers = np.linspace(-1.0, 3.0, rows, dtype=np.float32).reshape(
                (-1,) + (1,) * len(shape[1:])
            )
            values = values * 10.0**powers
        return ops.convert_to_tensor(values, tensor.dtype)

    def _weights(self, scale: float, sign: float) -> Iterator[tuple]:
        if scale == 0:
            return
        for layer in self._layers:
            for weight in layer.trainable_weights or layer.weights:
                if keras.backend.is_float_dtype(weight.dtype):
                    values = sign * scale * self._random.standard_normal(weight.shape)
                    yield weight, ops.convert_to_tensor(values, weight.dtype)


def _last_layers(
    output: keras.KerasTensor,
) -> tuple[list[keras.KerasTensor], list[keras.Layer]]:
    """The last layers with weights before a tensor, and their inputs.

    A network within the network is run as a whole. Layers without trainable weights
    belong to the part after the last layers.
    """
    cut, found, seen, waiting = [], [], set(), [output]
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, inputs, index = origin(tensor)
        if not inputs:
            cut.append(tensor)
        elif _has_weights(operation):
            inner = getattr(operation, "outputs", None)
            layers = _last_layers(inner[index])[1] if inner else [operation]
            found += [layer for layer in layers if layer not in found]
            cut += inputs
        else:
            waiting += inputs
    return list({id(tensor): tensor for tensor in cut}.values()), found


def _has_weights(operation: keras.Operation) -> bool:
    if not isinstance(operation, keras.Layer):
        return False
    trainable = operation.trainable_weights
    return bool(trainable or (not operation.trainable and operation.weights))


def described(low: float, high: float) -> str:
    """Describes a range, with the activations that have such ranges."""
    if low >= 0:
        of = "sigmoid and softmax" if high <= 1 else "relu and softplus"
        return f"{'in [0, 1]' if high <= 1 else '>= 0'}, as with {of}"
    if high <= 0:
        return "<= 0"
    if low >= -1 and high <= 1:
        as_of = ", as with tanh" if high > 0.9 else ""
        return f"in [{low:.3g}, {high:.3g}]{as_of}"
    if high > LOGIT:
        return f"> {low:.3g}, as with elu and gelu"
    return f"in [{low:.3g}, {high:.3g}]"
