"""Penalties of the aggregate posterior, against closed forms and direct sums."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from scipy.special import logsumexp

import keras_gen as kg
from keras_gen.objectives import (
    ELBO,
    Draws,
    Evidence,
    MaximumMeanDiscrepancy,
    TotalCorrelation,
)
from keras_gen.random import RowNoise, row_seeds

RNG = np.random.default_rng(0)


def drawn(mean, stddev, noise):
    values = (mean + stddev * noise)[None], mean, stddev + 0 * mean
    return Draws(*(tf.constant(v, tf.float32) for v in values))


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_the_total_correlation_of_a_gaussian_is_its_closed_form(correlation):
    scale = 0.5  # of q(z | x); the means have the rest of the variance
    of_means = np.array([[1.0, correlation], [correlation, 1.0]]) - scale**2 * np.eye(2)
    of_means = RNG.multivariate_normal([0, 0], of_means, size=900)
    draws = drawn(of_means, scale, RNG.normal(size=(900, 2)))
    found = float(TotalCorrelation(1.0, num_examples=900)(draws))
    expected = -0.5 * np.log(1 - correlation**2)
    assert found == pytest.approx(expected, abs=0.06)


def test_the_weights_of_a_batch_are_those_of_the_examples():
    """The own example counts 1 / n, and the others of the batch the rest alike."""
    mean, scale, n = RNG.normal(size=(3, 2)), np.array([0.5, 0.8]), 10
    draws = drawn(mean, scale, RNG.normal(size=(3, 2)))
    z = draws.z[0].numpy().astype("float64")
    log_q = stats.norm(mean, scale).logpdf(z[:, None])
    weights = np.full((3, 3), (1 - 1 / n) / 2)
    np.fill_diagonal(weights, 1 / n)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    joint = logsumexp(log_q.sum(axis=-1), b=weights, axis=1)
    single = logsumexp(log_q, b=weights[..., None], axis=1).sum(axis=-1)
    found = TotalCorrelation(1.0, num_examples=n)(draws)
    assert float(found) == pytest.approx((joint - single).mean(), rel=1e-4)
    alone = drawn(mean[:1], scale, np.ones((1, 2)))
    assert float(TotalCorrelation(1.0, num_examples=n)(alone)) == 0


def test_the_discrepancy_is_the_direct_double_sum():
    a, b = RNG.normal(size=(7, 3)), 0.5 + RNG.normal(size=(7, 3))
    total = 0.0
    for i in range(7):
        for j in range(7):
            for x, y, sign in ((a[i], a[j], 1), (b[i], b[j], 1), (a[i], b[j], -2)):
                total += sign * np.exp(-((x - y) ** 2).sum() / 6) / 49
    draws = drawn(a, 0.0, 1.0)._replace(prior=tf.constant(b, tf.float32))
    found = MaximumMeanDiscrepancy(1.0)(draws)
    assert float(found) == pytest.approx(total, rel=1e-4)
    same = drawn(a, 0.0, 1.0)._replace(prior=tf.constant(a[::-1].copy(), tf.float32))
    assert float(MaximumMeanDiscrepancy(1.0)(same)) == pytest.approx(0, abs=1e-6)


def test_the_discrepancy_of_one_distribution_is_that_of_pairs_with_themselves():
    a, b = RNG.normal(size=(2, 400, 2))
    draws = drawn(a, 0.0, 1.0)._replace(prior=tf.constant(b, tf.float32))
    # E k(a, b) of two standard normal vectors: (1 + 2 / d) ** (-d / 2) = 0.5 for d = 2
    assert float(MaximumMeanDiscrepancy(1.0)(draws)) == pytest.approx(
        2 * (1 - 0.5) / 400, abs=3e-3
    )
    far = draws._replace(prior=draws.prior + 20)
    kernel = 0.5 + 0.5 / 400  # of each with itself; nothing is common
    assert float(MaximumMeanDiscrepancy(1.0)(far)) == pytest.approx(
        2 * kernel, abs=0.05
    )


def vae(penalty=None, beta=1.0):
    networks = kg.networks.mlp_vae((4,), 2, units=(8,), values_per_channel=2)
    objective = ELBO(beta=beta, penalty=penalty)
    return kg.VAE(*networks, objective=objective, seed=0)


@pytest.mark.parametrize(
    "penalty", [TotalCorrelation(5.0, 60), MaximumMeanDiscrepancy(9.0)], ids=repr
)
def test_the_loss_has_one_more_term(penalty):
    model = vae(penalty, beta=0.5)
    x = tf.constant(RNG.normal(size=(6, 4)), tf.float32)
    noise = RowNoise(row_seeds(0, 6), 0)
    with tf.GradientTape() as tape:
        terms = model.loss_terms(x, None, noise, training=False)
    assert list(terms) == [*model.objective.term_names]
    terms = {k: float(v) for k, v in terms.items()} | {"tensor": terms["loss"]}
    expected = terms["reconstruction_nll"] + 0.5 * terms["kl"]
    expected += penalty.weight * terms[penalty.name]
    assert terms["loss"] == pytest.approx(expected, rel=1e-5)
    assert terms["elbo"] == pytest.approx(-terms["reconstruction_nll"] - terms["kl"])
    weights = model.encoder.trainable_variables
    gradients = tape.gradient(terms["tensor"], [w.value for w in weights])
    assert all(np.any(np.asarray(g)) for g in gradients)
    config = keras.saving.serialize_keras_object(model.objective)
    assert keras.saving.deserialize_keras_object(config) == model.objective


def test_the_prior_of_a_discrepancy_is_that_of_the_model():
    penalty = MaximumMeanDiscrepancy(1.0)
    model, noise = vae(penalty), RowNoise(row_seeds(3, 6), 0)
    x = tf.constant(RNG.normal(size=(6, 4)), tf.float32)
    terms = model.loss_terms(x, None, noise, training=False)
    z = model._evidence(x, None, model._posterior.noise(noise, 1)).draws
    prior = model.prior.from_noise(noise.normal((2,), 4))
    np.testing.assert_allclose(terms["mmd"], penalty(z._replace(prior=prior)))


ERRORS = {
    "weight": (lambda: TotalCorrelation(-1.0, 10), "weight must be"),
    "examples": (lambda: TotalCorrelation(1.0, 1), "num_examples must be at least 2"),
    "discrepancy": (lambda: MaximumMeanDiscrepancy(float("nan")), "weight must be"),
    "flow": (
        lambda: kg.VAE(
            *kg.networks.mlp_vae((4,), 2, units=(4,), values_per_channel=2),
            posterior=kg.bijectors.FlowPosterior(
                kg.bijectors.planar(1, conditional=False)
            ),
            objective=ELBO(penalty=TotalCorrelation(1.0, 10)),
        ),
        "TotalCorrelation requires a normal q.* received posterior=FlowPosterior",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_name_what_was_received(case):
    make, message = ERRORS[case]
    with pytest.raises(ValueError, match=message):
        make()


def test_without_draws_the_loss_is_that_of_the_bound():
    evidence = Evidence(*map(tf.constant, ([[-9.0]], [[-8.0]], [[3.0, 7.0]])))
    assert float(ELBO(penalty=MaximumMeanDiscrepancy(1.0))(evidence, None)[0]) == 19
