"""Posteriors that are flows: densities, bounds against closed forms, refusals."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import keras_gen as kg
from keras_gen import bijectors as bj
from keras_gen.distributions import Encoded
from keras_gen.random import RowNoise, row_seeds

from .marks import but_slow

RNG = np.random.default_rng(0)
SIGMA = 0.5
W, B = np.array([[1.0, 0.7], [0.8, 0.9], [-0.3, 0.6]]), np.array([0.1, -0.2, 0.3])
X = np.random.default_rng(1).normal(size=(3, 3)).astype("float32")
LOG_PROB = stats.multivariate_normal(B, W @ W.T + SIGMA**2 * np.eye(3)).logpdf(X)
AXIS = np.linspace(-8, 8, 121, dtype="float32")
GRID = np.stack(np.meshgrid(AXIS, AXIS), -1).reshape(-1, 2)
CELL = float(AXIS[1] - AXIS[0]) ** 2
FLOWS = {
    "planar": lambda: bj.FlowPosterior(bj.planar(3), context_size=3),
    "iaf": lambda: bj.FlowPosterior(
        bj.inverse_autoregressive(2, units=(8,)), context_size=3
    ),
    "coupling without context": lambda: bj.FlowPosterior(
        [bj.Coupling(units=(8,)), bj.Coupling(units=(8,), swap=True)]
    ),
}


def stirred(layer):
    """Weights that are far from those of the identity."""
    for weight in layer.trainable_weights:
        weight.assign_add(0.4 * RNG.normal(size=weight.shape).astype("float32"))
    return layer


def linear(posterior):
    """A linear-Gaussian model whose exact posterior is correlated."""
    random.seed(0)
    how = {"units": (6,), "activation": "tanh", "context_size": posterior.context_size}
    encoder, _ = kg.networks.mlp_vae((3,), 2, **how)
    layer = keras.layers.Dense(3)
    decoder = keras.Sequential([keras.Input((2,)), layer])
    layer.set_weights([W.T.astype("float32"), B.astype("float32")])
    likelihood = kg.Gaussian(SIGMA, unit_interval=False)
    return kg.VAE(encoder, decoder, likelihood=likelihood, posterior=posterior, seed=0)


@pytest.fixture(params=but_slow([*FLOWS], ["coupling without context"]))
def model(request):
    model = linear(FLOWS[request.param]())
    stirred(model.approximation)
    return model


def test_the_density_is_one_and_draws_follow_it(model):
    encoded = model._statistics(tf.constant(X))
    grid = tf.constant(np.broadcast_to(GRID[:, None], (len(GRID), 3, 2)))
    log_prob = model.approximation.log_prob(encoded, grid).numpy().astype("float64")
    density = np.exp(log_prob)
    np.testing.assert_allclose(density.sum(axis=0) * CELL, 1, atol=0.01)
    noise = RNG.normal(size=(6000, 3, 2)).astype("float32")
    z, log_drawn, law = model.approximation.draw(encoded, tf.constant(noise))
    assert law is None  # these values are not normal
    mean = np.einsum("nb,nd->bd", density, GRID) * CELL
    np.testing.assert_allclose(z.numpy().mean(axis=0), mean, atol=0.08)
    again = model.approximation.log_prob(encoded, z[:50])
    np.testing.assert_allclose(again, log_drawn[:50], atol=2e-3)
    # The bound is the integral of q(z) (log p(x, z) - log q(z)), at most log p(x).
    joint = stats.norm(GRID @ W.T + B, SIGMA).logpdf(X[:, None]).sum(axis=-1).T
    joint += stats.norm.logpdf(GRID).sum(axis=-1)[:, None]
    integral = (density * (joint - log_prob)).sum(axis=0) * CELL
    evidence = model._evidence(tf.constant(X), None, tf.constant(noise))
    is_near = np.abs(z).max(axis=-1) < GRID.max()  # few draws, far less likely, are not
    bound = (evidence.log_weights() * is_near).numpy().mean(axis=0)
    np.testing.assert_allclose(bound, integral, rtol=0.05, atol=0.1)
    assert (integral < LOG_PROB).all()


def test_every_weight_of_a_flow_posterior_learns(model):
    noise = RowNoise(row_seeds(0, 3), 0)
    with tf.GradientTape() as tape:
        terms = model.loss_terms(tf.constant(X), None, noise, training=True)
    weights = model.trainable_variables
    gradients = tape.gradient(terms["loss"], [w.value for w in weights])
    silent = [
        w.path
        for w, g in zip(weights, gradients, strict=True)
        if g is None or not np.any(np.asarray(tf.convert_to_tensor(g)))
    ]
    assert silent == []
    assert float(terms["elbo"]) == pytest.approx(-float(terms["loss"]), rel=1e-5)


@pytest.mark.slow
def test_codes_are_those_without_noise_and_models_are_saved_whole(model, tmp_path):
    encoded = model._statistics(tf.constant(X))
    still = model.approximation.draw(encoded, tf.zeros((1, 3, 2))).z[0]
    center = model._encode(tf.constant(X))
    np.testing.assert_allclose(center, still, atol=1e-6)
    model.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    np.testing.assert_array_equal(again._encode(tf.constant(X)), center)


def test_maps_begin_as_the_identity_of_autoregressive_layers():
    posterior = bj.FlowPosterior(bj.inverse_autoregressive(2, units=(8,)))
    posterior.prepare((2,))
    encoded = Encoded(tf.constant([[1.0, 2.0]]), tf.constant([[0.5, 0.25]]))
    z, log_prob, _ = posterior.draw(encoded, tf.ones((1, 1, 2)))
    np.testing.assert_allclose(z[0], [[1.5, 2.25]])  # reversed twice
    expected = stats.norm([1, 2], [0.5, 0.25]).logpdf([1.5, 2.25]).sum()
    np.testing.assert_allclose(log_prob[0], [expected], rtol=1e-6)


@pytest.mark.slow
def test_a_trained_flow_comes_nearer_to_a_correlated_posterior():
    flow = bj.FlowPosterior(bj.inverse_autoregressive(1, units=(8,)), context_size=3)
    gaps = []
    for posterior in (kg.distributions.NormalPosterior(), flow):
        model = linear(posterior)
        model.decoder.trainable = False
        weights = [w.value for w in model.trainable_variables]
        adam, noise = keras.optimizers.Adam(0.03), RNG.normal(size=(150, 64, 3, 2))

        @tf.function(autograph=False)
        def step(epsilon, model=model, weights=weights):
            with tf.GradientTape() as tape:
                found = model._evidence(tf.constant(X), None, epsilon)
                loss = -tf.reduce_mean(found.elbo())
            return loss, tape.gradient(loss, weights)

        adam.build(model.trainable_variables)
        for epsilon in noise.astype("float32"):
            _, gradients = step(epsilon)
            adam.apply(gradients, model.trainable_variables)
        epsilon = np.random.default_rng(5).normal(size=(5000, 3, 2)).astype("float32")
        gaps.append(LOG_PROB.mean() + float(step(epsilon)[0]))
    precision = np.eye(2) + W.T @ W / SIGMA**2
    least = 0.5 * np.log(np.prod(np.diag(precision)) / np.linalg.det(precision))
    assert gaps[0] > 0.9 * least  # what independent values cannot reach
    assert gaps[1] < 0.5 * least


WRONG = {
    "vamp": (
        lambda: kg.VAE(
            *kg.networks.mlp_vae((3,), 2, units=(4,), context_size=3),
            prior=kg.VampPrior(3),
            posterior=FLOWS["iaf"](),
            inputs=kg.specs.Vectors(3),
            likelihood=kg.Gaussian(SIGMA, unit_interval=False),
        ),
        "VampPrior requires q.* received posterior=FlowPosterior",
    ),
    "no context": (
        lambda: linear(bj.FlowPosterior(bj.planar(1))),
        r"Planar\(conditional=True\) requires a context",
    ),
    "encoder": (
        lambda: kg.VAE(
            *kg.networks.mlp_vae((3,), 2, units=(4,)), posterior=FLOWS["iaf"]()
        ),
        "2 means, 2 log variances and 3 further values for this posterior",
    ),
    "needs data": (
        lambda: bj.FlowPosterior(bj.real_nvp(2)),
        "bijectors of a posterior must need no data, received Standardization",
    ),
    "latent images": (
        lambda: bj.FlowPosterior(bj.planar(1)).prepare((2, 2, 1)),
        "FlowPosterior requires latent vectors",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_refused(case):
    make, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.usefixtures("quick")
@pytest.mark.slow
@pytest.mark.parametrize("name", ["planar", "iaf"])
def test_artifacts_encode_and_bound_as_the_model(name, tmp_path):
    model = linear(FLOWS[name]())
    stirred(model.approximation)
    kg.export.check(kg.export.saved_model(model, tmp_path / "served"))
    kg.export.check(kg.export.tflite(model, tmp_path / "model.tflite"))
