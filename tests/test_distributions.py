import json
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from scipy.special import expit

from keras_gen.distributions import (
    Bernoulli,
    DiscretizedLogistic,
    Gaussian,
    GaussianMixture,
    LearnedGaussian,
    Prior,
    StandardNormal,
    normal,
)

RNG = np.random.default_rng(0)
GREY = RNG.random((4, 3, 3, 2))
BINARY = np.round(GREY)
FREE = 3 * RNG.normal(size=GREY.shape)


def softplus(x):
    return np.logaddexp(0, x)


def scipy_gaussian(x, raw, *, scale, link=expit):
    return stats.norm(link(raw), scale).logpdf(x)


def scipy_learned(x, raw, *, min_scale, link=expit):
    mean, raw_scale = np.split(raw, 2, axis=-1)
    return stats.norm(link(mean), min_scale + softplus(raw_scale)).logpdf(x)


def scipy_logistic(x, raw, *, levels):
    centre, raw_scale = np.split(raw, 2, axis=-1)
    step = 1 / (levels - 1)
    law = stats.logistic(centre, 0.1 * step + softplus(raw_scale))
    level = np.round(x * (levels - 1))
    low = np.where(level == 0, -np.inf, (level - 0.5) * step)
    high = np.where(level == levels - 1, np.inf, (level + 0.5) * step)
    left_tail, right_tail = law.cdf(high) - law.cdf(low), law.sf(low) - law.sf(high)
    return np.log(np.where(low < centre, left_tail, right_tail))


LIKELIHOODS = {
    "bernoulli": (
        Bernoulli(),
        BINARY,
        lambda x, raw: stats.bernoulli(expit(raw)).logpmf(x),
    ),
    "gaussian": (Gaussian(), GREY, partial(scipy_gaussian, scale=0.1)),
    "gaussian, free mean": (
        Gaussian(scale=2.0, unit_interval=False),
        FREE,
        partial(scipy_gaussian, scale=2.0, link=np.array),
    ),
    "learned gaussian": (
        LearnedGaussian(),
        GREY,
        partial(scipy_learned, min_scale=0.01),
    ),
    "learned gaussian, free mean": (
        LearnedGaussian(min_scale=0.5, unit_interval=False),
        FREE,
        partial(scipy_learned, min_scale=0.5, link=np.array),
    ),
    "logistic, 256 levels": (
        DiscretizedLogistic(),
        GREY,
        partial(scipy_logistic, levels=256),
    ),
    "logistic, 4 levels": (
        DiscretizedLogistic(levels=4),
        GREY,
        partial(scipy_logistic, levels=4),
    ),
}
likelihoods = pytest.mark.parametrize(
    ("likelihood", "x", "reference"), LIKELIHOODS.values(), ids=LIKELIHOODS
)
WEIGHTS = np.array([0.5, 0.3, 0.2])
MEANS = np.array([[-4.0, 0.0], [0.0, 5.0], [6.0, -1.0]])
COVARIANCES = np.array(
    [[[1.0, 0.5], [0.5, 2.0]], [[0.3, 0.0], [0.0, 0.1]], [[1.0, -0.8], [-0.8, 1.0]]]
)
MIXTURE = GaussianMixture.from_moments(WEIGHTS, MEANS, COVARIANCES)
SINGLE = GaussianMixture.from_moments([1.0], np.zeros((1, 2)), np.eye(2)[None])
POSTERIOR_MEAN = np.float32([[0.0, 1.5], [-0.7, 0.2], [0.0, 0.0]])
POSTERIOR_SCALE = np.float32([[0.5, 1.0], [2.0, 0.1], [1.0, 1.0]])


@likelihoods
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log_prob_is_the_closed_form(likelihood, x, reference, dtype):
    channels = x.shape[-1] * likelihood.values_per_channel
    raw = RNG.normal(size=(5, *x.shape[:-1], channels)).astype(dtype)
    received = likelihood.log_prob(x.astype(dtype), tf.constant(raw), event_rank=3)
    expected = reference(x, raw.astype(np.float64)).sum((-3, -2, -1))
    tolerance = {"float32": 2e-4, "float64": 1e-9}[dtype]
    np.testing.assert_allclose(received, expected, rtol=tolerance)


@likelihoods
def test_mean_and_gradient_are_finite_for_extreme_outputs(likelihood, x, reference):
    channels = x.shape[-1] * likelihood.values_per_channel
    raw = np.ones((2, 1, *x.shape[1:-1], channels)) * [[[[[30]]]], [[[[-30]]]]]
    raw = tf.Variable(raw, dtype=tf.float32)
    with tf.GradientTape() as tape:
        log_prob = likelihood.log_prob(x.astype(np.float32), raw, event_rank=3)
    assert np.isfinite(log_prob).all()
    assert np.isfinite(tape.gradient(log_prob, raw)).all()
    mean = likelihood.mean(raw).numpy()
    assert mean.shape[-1] == x.shape[-1]
    limits = (30, -30) if likelihood.unit_interval is False else (1, 0)
    np.testing.assert_allclose(mean[0], limits[0], atol=1e-6)
    np.testing.assert_allclose(mean[1], limits[1], atol=1e-6)


def test_bernoulli_of_grey_values_is_minus_the_cross_entropy():
    raw = RNG.normal(size=GREY.shape)
    p = expit(raw)
    cross_entropy = -(GREY * np.log(p) + (1 - GREY) * np.log(1 - p)).sum((1, 2, 3))
    received = Bernoulli().log_prob(GREY, tf.constant(raw), event_rank=3)
    np.testing.assert_allclose(received, -cross_entropy, rtol=1e-9)


@pytest.mark.parametrize("levels", [2, 16, 256])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 2e-4), ("float64", 1e-10)]
)
def test_the_levels_of_the_discretized_logistic_sum_to_one(levels, dtype, tolerance):
    centres, scales = np.meshgrid([-3, 0, 0.4, 1, 20], [-20, -5, 0, 4])
    raw = np.stack([centres.ravel(), scales.ravel()], -1).astype(dtype)
    x = np.linspace(0, 1, levels, dtype=dtype).reshape(levels, 1, 1)
    log_prob = DiscretizedLogistic(levels).log_prob(x, tf.constant(raw), event_rank=1)
    np.testing.assert_allclose(np.exp(log_prob).sum(0), 1, atol=tolerance)


def test_learned_scale_is_bounded_below():
    raw = tf.constant([[0.3, -1e3], [0.3, 5.0]])
    scale = LearnedGaussian(min_scale=0.02).distribution(raw).stddev()
    np.testing.assert_allclose(scale[:, 0], [0.02, 0.02 + softplus(5.0)], rtol=1e-6)


def test_standard_normal_log_prob_and_kl_are_closed_forms():
    prior, posterior = StandardNormal(), normal(POSTERIOR_MEAN, POSTERIOR_SCALE)
    z = RNG.normal(size=(3, 4, 2))
    expected = stats.norm.logpdf(z).sum(-1)
    np.testing.assert_allclose(
        prior.log_prob(tf.constant(z, tf.float32)), expected, rtol=1e-5
    )
    variance = POSTERIOR_SCALE**2
    expected = (POSTERIOR_MEAN**2 + variance - 1 - np.log(variance)) / 2
    kl = prior.kl_divergence(posterior, None).numpy()
    np.testing.assert_allclose(kl, expected, atol=1e-6)
    assert (kl >= 0).all()
    assert (kl[2] == 0).all()


@pytest.mark.parametrize("prior", [StandardNormal(), SINGLE], ids=["normal", "mixture"])
def test_estimated_kl_converges_to_the_closed_form(prior):
    posterior = normal(POSTERIOR_MEAN, POSTERIOR_SCALE)
    noise = RNG.normal(size=(100_000, 3, 2)).astype(np.float32)
    z = POSTERIOR_MEAN + POSTERIOR_SCALE * noise
    closed_form = StandardNormal().kl_divergence(posterior, None).numpy().sum(-1)
    estimate = Prior.kl_divergence(prior, posterior, tf.constant(z)).numpy()
    assert estimate.shape == (3, 1)
    np.testing.assert_allclose(estimate[:, 0], closed_form, atol=0.03)


def test_mixture_log_prob_is_the_closed_form():
    z = 4 * RNG.normal(size=(50, 2))
    parts = zip(WEIGHTS, MEANS, COVARIANCES, strict=True)
    density = sum(w * stats.multivariate_normal(m, c).pdf(z) for w, m, c in parts)
    received = MIXTURE.log_prob(tf.constant(z, tf.float32))
    np.testing.assert_allclose(received, np.log(density), rtol=1e-4)


def test_draws_of_the_mixture_have_its_weights_means_and_covariances():
    n = 200_000
    noise = RNG.normal(size=(n, MIXTURE.noise_size(2))).astype(np.float32)
    z = MIXTURE.from_noise(noise).numpy()
    chosen = np.searchsorted(stats.norm.ppf(np.cumsum(WEIGHTS)), noise[:, -1])
    frequencies = np.bincount(chosen) / n
    np.testing.assert_allclose(frequencies, WEIGHTS, atol=4 * (0.25 / n) ** 0.5)
    for k in range(3):
        np.testing.assert_allclose(z[chosen == k].mean(0), MEANS[k], atol=0.03)
        np.testing.assert_allclose(np.cov(z[chosen == k].T), COVARIANCES[k], atol=0.04)
    mean = WEIGHTS @ MEANS
    spread = np.einsum("k,ki,kj->ij", WEIGHTS, MEANS - mean, MEANS - mean)
    covariance = np.einsum("k,kij->ij", WEIGHTS, COVARIANCES) + spread
    np.testing.assert_allclose(z.mean(0), mean, atol=0.05)
    np.testing.assert_allclose(np.cov(z.T), covariance, atol=0.15)


@pytest.mark.parametrize("prior", [StandardNormal(), SINGLE], ids=["normal", "mixture"])
def test_standard_normal_draws_are_the_noise_itself(prior):
    noise = RNG.normal(size=(6, prior.noise_size(2))).astype(np.float32)
    np.testing.assert_array_equal(prior.from_noise(tf.constant(noise)), noise[:, :2])


VALUES = [row[0] for row in LIKELIHOODS.values()] + [StandardNormal()]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_survive_saving(value):
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(value)))
    assert config["registered_name"].startswith("keras_gen>")
    assert keras.saving.deserialize_keras_object(config) == value


@pytest.mark.parametrize("mixture", [MIXTURE, SINGLE], ids=["three", "one"])
def test_mixture_survives_saving(mixture):
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(mixture)))
    restored = keras.saving.deserialize_keras_object(config)
    for name in ("thresholds", "means", "scale_tril"):
        np.testing.assert_array_equal(getattr(restored, name), getattr(mixture, name))


ERRORS = {
    "gaussian scale": (lambda: Gaussian(scale=0.0), "scale must be > 0, received 0.0"),
    "learned scale": (
        lambda: LearnedGaussian(min_scale=-1),
        "min_scale .* received -1",
    ),
    "levels": (lambda: DiscretizedLogistic(levels=1), "levels - 1 must be > 0"),
    "real levels": (lambda: DiscretizedLogistic(levels=2.5), "must be an integer"),
    "weights' sum": (
        lambda: GaussianMixture.from_moments([0.5, 0.4], MEANS[:2], COVARIANCES[:2]),
        "weights must be > 0 with sum 1, received .*0.4",
    ),
    "weights' sign": (
        lambda: GaussianMixture.from_moments([1.5, -0.5], MEANS[:2], COVARIANCES[:2]),
        "weights must be > 0",
    ),
}


@pytest.mark.parametrize(("build", "message"), ERRORS.values(), ids=ERRORS)
def test_errors_name_what_was_received(build, message):
    with pytest.raises(ValueError, match=message):
        build()
