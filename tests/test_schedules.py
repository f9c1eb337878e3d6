"""Noise schedules and parameterizations: identities in closed form."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import parameterizations, schedules

TIMES = tf.constant(np.linspace(0.001, 0.999, 501))
SCHEDULES = {
    "linear": schedules.Linear(),
    "cosine": schedules.Cosine(),
    "shifted cosine": schedules.Cosine(shift=3.0, limit=10.0),
    "karras": schedules.VarianceExploding(),
    "rectified flow": schedules.RectifiedFlow(),
}
PRESERVING = ("linear", "cosine", "shifted cosine")
PARAMETERIZATIONS = {
    "epsilon": parameterizations.Epsilon(),
    "x0": parameterizations.X0(),
    "v": parameterizations.V(),
    "velocity": parameterizations.Velocity(),
    "preconditioned": parameterizations.Preconditioned(deviation=0.7),
}
MEAN, DEVIATION = 0.4, 0.7
each_schedule = pytest.mark.parametrize("name", SCHEDULES)
each_meaning = pytest.mark.parametrize("meaning", PARAMETERIZATIONS)


@each_schedule
def test_log_snr_falls_and_is_that_of_alpha_and_sigma(name):
    schedule = SCHEDULES[name]
    log_snr = schedule.log_snr(TIMES).numpy()
    assert (np.diff(log_snr) < 0).all()
    ratio = schedule.alpha(TIMES) / schedule.sigma(TIMES)
    np.testing.assert_allclose(2 * np.log(ratio), log_snr, atol=1e-9)


@each_schedule
def test_time_is_the_inverse_of_log_snr(name):
    schedule = SCHEDULES[name]
    found = schedule.time(schedule.log_snr(TIMES))
    np.testing.assert_allclose(found, TIMES, atol=1e-9)


@pytest.mark.parametrize("name", PRESERVING)
def test_the_variance_is_preserved(name):
    schedule = SCHEDULES[name]
    power = schedule.alpha(TIMES) ** 2 + schedule.sigma(TIMES) ** 2
    np.testing.assert_allclose(power, 1, atol=1e-12)


def test_linear_is_ddpm_with_many_steps():
    betas = np.linspace(1e-4, 0.02, 1000)
    alphas = np.sqrt(np.cumprod(1 - betas))
    times = tf.constant((np.arange(1000) + 1) / 1000)
    found = schedules.Linear().alpha(times).numpy()
    np.testing.assert_allclose(found, alphas, atol=2e-3)


def test_cosine_is_a_cosine_within_its_limits():
    schedule = schedules.Cosine()
    np.testing.assert_allclose(
        schedule.alpha(TIMES), np.cos(np.pi / 2 * TIMES), atol=1e-3
    )
    ends = schedule.log_snr(tf.constant([0.0, 1.0], tf.float64))
    np.testing.assert_allclose(ends, [15, -15], atol=1e-9)


def test_a_shift_divides_alpha_over_sigma():
    plain, shifted = schedules.Cosine(), schedules.Cosine(shift=4.0)
    times = plain.time(tf.constant([-3.0, 0.0, 3.0], tf.float64))
    at_same_angle = shifted.log_snr(times) - plain.log_snr(times)
    np.testing.assert_allclose(at_same_angle, -2 * np.log(4.0), atol=2e-2)


@each_schedule
@each_meaning
def test_the_target_gives_back_the_example(name, meaning):
    schedule, parameterization = SCHEDULES[name], PARAMETERIZATIONS[meaning]
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(2, 501))
    alpha, sigma = schedule.alpha(TIMES), schedule.sigma(TIMES)
    target = parameterization.target(x, noise, alpha, sigma)
    noisy = alpha * x + sigma * noise
    denoised = parameterization.predict_x0(noisy, target, alpha, sigma)
    np.testing.assert_allclose(denoised, x, atol=1e-6)


def test_targets_are_the_textbook_ones():
    x, noise, alpha, sigma = (tf.constant(v, tf.float64) for v in (0.3, -1.2, 0.8, 0.6))
    expected = {"epsilon": -1.2, "x0": 0.3, "velocity": -1.5}
    expected["v"] = 0.8 * -1.2 - 0.6 * 0.3
    for name, value in expected.items():
        target = PARAMETERIZATIONS[name].target(x, noise, alpha, sigma)
        assert float(target) == pytest.approx(value, abs=1e-12)


def test_preconditioning_is_that_of_edm():
    sigma, deviation = tf.constant([0.002, 0.5, 80.0], tf.float64), 0.7
    parameterization = PARAMETERIZATIONS["preconditioned"]
    alpha, total = tf.ones_like(sigma), sigma**2 + deviation**2
    skip, out = parameterization.skip_and_out(alpha, sigma)
    np.testing.assert_allclose(skip, deviation**2 / total, rtol=1e-12)
    np.testing.assert_allclose(out, sigma * deviation / total**0.5, rtol=1e-12)
    c_in = parameterization.c_in(alpha, sigma)
    np.testing.assert_allclose(c_in, total**-0.5, rtol=1e-12)


@each_schedule
def test_preconditioned_inputs_and_targets_have_variance_1(name):
    schedule = SCHEDULES[name]
    rng = np.random.default_rng(1)
    x, noise = DEVIATION * rng.normal(size=100_000), rng.normal(size=100_000)
    parameterization = parameterizations.Preconditioned(DEVIATION)
    for t in (0.05, 0.5, 0.9):
        time = tf.constant(t, tf.float64)
        alpha, sigma = schedule.alpha(time), schedule.sigma(time)
        scaled = parameterization.c_in(alpha, sigma) * (alpha * x + sigma * noise)
        target = parameterization.target(x, noise, alpha, sigma)
        np.testing.assert_allclose(np.var(scaled), 1, atol=0.02)
        np.testing.assert_allclose(np.var(target), 1, atol=0.02)


@each_schedule
@each_meaning
def test_the_best_output_of_gaussian_data_is_their_exact_denoiser(name, meaning):
    """The mean target given the noisy example, by regression on many draws."""
    schedule, parameterization = SCHEDULES[name], PARAMETERIZATIONS[meaning]
    rng = np.random.default_rng(2)
    x = MEAN + DEVIATION * rng.normal(size=200_000)
    noise = rng.normal(size=200_000)
    time = tf.constant(0.4, tf.float64)
    alpha, sigma = schedule.alpha(time), schedule.sigma(time)
    noisy = (alpha * x + sigma * noise).numpy()
    target = parameterization.target(x, noise, alpha, sigma).numpy()
    slope, offset = np.polyfit(noisy, target, 1)
    grid = np.linspace(noisy.min(), noisy.max(), 11)
    denoised = parameterization.predict_x0(grid, slope * grid + offset, alpha, sigma)
    gain = alpha * DEVIATION**2 / (alpha**2 * DEVIATION**2 + sigma**2)
    exact = MEAN + gain * (grid - alpha * MEAN)
    np.testing.assert_allclose(denoised, exact, atol=0.03)


@pytest.mark.parametrize("name", [*SCHEDULES, *PARAMETERIZATIONS])
def test_it_is_saved_by_its_values(name):
    value = {**SCHEDULES, **PARAMETERIZATIONS}[name]
    config = keras.saving.serialize_keras_object(value)
    assert keras.saving.deserialize_keras_object(config) == value


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.Linear(beta_min=0), "beta_min must be > 0"),
        (lambda: schedules.Linear(beta_max=0.01), "beta_max must be above beta_min"),
        (lambda: schedules.Cosine(shift=-1), "shift must be > 0"),
        (
            lambda: schedules.VarianceExploding(sigma_max=0.001),
            "sigma_max must be above sigma_min",
        ),
        (lambda: parameterizations.Preconditioned(0), "deviation must be > 0"),
    ],
)
def test_bad_values_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
