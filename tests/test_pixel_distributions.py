"""Probabilities of grey levels, and draws from uniform numbers."""

import itertools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from scipy.special import softmax

from keras_gen.distributions import (
    Bernoulli,
    Categorical,
    DiscretizedLogisticMixture,
)

RNG = np.random.default_rng(0)
CASES = {
    "bernoulli": (Bernoulli(), 1),
    "bernoulli, 2 channels": (Bernoulli(), 2),
    "categorical": (Categorical(5), 1),
    "categorical, 2 channels": (Categorical(3), 2),
    "one logistic": (DiscretizedLogisticMixture(1, 256), 1),
    "binary logistics": (DiscretizedLogisticMixture(2, 2), 2),
    "logistics of colours": (DiscretizedLogisticMixture(3, 5), 3),
}
cases = pytest.mark.parametrize(("law", "channels"), CASES.values(), ids=CASES)


def all_values(law, channels):
    """Every value of a pixel, `(levels**channels, channels)`."""
    levels = np.arange(law.levels, dtype=np.float32) / (law.levels - 1)
    return np.array(list(itertools.product(levels, repeat=channels)), np.float32)


def probabilities(law, raw, channels):
    x = all_values(law, channels)
    rows = np.repeat(raw[None], len(x), axis=0)
    return x, np.exp(law.log_prob(x, tf.constant(rows), 1).numpy().astype(np.float64))


@cases
def test_the_values_of_a_pixel_have_probabilities_that_sum_to_one(law, channels):
    for scale in (0.0, 1.0, 5.0):
        raw = np.float32(scale * RNG.normal(size=law.raw_size(channels)))
        _, found = probabilities(law, raw, channels)
        assert found.sum() == pytest.approx(1, abs=2e-5)
        if scale == 0 and not isinstance(law, DiscretizedLogisticMixture):
            np.testing.assert_allclose(found, 1 / law.levels**channels, rtol=1e-5)


@cases
def test_draws_have_the_probabilities(law, channels):
    """The last channel, given the others, from uniform numbers on a fine grid."""
    raw = np.float32(1.5 * RNG.normal(size=law.raw_size(channels)))
    x, found = probabilities(law, raw, channels)
    n = 20_000
    for before in RNG.random((4, channels - 1)):
        last = (np.arange(n) + 0.5)[:, None] / n
        uniform = np.hstack([np.tile(before, (n, 1)), last]).astype(np.float32)
        drawn = law.from_uniform(uniform, np.tile(raw, (n, 1))).numpy()
        first = drawn[0, :-1]
        np.testing.assert_array_equal(drawn[:, :-1], np.tile(first, (n, 1)))
        among = np.isclose(x[:, :-1], first).all(axis=1)
        assert (np.diff(drawn[:, -1]) >= 0).all()
        shares = np.isclose(drawn[:, -1], x[among, -1:]).mean(axis=1)
        np.testing.assert_allclose(
            shares, found[among] / found[among].sum(), atol=2 / n
        )


@cases
def test_the_first_channel_is_drawn_from_its_marginal(law, channels):
    raw = np.float32(RNG.normal(size=law.raw_size(channels)))
    x, found = probabilities(law, raw, channels)
    n = 20_000
    uniform = np.full((n, channels), 0.3, np.float32)
    uniform[:, 0] = (np.arange(n) + 0.5) / n
    drawn = law.from_uniform(uniform, np.tile(raw, (n, 1))).numpy()[:, 0]
    for level in np.unique(x[:, 0]):
        expected = found[np.isclose(x[:, 0], level)].sum()
        assert np.isclose(drawn, level).mean() == pytest.approx(expected, abs=2 / n)


def reference(law, x, raw):
    """PixelCNN++, eq. 1 to 3, value by value in float64, for three channels."""
    k, half = law.components, 1 / (law.levels - 1)
    parts = raw.astype(np.float64).reshape(10, k)
    coefficients = np.tanh(parts[7:])
    r, g, b = values = 2 * x.astype(np.float64) - 1
    means = parts[1:4] + (2 * np.arange(k) + 1) / k - 1  # side by side at 0
    means[1] += coefficients[0] * r
    means[2] += coefficients[1] * r + coefficients[2] * g
    joint = softmax(parts[0])
    for value, mean, log_scale in zip(values, means, parts[4:7], strict=True):
        scale = np.exp(np.maximum(log_scale - np.log(k), -7))
        logistic = stats.logistic(mean, scale)
        low = -np.inf if value < half - 1 else value - half
        high = np.inf if value > 1 - half else value + half
        joint = joint * (logistic.cdf(high) - logistic.cdf(low))
    return np.log(joint.sum())


@pytest.mark.parametrize("levels", [8, 256])
def test_the_mixture_of_colours_is_that_of_the_paper(levels):
    law = DiscretizedLogisticMixture(4, levels)
    raw = np.float32(RNG.normal(size=(20, law.raw_size(3))))
    x = RNG.integers(0, levels, (20, 3)) / (levels - 1)
    x[:4] = [[0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 0]]
    received = law.log_prob(np.float32(x), tf.constant(raw), 1)
    expected = [reference(law, *row) for row in zip(x, raw, strict=True)]
    np.testing.assert_allclose(received, expected, rtol=2e-5, atol=2e-5)


def test_the_components_of_a_mixture_part_in_training():
    """From raw values of 0 they learn two peaks, as one logistic could not."""
    law = DiscretizedLogisticMixture(2, 16)
    x = tf.constant([[3 / 15]] * 50 + [[12 / 15]] * 50)
    raw = tf.Variable(tf.zeros((1, law.raw_size(1))))
    optimizer = keras.optimizers.Adam(0.1)

    def loss():
        return -tf.reduce_mean(law.log_prob(x, tf.tile(raw, (100, 1)), 1))

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            value = loss()
        optimizer.apply([tape.gradient(value, raw)], [raw])

    optimizer.build([raw])
    for _ in range(200):
        step()
    assert float(loss()) == pytest.approx(np.log(2), abs=0.01)


@cases
def test_gradients_are_finite_for_extreme_outputs(law, channels):
    size = law.raw_size(channels)
    raw = tf.Variable([[30.0] * size, [-30.0] * size, *30 * RNG.normal(size=(9, size))])
    raw = tf.Variable(tf.cast(raw, tf.float32))
    for value in (0.0, 0.5, 1.0):
        x = tf.fill((11, channels), np.float32(law.nearest(np.float32(value))))
        with tf.GradientTape() as tape:
            log_prob = law.log_prob(x, raw, 1)
        assert np.isfinite(log_prob).all()
        assert np.isfinite(tape.gradient(log_prob, raw)).all()


@cases
def test_low_temperatures_draw_likely_values(law, channels):
    """At 1 nothing changes; near 0 a single value is left."""
    raw = np.float32(2 * RNG.normal(size=(1, law.raw_size(channels))))
    raw, uniform = np.tile(raw, (500, 1)), np.float32(RNG.random((500, channels)))
    plain, as_is, cold = (
        law.from_uniform(uniform, raw, *temperature).numpy()
        for temperature in ((), (np.ones((500, 1), np.float32),), (1e-6,))
    )
    np.testing.assert_array_equal(plain, as_is)
    assert len(np.unique(plain, axis=0)) > 1
    assert len(np.unique(cold, axis=0)) == 1


def test_temperature_divides_the_logits():
    uniform = np.float32((np.arange(10_000) + 0.5) / 10_000)[:, None]
    logits = np.tile(np.float32([[0.3, -1.0, 2.0]]), (10_000, 1))
    drawn = Categorical(3).from_uniform(uniform, logits, 2.0).numpy()[:, 0]
    shares = [(drawn == level / 2).mean() for level in range(3)]
    np.testing.assert_allclose(shares, softmax([0.15, -0.5, 1.0]), atol=2e-4)


@cases
def test_examples_count_as_the_nearest_level(law, channels):
    x = all_values(law, 1)
    moved = np.clip(x + np.float32(0.4 / (law.levels - 1)), 0, 1)
    np.testing.assert_allclose(law.nearest(moved), x, atol=1e-6)


@pytest.mark.parametrize(
    "law", sorted({law for law, _ in CASES.values()}, key=repr), ids=repr
)
def test_laws_survive_saving(law):
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(law)))
    assert keras.saving.deserialize_keras_object(config) == law


ERRORS = {
    "levels": lambda: Categorical(1),
    "levels ": lambda: DiscretizedLogisticMixture(3, 1),
    "components": lambda: DiscretizedLogisticMixture(0),
}


@pytest.mark.parametrize(("name", "build"), ERRORS.items(), ids=ERRORS)
def test_errors_name_the_argument(name, build):
    with pytest.raises(ValueError, match=name.strip()):
        build()
