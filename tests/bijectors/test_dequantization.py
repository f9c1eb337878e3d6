"""Grey values, their cells, and the likelihood that a flow gives them."""

import math
import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import keras_gen as kg
from keras_gen import bijectors as bj
from keras_gen.random import RowNoise, row_seeds

RNG = np.random.default_rng(0)
LEVELS = 4


class NormalCdf(bj.LazyBijector):
    """From the real line to (0, 1): a normal base becomes uniform."""

    def prepare(self, data_shape, context_size=0):
        return data_shape

    def bijector(self, context=None):
        from tensorflow_probability import bijectors as tfb

        return tfb.NormalCDF()


def perturbed(model, spread=0.5):
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign_add(rng.normal(0, spread, weight.shape))
    return model


def variational(levels=LEVELS):
    couplings = [bj.Autoregressive(units=(8,), activation="tanh")]
    return bj.VariationalDequantization(couplings, levels)


KINDS = {"uniform": lambda: bj.UniformDequantization(LEVELS), "learned": variational}
kinds = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def two_pixels(kind):
    """A flow of two pixels that depend on each other."""
    random.seed(0)
    coupled = bj.Autoregressive(units=(8,), activation="tanh")
    layers = [bj.Logit(), bj.Flatten(), coupled]
    return perturbed(kg.Flow(layers, (1, 2, 1), dequantization=kind(), seed=0))


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_grey_values_and_their_cells(levels):
    dequantization = bj.UniformDequantization(levels)
    k = np.arange(levels)
    x = tf.constant(k / (levels - 1), tf.float32)
    middle = dequantization.middle(x)
    np.testing.assert_allclose(middle, (k + 0.5) / levels, atol=1e-6)
    np.testing.assert_allclose(dequantization.grey(middle), x, atol=1e-6)
    for u in (1e-6, 0.5, 1 - 1e-6):
        y = dequantization.spread(x, tf.constant(u, tf.float32)).numpy()
        np.testing.assert_allclose(y, (k + u) / levels, atol=1e-6)
    np.testing.assert_array_equal(dequantization.grey(tf.constant([-0.2, 1.2])), [0, 1])


def test_bytes_fall_into_their_cells():
    dequantization = bj.UniformDequantization()
    k = np.arange(256, dtype=np.uint8)
    x = kg.specs.Vectors(256, is_unit=True).as_input(tf.constant(np.tile(k, (50, 1))))
    noise = RowNoise(tf.constant(row_seeds(0, 50)))
    y, log_density = dequantization.draw(x, noise, None)
    np.testing.assert_array_equal(np.floor(y * 256), np.tile(k, (50, 1)))
    np.testing.assert_array_equal(log_density, np.zeros(50))


def test_points_stay_away_from_both_ends():
    """255 and a share of a cell that rounds to 1 must not give the value 1."""
    dequantization = bj.UniformDequantization()
    ends, shares = tf.constant([0.0, 1.0]), tf.constant([0.0, 1 - 2.0**-24])
    y = dequantization.spread(ends, shares)
    assert 0 < float(y[0]) < float(y[1]) < 1


def test_the_uniform_density_costs_8_bits():
    model = kg.Flow(
        [NormalCdf()], (4, 4, 1), dequantization=bj.UniformDequantization(256)
    )
    x = RNG.integers(0, 256, (20, 4, 4, 1)).astype(np.uint8)
    np.testing.assert_allclose(model.bits_per_dim(x), 8, rtol=0, atol=1e-5)
    expected = np.full(20, -16 * math.log(256))
    np.testing.assert_allclose(model.log_prob(x), expected, rtol=1e-6)


def test_bits_per_dim_are_those_of_the_formula():
    layers = [bj.Logit(), bj.ActNorm()]
    dequantization = bj.UniformDequantization(17)
    model = kg.Flow(layers, (8, 8, 1), dequantization=dequantization)
    perturbed(model)
    mean, log_scale = (float(w.numpy()[0]) for w in model.trainable_weights)
    k = RNG.integers(0, 17, (6, 8, 8, 1))
    u = RowNoise(row_seeds(5, 6)).uniform((8, 8, 1), 0).numpy()
    squeezed = 0.05 + 0.9 * (k + u.astype(np.float64)) / 17
    z = (np.log(squeezed / (1 - squeezed)) - mean) / np.exp(log_scale)
    log_prob = stats.norm.logpdf(z) - log_scale + np.log(0.9)
    log_prob -= np.log(squeezed * (1 - squeezed)) + np.log(17)
    expected = -log_prob.mean(axis=(1, 2, 3)) / np.log(2)
    found = model.bits_per_dim((k / 16).astype(np.float32), seed=5)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    noise = RowNoise(row_seeds(5, 6))
    x = tf.constant(k / 16, tf.float32)
    terms = model.loss_terms(x, None, noise, training=True)
    assert float(terms["bits_per_dim"]) == pytest.approx(expected.mean(), rel=1e-5)
    nats = expected.mean() * 64 * np.log(2)
    assert float(terms["loss"]) == pytest.approx(nats, rel=1e-5)


class GridNoise:
    """All noise of two values on a grid, with its density times the grid's cells."""

    def __init__(self, *, normal):
        side = np.linspace(-25, 25, 251) if normal else (np.arange(100) + 0.5) / 100
        x, y = (axis.ravel() for axis in np.meshgrid(side, side))
        self.values = np.stack([x, y], -1).astype(np.float32)
        density = stats.norm.logpdf(x) + stats.norm.logpdf(y) if normal else 0 * x
        self.log_shares = density + 2 * np.log(side[1] - side[0])

    def normal(self, shape, stream):
        return tf.reshape(self.values, (-1, *shape))

    uniform = normal


@kinds
def test_the_likelihood_of_grey_values_is_bounded_and_met_on_average(kind):
    """The mean of the weights is the probability, the mean of their logs is less."""
    model, fine = two_pixels(kind), 40
    noise = GridNoise(normal=kind is variational)
    shares = (np.arange(fine) + 0.5) / fine
    assert np.exp(noise.log_shares).sum() == pytest.approx(1, abs=1e-6)
    for k in ((0, 0), (3, 0), (1, 2)):
        points = [(i + shares) / LEVELS for i in k]
        grid = np.stack(np.meshgrid(*points), -1).reshape((-1, 1, 2, 1))
        density = np.exp(model._density(tf.constant(grid, tf.float32), None))
        exact = density.mean() / LEVELS**2
        x = np.float32(k).reshape((1, 1, 2, 1)) / (LEVELS - 1)
        x = tf.constant(np.tile(x, (len(noise.values), 1, 1, 1)))
        bounds = model._likelihood(x, None, noise).numpy().astype(np.float64)
        mean = np.exp(bounds + noise.log_shares).sum()
        assert mean == pytest.approx(exact, rel=2e-3)
        bound = (bounds * np.exp(noise.log_shares)).sum()
        assert bound < np.log(exact) - 1e-3


def test_gradients_reach_the_learned_dequantization():
    model = two_pixels(variational)
    x = tf.constant(RNG.integers(0, LEVELS, (8, 1, 2, 1)) / (LEVELS - 1), tf.float32)
    noise = RowNoise(tf.constant(row_seeds(3, 8)))
    with tf.GradientTape() as tape:
        loss = model.loss_terms(x, None, noise, training=True)["loss"]
    weights = model.dequantization.trainable_weights
    assert len(weights) == 4
    assert {id(w) for w in weights} <= {id(w) for w in model.trainable_weights}
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert np.abs(gradient).max() > 1e-6, weight.path


@pytest.mark.parametrize("levels", [1, 0])
def test_too_few_levels_are_refused(levels):
    with pytest.raises(ValueError, match=f"at least 2, received {levels}"):
        bj.UniformDequantization(levels)


@kinds
def test_a_dequantization_survives_saving(kind):
    config = keras.saving.serialize_keras_object(kind())
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.levels == LEVELS
    assert keras.saving.serialize_keras_object(copy) == config


def test_float64_inside_gives_float32():
    narrow, wide = two_pixels(variational), None
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        wide = two_pixels(variational)
    finally:
        keras.config.set_dtype_policy(before)
    wide.set_weights(narrow.get_weights())
    x = RNG.integers(0, LEVELS, (20, 1, 2, 1)) / (LEVELS - 1)
    bits = wide.bits_per_dim(x)
    assert bits.dtype == np.float32
    np.testing.assert_allclose(bits, narrow.bits_per_dim(x), rtol=1e-4)
