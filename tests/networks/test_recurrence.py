"""The recurrent layers against those of Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen.networks import Recurrent

from ..marks import but_slow

UNITS, CHANNELS = 5, 3


def pair(cell, jit_compile):
    """Our layer and Keras' with the same weights, as functions of `(x, upstream)`."""
    rng = np.random.default_rng(0)
    ours = Recurrent(UNITS, cell=cell)
    ours.build((None, None, CHANNELS))
    for weight in ours.trainable_variables:
        weight.assign(rng.normal(size=weight.shape))
    theirs = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[cell]
    theirs = theirs(UNITS, return_sequences=True)
    theirs.build((None, None, CHANNELS))
    biases = [ours.entry.bias.numpy(), ours.bias.numpy()]
    theirs.cell.kernel.assign(ours.entry.kernel)
    theirs.cell.recurrent_kernel.assign(ours.kernel)
    theirs.cell.bias.assign(sum(biases) if cell == "lstm" else np.stack(biases))

    def of(layer, weights):
        @tf.function(jit_compile=jit_compile)
        def gradients(x, upstream):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer(x)
                total = tf.reduce_sum(y * upstream)
            return y, tape.gradient(total, [x, *(w.value for w in weights)])

        return gradients

    cell = theirs.cell
    return (
        of(ours, [ours.entry.kernel, ours.kernel, ours.entry.bias]),
        of(theirs, [cell.kernel, cell.recurrent_kernel, cell.bias]),
    )


@pytest.mark.parametrize("jit_compile", but_slow([False, True], [True]))
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_outputs_and_gradients_are_those_of_keras(cell, jit_compile):
    ours, theirs = pair(cell, jit_compile)
    rng = np.random.default_rng(1)
    x, upstream = (
        tf.constant(rng.normal(size=(2, 7, n)), tf.float32) for n in (CHANNELS, UNITS)
    )
    y, gradients = ours(x, upstream)
    expected, others = theirs(x, upstream)
    np.testing.assert_allclose(y, expected, atol=1e-5)
    for gradient, other in zip(gradients, others, strict=True):
        other = other[0] if other.shape.rank > gradient.shape.rank else other
        np.testing.assert_allclose(gradient, other, atol=1e-4)
        assert np.abs(other).max() > 0.1


def test_an_lstm_remembers_at_first():
    layer = Recurrent(UNITS)
    layer.build((None, None, CHANNELS))
    bias = layer.entry.bias.numpy().reshape(4, UNITS)
    np.testing.assert_array_equal(bias, [[0] * UNITS, [1] * UNITS] + [[0] * UNITS] * 2)


def test_equal_widths_are_added():
    x = tf.ones((1, 4, UNITS))
    layer = Recurrent(UNITS)
    y = layer(x)
    layer.is_residual = False
    np.testing.assert_allclose(y, x + layer(x), atol=1e-6)
