"""Who sees whom in a masked network."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen.bijectors import Autoregressive, RationalQuadraticSpline
from keras_gen.networks.made import MaskedDense, StepwiseMade, made

RNG = np.random.default_rng(0)


def perturbed(network):
    for weight in network.weights:
        weight.assign_add(RNG.normal(0, 0.5, weight.shape))
    return network


def sensitivity(network, size):
    """Largest change of the outputs of value i by input j: `(outputs, inputs)`."""
    x = tf.constant(RNG.normal(size=(8, network.input_shape[-1])), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = network(x)
    rows = tape.batch_jacobian(y, x, experimental_use_pfor=False)
    by_value = tf.reshape(rows, (8, size, -1, x.shape[1]))
    return np.abs(by_value).max(axis=(0, 2))


@pytest.mark.parametrize("context_size", [0, 2])
@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("units", [(16,), (12, 20)])
def test_outputs_see_all_inputs_before_theirs_and_no_other(size, context_size, units):
    options = {"units": units, "activation": "tanh", "context_size": context_size}
    network = perturbed(made(size, 3, **options))
    found = sensitivity(network, size)
    before = np.tri(size, k=-1, dtype=bool)
    assert (found[:, :size][~before] == 0).all()
    assert (found[:, :size][before] > 1e-6).all()
    assert (found[:, size:] > 1e-6).all()


def test_hidden_biases_are_spread_and_the_last_layer_starts_at_0():
    """Else the kinks of a network of one input would all be at 0."""
    first, second, last = made(4, 2, units=(64, 64)).layers[1:]
    for layer, inputs in ((first, 4), (second, 64)):
        bias = layer.bias.numpy()
        assert np.abs(bias).max() <= inputs**-0.5
        assert bias.std() > 0.4 * inputs**-0.5  # of a uniform one: 0.577
    assert all((weight.numpy() == 0).all() for weight in last.weights)


@pytest.mark.parametrize("units", [(0,), (4, "a"), 8])
def test_widths_are_integers_above_0(units):
    with pytest.raises(ValueError, match="units"):
        made(3, 2, units=units)


@pytest.mark.parametrize("units", [(3,), (2, 5), (1,)])
def test_a_narrow_network_leaves_no_input_unseen(units):
    network = perturbed(made(10, 1, units=units, activation="tanh"))
    found = sensitivity(network, 10)
    assert (found[np.triu_indices(10)] == 0).all()
    assert (found[-1, :-1] > 0).all()


@pytest.mark.parametrize("context_size", [0, 2])
@pytest.mark.parametrize("units", [(), (16,), (12, 20)])
def test_value_by_value_the_outputs_are_those_of_the_whole_network(units, context_size):
    options = {"units": units, "activation": "tanh", "context_size": context_size}
    network = perturbed(made(5, 3, **options, dtype="float64"))
    x, context = RNG.normal(size=(8, 5)), RNG.normal(size=(8, context_size))
    whole = tf.reshape(network(np.concatenate([x, context], 1)), (8, 5, 3))
    steps = StepwiseMade(network, 5)
    sums = steps.start(tf.constant(context) if context_size else None)
    for i in range(5):
        rows = steps.outputs(sums, i) + np.zeros((8, 1))
        np.testing.assert_allclose(rows, whole[:, i], atol=1e-12)
        sums = steps.add(sums, i, tf.constant(x[:, i : i + 1]))


def test_outputs_begin_at_zero():
    network = made(4, 2, units=(8,))
    assert (network(tf.ones((3, 4))).numpy() == 0).all()


def test_a_masked_layer_survives_saving():
    layer = MaskedDense([1, 2], [1, 2, 2], strict=True, activation="tanh")
    layer.build((None, 2))
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    copy = keras.saving.deserialize_keras_object(config)
    copy.set_weights(layer.get_weights())
    x = tf.constant(RNG.normal(size=(4, 2)), tf.float32)
    np.testing.assert_array_equal(copy(x), layer(x))
    before = copy(tf.concat([x[:, :1], 9 + x[:, 1:]], axis=1)).numpy()
    np.testing.assert_array_equal(before, layer(x))


@pytest.mark.parametrize("transform", [None, RationalQuadraticSpline(num_bins=4)])
def test_jacobians_of_autoregressive_layers_are_triangular(transform):
    layer = Autoregressive(transform, units=(16,), activation="tanh")
    layer.prepare((4,), 2)
    perturbed(layer.network)
    x = tf.constant(RNG.normal(size=(6, 4)), tf.float32)
    context = tf.constant(RNG.normal(size=(6, 2)), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        z = layer(x, context)
    rows = tape.batch_jacobian(z, x, experimental_use_pfor=False).numpy()
    assert (rows[:, np.triu(np.ones((4, 4), bool), 1)] == 0).all()
    assert (np.abs(rows).max(axis=0)[np.tri(4, dtype=bool)] > 1e-6).all()
    diagonal = np.diagonal(rows, axis1=1, axis2=2)
    assert (diagonal > 0).all()
    log_det = layer.bijector(context).inverse_log_det_jacobian(tf.identity(x), 1)
    np.testing.assert_allclose(log_det, np.log(diagonal).sum(1), rtol=0, atol=1e-4)
