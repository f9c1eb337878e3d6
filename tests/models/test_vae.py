"""VAE: its bounds against closed forms, its samples, its labels.

The linear-Gaussian model x = W z + b + sigma e has a normal posterior and evidence;
W has orthogonal columns, so that an encoder of one dense layer can be exact.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy import stats
from scipy.special import logsumexp

import keras_gen as kg
from keras_gen import networks
from keras_gen.random import RowNoise, normal, row_seeds

SIGMA = 0.7
W = np.array([[1.0, 0.5], [1.0, -0.5], [-0.5, 1.0], [0.5, 1.0]]) @ np.diag([1, 0.8])
B = np.array([0.3, -0.2, 0.1, 0.5])
POSTERIOR_VAR = 1 / (1 + np.diag(W.T @ W) / SIGMA**2)
X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
LOG_PROB = stats.multivariate_normal(B, W @ W.T + SIGMA**2 * np.eye(4)).logpdf(X)
SHIFT, WIDEN = np.array([0.3, -0.2]), np.array([0.5, -0.4])
# The mean over these noises is the exact expectation of a quadratic function.
SIGMA_POINTS = np.sqrt(2) * np.concatenate([np.eye(2), -np.eye(2)])


def dense(shape, output, kernel, bias):
    layer = layers.Dense(output)
    network = keras.Sequential([keras.Input(shape), layer])
    layer.set_weights([np.asarray(kernel, "float32"), np.asarray(bias, "float32")])
    return network


def linear(shift=0.0, widen=0.0, **options):
    """The linear model; its encoder is off by a shift and a log variance."""
    kernel = W * POSTERIOR_VAR / SIGMA**2
    log_var = np.log(POSTERIOR_VAR) + widen
    kernel = np.concatenate([kernel, np.zeros((4, 2))], axis=1)
    bias = np.concatenate([-B @ kernel[:, :2] + shift, log_var * np.ones(2)])
    encoder, decoder = dense((4,), 4, kernel, bias), dense((2,), 4, W.T, B)
    likelihood = kg.Gaussian(SIGMA, unit_interval=False)
    return kg.VAE(encoder, decoder, likelihood=likelihood, seed=0, **options)


def expected_elbo(model, x):
    """The exact expectation of `elbo` over its noise."""
    tiled = np.tile(SIGMA_POINTS[:, None], (1, len(x), 1)).astype("float32")
    return np.mean([model.elbo(x, noise=noise) for noise in tiled], axis=0)


def terms(model, x, *, training=False):
    noise = RowNoise(row_seeds(0, len(x)), 0)
    found = model.loss_terms(tf.constant(x), None, noise, training=training)
    return {name: float(value) for name, value in found.items()}


def test_elbo_is_the_evidence_at_the_exact_posterior():
    np.testing.assert_allclose(expected_elbo(linear(), X), LOG_PROB, rtol=2e-6)


def test_elbo_is_lower_elsewhere_by_the_divergence_to_the_posterior():
    kl = (np.exp(WIDEN) + SHIFT**2 / POSTERIOR_VAR - 1 - WIDEN).sum() / 2
    elbo = expected_elbo(linear(SHIFT, WIDEN), X)
    np.testing.assert_allclose(LOG_PROB - elbo, kl, rtol=1e-4)


def test_every_importance_weight_of_the_exact_posterior_is_the_evidence():
    for num_samples in (1, 60):
        bound, effective = linear().importance_sampling(X, num_samples)
        np.testing.assert_allclose(bound, LOG_PROB, rtol=2e-6)
        np.testing.assert_allclose(effective, num_samples, rtol=1e-4)


def test_the_importance_bound_rises_from_the_elbo_to_the_evidence():
    model, x = linear(SHIFT, WIDEN), np.repeat(X, 300, axis=0)
    elbo = expected_elbo(model, X).mean()
    bounds = [model.importance_log_prob(x, k).mean() for k in (1, 10, 1000)]
    assert bounds[0] == pytest.approx(elbo, abs=0.04)
    assert elbo + 0.1 < bounds[1] < bounds[2] < LOG_PROB.mean() + 1e-3
    np.testing.assert_allclose(
        model.importance_log_prob(X, 20_000), LOG_PROB, atol=0.02
    )


@pytest.mark.parametrize("num_samples", [1, 7, 50, 53, 120])
def test_chunks_do_not_change_the_importance_bound(num_samples):
    model, size = linear(SHIFT, WIDEN), min(num_samples, 50)
    chunks = [
        RowNoise(row_seeds(9, 6), chunk + 1).normal((size, 2), 0).numpy()
        for chunk in range(-(-num_samples // size))
    ]
    noise = np.concatenate(chunks, axis=1)[:, :num_samples].astype(np.float64)
    mean, log_var = np.split(np.asarray(model.encoder(X), np.float64), 2, axis=1)
    scale = np.exp(log_var / 2)[:, None]
    z = mean[:, None] + scale * noise
    weights = (
        stats.norm(z @ W.T + B, SIGMA).logpdf(X[:, None]).sum(-1)
        + stats.norm.logpdf(z).sum(-1)
        - (stats.norm.logpdf(noise) - np.log(scale)).sum(-1)
    )
    expected = logsumexp(weights, axis=1) - np.log(num_samples)
    bound, effective = model.importance_sampling(X, num_samples, seed=9)
    np.testing.assert_allclose(bound, expected, rtol=1e-5)
    weights = np.exp(weights - weights.max(axis=1, keepdims=True))
    expected = weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1)
    np.testing.assert_allclose(effective, expected, rtol=1e-4)


def test_more_importance_samples_take_no_more_memory():
    specs = [tf.TensorSpec((None, 4)), tf.TensorSpec((None,), tf.int32)]
    function = tf.function(linear()._posterior._importance_sampling)
    graphs = [
        function.get_concrete_function(*specs, num_samples=k).graph.as_graph_def()
        for k in (100, 20_000)
    ]
    loops = [
        sorted(node.op for f in graph.library.function for node in f.node_def)
        for graph in graphs
    ]
    assert loops[0] == loops[1]
    assert any(n.op.endswith("While") for n in graphs[0].node)
    assert max(g.ByteSize() for g in graphs) < 1.01 * graphs[0].ByteSize()


@pytest.mark.parametrize("num_samples", [0, -1, 2.0, True])
def test_a_wrong_number_of_samples_is_refused(num_samples):
    with pytest.raises(ValueError, match="num_samples"):
        linear().importance_log_prob(X, num_samples)
    if type(num_samples) is int and num_samples == 0:
        assert linear().sample(0).shape == (0, 4)
        return
    with pytest.raises(ValueError, match="num_samples"):
        linear().sample(num_samples)


def test_elbo_is_decided_by_its_noise():
    model = linear(SHIFT, WIDEN)
    noise = np.random.default_rng(1).normal(size=(6, 2)).astype("float32")
    first = model.elbo(X, noise=noise)
    np.testing.assert_array_equal(first, model.elbo(X, noise=noise))
    by_tensors = model.elbo(tf.constant(X), noise=tf.constant(noise))
    np.testing.assert_allclose(first, by_tensors, rtol=1e-5)
    assert np.all(first != model.elbo(X, noise=-noise))
    drawn = normal(row_seeds(4, 6), (2,)).numpy()
    np.testing.assert_array_equal(model.elbo(X, seed=4), model.elbo(X, noise=drawn))


def test_random_observations_reach_the_bounds_alike():
    networks_ = networks.mlp_vae((8, 8, 1), 2, units=(8,))
    model = kg.VAE(*networks_, observation=kg.StochasticBinarization(), seed=0)
    x = np.random.default_rng(0).random((200, 8, 8, 1), "float32")
    seeds = row_seeds(5, 200)
    drawn = RowNoise(seeds).uniform((8, 8, 1), 1).numpy() < x
    drawn, noise = drawn.astype("float32"), normal(seeds, (2,)).numpy()
    elbo = model.elbo(x, seed=5)
    np.testing.assert_allclose(elbo, model.elbo(drawn, noise=noise), rtol=1e-6)
    bound = model.importance_log_prob(x, 30, seed=5)
    same = model.importance_log_prob(drawn, 30, seed=5)
    np.testing.assert_allclose(bound, same, rtol=1e-6)
    assert bound.mean() > elbo.mean()
    assert np.any(
        np.abs(elbo - model.elbo(x, noise=noise)) > 1e-3
    )  # as it is: not drawn


def test_kl_is_zero_where_posterior_is_prior_and_positive_elsewhere():
    still = kg.VAE(
        dense((4,), 4, np.zeros((4, 4)), np.zeros(4)),
        dense((2,), 4, W.T, B),
        likelihood=kg.Gaussian(SIGMA, unit_interval=False),
    )
    assert terms(still, X)["kl"] == 0
    found = terms(linear(), X)
    mean = linear().encode(X).astype(np.float64)
    kl = (mean**2 + POSTERIOR_VAR - 1 - np.log(POSTERIOR_VAR)).sum(1) / 2
    assert found["kl"] == pytest.approx(kl.mean(), rel=1e-5)
    assert found["elbo"] == pytest.approx(-found["reconstruction_nll"] - found["kl"])
    assert found["loss"] == pytest.approx(-found["elbo"])


@pytest.mark.parametrize(("step", "factor"), [(0, 0.0), (5, 2.0), (10, 4.0), (30, 4.0)])
def test_warm_up_and_beta_weigh_the_kl(step, factor):
    model = linear(objective=kg.ELBO(beta=4.0, warmup_steps=10))
    model.compile(jit_compile=False)
    model._counts["steps"].assign(step)
    for training, weight in ((True, factor), (False, 4.0)):
        found = terms(model, X, training=training)
        expected = found["reconstruction_nll"] + weight * found["kl"]
        assert found["loss"] == pytest.approx(expected, rel=1e-5)


def test_the_iwae_loss_is_the_importance_bound():
    model = linear(objective=kg.IWAE(200))
    found = terms(model, X)
    assert -found["loss"] == pytest.approx(LOG_PROB.mean(), rel=1e-5)
    worse = terms(linear(SHIFT, WIDEN, objective=kg.IWAE(200)), X)
    assert worse["elbo"] + 0.1 < -worse["loss"] < LOG_PROB.mean() + 0.05


def test_a_mixture_of_one_standard_normal_is_the_usual_prior():
    one = kg.GaussianMixture.from_moments([1.0], np.zeros((1, 2)), np.eye(2)[None])
    model = linear(SHIFT, WIDEN, prior=one)
    usual = expected_elbo(linear(SHIFT, WIDEN), X)
    np.testing.assert_allclose(expected_elbo(model, X), usual, rtol=1e-5)
    for seed in (0, 1):
        np.testing.assert_allclose(
            model.importance_log_prob(X, 20, seed=seed),
            linear(SHIFT, WIDEN).importance_log_prob(X, 20, seed=seed),
            rtol=1e-5,
        )


def test_the_kl_to_a_mixture_is_the_integral():
    moments = [0.3, 0.7], [[-1.0], [2.0]], [[[0.25]], [[1.0]]]
    model = kg.VAE(
        dense((4,), 2, np.zeros((4, 2)), [0.4, np.log(0.5)]),
        dense((1,), 4, np.zeros((1, 4)), B),
        likelihood=kg.Gaussian(SIGMA, unit_interval=False),
        prior=kg.GaussianMixture.from_moments(*moments),
    )
    quantiles = stats.norm.ppf((np.arange(4000) + 0.5) / 4000)[:, None]
    x = np.repeat(X[:1], 4000, axis=0)
    elbo = model.elbo(x, noise=quantiles.astype("float32")).mean()
    z = np.linspace(-6, 7, 200_001)
    q = stats.norm(0.4, np.sqrt(0.5))
    p = 0.3 * stats.norm.pdf(z, -1, 0.5) + 0.7 * stats.norm.pdf(z, 2, 1)
    kl = np.trapezoid(q.pdf(z) * (q.logpdf(z) - np.log(p)), z)
    expected = stats.norm(B, SIGMA).logpdf(X[0]).sum() - kl
    assert elbo == pytest.approx(expected, abs=2e-3)


def test_active_units_count_the_moving_means():
    kernel = np.zeros((4, 6))
    kernel[0, 0], kernel[1, 1] = 1.0, 0.05  # variances about 1 and 0.0025; constant
    encoder = dense((4,), 6, kernel, [0, 0, 5, 0, 0, 0])
    decoder = dense((3,), 4, np.zeros((3, 4)), B)
    model = kg.VAE(encoder, decoder, likelihood=kg.Gaussian(SIGMA, unit_interval=False))
    x = np.random.default_rng(0).normal(size=(500, 4)).astype("float32")
    assert model.active_units(x) == 1
    assert model.active_units(x, threshold=1e-3) == 2
    assert model.active_units(x, threshold=2.0) == 0
