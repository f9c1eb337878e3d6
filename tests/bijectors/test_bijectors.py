"""What every bijector promises: an inverse, the volume's change, gradients, files."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import bijectors


def assert_inverse(case, tolerance):
    z, to_latent = case.latent
    assert z.shape[1:] == case.latent_shape
    back, to_data = case.forward(z)
    np.testing.assert_allclose(back, case.x, rtol=0, atol=tolerance)
    np.testing.assert_allclose(to_data, -to_latent, rtol=0, atol=tolerance)


def test_each_direction_undoes_the_other(wide):
    assert_inverse(wide, 1e-9)


def test_each_direction_undoes_the_other_in_float32(narrow):
    assert_inverse(narrow, 1e-4)


def jacobian(function, x):
    """`(batch, values, values)` by automatic differentiation."""
    size = int(np.prod(x.shape[1:]))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tf.reshape(function(x), (-1, size))
    rows = tape.batch_jacobian(y, x, experimental_use_pfor=False)
    return tf.reshape(rows, (-1, size, size)).numpy()


def test_log_determinants_are_those_of_the_jacobian(wide):
    z, log_det = wide.latent
    to_latent = jacobian(wide.to_latent, wide.x)
    _, expected = np.linalg.slogdet(to_latent)
    np.testing.assert_allclose(log_det, expected, rtol=0, atol=1e-8)
    to_data = jacobian(wide.to_data, z)
    unit = np.eye(to_data.shape[-1])
    np.testing.assert_allclose(to_latent @ to_data, 0 * to_data + unit, atol=1e-8)


def test_every_weight_gets_a_gradient_of_the_likelihood(wide):
    weights = wide.layer.trainable_weights
    assert wide.fixed == (not weights)
    with tf.GradientTape() as tape:
        z, log_det = wide.inverse(wide.x)
        loss = tf.reduce_sum(z**2) / 2 - tf.reduce_sum(log_det)
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert np.isfinite(gradient).all(), weight.path
        assert np.abs(gradient).max() > 1e-6, weight.path


def test_names_of_operations_stay_short(narrow):
    """TFP names a composition after all its parts: the names filled the artifacts."""
    graph = tf.function(narrow.to_latent).get_concrete_function(narrow.x).graph
    assert max(len(op.name) for op in graph.get_operations()) < 200


def test_extreme_values_stay_finite(narrow):
    low, high = (0.0, 1.0) if narrow.unit else (-1e4, 1e4)
    if narrow.name == "logit without margin":
        low, high = 2.0**-24, 1 - 2.0**-24
    rows = np.array([0, 1] * 3, bool)

    def extreme(shape, low, high):
        choice = rows.reshape((-1, *(1 for _ in shape)))
        return tf.constant(np.where(choice, high, low) * np.ones(shape), tf.float32)

    for result in narrow.inverse(extreme(narrow.shape, low, high)):
        assert np.isfinite(result).all()
    for result in narrow.forward(extreme(narrow.latent_shape, -1e4, 1e4)):
        assert np.isfinite(result).all()


def test_a_copy_from_its_configuration_is_the_same_bijector(wide, rebuild):
    config = keras.saving.serialize_keras_object(wide.layer)
    copy = keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))
    assert type(copy) is type(wide.layer)
    assert json.dumps(keras.saving.serialize_keras_object(copy)) == json.dumps(config)
    assert copy.prepare(wide.shape, wide.context_size) == wide.latent_shape
    copy.set_weights(wide.layer.get_weights())
    again = rebuild(wide.name, "float64")
    again.layer = copy
    for a, b in zip(again.inverse(wide.x), wide.latent, strict=True):
        assert a.dtype == b.dtype == tf.float64
        np.testing.assert_array_equal(a, b)


HALF = {  # bijectors of every file, and a policy
    "activation normalization of images": "mixed_float16",
    "linear": "mixed_float16",
    "conditional spline coupling": "mixed_float16",
    "conditional coupling of images": "mixed_bfloat16",
    "conditional autoregressive": "mixed_float16",
    "planar": "mixed_bfloat16",
    "radial": "mixed_float16",
    "chain": "mixed_float16",
    "conditional glow": "mixed_bfloat16",
}


@pytest.mark.parametrize(("name", "mixed"), HALF.items())
def test_mixed_precision_leaves_densities_in_float32(name, mixed, rebuild):
    case, half = rebuild(name, "float32"), rebuild(name, mixed)
    half.layer.set_weights(case.layer.get_weights())
    assert {w.dtype for w in half.layer.weights} == {"float32"}
    assert half.layer(half.x, half.context).dtype == tf.float32
    for a, b in zip(half.latent, case.latent, strict=True):
        assert a.dtype == tf.float32
        np.testing.assert_array_equal(a, b)


def test_a_dtype_argument_counts_more_than_the_policy():
    coupling = bijectors.Coupling(units=(4,), dtype="float64")
    coupling.prepare((3,))
    assert {w.dtype for w in coupling.weights} == {"float64"}


def test_the_context_counts(wide):
    if wide.context is not None:
        other = wide.inverse(wide.x, wide.context + 1)[0]
        changed = np.abs(wide.latent[0] - other).reshape((6, -1)).max(axis=1)
        assert changed.min() > 1e-3


@pytest.mark.parametrize(
    "layer", [bijectors.Permutation(), bijectors.Flatten(), bijectors.Logit()]
)
def test_a_gradient_flows_though_the_result_is_known(layer):
    """TFP remembers what equal bijectors made of the same tensor."""
    layer.prepare((4,))
    x = tf.fill((2, 4), 0.3)
    known = layer(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        z = layer(x)
    np.testing.assert_array_equal(z, known)
    assert np.abs(tape.gradient(z, x)).min() > 0.5


def test_the_middle_value_of_an_odd_number_is_moved(rebuild):
    """Two couplings in turn move every value by the others."""
    case = rebuild("nice", "float64")
    pair = bijectors.Chain(case.layer.bijectors[1:3], dtype="float64")
    to_latent = jacobian(lambda x: pair(x), case.x)
    assert (np.abs(to_latent - np.eye(3)).max(axis=(0, 2)) > 1e-3).all()
