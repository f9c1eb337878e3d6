"""The bounds on a linear-Gaussian model, where log p(x) has a closed form.

z ~ N(0, I), x | z ~ N(W z, NOISE^2 I). The terms of the ELBO are quadratic in z, so
that their mean over the 2d points `m +- sqrt(d) L e_i` of q(z) = N(m, L L^T) is exact.
"""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from scipy.special import logsumexp

from keras_gen.objectives import ELBO, IWAE, Evidence

RNG = np.random.default_rng(0)
NOISE = 0.7
W = RNG.normal(size=(3, 2))
X = RNG.normal(size=(4, 3))
LOG_P = stats.multivariate_normal(np.zeros(3), W @ W.T + NOISE**2 * np.eye(3)).logpdf(X)
COVARIANCE = np.linalg.inv(np.eye(2) + W.T @ W / NOISE**2)
EXACT = X @ W @ COVARIANCE / NOISE**2, COVARIANCE
POSTERIORS = {  # mean (4, 2) and covariance (2, 2) of q(z | x)
    "exact": EXACT,
    "prior": (np.zeros((4, 2)), np.eye(2)),
    "shifted": (EXACT[0] + 0.3, COVARIANCE),
    "factorised": (EXACT[0], np.diag(1 / np.diag(np.linalg.inv(COVARIANCE)))),
}
posteriors = pytest.mark.parametrize("q", POSTERIORS.values(), ids=POSTERIORS)


def kl_of_gaussians(mean, covariance, other_mean, other_covariance):
    inverse = np.linalg.inv(other_covariance)
    gap = other_mean - mean
    log_ratio = (
        np.linalg.slogdet(other_covariance)[1] - np.linalg.slogdet(covariance)[1]
    )
    squared = np.einsum("bi,ij,bj->b", gap, inverse, gap)
    return (np.trace(inverse @ covariance) - len(covariance) + squared + log_ratio) / 2


def evidence(q, noise, *, closed_form):
    """The terms for latent samples made of `noise`, `(samples, 1 or 4, 2)`."""
    mean, covariance = q
    z = mean + noise @ np.linalg.cholesky(covariance).T
    log_q = stats.multivariate_normal(np.zeros(2), covariance).logpdf(z - mean)
    log_ratio = stats.norm.logpdf(z).sum(-1) - log_q
    kl = kl_of_gaussians(mean, covariance, np.zeros((4, 2)), np.eye(2))
    if not closed_form:
        kl = -log_ratio.mean(0)
    log_likelihood = stats.norm.logpdf(X, z @ W.T, NOISE).sum(-1)
    return Evidence(*map(tf.constant, (log_likelihood, log_ratio, kl[:, None])))


@posteriors
def test_elbo_is_log_p_minus_the_divergence_from_the_exact_posterior(q):
    points = np.sqrt(2) * np.concatenate([np.eye(2), -np.eye(2)])[:, None]
    bound = evidence(q, points, closed_form=True).elbo().numpy()
    gap = kl_of_gaussians(*q, *EXACT)
    np.testing.assert_allclose(bound, LOG_P - gap, rtol=1e-10)
    assert (gap > 1e-3).all() or q is EXACT
    np.testing.assert_allclose(
        IWAE()(evidence(EXACT, points, closed_form=True), None), -LOG_P
    )


@pytest.mark.parametrize("num_samples", [1, 2, 7])
def test_every_bound_is_log_p_at_the_exact_posterior(num_samples):
    noise = RNG.normal(size=(num_samples, 4, 2))
    terms = evidence(EXACT, noise, closed_form=False)
    np.testing.assert_allclose(terms.elbo(), LOG_P, rtol=1e-10)
    np.testing.assert_allclose(terms.importance_bound(), LOG_P, rtol=1e-10)


def test_importance_bound_grows_from_elbo_to_log_p():
    noise = RNG.normal(size=(16, 5000, 4, 2))
    terms = evidence(POSTERIORS["shifted"], noise, closed_form=False)
    bounds = [
        Evidence(terms.log_likelihood[:k], terms.log_ratio[:k], None).importance_bound()
        for k in (1, 2, 4, 16)
    ]
    points = np.sqrt(2) * np.concatenate([np.eye(2), -np.eye(2)])[:, None]
    elbo = evidence(POSTERIORS["shifted"], points, closed_form=True).elbo()
    means = [np.mean(bound, axis=0) for bound in bounds]
    np.testing.assert_allclose(means[0], elbo, atol=0.05)
    for lower, upper in itertools.pairwise([*means, LOG_P]):
        assert (lower < upper).all()
    np.testing.assert_allclose(means[-1], LOG_P, atol=0.05)


def test_importance_bound_averaged_over_subsets_never_falls():
    log_likelihood, log_ratio = 5 * RNG.normal(size=(2, 6, 3))
    previous = np.mean(log_likelihood + log_ratio, axis=0)
    for k in range(1, 7):
        subsets = [list(c) for c in itertools.combinations(range(6), k)]
        parts = [(log_likelihood[c], log_ratio[c]) for c in subsets]
        bounds = [Evidence(*part, None).importance_bound() for part in parts]
        average = np.mean(bounds, axis=0)
        assert (average >= previous - 1e-12).all()
        previous = average
    expected = logsumexp(log_likelihood + log_ratio, axis=0) - np.log(6)
    np.testing.assert_allclose(previous, expected, rtol=1e-12)


# Two samples of two examples: mean log-likelihoods are -2 and -6, KLs 1.5 and 4.5.
HAND = Evidence(
    tf.constant([[-1.0, -5.0], [-3.0, -7.0]]),
    tf.zeros((2, 2)),
    tf.constant([[0.5, 1.0], [0.1, 4.4]]),
)
LOSSES = {  # the objective, the step, the loss by hand
    "plain": (ELBO(), 0, [3.5, 10.5]),
    "no KL": (ELBO(beta=0.0), 0, [2.0, 6.0]),
    "beta": (ELBO(beta=4.0), 0, [8.0, 24.0]),
    "warm-up begins": (ELBO(warmup_steps=10), 0, [2.0, 6.0]),
    "warm-up, half": (ELBO(beta=2.0, warmup_steps=10), 5, [3.5, 10.5]),
    "warm-up ends": (ELBO(beta=2.0, warmup_steps=10), 10, [5.0, 15.0]),
    "after warm-up": (ELBO(beta=2.0, warmup_steps=10), 999, [5.0, 15.0]),
    "warm-up, validation": (ELBO(beta=2.0, warmup_steps=10), None, [5.0, 15.0]),
    "free bits, one clipped": (ELBO(free_bits=0.5), 0, [2 + 0.5 + 2.7, 6 + 0.5 + 2.7]),
    "free bits, all clipped": (ELBO(free_bits=3.0), 0, [8.0, 12.0]),
    "free bits and beta": (ELBO(beta=2.0, free_bits=3.0), 0, [14.0, 18.0]),
    "iwae": (
        IWAE(2),
        0,
        [np.log(2) - np.logaddexp(-1, -3), np.log(2) - np.logaddexp(-5, -7)],
    ),
}


@pytest.mark.parametrize(("objective", "step", "expected"), LOSSES.values(), ids=LOSSES)
def test_losses_are_those_of_a_hand_calculation(objective, step, expected):
    step = None if step is None else tf.constant(step)
    np.testing.assert_allclose(objective(HAND, step), expected, rtol=1e-6)


def test_free_bits_stop_the_gradient_of_cheap_dimensions_only():
    kl = tf.Variable(HAND.kl)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(ELBO(free_bits=0.5)(HAND._replace(kl=kl), None))
    np.testing.assert_allclose(tape.gradient(loss, kl), [[0, 0.5], [0, 0.5]])


OBJECTIVES = [ELBO(), ELBO(4.0, 100, 0.5, 2), IWAE(), IWAE(50)]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_survives_saving(objective):
    config = keras.saving.serialize_keras_object(objective)
    assert keras.saving.deserialize_keras_object(config) == objective


ERRORS = {
    "beta": (lambda: ELBO(beta=-1.0), "beta must be >= 0, received -1.0"),
    "warm-up": (
        lambda: ELBO(warmup_steps=-5),
        "warmup_steps must be >= 0, received -5",
    ),
    "free bits": (lambda: ELBO(free_bits=float("nan")), "free_bits .* received nan"),
    "no sample": (lambda: ELBO(num_samples=0), "num_samples must be > 0, received 0"),
    "real samples": (lambda: IWAE(2.5), "num_samples must be an integer .* 2.5"),
}


@pytest.mark.parametrize(("build", "message"), ERRORS.values(), ids=ERRORS)
def test_errors_name_what_was_received(build, message):
    with pytest.raises(ValueError, match=message):
        build()
