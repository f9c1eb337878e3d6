"""Weightings of noise levels, and how they are drawn."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_gen import objectives, parameterizations, schedules

SCHEDULE = schedules.Cosine()
LOG_SNR = tf.constant(np.linspace(-8, 8, 33))
ALPHA, SIGMA = (tf.sqrt(tf.sigmoid(sign * LOG_SNR)) for sign in (1, -1))
SNR = np.exp(LOG_SNR)
TIMES = {
    "uniform": objectives.UniformTimes,
    "log-normal": objectives.LogNormalLevels,
    "logit-normal": objectives.LogitNormalTimes,
}


def weight(weighting, parameterization):
    _, out = parameterization.skip_and_out(ALPHA, SIGMA)
    return weighting(LOG_SNR, out).numpy()


def test_min_snr_has_the_weights_of_the_paper():
    """Hang et al. 2023, section 3.4: of the noise, of the example, of v."""
    least = np.minimum(SNR, 5)
    found = objectives.MinSNR(5.0)
    np.testing.assert_allclose(weight(found, parameterizations.Epsilon()), least / SNR)
    np.testing.assert_allclose(weight(found, parameterizations.X0()), least)
    np.testing.assert_allclose(weight(found, parameterizations.V()), least / (SNR + 1))


def test_the_sigmoid_weighting_is_a_sigmoid_of_the_noises_error():
    found = weight(objectives.SigmoidWeighting(bias=-1.0), parameterizations.Epsilon())
    np.testing.assert_allclose(found, 1 / (1 + np.exp(LOG_SNR + 1)), rtol=1e-12)


def test_velocities_weigh_the_same_whatever_the_output_is():
    """With alpha + sigma = 1, the velocity's error is the example's over sigma."""
    sigma = tf.constant(np.linspace(0.06, 0.99, 20))
    log_snr = 2 * tf.math.log((1 - sigma) / sigma)
    even = objectives.VelocityWeighting()
    for parameterization, expected in (
        (parameterizations.Velocity(), 1),
        (parameterizations.X0(), 1 / sigma**2),
    ):
        _, out = parameterization.skip_and_out(1 - sigma, sigma)
        found = even(log_snr, out)
        np.testing.assert_allclose(found, expected * np.ones(20), rtol=1e-12)
    clear = even(tf.constant([12.0]), tf.ones(1))
    assert clear.numpy() == 400


def test_even_weights_of_preconditioned_outputs_are_those_of_edm():
    """Karras et al. 2022, table 1: (sigma**2 + d**2) / (sigma d)**2 of the example."""
    deviation, sigma = 0.5, np.geomspace(0.002, 80, 20)
    preconditioned = parameterizations.Preconditioned(deviation)
    alpha = tf.ones_like(tf.constant(sigma))
    _, out = preconditioned.skip_and_out(alpha, tf.constant(sigma))
    found = objectives.UniformWeighting()(-2 * tf.math.log(sigma), out) / out**2
    np.testing.assert_allclose(
        found, (sigma**2 + deviation**2) / (sigma * deviation) ** 2, rtol=1e-12
    )


@pytest.mark.parametrize("name", TIMES)
def test_stratified_times_fall_once_into_each_part(name):
    u = tf.constant(np.random.default_rng(0).random(64), tf.float32)
    even, free = (
        np.sort(TIMES[name](stratified=flag)(u, SCHEDULE)) for flag in (True, False)
    )
    exact = TIMES[name](stratified=False)
    edges = exact(tf.constant(np.arange(1, 64) / 64, tf.float32), SCHEDULE).numpy()
    assert (np.bincount(np.searchsorted(edges, even), minlength=64) == 1).all()
    assert np.bincount(np.searchsorted(edges, free), minlength=64).max() > 1


@pytest.mark.parametrize(
    ("times", "transform", "normal"),
    [
        (
            objectives.LogNormalLevels(-1.2, 1.2, stratified=False),
            lambda t: -0.5 * schedules.VarianceExploding().log_snr(t),
            stats.norm(-1.2, 1.2),
        ),
        (
            objectives.LogitNormalTimes(0.5, 0.8, stratified=False),
            lambda t: tf.math.log(t / (1 - t)),
            stats.norm(0.5, 0.8),
        ),
    ],
    ids=["log-normal", "logit-normal"],
)
def test_quantiles_are_those_of_the_normal_distribution(times, transform, normal):
    u = tf.constant(np.linspace(0.01, 0.99, 99))
    found = transform(times(u, schedules.VarianceExploding()))
    np.testing.assert_allclose(found, normal.ppf(u), atol=1e-9)


def test_no_time_is_at_the_end_and_empty_batches_are_none():
    for kind in TIMES.values():
        t = kind(stratified=False)(tf.constant([0.0, 1.0]), SCHEDULE).numpy()
        assert (t > 0).all()
        assert (t < 1).all()
        assert kind()(tf.zeros(0), SCHEDULE).shape == (0,)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: objectives.MinSNR(0.0), "gamma must be > 0"),
        (lambda: objectives.LogNormalLevels(deviation=-1.0), "deviation must be > 0"),
        (lambda: objectives.LogitNormalTimes(deviation=0.0), "deviation must be > 0"),
    ],
)
def test_bad_values_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
