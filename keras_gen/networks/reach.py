"""What a network can reach: the range of its outputs, whatever its weights are."""

import math
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from ..engine.internals import origin

ROWS, VALUES = 16, 2**20  # fewer rows of large examples
FIRST = ((10.0, 1.0),)  # scale of the weights (0 leaves them) and their sign
FURTHER = tuple((s, sign) for s in (1.0, 30.0, 1000.0, 0.0) for sign in (1.0, -1.0))
LOGIT = 2.0  # a probability of 0.12, below what elu, selu, gelu or tanh can say
Range = tuple[float, float]
Suits = Callable[[float, float], bool]


def logits(low: float, high: float) -> bool:
    """Whether values in this range do for what goes through a sigmoid or softplus."""
    return low < -LOGIT and high > LOGIT


def unbounded(low: float, high: float) -> bool:
    """Whether they do for values of any scale."""
    return low < -1 or high > 1


def both_signs(low: float, high: float) -> bool:
    """Whether they do for the mean of a latent vector."""
    return low < -0.5 and high > 0.5


def negative(low: float, high: float) -> bool:
    """Whether they do for the logarithm of a variance that is to become small."""
    return low < -0.5


def pictures(low: float, high: float) -> bool:
    """Whether they do for images on [-1, 1], black and white included."""
    return low < -0.9 and high > 0.9


def choices(low: float, high: float) -> bool:
    """Whether they do for what goes through a softmax, which sees differences."""
    return high - low > 2 * LOGIT


def anything(low: float, high: float) -> bool:
    """Any range does."""
    return True


def out_of_reach(
    network: keras.Model, suits: Sequence[Suits], *, output: int = 0
) -> list[Range]:
    """Ranges that parts of an output cannot leave, and that do not suit.

    What follows the last layers with weights is run on large random values, and so are
    those layers, with random weights in place of their own: a last layer of zeros, or
    hidden units that are bounded, do not count. The network stays as it is.

    Args:
        network: A Functional or Sequential model.
        suits: For each equal part of the output's last axis, whether a range will do;
            wider ranges do where narrower ones do.
        output: Number of the output.

    Returns:
        The range of each part that does not suit; empty if all is well.
    """
    probe, ranges = _Probe(network, output), [(np.inf, -np.inf) for _ in suits]
    for scale, sign in FIRST + FURTHER:
        try:
            parts = probe.parts(scale, sign, len(suits))
        except tf.errors.OpError:  # a layer takes only certain values
            return []
        for i, part in enumerate(parts):
            finite = part[np.isfinite(part)]
            low, high = ranges[i]
            ranges[i] = finite.min(initial=low), finite.max(initial=high)
        short = [
            (float(low), float(high))
            for (low, high), suit in zip(ranges, suits, strict=True)
            if low <= high and not suit(low, high)  # else no value was finite
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

    def parts(self, scale: float, sign: float, count: int) -> list[np.ndarray]:
        """The output of one draw, in so many parts."""
        inputs = [self._values(tensor) for tensor in self._inputs]
        with keras.StatelessScope(state_mapping=list(self._weights(scale, sign))):
            made = ops.convert_to_numpy(ops.cast(self._tail(inputs), "float32"))
        return np.split(made, count, axis=-1)

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
    """The layers whose weights come last before a tensor, and what enters them.

    Of a network within the network, the last layers have their weights, but all of it
    is run. Layers without weights, and with such as are not trained (statistics),
    belong to what follows.
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
    """A range in words, with what is known to make such ranges."""
    if low >= 0:
        of = "sigmoid and softmax" if high <= 1 else "relu and softplus"
        return f"{'in [0, 1]' if high <= 1 else 'at 0 or above'}, as of {of}"
    if high <= 0:
        return "at 0 or below"
    if low >= -1 and high <= 1:
        as_of = ", as of tanh" if high > 0.9 else ""
        return f"in [{low:.3g}, {high:.3g}]{as_of}"
    if high > LOGIT:
        return f"above {low:.3g}, as of elu and gelu"
    return f"in [{low:.3g}, {high:.3g}]"
