"""Networks of causal convolutions, evaluated pixel by pixel.

References:
    Ramachandran et al., "Fast generation for convolutional autoregressive models",
    2017.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from ..engine.internals import origin
from .causal import (
    CausalConvolution,
    Gate,
    OneHotLevels,
    PositionBias,
    VerticalStackConv2D,
)

Draw = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
Values = dict[int, Any]
CONSTANT, ROW, PIXEL = 0, 1, 2  # a tensor is computed once, per row, or per pixel
POINTWISE = (
    Gate,
    layers.Activation,
    layers.Add,
    layers.Concatenate,
    layers.Dense,
    layers.Multiply,
    OneHotLevels,
    PositionBias,
    layers.ReLU,
    layers.Rescaling,
)


def loop(step: Callable[..., tuple], start: tuple, count: int) -> tuple:
    """The state after `count` steps."""
    return tf.while_loop(lambda *_: True, step, start, maximum_iterations=count)


class Raster:
    """Causal convolutions, and layers that act on each pixel alone.

    All values have the axes `(rows, 1, width, channels)`, or a width of 1 for a single
    pixel or for values that are the same at all pixels. They are stored by the id of
    the network's own tensors.

    Args:
        network: The Functional model.

    Raises:
        ValueError: If it can see future pixels.
    """

    def __init__(self, network: keras.Model) -> None:
        self._x, self._raw = network.inputs[0], network.outputs[0]
        self._labels = network.inputs[1:]
        self._when = {id(self._x): PIXEL} | {id(y): CONSTANT for y in self._labels}
        self._sees_own = {id(self._x)}
        self._tensors: list[Any] = []
        self._above: list[tuple[CausalConvolution, Any]] = []
        self._left: list[tuple[CausalConvolution, Any]] = []
        self._biases: list[tuple[PositionBias, int]] = []
        self._visit(self._raw)
        if id(self._raw) in self._sees_own:
            raise ValueError(
                "network must not see the pixel that it predicts: make its first "
                "convolutions strict."
            )

    def _visit(self, tensor: Any) -> int:
        """When a tensor is known. Its inputs are visited first."""
        if id(tensor) in self._when:
            return self._when[id(tensor)]
        layer, inputs, _ = origin(tensor)
        when = max(self._visit(x) for x in inputs)
        sees_own = not self._sees_own.isdisjoint(map(id, inputs))
        self._check(layer, inputs, when)
        if isinstance(layer, CausalConvolution):
            is_above = isinstance(layer, VerticalStackConv2D)
            (self._above if is_above else self._left).append((layer, inputs[0]))
            when = ROW if is_above else PIXEL
            sees_own = sees_own and not layer.strict
        if isinstance(layer, PositionBias):
            self._biases.append((layer, when))
        self._when[id(tensor)] = when
        self._sees_own |= {id(tensor)} if sees_own else set()
        self._tensors.append(tensor)
        return when

    def _check(self, layer: keras.Operation, inputs: list[Any], when: int) -> None:
        """Raises ValueError unless the layer can be evaluated pixel by pixel."""
        if isinstance(layer, CausalConvolution):
            if when == PIXEL and isinstance(layer, VerticalStackConv2D) > layer.strict:
                raise ValueError(
                    f"network must not see future pixels, and {layer.name} sees pixels "
                    "on its right: make it strict."
                )
            if layer in [known for known, _ in (*self._above, *self._left)]:
                raise ValueError(
                    f"network must call each convolution once, and calls {layer.name} "
                    "twice: make two layers of it."
                )
        elif when != CONSTANT and not _is_pointwise(layer):
            raise ValueError(
                "network must be made of causal convolutions and layers that act on "
                f"each pixel alone, as in networks.gated_pixel_cnn, received "
                f"{layer.name}."
            )
        maps = [x.shape[1:-1] for x in inputs if self._when[id(x)] == CONSTANT]
        if when != CONSTANT and any(tuple(shape) != (1, 1) for shape in maps):
            raise ValueError(
                f"network: the input of {layer.name} from the labels must be the same "
                f"for all pixels, (batch, 1, 1, channels), received maps of {maps}."
            )

    def _value(self, tensor: Any, known: Values, local: Values) -> tf.Tensor:
        """Computes a value from known values and from local values by layer.

        Local values are the memory of convolutions, and the biases of the position.
        """
        if id(tensor) not in known:
            layer, inputs, _ = origin(tensor)
            if isinstance(layer, CausalConvolution):
                window = local[id(layer)]
                if not layer.strict:
                    own = self._value(inputs[0], known, local)
                    window = tf.concat([window, own], layer.axis)
                found = layer.window(window)
            else:
                values = [self._value(x, known, local) for x in inputs]
                bias = local.get(id(layer))
                if bias is not None:
                    found = values[0] + bias
                else:
                    found = layer(values if len(values) > 1 else values[0])
            known[id(tensor)] = tf.cast(found, tf.float32)
        return known[id(tensor)]

    def draw(self, draw: Draw, labels: tf.Tensor | None, rows: tf.Tensor) -> tf.Tensor:
        """See `draw_positions`."""
        height, width, channels = self._x.shape[1:]
        always = {id(y): labels for y in self._labels}
        for tensor in self._tensors_known(CONSTANT):
            self._value(tensor, always, {})

        def next_row(i: tf.Tensor, past: tuple, image: tf.Tensor) -> tuple:
            in_row, above = dict(always), _by_layer(self._above, past)
            above |= self._biases_at(ROW, i)
            for tensor in self._tensors_known(ROW):
                self._value(tensor, in_row, above)

            def draw_pixel(raw: tf.Tensor, j: tf.Tensor) -> tf.Tensor:
                return draw(raw[:, 0, 0], i * width + j)[:, tf.newaxis, tf.newaxis]

            biases = self._biases_at(PIXEL, i)
            lines = self._draw_row(draw_pixel, in_row, biases, rows)
            row = lines[id(self._x)]
            past = _moved(self._above, past, in_row | lines)
            place = tf.one_hot(i, height)[tf.newaxis, :, tf.newaxis, tf.newaxis]
            return i + 1, past, image + place * row

        shapes = [(layer.memory, width, x.shape[-1]) for layer, x in self._above]
        past = tuple(tf.zeros((rows, *shape)) for shape in shapes)
        start = (tf.constant(0), past, tf.zeros((rows, height, width, channels)))
        return loop(next_row, start, height)[-1]

    def _draw_row(
        self, draw: Draw, in_row: Values, biases: Values, rows: tf.Tensor
    ) -> Values:
        """The pixels of a row, and the inputs for convolutions of the rows below."""
        width = self._x.shape[2]
        seen = {id(x): x for _, x in self._above if self._when[id(x)] == PIXEL}
        seen[id(self._x)] = self._x

        def next_pixel(j: tf.Tensor, past: tuple, lines: tuple) -> tuple:
            known = {key: self._at(j, key, value) for key, value in in_row.items()}
            left = _by_layer(self._left, past)
            left |= {key: _column(j, bias) for key, bias in biases.items()}
            raw = self._value(self._raw, known, left)
            known[id(self._x)] = draw(raw, j)
            for _, x in self._left:
                self._value(x, known, left)
            place = tf.one_hot(j, width)[tf.newaxis, tf.newaxis, :, tf.newaxis]
            values = [self._value(x, known, left) for x in seen.values()]
            added = zip(lines, values, strict=True)
            lines = tuple(line + place * value for line, value in added)
            return j + 1, _moved(self._left, past, known), lines

        shapes = [(1, layer.memory, x.shape[-1]) for layer, x in self._left]
        past = tuple(tf.zeros((rows, *shape)) for shape in shapes)
        lines = tuple(tf.zeros((rows, 1, width, x.shape[-1])) for x in seen.values())
        lines = loop(next_pixel, (tf.constant(0), past, lines), width)[-1]
        return dict(zip(seen, lines, strict=True))

    def _tensors_known(self, when: int) -> list[Any]:
        return [tensor for tensor in self._tensors if self._when[id(tensor)] == when]

    def _at(self, j: tf.Tensor, key: int, value: tf.Tensor) -> tf.Tensor:
        """The value of pixel `j` of a row."""
        if self._when[key] == CONSTANT:
            return value
        return _column(j, value)

    def _biases_at(self, when: int, i: tf.Tensor) -> Values:
        """The biases of row `i` for tensors that are known then, by layer."""
        biases = [layer for layer, known in self._biases if known == when]
        return {id(layer): tf.gather(layer.bias, [i])[tf.newaxis] for layer in biases}


def _is_pointwise(layer: Any) -> bool:
    if isinstance(layer, layers.Conv2D):
        return (*layer.kernel_size, *layer.strides) == (1, 1, 1, 1)
    return isinstance(layer, POINTWISE)


def _column(j: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
    """The values of pixel `j` of a row."""
    return tf.gather(row, j, axis=2)[:, :, tf.newaxis]


def _by_layer(pairs: list[tuple[CausalConvolution, Any]], past: tuple) -> Values:
    return {id(layer): window for (layer, _), window in zip(pairs, past, strict=True)}


def _moved(
    pairs: list[tuple[CausalConvolution, Any]], past: tuple, known: Values
) -> tuple:
    """Moves the memory of convolutions by one position."""
    moved = []
    for (layer, x), window in zip(pairs, past, strict=True):
        longer = tf.concat([window, known[id(x)]], layer.axis)
        moved.append(longer[:, 1:] if layer.axis == 1 else longer[:, :, 1:])
    return tuple(moved)
