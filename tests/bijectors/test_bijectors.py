"""What every bijector promises: an inverse, the volume's change, gradients, files."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf


def inverse(case, x, context=None):
    """Latent side and log-determinant of tensors that no bijector remembers."""
    context = case.context if context is None else context
    bijector, x = case.layer.bijector(context), tf.identity(x)
    return bijector.inverse(x), bijector.inverse_log_det_jacobian(x, len(case.shape))


def forward(case, z, context=None):
    """Data and log-determinant of tensors that no bijector remembers."""
    context = case.context if context is None else context
    bijector, z = case.layer.bijector(context), tf.identity(z)
    ndims = len(case.latent_shape)
    return bijector.forward(z), bijector.forward_log_det_jacobian(z, ndims)


def assert_inverse(case, tolerance):
    z, to_latent = inverse(case, case.x)
    assert z.shape[1:] == case.latent_shape
    back, to_data = forward(case, z)
    np.testing.assert_allclose(back, case.x, rtol=0, atol=tolerance)
    np.testing.assert_allclose(
        to_data + tf.zeros(6, z.dtype), -to_latent, rtol=0, atol=tolerance
    )


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
    z, log_det = inverse(wide, wide.x)
    to_latent = jacobian(lambda x: inverse(wide, x)[0], wide.x)
    _, expected = np.linalg.slogdet(to_latent)
    np.testing.assert_allclose(log_det + 0 * expected, expected, rtol=0, atol=1e-8)
    to_data = jacobian(lambda z: forward(wide, z)[0], z)
    unit = np.eye(to_data.shape[-1])
    np.testing.assert_allclose(to_latent @ to_data, 0 * to_data + unit, atol=1e-8)


def test_every_weight_gets_a_gradient_of_the_likelihood(wide):
    weights = wide.layer.trainable_weights
    assert wide.fixed == (not weights)
    with tf.GradientTape() as tape:
        z, log_det = inverse(wide, wide.x)
        loss = tf.reduce_sum(z**2) / 2 - tf.reduce_sum(log_det)
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert np.isfinite(gradient).all(), weight.path
        assert np.abs(gradient).max() > 1e-6, weight.path


def test_extreme_values_stay_finite(narrow):
    values = (0.0, 1.0) if narrow.unit else (-1e4, 1e4)
    if narrow.name == "logit without margin":
        values = (2.0**-24, 1 - 2.0**-24)
    for value in values:
        x = tf.fill(narrow.x.shape, value)
        for result in inverse(narrow, x):
            assert np.isfinite(result).all(), value
    for value in (-1e4, 1e4):
        z = tf.fill((6, *narrow.latent_shape), value)
        x, log_det = forward(narrow, z)
        assert np.isfinite(x).all()
        assert np.isfinite(log_det).all()


def test_a_copy_from_its_configuration_is_the_same_bijector(wide):
    config = keras.saving.serialize_keras_object(wide.layer)
    copy = keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))
    assert type(copy) is type(wide.layer)
    assert copy.prepare(wide.shape, wide.context_size) == wide.latent_shape
    copy.set_weights(wide.layer.get_weights())
    again = SimpleNamespace(**{**vars(wide), "layer": copy})
    expected = inverse(wide, wide.x)
    for a, b in zip(inverse(again, wide.x), expected, strict=True):
        assert a.dtype == b.dtype == tf.float64
        np.testing.assert_array_equal(a, b)
    assert json.dumps(keras.saving.serialize_keras_object(copy)) == json.dumps(config)


@pytest.mark.parametrize("mixed", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_leaves_densities_in_float32(narrow, mixed, rebuild):
    half = rebuild(narrow.name, mixed)
    half.layer.set_weights(narrow.layer.get_weights())
    assert {w.dtype for w in half.layer.weights} <= {"float32"}
    results = inverse(half, half.x)
    for a, b in zip(results, inverse(narrow, narrow.x), strict=True):
        assert a.dtype == tf.float32
        np.testing.assert_array_equal(a, b)
    assert half.layer(half.x, half.context).dtype == tf.float32


def test_the_context_counts(wide):
    if wide.context is None:
        return
    z = inverse(wide, wide.x)[0]
    other = inverse(wide, wide.x, wide.context + 1)[0]
    changed = np.abs(z - other).reshape((6, -1)).max(axis=1)
    assert changed.min() > 1e-3
