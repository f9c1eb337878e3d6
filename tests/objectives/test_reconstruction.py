import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, log_expit

from keras_gen import specs
from keras_gen.distributions import Bernoulli
from keras_gen.objectives import BinaryCrossEntropy, MixedError, SquaredError

RNG = np.random.default_rng(0)
X = RNG.random((3, 4, 4, 2)).astype(np.float32)
RAW = RNG.normal(size=X.shape).astype(np.float32)
CASES = {  # the error, its link and the closed form of one value
    "cross-entropy": (
        BinaryCrossEntropy(),
        expit,
        lambda x, raw: -x * log_expit(raw) - (1 - x) * log_expit(-raw),
    ),
    "squared": (SquaredError(), expit, lambda x, raw: (x - expit(raw)) ** 2),
    "squared, free": (
        SquaredError(unit_interval=False),
        np.array,
        lambda x, raw: (x - raw) ** 2,
    ),
}
cases = pytest.mark.parametrize(
    ("error", "link", "closed_form"), CASES.values(), ids=CASES
)


@cases
@pytest.mark.parametrize("scale", [1, 60])
def test_error_and_link_are_the_closed_forms(error, link, closed_form, scale):
    raw = scale * RAW
    expected = closed_form(X.astype(float), raw.astype(float)).sum((1, 2, 3))
    np.testing.assert_allclose(error(X, raw), expected, rtol=1e-5)
    np.testing.assert_allclose(error.link(raw), link(raw.astype(float)), atol=1e-6)
    assert error.unit_interval in (None, link is expit)  # None is for data in [0, 1]


@cases
def test_error_is_least_where_the_link_gives_the_example(error, link, closed_form):
    raw = np.log(X / (1 - X)) if error.unit_interval is not False else X
    raw = tf.Variable(raw)
    with tf.GradientTape() as tape:
        least = error(X, raw)
    np.testing.assert_allclose(error.link(raw), X, atol=1e-6)
    np.testing.assert_allclose(tape.gradient(least, raw), 0, atol=1e-6)
    assert (error(X, raw + 0.1 * RAW).numpy() > least.numpy()).all()


def test_cross_entropy_is_minus_the_bernoulli_log_prob():
    log_prob = Bernoulli().log_prob(X, tf.constant(RAW), event_rank=3)
    np.testing.assert_allclose(BinaryCrossEntropy()(X, RAW), -log_prob, rtol=1e-5)


def test_a_missing_number_of_a_table_costs_its_flag_alone():
    """And a known one its flag too: log 2 each, besides half the square of 3."""
    table = specs.Columns([specs.Numeric("a", has_missing=True)])
    known_and_missing = tf.constant([[3.0, 1, 0], [3.0, 0, 1]])
    found = MixedError(table)(known_and_missing, tf.zeros((2, 3)))
    np.testing.assert_allclose(found, [4.5 + np.log(2), np.log(2)], rtol=1e-6)


@cases
def test_survives_saving(error, link, closed_form):
    config = keras.saving.serialize_keras_object(error)
    assert keras.saving.deserialize_keras_object(config) == error
