"""Priors that are trained with their model: densities, draws, state and refusals."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import keras_gen as kg
from keras_gen import bijectors as bj

X = np.random.default_rng(0).random((64, 4), "float32")


def vae(prior, **options):
    random.seed(0)
    networks = kg.networks.mlp_vae((4,), 2, units=(16,))
    how = {"inputs": kg.specs.Vectors(4, is_unit=True), "seed": 0}
    return kg.VAE(*networks, prior=prior, **how, **options)


def flow_prior():
    maps = bj.real_nvp(2, units=(8,))
    return bj.FlowPrior([*maps, bj.ActNorm()], base=bj.LearnedMixture(2))


PRIORS = {
    "vamp": lambda: kg.VampPrior(5),
    "flow": flow_prior,
    "mixture": lambda: bj.LearnedMixture(3),
}


@pytest.fixture(params=PRIORS)
def trained(request):
    model = vae(PRIORS[request.param]())
    model.compile(keras.optimizers.Adam(0.02), run_eagerly=False, jit_compile=False)
    model.fit(X, epochs=3, batch_size=16, verbose=0)
    return model


def test_a_trained_prior_is_a_density_and_draws_follow_it(trained, tmp_path):
    prior, width = trained.prior, 9.0
    axis = np.linspace(-width, width, 361, dtype="float32")
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    density = np.exp(prior.log_prob(tf.constant(grid)).numpy().astype("float64"))
    cell = (axis[1] - axis[0]) ** 2
    assert density.sum() * cell == pytest.approx(1, abs=5e-3)
    noise = np.random.default_rng(1).normal(size=(20_000, prior.noise_size(2)))
    z = prior.from_noise(tf.constant(noise, tf.float32)).numpy()
    mean = density @ grid * cell
    np.testing.assert_allclose(z.mean(axis=0), mean, atol=0.06)
    for i in range(2):
        order = np.argsort(grid[:, i], kind="stable")
        below = np.cumsum(density[order]) * cell
        at = np.quantile(z[:, i], [0.1, 0.5, 0.9])
        near = np.searchsorted(grid[order, i], at) - 1
        np.testing.assert_allclose(below[near], [0.1, 0.5, 0.9], atol=0.03)
    moved = [w for w in prior.trainable_weights if np.ptp(np.asarray(w)) > 0]
    assert moved
    path = tmp_path / "vae.keras"
    trained.save(path)
    again = keras.saving.load_model(path)
    np.testing.assert_array_equal(again.sample(4, seed=1), trained.sample(4, seed=1))
    bounds = (m.elbo(X, seed=1) for m in (again, trained))
    np.testing.assert_array_equal(*bounds)


def test_pseudo_inputs_begin_as_examples_and_their_posteriors_are_the_density():
    prior = kg.VampPrior(5)
    model = vae(prior)
    model._prepare(X, None)
    rows = [np.abs(X - row).max(axis=1).min() for row in prior.pseudo_inputs.numpy()]
    assert max(rows) <= 0.0201  # at most the distance that values keep from 0 and 1
    raw = model.encoder(prior.pseudo_inputs).numpy().astype("float64")
    mean, deviation = raw[:, :2], np.exp(raw[:, 2:] / 2)
    z = np.random.default_rng(1).normal(size=(3, 7, 2))
    parts = [
        stats.norm(m, s).logpdf(z).sum(axis=-1)
        for m, s in zip(mean, deviation, strict=True)
    ]
    expected = np.logaddexp.reduce(parts) - np.log(5)
    got = prior.log_prob(tf.constant(z, tf.float32))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
    before = prior.raw.numpy()
    model._prepare(X[::-1], None)  # a second run of fit changes nothing
    np.testing.assert_array_equal(prior.raw.numpy(), before)


def test_more_pseudo_inputs_than_usual_are_examples_of_their_own():
    prior, x = kg.VampPrior(1100), np.random.default_rng(1).random((1500, 4), "float32")
    vae(prior)._prepare(x, None)
    assert len(np.unique(prior.raw.numpy(), axis=0)) == 1100


def test_the_bound_uses_the_prior():
    model = vae(kg.VampPrior(5))
    epsilon = np.random.default_rng(2).normal(size=(1, 64, 2)).astype("float32")
    evidence = model._evidence(tf.constant(X), None, tf.constant(epsilon))
    raw = model.encoder(X).numpy()
    mean, deviation = raw[:, :2], np.exp(raw[:, 2:] / 2)
    z = mean + deviation * epsilon[0]
    log_posterior = stats.norm(mean, deviation).logpdf(z).sum(axis=-1)
    log_prior = model.prior.log_prob(tf.constant(z)).numpy()
    ratio = evidence.log_ratio.numpy()[0]
    np.testing.assert_allclose(ratio, log_prior - log_posterior, atol=1e-4)
    np.testing.assert_allclose(evidence.kl.numpy()[:, 0], -ratio, atol=1e-4)


def test_a_flow_prior_begins_with_the_moments_of_the_posterior():
    """All means are equal, so that the draws alone know how wide q(z | x) is."""
    prior = flow_prior()
    model = vae(prior)
    kernel, bias = model.encoder.layers[-1].weights
    kernel.assign(0.0 * kernel)
    bias.assign([0.5, -2.0, np.log(0.25), np.log(4.0)])  # of deviations 0.5 and 2
    x = np.random.default_rng(0).random((2000, 4), "float32")
    model._prepare(x, None)
    z = np.random.default_rng(1).normal([0.5, -2.0], [0.5, 2.0], (2000, 2))
    inner = prior.chain.bijector().inverse(tf.constant(z, tf.float32)).numpy()
    np.testing.assert_allclose(inner.mean(axis=0), 0, atol=0.15)
    np.testing.assert_allclose(inner.std(axis=0), 1, atol=0.15)


WRONG = {
    "twice": (lambda prior: (vae(prior), vae(prior)), "already belongs to another mod"),
    "condition": (
        lambda prior: kg.VAE(
            *kg.networks.mlp_vae((4,), 2, units=(4,), num_classes=3), prior=prior
        ),
        r"VampPrior is for models of numbers without a condition, received prior",
    ),
    "flow": (
        lambda prior: kg.Flow(bj.real_nvp(2, units=(4,)), (2,), base=prior),
        "VampPrior is for kg.VAE",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_prior_that_does_not_fit_is_refused(case):
    make, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        make(kg.VampPrior(3))
    with pytest.raises(ValueError, match="num_components must be"):
        kg.VampPrior(0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vamp", pytest.param("flow", marks=pytest.mark.long)])
def test_artifacts_draw_what_the_model_draws(name, tmp_path):
    model = vae(PRIORS[name]())
    model._prepare(X, None)
    kg.export.check(kg.export.saved_model(model, tmp_path / "served"))
    kg.export.check(kg.export.tflite(model, tmp_path / "model.tflite"))
