"""The second tasks of a discriminator: class cross-entropy, bounds on information."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from scipy.special import log_softmax

import keras_gen as kg
from keras_gen.random import normal, row_seeds

RNG = np.random.default_rng(0)
HEAD = np.array([[2.0, 0.0, -1.0], [0.0, 0.0, 0.0], [-1.0, 3.0, 1.0]], "float32")
LABELS = np.array([0, 2, 2])
# -log softmax by hand: log(e^2 + 1 + e^-1) - 2, log 3, log(e^-1 + e^3 + e) - 1
NATS = np.array([0.16984602, 1.09861229, 2.14293163])
LATENT = tf.zeros((3, 4))


def test_the_classifier_pays_the_cross_entropy_of_the_labels():
    task = kg.AuxiliaryClassifier(weight=0.5)
    expected = -0.5 * log_softmax(HEAD.astype(float), axis=1)[range(3), LABELS]
    np.testing.assert_allclose(expected, 0.5 * NATS, rtol=1e-6)
    for found in (task.real_loss(HEAD, LABELS), task.fake_loss(HEAD, LABELS, LATENT)):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_classifier_reports_how_often_it_is_right_on_both_kinds():
    terms = kg.AuxiliaryClassifier().terms(HEAD, -HEAD, LABELS, LATENT)
    found = {name: float(value) for name, value in terms.items()}
    assert found == pytest.approx({"class_accuracy": 1 / 3, "fake_class_accuracy": 0})


def test_a_large_logit_costs_a_finite_number_of_nats():
    head = np.array([[1000.0, 0.0]], "float32")
    task = kg.AuxiliaryClassifier()
    assert float(task.real_loss(head, [0])[0]) == 0
    assert float(task.real_loss(head, [1])[0]) == 1000


def noise(n, size, seed=0):
    return normal(row_seeds(seed, n), (size,)).numpy()


def test_a_code_is_the_position_of_the_largest_value():
    drawn = noise(4000, 7)
    latent = kg.InfoGAN(5, 1).latent(tf.constant(drawn)).numpy()
    np.testing.assert_array_equal(latent[:, :5], np.eye(5)[drawn[:, :5].argmax(1)])
    np.testing.assert_array_equal(latent[:, 5:], drawn[:, 5:])
    for count in latent[:, :5].sum(0):
        assert 0.001 < stats.binomtest(int(count), 4000, 1 / 5).pvalue


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_equal_values_still_give_one_category(value):
    latent = kg.InfoGAN(3, 0).latent(tf.fill((2, 5), value))
    np.testing.assert_array_equal(latent, [[1, 0, 0, value, value]] * 2)


def test_without_categories_the_noise_stays():
    drawn = noise(4, 3)
    latent = kg.InfoGAN(0, 2).latent(tf.constant(drawn))
    np.testing.assert_array_equal(latent, drawn)


def information(task, head, latent):
    return [part.numpy() for part in task.information(head, tf.constant(latent))]


@pytest.mark.parametrize("categories", [2, 10])
def test_a_head_that_knows_the_category_has_log_k_nats(categories):
    task = kg.InfoGAN(categories, 0)
    latent = task.latent(tf.constant(noise(50, categories))).numpy()
    categorical, continuous = information(task, 1000 * latent, latent)
    np.testing.assert_allclose(categorical, np.log(categories), rtol=1e-6)
    np.testing.assert_array_equal(continuous, 0)


def test_a_head_that_ignores_the_code_has_no_information():
    task = kg.InfoGAN(4, 2)
    latent = task.latent(tf.constant(noise(4000, 6))).numpy()
    still = np.zeros((4000, 8), "float32")
    categorical, continuous = information(task, still, latent)
    np.testing.assert_allclose(categorical, 0, atol=1e-6)
    assert abs(continuous.mean()) < 4 * continuous.std() / np.sqrt(4000)
    guessing = np.tile(RNG.normal(size=8).astype("float32"), (4000, 1))
    for part in information(task, guessing, latent):
        assert part.mean() < -0.01


CHANNEL = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5]])


def test_the_posterior_of_a_channel_reaches_its_mutual_information():
    joint = CHANNEL / 3  # p(code, symbol)
    symbol = joint.sum(0)
    mutual = np.sum(joint * np.log(joint / (symbol / 3)))
    posterior = np.log(joint / symbol).T  # a row per symbol
    codes, symbols = (axis.ravel() for axis in np.indices((3, 3)))
    task, latent = kg.InfoGAN(3, 0), np.eye(3, dtype="float32")[codes]

    def bound(logits):
        categorical, _ = information(task, logits[symbols].astype("float32"), latent)
        return np.sum(joint.ravel() * categorical)

    assert bound(posterior) == pytest.approx(mutual, rel=1e-5)
    assert bound(posterior + RNG.normal(0, 0.5, (3, 3))) < mutual - 0.01


def test_the_posterior_of_a_noisy_line_reaches_its_mutual_information():
    """x = c + s e has I(c; x) = log(1 + 1 / s^2) / 2 and a normal posterior."""
    n, s = 20_000, 0.5
    c, e = noise(n, 2).T
    x, variance = c + s * e, s**2 / (1 + s**2)
    task = kg.InfoGAN(0, 1)
    head = np.stack([x / (1 + s**2), np.full(n, np.log(variance))], axis=1)
    _, continuous = information(task, head.astype("float32"), c[:, None])
    expected = 0.5 * np.log(1 + 1 / s**2)
    error = 4 * continuous.std() / np.sqrt(n)
    assert continuous.mean() == pytest.approx(expected, abs=error)
    worse = np.stack([x, np.full(n, np.log(variance))], axis=1).astype("float32")
    _, continuous = information(task, worse, c[:, None])
    assert continuous.mean() < expected - 0.05


def test_the_bounds_are_log_densities_above_the_entropy():
    task = kg.InfoGAN(2, 2, weight=3.0, continuous_weight=0.5)
    latent = np.array([[1, 0, 0.5, -1.0, 9.0], [0, 1, 2.0, 0.0, 9.0]], "float32")
    head = RNG.normal(size=(2, 6)).astype("float32")
    categorical, continuous = information(task, head, latent)
    log_q = log_softmax(head[:, :2].astype(float), axis=1)[[0, 1], [0, 1]]
    np.testing.assert_allclose(categorical, log_q + np.log(2), rtol=1e-5)
    mean, log_var = head[:, 2:4].astype(float), head[:, 4:].astype(float)
    density = stats.norm(mean, np.exp(log_var / 2)).logpdf(latent[:, 2:4])
    entropy = stats.norm().entropy()
    np.testing.assert_allclose(continuous, (density + entropy).sum(1), rtol=1e-5)
    loss = task.fake_loss(head, None, tf.constant(latent))
    np.testing.assert_allclose(loss, -3 * categorical - 0.5 * continuous, rtol=1e-5)
    np.testing.assert_array_equal(task.real_loss(head, None), [0, 0])
    (term,) = task.terms(head, head, None, tf.constant(latent)).values()
    assert float(term) == pytest.approx((categorical + continuous).mean(), rel=1e-5)


def test_chosen_codes_reach_the_generator():
    task, drawn = kg.InfoGAN(4, 2), noise(6, 9)
    chosen = task.with_codes(drawn, category=2, continuous={1: -1.5})
    latent = task.latent(tf.constant(chosen)).numpy()
    np.testing.assert_array_equal(latent[:, :4], np.eye(4)[[2] * 6])
    np.testing.assert_array_equal(latent[:, 5], -1.5)
    for kept in (4, 6, 7, 8):
        np.testing.assert_array_equal(latent[:, kept], drawn[:, kept])
    np.testing.assert_array_equal(drawn, noise(6, 9))


WRONG = {
    "one category": (lambda: kg.InfoGAN(1), "received 1 and 2"),
    "negative": (lambda: kg.InfoGAN(3, -1), "received 3 and -1"),
    "no code": (lambda: kg.InfoGAN(0, 0), "number of codes must be > 0"),
    "weight": (lambda: kg.InfoGAN(weight=0), "weight must be > 0"),
    "continuous weight": (
        lambda: kg.InfoGAN(continuous_weight=-1.0),
        "continuous_weight must be > 0, received -1",
    ),
    "classifier": (lambda: kg.AuxiliaryClassifier(-2.0), "weight must be > 0"),
    "category": (
        lambda: kg.InfoGAN(3).with_codes(noise(2, 5), category=3),
        r"category must be in \[0, 3\), received 3",
    ),
    "number of a code": (
        lambda: kg.InfoGAN(3, 1).with_codes(noise(2, 5), continuous={1: 0.0}),
        r"keys in \[0, 1\), received 1",
    ),
    "unconditional": (
        lambda: kg.AuxiliaryClassifier().head_size(None, 5),
        "requires a class-conditional generator",
    ),
    "conditional": (
        lambda: kg.InfoGAN().head_size(10, 50),
        "no labels, received one with 50 values, and labels of 10 classes",
    ),
    "short noise": (
        lambda: kg.InfoGAN(3, 2).head_size(None, 4),
        "at least 5 values of noise and no labels, received one with 4 values",
    ),
}


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_wrong_values_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("name", ["categories", "continuous"])
def test_numbers_of_codes_are_integers(name):
    with pytest.raises(TypeError, match=f"{name} must be an int, received 2.5"):
        kg.InfoGAN(**{name: 2.5})
