"""Likelihood metrics against closed forms of the linear-Gaussian VAE."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy import stats

import keras_gen as kg
from keras_gen import metrics

SIGMA = 0.7
W = np.array([[1.0, 0.5], [1.0, -0.5], [-0.5, 1.0], [0.5, 1.0]]) @ np.diag([1, 0.8])
POSTERIOR_VAR = 1 / (1 + np.diag(W.T @ W) / SIGMA**2)
SHIFT = np.array([0.6, -0.4])
COVARIANCE = W @ W.T + SIGMA**2 * np.eye(4)
X = np.random.default_rng(0).multivariate_normal(np.zeros(4), COVARIANCE, 3000)
X = X.astype("float32")


def dense(shape, output, kernel, bias):
    layer = layers.Dense(output)
    network = keras.Sequential([keras.Input(shape), layer])
    layer.set_weights([np.asarray(kernel, "float32"), np.asarray(bias, "float32")])
    return network


def linear(shift=0.0):
    """x = W z + sigma e, with the exact posterior but for a shift of its mean."""
    kernel = np.concatenate([W * POSTERIOR_VAR / SIGMA**2, np.zeros((4, 2))], axis=1)
    bias = np.concatenate([shift * np.ones(2), np.log(POSTERIOR_VAR)])
    networks = dense((4,), 4, kernel, bias), dense((2,), 4, W.T, np.zeros(4))
    return kg.VAE(*networks, likelihood=kg.Gaussian(SIGMA, unit_interval=False), seed=0)


def near(figure, expected, errors=4):
    assert figure.standard_error > 0
    assert abs(figure.value - expected) < errors * figure.standard_error
    return True


def test_the_importance_bound_converges_to_the_exact_log_likelihood():
    x = X[:200]
    exact = stats.multivariate_normal(np.zeros(4), COVARIANCE).logpdf(x).mean()
    shift = SHIFT / 2
    bounds = metrics.importance_bounds(linear(shift), x, counts=(1, 10, 2000))
    values = [bound.log_prob.value for bound in bounds.values()]
    assert values[0] < values[1] < values[2]
    assert values[2] == pytest.approx(exact, abs=0.02)
    effective = [bound.effective_sample_size.value for bound in bounds.values()]
    assert effective[0] == pytest.approx(1)
    # weights of shifted normals: E[w]^2 / E[w^2] = exp(-(shift / scale)^2)
    share = np.exp(-(shift**2 / POSTERIOR_VAR).sum())
    assert effective[2] / 2000 == pytest.approx(share, rel=0.05)


def test_rate_and_distortion_of_the_linear_model():
    model = linear()
    rate, distortion = metrics.rate_distortion(model, X)
    # E KL(q(z|x) || p) is the mutual information of x and z
    information = 0.5 * np.log(np.linalg.det(COVARIANCE) / SIGMA**8)
    assert near(rate, information)
    expected = 2 * np.log(2 * np.pi * SIGMA**2) + 2  # 0.5 E|e|^2 / sigma^2 = 2
    assert near(distortion, expected)
    elbo = model.elbo(X).mean()
    assert -(rate.value + distortion.value) == pytest.approx(elbo, rel=1e-6)


def test_the_aggregate_posterior_of_the_exact_posterior_is_the_prior():
    exact = metrics.aggregate_posterior_gap(linear(), X)
    assert abs(exact.value) < 0.05
    shifted = metrics.aggregate_posterior_gap(linear(SHIFT), X)
    # N(shift, I) against N(0, I)
    assert shifted.value == pytest.approx(0.5 * (SHIFT**2).sum(), abs=0.07)


def test_codes_that_do_not_overlap_are_reported():
    with pytest.warns(UserWarning, match="codes of 3 examples do not overlap"):
        metrics.aggregate_posterior_gap(linear(), 100 * X[:3])


def test_bits_per_dim_of_a_fair_coin_is_one():
    figure = metrics.bits_per_dim(np.full(5, -12 * np.log(2)), (2, 3, 2))
    assert figure[:2] == (pytest.approx(1), pytest.approx(0))
    assert figure.num_samples == 5


def test_perplexity_of_a_uniform_alphabet_is_its_size():
    uniform = np.full(7, -np.log(26))
    assert float(metrics.perplexity(uniform)) == pytest.approx(26)
    texts, lengths = -np.log(26) * np.array([3.0, 10, 4]), [3, 10, 4]
    figure = metrics.perplexity(texts, lengths)
    assert figure[:2] == (pytest.approx(26), pytest.approx(0, abs=1e-12))
    assert figure.num_samples == 17
    bits = metrics.bits_per_character(texts, lengths)
    assert float(bits) == pytest.approx(np.log2(26))


def test_the_error_bar_of_bits_per_character_is_the_spread_over_repeats():
    rng = np.random.default_rng(0)

    def corpus():
        lengths = rng.integers(5, 50, 300)
        losses = [rng.exponential(2, n).sum() + rng.normal(0, n / 5) for n in lengths]
        return metrics.bits_per_character(-np.array(losses), lengths)

    figures = [corpus() for _ in range(200)]
    spread = np.std([figure.value for figure in figures])
    error = np.mean([figure.standard_error for figure in figures])
    assert error == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize("lengths", [[1, 2], [1, 0, 3]])
def test_wrong_numbers_of_tokens_are_refused(lengths):
    with pytest.raises(ValueError, match="num_tokens must be positive"):
        metrics.perplexity(np.zeros(3), lengths)
