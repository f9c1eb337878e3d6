"""Diffusion: loss, average, classes, samples, edits and likelihoods."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import keras_gen as kg
from keras_gen import parameterizations, samplers, schedules
from keras_gen.capabilities import check_mask
from keras_gen.networks import mlp_denoiser
from keras_gen.random import RowNoise, row_seeds

from ..marks import but_slow
from .exact import PAIRS, exact_network

MEAN, DEVIATION = 0.3, 0.5
RNG = np.random.default_rng(0)
VECTORS = (MEAN + DEVIATION * RNG.normal(size=(256, 2))).astype(np.float32)
IMAGES = RNG.random((32, 8, 8, 1), np.float32)
PARAMETERIZATIONS = {
    "epsilon": parameterizations.Epsilon(),
    "x0": parameterizations.X0(),
    "v": parameterizations.V(),
    "velocity": parameterizations.Velocity(),
    "preconditioned": parameterizations.Preconditioned(),
}
GRID = samplers.LogSNR(-11.0, 11.0)


def exact(data_shape=(2,), schedule=None, parameterization=None, **options):
    """A model whose network knows the density of its data."""
    schedule = schedule or schedules.Cosine()
    parameterization = parameterization or parameterizations.V()
    names = ("means", "deviation")
    data = {name: options.pop(name) for name in names if name in options}
    network = exact_network(data_shape, schedule, parameterization, **data)
    options = {"sampling": samplers.Sampling(grid=GRID), **options}
    options |= {"ema_decay": None, "seed": 0}
    return kg.Diffusion(network, schedule, parameterization, **options)


def small(data_shape=(2,), num_classes=None, **options):
    network = mlp_denoiser(data_shape, units=(16,), num_classes=num_classes)
    model = kg.Diffusion(network, seed=0, **options)
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    return model


def squashed(data_shape):
    """Between -1 and 1, and not by its last layer."""
    network = mlp_denoiser(data_shape, units=(16,))
    y = keras.layers.Activation("tanh")(network.outputs[0])
    y = keras.layers.Activation("linear", dtype="float32")(y)
    return keras.Model(network.inputs, y)


def test_examples_of_images_may_be_squashed_to_their_range():
    kg.Diffusion(squashed((4, 4, 1)), parameterization=parameterizations.X0())


@pytest.mark.parametrize("schedule", PAIRS)
@pytest.mark.parametrize("name", PARAMETERIZATIONS)
def test_the_exact_denoiser_is_reproduced(name, schedule):
    model = exact((3,), PAIRS[schedule], PARAMETERIZATIONS[name])
    t = tf.constant(np.linspace(0.05, 0.95, 9)[:, None], tf.float32)
    alpha, sigma = model.schedule.alpha(t), model.schedule.sigma(t)
    x = tf.constant(RNG.normal(size=(9, 3)), tf.float32) * sigma + alpha * MEAN
    gain = alpha * DEVIATION**2 / ((alpha * DEVIATION) ** 2 + sigma**2)
    expected = MEAN + gain * (x - alpha * MEAN)
    found = model._denoised(x, alpha, sigma, {})
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("name", PARAMETERIZATIONS)
def test_the_loss_of_the_exact_denoiser_is_its_posterior_variance(name):
    """Of the example, gain sigma / alpha * deviation**2 ..., over c_out squared."""
    model = exact((64,), None, PARAMETERIZATIONS[name])
    x = tf.constant(MEAN + DEVIATION * RNG.normal(size=(4096, 64)), tf.float32)
    noise = RowNoise(tf.constant(row_seeds(0, 4096)))
    found = model.loss_terms(x, None, noise, training=True)["loss"]
    t = tf.constant((np.arange(8192) + 0.5) / 8192)
    alpha, sigma = model.schedule.alpha(t), model.schedule.sigma(t)
    _, out = PARAMETERIZATIONS[name].skip_and_out(alpha, sigma)
    left = (DEVIATION * sigma) ** 2 / ((alpha * DEVIATION) ** 2 + sigma**2)
    np.testing.assert_allclose(found, np.mean(left / out**2), rtol=0.01)


def with_sampling(name, schedule, grid, steps=10):
    how = samplers.Sampling("ddim", grid, steps)
    return exact((2,), schedule, PARAMETERIZATIONS[name], sampling=how)


@pytest.mark.parametrize("grid", [samplers.Uniform(), samplers.Quadratic()])
def test_no_step_is_long_where_epsilon_says_little(grid):
    """An error of the output would be multiplied by sigma / alpha, 1,800 at t = 1."""
    program = with_sampling("epsilon", schedules.Cosine(), grid)._program()
    assert program.alpha[0] == pytest.approx(np.exp(-4), rel=1e-3)
    whole = with_sampling("v", schedules.Cosine(), grid)._program()
    np.testing.assert_allclose(
        program.times, whole.times * program.times[0], atol=1e-12
    )
    assert whole.alpha[0] < 1e-3


@pytest.mark.parametrize(
    ("schedule", "grid", "steps"),
    [
        (schedules.Cosine(), samplers.LogSNR(), 10),  # its steps are short there
        (schedules.Linear(), samplers.Uniform(), 10),
        (schedules.Cosine(), samplers.Uniform(), 1000),
        (schedules.VarianceExploding(), samplers.Quadratic(), 10),
    ],
)
def test_grids_of_short_steps_stay(schedule, grid, steps):
    found = with_sampling("epsilon", schedule, grid, steps)._program()
    expected = with_sampling("v", schedule, grid, steps)._program()
    np.testing.assert_array_equal(found.times, expected.times)


def test_an_error_of_the_noise_stays_small():
    """The network's output is off by 0.1 everywhere."""
    model = with_sampling("epsilon", schedules.Cosine(), samplers.Uniform())
    right = model.sample(500, seed=0)
    wrong = off_by(model, 0.1).sample(500, seed=0)
    assert np.abs(wrong - right).max() < 1  # 10 without the bound


def off_by(model, error):
    """The same model, its network's output moved."""
    network = model.network
    moved = keras.layers.Rescaling(1.0, error)(network.output)
    options = {"sampling": model.sampling, "ema_decay": None, "seed": 0}
    moved = keras.Model(network.inputs, moved)
    return kg.Diffusion(moved, model.schedule, model.parameterization, **options)


def near_a_mode(samples, modes):
    distances = np.linalg.norm(samples[:, None] - modes, axis=-1).min(axis=1)
    return float((distances < 0.2).mean())


@pytest.mark.slow
@pytest.mark.parametrize("schedule", PAIRS)
@pytest.mark.parametrize("name", PARAMETERIZATIONS)
def test_every_grid_finds_the_modes(name, schedule):
    """Eight modes on a circle: as many samples near one as on the best grid."""
    angles = np.arange(8) * np.pi / 4
    modes = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rng = np.random.default_rng(0)
    x = modes[rng.integers(0, 8, 10_000)] + 0.05 * rng.normal(size=(10_000, 2))
    network = mlp_denoiser((2,), units=(64, 64, 64))
    parts = PAIRS[schedule], PARAMETERIZATIONS[name]
    model = kg.Diffusion(network, *parts, ema_decay=0.99, seed=0)
    model.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    model.fit(x.astype("float32"), batch_size=250, epochs=25, verbose=0)
    grids = {"uniform": samplers.Uniform(), "quadratic": samplers.Quadratic()}
    grids |= {"log_snr": samplers.LogSNR(), "rho": samplers.KarrasGrid()}
    for solver in ("ddim", "dpm++2m"):
        shares = {}
        for kind, grid in grids.items():
            how = {"solver": solver, "grid": grid, "num_steps": 20, "seed": 1}
            try:
                shares[kind] = near_a_mode(model.sample(1000, **how), modes)
            except ValueError as error:
                assert "cannot recover x from pure noise" in str(error)  # noqa: PT017
        assert name != "epsilon" or max(shares.values()) > 0.5
        assert min(shares.values()) > max(shares.values()) - 0.2


def density(model, x):
    """What the flow of a Gaussian gives: it is linear, and its end standard normal.

    The end lacks the mean and deviation of the data, which noise hides there.
    """
    low, high = samplers.log_snr_range(model.schedule)
    start, end = np.exp(-high / 2), np.exp(-low / 2)
    growth = np.sqrt((DEVIATION**2 + end**2) / (DEVIATION**2 + start**2))
    y, spread = MEAN + growth * (x - MEAN), np.hypot(1, end)
    return (stats.norm(0, spread).logpdf(y) + np.log(growth)).sum(axis=-1)


@pytest.mark.parametrize(
    "schedule",
    but_slow([*PAIRS], {*PAIRS} - {"cosine"}),
)
def test_densities_are_those_of_the_gaussian(schedule):
    model = exact((2,), PAIRS[schedule], parameterizations.Preconditioned())
    found = model.log_prob(VECTORS, num_steps=80)
    np.testing.assert_allclose(found, density(model, VECTORS), atol=1e-3)
    expected = stats.norm(MEAN, DEVIATION).logpdf(VECTORS).sum(axis=1)
    np.testing.assert_allclose(found, expected, atol=0.02)


@pytest.mark.slow
def test_densities_converge_with_order_four():
    model = exact((2,), None, parameterizations.Preconditioned())
    coarse, fine = (
        np.abs(model.log_prob(VECTORS, num_steps=n) - density(model, VECTORS)).mean()
        for n in (20, 40)
    )
    assert 10 < coarse / fine < 20


def test_densities_are_in_units_of_the_data():
    model = exact((2,))
    model.scale.mean.assign([1.0, -2.0])
    model.scale.deviation.assign([3.0, 0.1])
    x = VECTORS * [3.0, 0.1] + [1.0, -2.0]
    expected = density(model, VECTORS) - np.log(0.3)
    np.testing.assert_allclose(model.log_prob(x, num_steps=80), expected, atol=2e-3)


def test_densities_of_images_are_estimated_by_probes():
    """The Jacobian is a multiple of the identity, of which signs know the trace."""
    model = exact((8, 8, 1))
    x = (255 * IMAGES).astype(np.uint8)
    grey = kg.random.uniform(tf.constant(row_seeds(0, 32)), (8, 8, 1), 1).numpy()
    inner = 2 * (x + grey) / 256 - 1
    expected = density(model, inner.reshape(32, 64)) - 64 * np.log(128)
    found = model.log_prob(x, num_steps=80)
    np.testing.assert_allclose(found, expected, atol=0.02)
    bits = model.bits_per_dim(x, num_steps=80)
    np.testing.assert_allclose(bits, -found / (64 * np.log(2)), rtol=1e-5)


def test_the_bound_is_below_the_density_and_near():
    model = exact((2,))
    x = np.repeat(VECTORS[:8], 4000, axis=0)
    found = model.elbo(x, num_draws=64).reshape(8, 4000)
    expected = stats.norm(MEAN, DEVIATION).logpdf(VECTORS[:8]).sum(axis=1)
    error = found.std(axis=1) / np.sqrt(4000)
    assert (error < 0.04).all()
    assert (np.abs(found.mean(axis=1) - expected) < 4 * error).all()


SLOW = {*samplers.SOLVERS} - {"ddim", "dpm++2m_sde"}  # their orders are tested


@pytest.mark.parametrize("solver", but_slow([*samplers.SOLVERS], SLOW))
def test_samples_have_the_mean_and_deviation_of_the_data(solver):
    model = exact((2,), None, parameterizations.Preconditioned())
    found = model.sample(4000, seed=1, solver=solver, num_steps=250)
    np.testing.assert_allclose(found.mean(), MEAN, atol=0.02)
    np.testing.assert_allclose(found.std(), DEVIATION, atol=0.02)


@pytest.mark.parametrize("solver", but_slow(["dpm++2m", "ddpm", "heun"], ["heun"]))
def test_a_seed_decides_its_row_and_noise_the_sample(solver):
    model = exact((2,), sampling=samplers.Sampling(solver, GRID, 5))
    whole = model.sample(6, seed=3)
    seeds = row_seeds(3, 6)
    np.testing.assert_allclose(model.sample_rows(seeds[4:5]), whole[4:5], atol=1e-6)
    draws, number = model._draws(tf.constant(seeds)), model.noise.shape[:-1]
    noise = [draws(i).numpy() for i in range(*(number or (1,)))]
    noise = np.stack(noise, axis=1) if number else noise[0]
    assert noise.shape == (6, *model.noise.shape)
    np.testing.assert_allclose(model.generate(noise), whole, atol=1e-6)


def test_codes_are_normal_and_lead_back():
    model = exact((2,), sampling=samplers.Sampling("heun", GRID, 100))
    z = model.encode(VECTORS)
    expected = (VECTORS - MEAN) / DEVIATION
    np.testing.assert_allclose(z, expected, atol=0.02)
    np.testing.assert_allclose(model.decode(z), VECTORS, atol=2e-3)


def test_codes_follow_the_sampling_that_is_set():
    model = exact((2,), sampling=samplers.Sampling("heun", GRID, 5))
    coarse = model.encode(VECTORS)
    model.sampling = samplers.Sampling("heun", GRID, 100)
    fine = model.encode(VECTORS)
    assert np.abs(coarse - fine).max() > 0.01
    np.testing.assert_allclose(fine, (VECTORS - MEAN) / DEVIATION, atol=0.02)


def test_codes_of_flow_matching_begin_in_pure_noise():
    sampling = samplers.Sampling("heun", samplers.Uniform(), 60)
    parts = schedules.RectifiedFlow(), parameterizations.Velocity()
    model = exact((2,), *parts, sampling=sampling)
    z = model.encode(VECTORS)
    np.testing.assert_allclose(z, (VECTORS - MEAN) / DEVIATION, atol=0.05)
    np.testing.assert_allclose(model.decode(z), VECTORS, atol=0.02)


def test_guidance_goes_along_the_line_from_no_class_to_the_class():
    means = (-1.0, 2.0, 0.5)
    model = exact((2,), means=means)
    noise = RNG.normal(size=(5, 2)).astype(np.float32)
    labels = np.array([0, 1, 1, 0, 1])
    known, unknown, twice = (
        model.generate(noise, condition=labels, guidance_scale=g) for g in (1, 0, 2)
    )
    np.testing.assert_allclose(twice - known, known - unknown, atol=1e-5)
    np.testing.assert_allclose(
        known - unknown, (np.array(means)[labels] - 0.5)[:, None] + 0 * noise, atol=0.02
    )
    each = model.generate(noise, condition=labels, guidance_scale=[0, 2, 1, 2, 0])
    expected = [unknown[0], twice[1], known[2], twice[3], unknown[4]]
    np.testing.assert_allclose(each, expected, atol=1e-5)


def test_what_is_known_stays_and_the_rest_is_filled_in():
    model = exact((2,))
    x = np.full((2000, 2), 0.9, np.float32)
    found = model.inpaint(x, [0, 1], seed=0)
    np.testing.assert_array_equal(found[:, 0], x[:, 0])
    np.testing.assert_allclose(found[:, 1].mean(), MEAN, atol=0.04)
    np.testing.assert_allclose(found[:, 1].std(), DEVIATION, atol=0.04)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (3, 8, 8), (3, 8, 8, 1)])
def test_masks_are_for_all_images_or_each(shape):
    model = exact((8, 8, 1), sampling=samplers.Sampling(grid=GRID, num_steps=3))
    mask = np.arange(np.prod(shape)).reshape(shape) % 2
    found = model.inpaint(IMAGES[:3], mask, seed=0)
    whole = np.broadcast_to(mask.reshape((-1, 8, 8, 1)), found.shape)
    np.testing.assert_array_equal(found != IMAGES[:3], whole == 1)


@pytest.mark.parametrize(
    ("shape", "rows", "data_shape", "expected"),
    [
        ((2,), 2, (2,), [[0, 1], [0, 1]]),  # of features, not of rows
        ((2, 2), 2, (2,), [[0, 1], [0, 1]]),
        ((1,), 1, (1,), [[0]]),
        ((2, 2), 2, (2, 2, 1), [[0, 1, 0, 1]] * 2),
        ((2, 2, 1), 2, (2, 2, 1), [[0, 1, 0, 1]] * 2),
        ((2, 2, 2), 2, (2, 2, 2), [[0, 1] * 4] * 2),  # of channels, for all
        ((2, 2, 3), 2, (2, 3, 1), [[0, 1, 0, 1, 0, 1], [0, 1, 0, 1, 0, 1]]),
    ],
)
def test_a_mask_is_told_by_its_shape(shape, rows, data_shape, expected):
    mask = np.arange(np.prod(shape)).reshape(shape) % 2
    found = check_mask(mask, kg.specs.of_shape(data_shape), rows)
    np.testing.assert_array_equal(found.reshape((rows, -1)), expected)


@pytest.mark.parametrize("shape", [(3,), (3, 1), (1, 2), (2, 3), ()])
def test_a_mask_of_rows_is_refused(shape):
    with pytest.raises(ValueError, match=r"mask must have shape \(2,\)"):
        check_mask(np.ones(shape), kg.specs.of_shape((2,)), 3)


def test_a_masked_mask_is_refused():
    with pytest.raises(
        ValueError, match="mask must not be masked, received 1 masked values"
    ):
        check_mask(np.ma.masked_equal([0, 1], 1), kg.specs.of_shape((2,)), 3)


def test_a_strong_edit_forgets_and_a_weak_one_keeps():
    model = exact((2,), sampling=samplers.Sampling("heun", GRID, 40))
    x = np.full((2000, 2), 0.9, np.float32)
    none, tiny, weak, strong = (
        model.image_to_image(x, strength, seed=0) for strength in (0, 1e-6, 0.1, 1.0)
    )
    np.testing.assert_array_equal(none, x)
    assert (tiny != x).any(), "above 0, a step runs"
    assert np.abs(weak - x).max() < 0.1
    assert (weak != x).any()
    np.testing.assert_allclose(strong.mean(), MEAN, atol=0.04)
    np.testing.assert_allclose(strong.std(), DEVIATION, atol=0.04)


def test_denoised_images_are_the_posterior_mean():
    model = exact((8, 8, 1))
    noisy = IMAGES + 0.1 * RNG.normal(size=IMAGES.shape)
    inner = 2 * noisy - 1
    gain = DEVIATION**2 / (DEVIATION**2 + 0.2**2)
    expected = (MEAN + gain * (inner - MEAN) + 1) / 2
    np.testing.assert_allclose(
        model.denoise(noisy, 0.1), np.clip(expected, 0, 1), atol=1e-5
    )


def test_bytes_are_denoised_as_grey_values():
    model = exact((8, 8, 1))
    x = np.round(255 * IMAGES).astype(np.uint8)
    found = [model.denoise(v, 0.2) for v in (x, tf.constant(x), x / np.float32(255))]
    np.testing.assert_allclose(found[0], found[2], atol=1e-6)
    np.testing.assert_allclose(found[1], found[2], atol=1e-6)


def test_the_noise_of_smooth_images_is_estimated():
    ramp = np.linspace(0.2, 0.8, 64)[:, None] * np.ones((1, 64))
    for level in (0.02, 0.1, 0.3):
        noisy = ramp + level * RNG.normal(size=(8, 64, 64))
        found = samplers.noise_level(noisy[..., None])
        np.testing.assert_allclose(found, level, rtol=0.12)


def test_the_average_follows_and_is_what_samples():
    model = small(ema_decay=0.9)
    start = [w.numpy() for w in model.network.weights]
    model.fit(VECTORS[:32], batch_size=32, verbose=0)
    share = 1 - 1 / 10
    for before, now, mean in zip(
        start, model.network.weights, model.average.weights, strict=True
    ):
        expected = before + share * (now.numpy() - before)
        np.testing.assert_allclose(mean, expected, atol=1e-6)
    averaged = model.sample(3, seed=0)
    model.use_ema = False
    assert np.abs(model.sample(3, seed=0) - averaged).max() > 1e-6


def test_vectors_are_standardized_by_the_first_fit():
    model = small()
    x = VECTORS * [5.0, 1e-3] + [100.0, 0.0]
    model.fit(x, batch_size=64, verbose=0)
    np.testing.assert_allclose(model.scale.mean, x.mean(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.scale.deviation, x.std(axis=0), rtol=1e-3)
    model.fit(2 * x, batch_size=64, verbose=0)
    np.testing.assert_allclose(model.scale.mean, x.mean(axis=0), rtol=1e-4, atol=1e-6)


def test_classes_are_withheld_from_the_share_asked_for():
    seen = []
    network = mlp_denoiser((2,), units=(4,), num_classes=3)
    model = kg.Diffusion(network, label_dropout=0.25, seed=0)

    class Spy:
        input = network.input

        def __call__(self, inputs, **options):
            seen.append(inputs[2])
            return network(inputs, **options)

    spy = Spy()
    noise = RowNoise(tf.constant(row_seeds(0, 8192)))
    x, labels = tf.zeros((8192, 2)), tf.constant(np.arange(8192) % 3)
    object.__setattr__(model, "network", spy)
    model.loss_terms(x, labels, noise, training=True)
    model._players["network"].average = spy
    model.loss_terms(x, labels, noise, training=False)
    trained, held_out = (value.numpy() for value in seen)
    withheld = trained.sum(axis=1) == 0
    assert abs(withheld.mean() - 0.25) < 0.02
    one_hot = np.eye(3)[labels]
    np.testing.assert_array_equal(trained[~withheld], one_hot[~withheld])
    np.testing.assert_array_equal(held_out, one_hot)


def test_a_saved_model_samples_and_trains_as_before(tmp_path):
    model = small(
        num_classes=2,
        schedule=schedules.RectifiedFlow(),
        parameterization=parameterizations.Velocity(),
        weighting=kg.MinSNR(),
        times=kg.LogitNormalTimes(),
        sampling=samplers.Sampling("heun", samplers.Uniform(), 3),
        guidance_scale=2.0,
    )
    labels = np.arange(64) % 2
    model.fit(VECTORS[:64], labels, batch_size=32, verbose=0)
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    ask = {"seed": 0, "condition": [0, 1, 1]}
    np.testing.assert_array_equal(copy.sample(3, **ask), model.sample(3, **ask))
    for trained in (model, copy):
        trained.fit(VECTORS[:64], labels, batch_size=32, verbose=0, shuffle=False)
    np.testing.assert_array_equal(copy.sample(3, **ask), model.sample(3, **ask))


def unfit(*shapes, output=(2,)):
    inputs = [keras.Input(shape) for shape in shapes]
    joined = keras.layers.Concatenate()([keras.layers.Flatten()(v) for v in inputs])
    outputs = keras.layers.Dense(int(np.prod(output)))(joined)
    return keras.Model(inputs, keras.layers.Reshape(output)(outputs))


class Fixed(samplers.Grid):
    """Two times, whatever is asked for."""

    def times(self, schedule, steps):
        return np.array([0.9, 0.5])


REFUSED = {
    "no level": (lambda: kg.Diffusion(unfit((2,))), "noise levels"),
    "wide level": (lambda: kg.Diffusion(unfit((2,), (2,))), "noise levels"),
    "output": (
        lambda: kg.Diffusion(unfit((2,), (1,), output=(3,))),
        r"the shape of its examples, \(2,\), received one that returns \(3,\)",
    ),
    "dropout": (lambda: small(label_dropout=1.0), "label_dropout"),
    "average": (lambda: small(ema_decay=1.0), "ema_decay"),
    "num_steps": (
        lambda: small().sample(2, num_steps=0),
        "num_steps must be > 0, received 0",
    ),
    "negative": (lambda: small().sample(2, num_steps=-1), "num_steps must be > 0"),
    "solver": (lambda: small().sample(2, solver="dimm"), "Did you mean 'ddim'"),
    "guidance_scale": (
        lambda: small().sample(2, guidance_scale=2.0),
        "guidance_scale requires a conditional",
    ),
    "guidance_scale of no class": (
        lambda: small(guidance_scale=2.0),
        "guidance_scale requires a conditional",
    ),
    "guidance_scale of NaN": (
        lambda: small(num_classes=2, guidance_scale=np.nan),
        "guidance_scale must be a finite number, received nan",
    ),
    "guidance_scale of words": (
        lambda: small(guidance_scale="2"),
        "guidance_scale must be a finite",
    ),
    "highest": (
        lambda: kg.VelocityWeighting(highest=0),
        "highest must be > 0, received 0",
    ),
    "bias": (lambda: kg.SigmoidWeighting(bias=np.nan), "bias must be a finite number"),
    "mean": (lambda: kg.LogitNormalTimes("a"), "mean must be a finite number"),
    "mean of levels": (lambda: kg.LogNormalLevels(np.inf), "mean must be a finite"),
    "times": (
        lambda: small().sample(2, num_steps=3, grid=Fixed()),
        "Fixed.times must return 3 times, received 2",
    ),
    "last": (
        lambda: schedules.Linear(beta_max=np.nan),
        "beta_max must be > 0, received nan",
    ),
    "infinite last": (
        lambda: schedules.VarianceExploding(sigma_max=np.inf),
        "sigma_max must be > 0",
    ),
    "churn": (lambda: samplers.Heun(churn=np.nan), "churn must be >= 0, received nan"),
    "ends": (
        lambda: samplers.LogSNR(5.0, -5.0),
        "lowest must be <= highest, received 5.0 and -5.0",
    ),
    "unguided": (
        lambda: small(num_classes=2, label_dropout=0.0).sample(
            2, condition=0, guidance_scale=2.0
        ),
        "guidance_scale requires a conditional",
    ),
    "no labels": (lambda: small(num_classes=2).sample(2), "labels are missing"),
    "mask shape": (
        lambda: small().inpaint(VECTORS[:3], [0, 1, 1]),
        r"mask must have shape \(2,\), or one .* 3 examples, received shape \(3,\)",
    ),
    "mask strings": (
        lambda: small().inpaint(VECTORS[:3], ["0", "1"]),
        "mask must hold numbers",
    ),
    "mask values": (
        lambda: small().inpaint(VECTORS[:3], [0, 0.5]),
        r"received values in \[0.0, 0.5\]",
    ),
    "strength": (
        lambda: small().image_to_image(VECTORS[:3], 1.5),
        r"strength must be a number in \[0, 1\], received 1.5",
    ),
    "negative strength": (
        lambda: small().image_to_image(VECTORS[:3], -0.1),
        r"strength must be a number in \[0, 1\], received -0.1",
    ),
    "no label at strength 0": (
        lambda: small(num_classes=2).image_to_image(VECTORS[:3], 0),
        "labels are missing",
    ),
    "level": (
        lambda: small().predict_x0(VECTORS, np.ones(256), -np.ones(256)),
        r"sigma must be > 0, received values in \[-1.0",
    ),
    "word": (lambda: exact((8, 8, 1)).denoise(IMAGES, "a"), "sigma must hold numbers"),
    "infinite": (
        lambda: exact((8, 8, 1)).denoise(IMAGES, np.inf),
        "sigma must hold finite values, received 32",
    ),
    "sigmas": (
        lambda: exact((8, 8, 1)).denoise(IMAGES, [0.1, 0.2]),
        r"sigma must be one number or have shape \(32,\), received shape \(2,\)",
    ),
    "vectors": (
        lambda: small().denoise(VECTORS[:3]),
        "denoise requires",
    ),
    "sigma": (lambda: exact((8, 8, 1)).denoise(IMAGES, 0.0), "sigma must be > 0"),
    "bits": (
        lambda: small().bits_per_dim(VECTORS[:3]),
        "bits_per_dim requires",
    ),
    "squashed": (
        lambda: kg.Diffusion(squashed((2,))),
        r"as V\(\) requires, .* always in \[-1, 1\], as with tanh",
    ),
    "squashed examples": (
        lambda: kg.Diffusion(squashed((2,)), parameterization=parameterizations.X0()),
        r"as X0\(\) requires, .* always in \[-1, 1\], as with tanh",
    ),
    "one step": (
        lambda: small(sampling=samplers.Sampling(num_steps=1)).encode(VECTORS[:3]),
        "num_steps must be at least 2",
    ),
    "pure noise": (
        lambda: small(
            schedule=schedules.RectifiedFlow(),
            parameterization=parameterizations.Epsilon(),
        ).sample(2, grid=samplers.Uniform()),
        "Epsilon .* pure noise",
    ),
}
TYPES = {
    "end": (
        lambda: samplers.KarrasGrid(highest="8"),
        "highest must be an int or float",
    ),
    "later sampling": (lambda: setattr(small(), "sampling", "ddim"), "sampling must"),
    "network": (lambda: kg.Diffusion("unet"), "network must be a Functional model"),
    "schedule": (lambda: small(schedule="cosine"), "schedule must be"),
    "class": (lambda: small(schedule=schedules.Cosine), r"Write Cosine\(...\)"),
    "sampling": (lambda: small(sampling="ddim"), "sampling must be"),
    "sampling of a call": (
        lambda: small().sample_rows([0], sampling="ddim"),
        "sampling must be a Sampling or None, received 'ddim'",
    ),
    "sampling of noise": (
        lambda: small().generate(VECTORS, sampling=samplers.DDIM()),
        "sampling must be a Sampling or None",
    ),
    "solver": (lambda: small().sample(2, solver=3), "solver must be a Solver"),
    "grid": (lambda: small().sample(2, grid="rho"), "grid must be a Grid"),
}


@pytest.mark.parametrize(("act", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused(act, message):
    with pytest.raises(ValueError, match=message):
        act()


@pytest.mark.parametrize(("act", "message"), TYPES.values(), ids=TYPES)
def test_what_is_of_the_wrong_kind_is_refused(act, message):
    with pytest.raises(TypeError, match=message):
        act()
