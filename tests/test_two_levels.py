"""Two levels of latent values: bounds against closed forms, densities, refusals.

The linear-Gaussian model z2 ~ N(0, 1), z1 = A z2 + S e, x = z1 U + z2 V + B + SIGMA e
has a normal evidence, and normal q(z2 | x) and q(z1 | x, z2) with linear means.
"""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy import stats

import keras_gen as kg
from keras_gen.random import RowNoise, row_seeds

A, S, SIGMA = 0.8, 0.6, 0.7
U, V = np.array([1.0, -0.5, 0.3, 0.8]), np.array([0.4, 0.9, -0.6, 0.2])
B = np.array([0.3, -0.2, 0.1, 0.5])
X = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
JOINT = np.array([[S**2 + A**2, A], [A, 1.0]])  # of (z1, z2)
DIRECTIONS = np.stack([U, V])
COVARIANCE = DIRECTIONS.T @ JOINT @ DIRECTIONS + SIGMA**2 * np.eye(4)
LOG_PROB = stats.multivariate_normal(B, COVARIANCE).logpdf(X)
GAIN = JOINT @ DIRECTIONS @ np.linalg.inv(COVARIANCE)  # of (z1, z2), given x - B
LEFT = JOINT - GAIN @ DIRECTIONS.T @ JOINT
SLOPE = LEFT[0, 1] / LEFT[1, 1]  # of z1, given z2
VARIANCES = LEFT[0, 0] - SLOPE * LEFT[0, 1], LEFT[1, 1]
SHIFT, WIDEN = np.array([0.2, -0.3]), np.array([0.3, -0.4])
# The mean over these noises is the exact expectation of a quadratic function.
SIGMA_POINTS = np.sqrt(2) * np.concatenate([np.eye(2), -np.eye(2)])
IMAGES = np.random.default_rng(1).random((24, 4, 4, 1), "float32")


def dense(inputs, kernel, bias):
    joint = layers.Concatenate()(inputs) if len(inputs) > 1 else inputs[0]
    layer = layers.Dense(np.shape(kernel)[1])
    network = keras.Model(inputs if len(inputs) > 1 else inputs[0], layer(joint))
    layer.set_weights([np.asarray(kernel, "float32"), np.asarray(bias, "float32")])
    return network


def linear(shift=(0.0, 0.0), widen=(0.0, 0.0), base=None):
    """The linear model; its posterior is off by shifts and log variances."""
    kernel = np.concatenate([GAIN[1][:, None], np.zeros((4, 1)), np.eye(4)], axis=1)
    bias = [-GAIN[1] @ B + shift[1], np.log(VARIANCES[1]) + widen[1], 0, 0, 0, 0]
    encoder = dense([keras.Input((4,))], kernel, bias)
    of_x = GAIN[0] - SLOPE * GAIN[1]
    kernel = np.concatenate([of_x, [SLOPE]])[:, None] * [1, 0]
    bias = [-of_x @ B + shift[0], np.log(VARIANCES[0]) + widen[0]]
    posterior = dense([keras.Input((4,)), keras.Input((1,))], kernel, bias)
    prior = dense([keras.Input((1,))], [[A, 0]], [0, 2 * np.log(S)])
    decoder = dense([keras.Input((2,))], DIRECTIONS, B)
    return kg.VAE(
        encoder,
        decoder,
        likelihood=kg.Gaussian(SIGMA, unit_interval=False),
        prior=kg.TwoLevelPrior(prior, base),
        posterior=kg.TwoLevelPosterior(posterior),
        seed=0,
    )


def evidence(model, noise):
    noise = np.broadcast_to(noise, (len(noise), len(X), 2)).astype("float32")
    return model._evidence(tf.constant(X), None, tf.constant(noise))


def two_levels(base=None, **options):
    random.seed(0)
    levels = kg.networks.mlp_two_levels((4, 4, 1), (3, 2), units=(8, 8))
    return kg.VAE(
        levels.encoder,
        levels.decoder,
        prior=kg.TwoLevelPrior(levels.prior, base),
        posterior=kg.TwoLevelPosterior(levels.posterior),
        seed=0,
        **options,
    )


def test_the_bound_is_the_evidence_at_the_exact_posterior():
    model = linear()
    found = evidence(model, SIGMA_POINTS[:, None])
    np.testing.assert_allclose(found.elbo(), LOG_PROB, rtol=2e-6)
    noise = np.random.default_rng(0).normal(size=(3, len(X), 2))
    for weights in evidence(model, noise).log_weights():  # of every single draw
        np.testing.assert_allclose(weights, LOG_PROB, rtol=2e-6)


def test_the_bound_is_lower_elsewhere_by_the_divergence_of_both_levels():
    kl = 0.5 * (np.exp(WIDEN) + SHIFT**2 / VARIANCES - 1 - WIDEN).sum()
    model = linear(SHIFT, WIDEN)
    found = evidence(model, SIGMA_POINTS[:, None])
    np.testing.assert_allclose(LOG_PROB - found.elbo(), kl, rtol=1e-4)
    estimate = evidence(model, np.random.default_rng(0).normal(size=(20_000, 1, 2)))
    np.testing.assert_allclose(estimate.importance_bound(), LOG_PROB, atol=0.02)
    parts = found.kl.numpy().mean(axis=0), -estimate.log_ratio.numpy().mean()
    assert parts[0].shape == (2,)  # one for each value: free bits know them
    assert parts[0].sum() == pytest.approx(parts[1], abs=0.03)


def test_the_mean_code_is_that_of_the_exact_posterior():
    model = linear()
    codes = X - B
    np.testing.assert_allclose(model.encode(X), codes @ GAIN.T, atol=1e-6)
    mean = codes @ GAIN.T @ DIRECTIONS + B
    np.testing.assert_allclose(model.reconstruct(X), mean, atol=1e-5)
    bound = model.importance_log_prob(X, 7)
    np.testing.assert_allclose(bound, LOG_PROB, rtol=2e-6)


def test_draws_of_the_prior_go_from_level_to_level():
    prior = linear().prior
    noise = np.random.default_rng(2).normal(size=(40_000, 2)).astype("float32")
    z = prior.from_noise(tf.constant(noise)).numpy()
    np.testing.assert_allclose(np.cov(z.T), JOINT, atol=0.03)
    expected = stats.multivariate_normal([0, 0], JOINT).logpdf(z[:50])
    np.testing.assert_allclose(prior.log_prob(tf.constant(z[:50])), expected, rtol=1e-4)


def test_a_vamp_prior_of_the_upper_level_is_a_density():
    model = linear(base=kg.VampPrior(3, seed=1))
    prior, pseudo = model.prior, model.prior.base.pseudo_inputs.numpy()
    axis = np.linspace(-8, 8, 201, dtype="float32")
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    log_density = prior.log_prob(tf.constant(grid)).numpy().astype("float64")
    cell = (axis[1] - axis[0]) ** 2
    assert np.exp(log_density).sum() * cell == pytest.approx(1, abs=1e-3)
    means = (pseudo - B) @ GAIN[1]
    upper = stats.norm(means, np.sqrt(VARIANCES[1])).pdf(grid[:, 1:]).mean(axis=1)
    lower = stats.norm(A * grid[:, 1], S).logpdf(grid[:, 0])
    near = np.abs(grid).max(axis=1) < 2
    expected = (np.log(upper) + lower)[near]
    np.testing.assert_allclose(log_density[near], expected, rtol=1e-4, atol=1e-4)
    noise = np.random.default_rng(3).normal(size=(20_000, 4)).astype("float32")
    z = prior.from_noise(tf.constant(noise)).numpy()
    assert z[:, 1].mean() == pytest.approx(means.mean(), abs=0.02)
    assert z[:, 0].mean() == pytest.approx(A * means.mean(), abs=0.02)


def test_pseudo_inputs_begin_as_examples_and_all_weights_learn():
    model = two_levels(kg.VampPrior(6))
    assert model.prior.num_examples == 6
    start = np.clip(IMAGES[:6], 0.02, 0.98)
    model._prepare(IMAGES, None)
    np.testing.assert_allclose(model.prior.base.pseudo_inputs, start, atol=1e-5)
    noise = RowNoise(row_seeds(0, 24), 3)
    with tf.GradientTape() as tape:
        terms = model.loss_terms(tf.constant(IMAGES), None, noise, training=True)
    weights = model.trainable_variables
    gradients = tape.gradient(terms["loss"], [w.value for w in weights])
    missing = [w.path for w, g in zip(weights, gradients, strict=True) if g is None]
    assert missing == []
    assert all(np.any(np.asarray(g)) for g in gradients)


def test_draws_have_the_density_that_they_are_given():
    model = two_levels()
    encoded = model._statistics(tf.constant(IMAGES))
    noise = np.random.default_rng(4).normal(size=(3, 24, 5)).astype("float32")
    drawn = model.approximation.draw(encoded, tf.constant(noise))
    again = model.approximation.log_prob(encoded, drawn.z)
    np.testing.assert_allclose(drawn.log_prob, again, rtol=1e-5)
    still = model.approximation.draw(encoded, tf.zeros((1, 24, 5))).z[0]
    np.testing.assert_allclose(model.approximation.center(encoded), still, atol=1e-6)


@pytest.mark.slow
def test_a_hierarchical_model_is_saved_whole(tmp_path):
    model = two_levels(kg.VampPrior(4))
    model._prepare(IMAGES, None)
    model.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    for a, b in zip(model.variables, again.variables, strict=True):
        np.testing.assert_array_equal(a, b)
    noise = tf.zeros((1, 24, 5))
    bounds = [m._evidence(tf.constant(IMAGES), None, noise) for m in (model, again)]
    np.testing.assert_array_equal(bounds[0].elbo(), bounds[1].elbo())


def test_log_variances_begin_at_zero_and_are_bounded():
    levels = kg.networks.mlp_two_levels((4, 4, 1), (3, 2), units=(8, 8))
    z2 = np.random.default_rng(5).normal(size=(9, 2)).astype("float32")
    assert not levels.prior(z2)[:, 3:].numpy().any()
    for weight in levels.prior.trainable_weights:
        weight.assign(50.0 * np.random.default_rng(6).normal(size=weight.shape))
    log_var = levels.prior(z2)[:, 3:].numpy()
    assert log_var.min() == -6
    assert log_var.max() == 2


def networks_of(latent_dims=(3, 2)):
    return kg.networks.mlp_two_levels((4, 4, 1), latent_dims, units=(8, 8))


def mixed():
    """A decoder for other sizes than those of the networks of the levels."""
    levels, other = networks_of(), networks_of((4, 2))
    posterior = kg.TwoLevelPosterior(levels.posterior)
    return kg.VAE(levels.encoder, other.decoder, posterior=posterior)


def flat_encoder():
    levels = networks_of()
    encoder, _ = kg.networks.mlp_vae((4, 4, 1), 2, units=(8,))
    return kg.VAE(
        encoder, levels.decoder, posterior=kg.TwoLevelPosterior(levels.posterior)
    )


def vamp_of_all():
    levels = networks_of()
    return kg.VAE(
        levels.encoder,
        levels.decoder,
        prior=kg.VampPrior(3),
        posterior=kg.TwoLevelPosterior(levels.posterior),
    )


def twice():
    model = two_levels()
    return kg.VAE(model.encoder, model.decoder, posterior=model.approximation)


WRONG = {
    "sizes": (mixed, "3 of z1 and 2 of z2, for the network of TwoLevelPosterior"),
    "encoder": (flat_encoder, "2 means, 2 log variances and 8 further values"),
    "vamp of both": (vamp_of_all, "VampPrior of 5 values requires an encoder with as"),
    "swapped": (
        lambda: kg.TwoLevelPosterior(networks_of().prior),
        r"network must take \(context, z2\)",
    ),
    "another": (lambda: kg.TwoLevelPrior(networks_of().posterior), "must take z2 and"),
    "twice": (twice, "already belongs to another model"),
    "one size": (lambda: networks_of((3,)), "latent_dims must be two sizes"),
    "posterior": (
        lambda: two_levels().posterior(tf.constant(IMAGES)),
        "q\\(z \\| x\\) is normal, received one with posterior=TwoLevelPosterior",
    ),
    "latent": (
        lambda: kg.Latent(two_levels(), kg.StandardNormal()),
        "autoencoder must have a normal",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_refused(case):
    make, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.usefixtures("quick")
@pytest.mark.slow
def test_artifacts_of_two_levels_draw_what_the_model_draws(tmp_path):
    model = two_levels(kg.VampPrior(4))
    model._prepare(IMAGES, None)
    kg.export.check(kg.export.saved_model(model, tmp_path / "served"))
    kg.export.check(kg.export.tflite(model, tmp_path / "model.tflite"))
