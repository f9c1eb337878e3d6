"""Solvers on data whose denoiser is known: order, mean and covariance, grids."""

import numpy as np
import pytest
import tensorflow as tf

from keras_gen import samplers, schedules

from ..marks import but_slow

MEAN, DEVIATION = 0.7, 0.4
CENTERS, WIDTH = np.array([-1.0, 1.5]), 0.3
SCHEDULES = {
    "linear": schedules.Linear(),
    "cosine": schedules.Cosine(),
    "karras": schedules.VarianceExploding(),
    "rectified flow": schedules.RectifiedFlow(),
}
ORDERS = {
    "ddim": (samplers.DDIM(), 1),
    "heun": (samplers.Heun(), 2),
    "2m": (samplers.DPMSolver2M(), 2),
    "unipc": (samplers.UniPC(), 3),
}
GRIDS = {
    "uniform": samplers.Uniform(),
    "quadratic": samplers.Quadratic(),
    "log_snr": samplers.LogSNR(),
    "rho": samplers.KarrasGrid(),
}
RANDOM = {
    "ancestral": samplers.DDIM(eta=1.0),
    "half ancestral": samplers.DDIM(eta=0.5),
    "sde 2m": samplers.DPMSolver2M(stochastic=True),
    "churn": samplers.Heun(churn=20.0),
    "repaint": samplers.RePaint(3),
}


def gaussian(x, alpha, sigma):
    """The exact denoiser of N(MEAN, DEVIATION**2)."""
    gain = alpha * DEVIATION**2 / (alpha**2 * DEVIATION**2 + sigma**2)
    return MEAN + gain * (x - alpha * MEAN)


def mixture(x, alpha, sigma):
    """The exact denoiser of two Gaussians of equal weight."""
    variance = (alpha * WIDTH) ** 2 + sigma**2
    offsets = x[..., None] - alpha * CENTERS
    shares = tf.nn.softmax(-0.5 * offsets**2 / variance)
    means = CENTERS + alpha * WIDTH**2 / variance * offsets
    return tf.reduce_sum(shares * means, axis=-1)


def solve(solver, schedule, grid, steps, start, denoiser=gaussian, noise=None):
    levels = grid(schedule, steps)
    program = solver(levels, schedule)
    alpha, sigma = tf.constant(program.alpha), tf.constant(program.sigma)

    def denoise(x, i):
        return denoiser(x, tf.gather(alpha, i), tf.gather(sigma, i))

    traced = tf.function(lambda x: samplers.run(program, denoise, x, noise))
    return traced(tf.constant(start(levels))).numpy()


def start_of(points):
    """Noisy examples at the first level that correspond to `points`."""

    def start(levels):
        alpha, sigma = levels.alpha[0], levels.sigma[0]
        return alpha * MEAN + np.hypot(alpha * DEVIATION, sigma) * points

    return start


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", ORDERS)
def test_a_solver_converges_on_gaussian_data_with_its_order(name, schedule):
    solver, order = ORDERS[name]
    points = np.linspace(-2, 2, 9)
    grid = samplers.LogSNR(lowest=-10.0, highest=14.0)
    errors = [
        np.abs(
            solve(solver, SCHEDULES[schedule], grid, steps, start_of(points))
            - (MEAN + DEVIATION * points)
        ).max()
        for steps in (32, 64)
    ]
    assert errors[1] < 0.04
    assert order - 0.15 < np.log2(errors[0] / errors[1]) < order + 0.6


@pytest.mark.parametrize(
    "schedule", but_slow(["cosine", "rectified flow"], ["rectified flow"])
)
@pytest.mark.parametrize("name", ORDERS)
def test_a_solver_converges_on_a_mixture(name, schedule):
    solver, order = ORDERS[name]
    schedule, grid = SCHEDULES[schedule], samplers.LogSNR(lowest=-10.0, highest=14.0)
    points = np.linspace(-2, 2, 8)

    def sample(solver, steps):
        return solve(solver, schedule, grid, steps, lambda _: points, mixture)

    exact = sample(samplers.UniPC(), 1000)
    errors = [np.abs(sample(solver, steps) - exact).max() for steps in (50, 100, 200)]
    assert errors[-1] < 0.03
    assert np.log2(errors[0] / errors[-1]) / 2 > order - 0.3
    near = np.abs(exact[:, None] - CENTERS).min(axis=1)
    assert (near < 4 * WIDTH).all()


@pytest.mark.parametrize(
    "schedule", but_slow(["cosine", "karras", "rectified flow"], ["karras"])
)
@pytest.mark.parametrize("name", RANDOM)
def test_a_random_solver_reaches_mean_and_deviation(name, schedule):
    points = np.random.default_rng(0).normal(size=20_000)

    def fresh(i):
        draws = tf.random.stateless_normal((20_000,), tf.stack([0, i]))
        return tf.cast(draws, tf.float64)

    options = {"start": start_of(points), "noise": fresh}
    x = solve(RANDOM[name], SCHEDULES[schedule], samplers.KarrasGrid(), 400, **options)
    assert np.mean(x) == pytest.approx(MEAN, abs=0.01)
    assert np.std(x) == pytest.approx(DEVIATION, rel=0.04)
    assert np.corrcoef(x, points)[0, 1] < 0.99


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_repainting_goes_back_to_the_level_before_each_step(schedule):
    """Data at the point 1: the level of a row is what its mean and variance are."""
    schedule = SCHEDULES[schedule]
    levels = samplers.KarrasGrid()(schedule, 6)
    once, ancestral = (
        solver(levels, schedule)
        for solver in (samplers.RePaint(1), samplers.DDIM(eta=1.0))
    )
    np.testing.assert_allclose(once.weights, ancestral.weights, atol=1e-12)
    found = samplers.RePaint(3)(levels, schedule)
    assert found.calls == 3 * once.calls
    x, denoised, noise = np.moveaxis(found.weights[:, 0], -1, 0)
    back = np.arange(found.calls) % 3 < 2
    after_mean = np.append(found.alpha[1:], 1.0)
    after = np.append(found.sigma[1:], 0.0)
    np.testing.assert_array_equal(after[back], found.sigma[back])
    np.testing.assert_allclose(x * found.alpha + denoised, after_mean, atol=1e-9)
    variance = np.square(x * found.sigma) + np.square(noise)
    np.testing.assert_allclose(variance, after**2, atol=1e-9)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_straight_flows_need_one_step(schedule):
    """Data at a single point: the denoiser is constant, all solvers are exact."""
    for solver, _ in ORDERS.values():
        x = solve(
            solver,
            SCHEDULES[schedule],
            samplers.Uniform(),
            1,
            lambda levels: levels.sigma[0] * np.linspace(-2, 2, 5),
            lambda x, alpha, sigma: 0.3 + 0 * x,
        )
        np.testing.assert_allclose(x, 0.3, atol=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", GRIDS)
def test_a_grid_goes_from_noise_to_the_clean_example(name, schedule):
    levels = GRIDS[name](SCHEDULES[schedule], 10)
    assert len(levels.times) == 11
    assert (np.diff(levels.times[:-1]) < 0).all()
    assert (levels.alpha[-1], levels.sigma[-1], levels.times[-1]) == (1, 0, 0)
    assert (np.diff(levels.sigma / levels.alpha.clip(1e-12)) < 0).all()


def test_rho_is_the_grid_of_edm():
    rho, first, last = 7, 0.002, 80.0
    share = np.arange(18) / 17
    expected = (
        last ** (1 / rho) + share * (first ** (1 / rho) - last ** (1 / rho))
    ) ** rho
    levels = samplers.KarrasGrid(highest=13.0)(schedules.VarianceExploding(), 18)
    np.testing.assert_allclose(levels.sigma[:-1], expected, rtol=1e-9)


@pytest.mark.parametrize("calls", [("ddim", 5), ("heun", 9), ("2m", 5), ("unipc", 5)])
def test_a_program_calls_the_denoiser_once_per_row(calls):
    name, expected = calls
    schedule = schedules.Cosine()
    program = ORDERS[name][0](samplers.Uniform()(schedule, 5), schedule)
    assert program.calls == expected
    assert not program.is_random


@pytest.mark.parametrize("steps", [0, -3, 2.5, "ten"])
def test_steps_are_a_positive_integer(steps):
    with pytest.raises(ValueError, match="num_steps must be"):
        samplers.Uniform()(schedules.Cosine(), steps)


@pytest.mark.parametrize(
    "times", [[0.5, 0.7], [0.5, 0.5], [1.2, 0.3], [0.5, -0.1], [0.5, 0.0], []]
)
def test_times_that_do_not_fall_are_refused(times):
    with pytest.raises(ValueError, match="times must"):
        samplers.levels(schedules.RectifiedFlow(), times)


def test_bad_values_of_solvers_are_named():
    with pytest.raises(ValueError, match=r"eta must be in \[0, 1\], received 2"):
        samplers.DDIM(eta=2)
    with pytest.raises(ValueError, match="churn must be >= 0"):
        samplers.Heun(churn=-1)
