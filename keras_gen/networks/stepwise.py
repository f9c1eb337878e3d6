"""Autoregressive networks, evaluated position by position in one loop.

Layers keep their results for previous positions, so all positions together cost about
as much as a few calls of the whole network.
"""

import math

import keras
import tensorflow as tf
from keras import layers

from .made import MaskedDense, StepwiseMade
from .raster import Draw, Raster, loop
from .structure import input_shape, output_shape

AROUND_MADE = (
    layers.InputLayer,
    layers.Flatten,
    layers.Concatenate,
    layers.Reshape,
    keras.Model,
)


def check_autoregressive(network: keras.Model) -> tuple[int, ...]:
    """Checks a network that predicts each value from previous ones; returns the shape.

    Raises:
        TypeError: If it is not a built Functional or Sequential model.
        ValueError: If it can see a value that it predicts, or a future value.
    """
    shape, output = input_shape(network, "network"), output_shape(network, "network")
    if len(shape) not in (1, 3) or output[:-1] != shape[:2]:
        expected = "(batch, height, width, raw values)"
        raise ValueError(
            f"network must take images and return {expected}, or take vectors and "
            f"return (batch, features, raw values), received {shape} to {output}."
        )
    if _made(network) is None:
        if len(shape) == 1:
            raise ValueError(
                "network must be built by networks.pixel_made if data are vectors."
            )
        Raster(network)
    return shape


def draw_positions(
    network: keras.Model, draw: Draw, labels: tf.Tensor | None, rows: tf.Tensor
) -> tf.Tensor:
    """Draws the values of each position given the previous positions.

    Args:
        network: A network that passes `check_autoregressive`.
        draw: A function from raw values of a position, `(rows, raw_size)`, and its
            number to its values, `(rows, channels)`.
        labels: One-hot labels, `(rows, num_classes)`, or None.
        rows: Number of examples, int32.

    Returns:
        Examples, `(rows, *data_shape)`.
    """
    if _made(network) is None:
        return Raster(network).draw(draw, labels, rows)
    shape = network.inputs[0].shape[1:]
    size = math.prod(shape)
    stepwise = StepwiseMade(_made(network), size)

    def step(i: tf.Tensor, sums: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, ...]:
        value = draw(tf.cast(stepwise.outputs(sums, i), x.dtype), i)
        return i + 1, stepwise.add(sums, i, value), x + value * tf.one_hot(i, size)

    sums = stepwise.start(labels)
    sums += tf.zeros((rows, 1), sums.dtype)
    start = (tf.constant(0), sums, tf.zeros((rows, size)))
    return tf.reshape(loop(step, start, size)[-1], (-1, *shape))


def _made(network: keras.Model) -> keras.Model | None:
    """The masked network inside a `pixel_made`, or None for another network."""
    if not all(isinstance(layer, AROUND_MADE) for layer in network.layers):
        return None
    inner = [layer for layer in network.layers if isinstance(layer, keras.Model)]
    if len(inner) != 1:
        return None
    masked = all(isinstance(layer, MaskedDense) for layer in inner[0].layers[1:])
    return inner[0] if masked else None
