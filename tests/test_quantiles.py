"""The quantiles of columns: where float32, limits and missing values make it hard."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import keras_gen as kg
from keras_gen import bijectors as bj
from keras_gen import random, specs
from keras_gen.distributions import MixedColumns
from keras_gen.quantiles import Quantiles
from keras_gen.scaling import continuous_scale_of, double_outputs, scale_of

RNG = np.random.default_rng(0)
LAST, NEXT = (np.nextafter(np.float32(1), np.float32(end)) for end in (0, 2))
MODES = np.concatenate([RNG.normal(-5, 1, 300), RNG.normal(5, 0.5, 200)])


def quantiles(x, **facts):
    layer = Quantiles([facts.pop("step", 0.0)], has_missing=[True])
    layer.find(np.asarray(x, float)[:, None], **facts)
    return layer


def back(layer, x, u=0.5):
    z = layer.inward(tf.constant(np.asarray(x, float)[:, None]), u)
    return layer.outward(z, tf.float64).numpy()[:, 0]


@pytest.mark.parametrize("middle", [1_000_000.31, 1_500_000.43, 20_000_000.07])
@pytest.mark.parametrize("make", [scale_of, continuous_scale_of])
def test_rounded_numbers_far_from_zero_come_back(make, middle):
    """float32 rounds the middles to 1/16, 1/8 and 2, which are no multiples of 0.01."""
    spec = specs.Columns([specs.Numeric("price", decimals=2)])
    x = np.round(middle + 0.01 * RNG.integers(-300, 301, (500, 1)), 2)
    scale = make(spec)
    scale.find(x)
    places = [()] if make is scale_of else [(0.02,), (0.5,), (0.98,)]
    for place in places:
        with double_outputs():
            found = scale.outward(scale.inward(tf.constant(x), *place)).numpy()
        np.testing.assert_allclose(found, x, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "ends", [[LAST, 1], [1, NEXT], [-1, -LAST]], ids=["top", "above", "bottom"]
)
def test_columns_that_end_at_neighbours_in_float32_have_finite_quantiles(ends):
    """As cosine similarities do: half of the rows are 1 or the number before 1."""
    x = np.concatenate([RNG.random(500) / 2, np.repeat(np.float64(ends), 250)])
    layer = Quantiles([0.0])
    layer.find(x[:, None])
    assert (np.diff(layer.values.numpy()) > 0).all()
    assert (np.diff(layer.ranks.numpy()) > 0).all()
    z = layer.inward(tf.constant(x[:, None]))
    assert np.isfinite(layer.log_slope(z)).all()
    np.testing.assert_allclose(layer.outward(z)[:, 0], x, rtol=1e-6, atol=1e-8)
    middles = (stats.rankdata(x) - 0.5) / len(x)
    np.testing.assert_allclose(z[:, 0], stats.norm.ppf(middles), atol=0.5)


def test_numbers_that_float32_cannot_tell_apart_are_constant():
    x = 1e-44 * np.arange(5.0)[:, None]
    layer = Quantiles([0.0])
    layer.find(x)
    assert layer.constant.numpy().all()
    assert np.isfinite(layer.inward(tf.constant(x))).all()


def test_numbers_below_all_known_ones_are_not_missing():
    layer = quantiles([*MODES, *[np.nan] * 60])
    new = MODES.min() - np.array([0, 0.5, 3, 30, 1e6])
    found = back(layer, new)
    np.testing.assert_allclose(found[0], new[0], rtol=1e-6)
    assert not np.isnan(found).any()
    assert (np.diff(found) <= 0).all()
    z = layer.inward(tf.constant(new[:, None]))
    density = stats.norm.pdf(z) * np.exp(-layer.log_slope(z))
    assert (density[1:] < 0.05 * density[0]).all()
    for u in (0.0, 1e-7, 0.5, 1 - 6e-8):
        assert np.isnan(back(layer, [np.nan], np.float32(u))).all()


def test_integers_that_no_row_had_come_back_within_the_limits():
    x = [*RNG.integers(40, 50, 500), *[np.nan] * 60]
    layer = quantiles(x, step=1.0, low=[0], high=[60])
    new = np.arange(61.0)
    for u in (0.01, 0.99):
        np.testing.assert_array_equal(back(layer, new, u), new)
        assert np.isnan(back(layer, [np.nan], u)).all()
    free = quantiles(x, step=1.0)
    assert not np.isnan(back(free, new - 1000, 0.01)).any()
    assert np.isnan(back(free, [np.nan], np.float32(1 - 6e-8))).all()


def test_slopes_are_those_of_the_map():
    """Central differences between knots; in the missing cell over its width."""
    layer = quantiles([*MODES, *[np.nan] * 60])
    knots = layer.ranks.numpy()[0].astype(float)
    z = np.float32((knots[1:] + knots[:-1]) / 2)[:, None]
    step = np.float32(np.diff(knots)[:, None] / 4)
    ends = [layer._values(tf.constant(z + sign * step)).numpy() for sign in (-1, 1)]
    slope = (ends[1] - ends[0]) / (2 * step)
    absent = np.isnan(layer.outward(z))
    slope = np.where(absent, slope / layer.missing_cell.numpy(), slope)
    wide = np.diff(knots)[:, None] > 1e-3
    assert absent.any()
    found = layer.log_slope(z).numpy()
    np.testing.assert_allclose(found[wide], np.log(slope[wide]), atol=1e-2)


NUMBERS = {
    "integers": (specs.Integer("a", 0, 9, has_missing=True), np.arange(10.0), 1),
    "rounded": (
        specs.Numeric("a", 1, has_missing=True),
        np.arange(-999, 1000) / 10,
        0.1,
    ),
    "free": (
        specs.Numeric("a", has_missing=True),
        np.arange(-40_000, 40_000) / 1000,
        1e-3,
    ),
}


@pytest.mark.parametrize(("column", "values", "unit"), NUMBERS.values(), ids=NUMBERS)
def test_mixed_columns_with_missing_numbers_sum_to_one(column, values, unit):
    """Over all values of two columns, each of which may be missing."""
    spec = specs.Columns([specs.Integer("b", 0, 1, has_missing=True), column])
    x = np.abs(RNG.normal(0, 3, (300, 2))).clip(0, 9).round(1)
    x[:, 0] = RNG.integers(0, 2, 300)
    x = x.round(0) if column.is_whole else x
    x[RNG.random(x.shape) < 0.2] = np.nan
    scale = scale_of(spec)
    scale.find(x)
    raw = RNG.normal(size=(1, *spec.raw_shape)).astype(np.float32)
    pairs = [(b, a) for b in (0, 1, np.nan) for a in (*values, np.nan)]
    seen = scale.inward(tf.constant(pairs, tf.float64))
    nats = MixedColumns().for_inputs(spec).on(scale).log_prob(seen, raw)
    nats = np.array(nats - scale.log_volume(seen), float).reshape(3, -1)
    total = unit * np.exp(nats[:, :-1]).sum() + np.exp(nats[:, -1]).sum()
    assert total == pytest.approx(1, abs=2e-3)


def test_whether_a_number_is_missing_is_drawn_apart_from_its_value():
    spec = specs.Columns([specs.Numeric("a", has_missing=True)])
    raw = np.repeat(np.float32([[0.5, 0.2, 1.0, 0.3]]), 4000, axis=0)
    noise = RNG.normal(size=(4000, 2)).astype(np.float32)
    number, is_there, _ = MixedColumns().for_inputs(spec).draw(raw, noise).numpy().T
    share = 1 / (1 + np.exp(0.3 - 1.0))
    assert is_there.mean() == pytest.approx(share, abs=0.03)
    law = stats.norm(0.5, 0.01 + np.log1p(np.exp(0.2)))
    assert stats.kstest(number[is_there == 1], law.cdf).pvalue > 1e-3


def test_a_constant_has_no_volume():
    """Like a column of vectors: a standard normal one in the densities of a VAE."""
    both = specs.Columns([specs.Numeric("a"), specs.Numeric("tax")])
    alone = specs.Columns([specs.Numeric("a")])
    x = np.stack([MODES, np.full(len(MODES), 7.25)], axis=1)
    volumes = []
    for spec, rows in ((both, x), (alone, x[:, :1])):
        scale = scale_of(spec)
        scale.find(rows)
        volumes.append(scale.log_volume(scale.inward(tf.constant(rows))))
    np.testing.assert_allclose(*volumes, rtol=1e-6)


def test_training_sees_random_points_of_the_cells_of_a_table():
    spec = specs.Columns([specs.Integer("a", 0, 4)])
    model = kg.Flow([bj.Permutation()], spec, seed=0)
    x = RNG.integers(0, 5, (2000, 1)).astype(float)
    model.initialize(x)
    seeds = tf.constant(random.row_seeds(0, 2000))
    y, log_volume = model._continuous(tf.constant(x), None, random.RowNoise(seeds))
    assert stats.kstest(y[:, 0], "norm").statistic < 0.04
    np.testing.assert_array_equal(model.scale.outward(y), x)
    np.testing.assert_allclose(log_volume, -model.scale.log_volume(y))


def test_bounds_of_diffusion_are_in_units_of_the_data():
    """A thousandfold unit has a density a thousand times lower."""
    spec = specs.Columns([specs.Numeric("a")])
    network = kg.networks.mlp_denoiser((1,), units=(4,))
    model = kg.Diffusion(network, inputs=spec, ema_decay=None, seed=0)
    bounds = []
    for unit in (1, 1000):
        x = unit * MODES[:, None]
        model.scale.find(x)
        bounds.append(model.elbo(tf.constant(x), num_draws=1).numpy())
    np.testing.assert_allclose(bounds[0] - bounds[1], np.log(1000), atol=1e-3)


def test_a_log_prob_of_integers_is_the_mean_density_of_their_cells():
    """By 16 points beside 2,000, of rows that have conditions of their own."""
    spec = specs.Columns([specs.Integer("a", 0, 4)])
    keras.utils.set_random_seed(0)
    layer = bj.Autoregressive(bj.RationalQuadraticSpline(), units=(8,))
    model = kg.Flow([layer], spec, condition=specs.Vectors(1), seed=0)
    rng = np.random.default_rng(0)
    x, known = rng.integers(0, 5, (200, 1)).astype(float), rng.normal(size=(200, 1))
    model.initialize(x, known)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.3 * rng.normal(size=weight.shape))
    rows, known = np.arange(5.0)[:, None], np.float32(known[:5])
    found = model.log_prob(tf.constant(rows), condition=tf.constant(known))
    u = np.float32((np.arange(2000) + 0.5) / 2000)[:, None]
    logs = []
    for i in range(5):
        z = model.scale.inward(tf.constant(np.repeat(rows[i : i + 1], 2000, 0)), u)
        condition = tf.constant(np.repeat(known[i : i + 1], 2000, 0))
        logs.append(model._density(z, condition) - model.scale.log_volume(z))
    expected = np.log(np.exp(np.array(logs, float)).mean(axis=1))
    np.testing.assert_allclose(found, expected, atol=0.1)
    assert (expected - np.mean(logs, axis=1)).max() > 0.2  # not the mean of logs


@pytest.mark.parametrize("num_missing", [0, 60])
def test_a_flow_of_one_column_sums_to_one(num_missing):
    """The density of two modes with a gap, and the probability of missing values."""
    spec = specs.Columns([specs.Numeric("a", has_missing=num_missing > 0)])
    keras.utils.set_random_seed(0)
    layer = bj.Autoregressive(bj.RationalQuadraticSpline(), units=(8,))
    model = kg.Flow([layer], spec, seed=0)
    model.initialize(np.concatenate([MODES, [np.nan] * num_missing])[:, None])
    for weight in model.trainable_weights:
        weight.assign(weight + 0.3 * RNG.normal(size=weight.shape))
    x = np.linspace(-12, 10, 4001)
    density = np.exp(model.log_prob(tf.constant(x[:, None]))).astype(float)
    total = np.trapezoid(density, x)
    if num_missing:
        missing = np.exp(model.log_prob(tf.constant([[np.nan]])))[0]
        noise = tf.random.stateless_normal((5000, 1), [0, 0])
        share = np.isnan(model.generate(noise)).mean()
        assert missing == pytest.approx(share, abs=0.02)
        total += missing
    assert total == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("step", "absent"), [(0.0, False), (0.01, False), (0.01, True)]
)
def test_numbers_far_outside_of_the_data_are_few_deviations_away(step, absent):
    """Of a table's first rows: later ones may be larger."""
    x = np.random.default_rng(0).lognormal(1.5, 0.2, (5000, 1)).round(2)
    x[::50] = np.nan if absent else x[::50]
    layer = Quantiles([step], has_missing=[absent])
    layer.find(x)
    low, high = np.nanmin(x), np.nanmax(x)
    new = np.array([[high + 1], [high + 20], [high + 400]])
    z = layer.inward(tf.constant(new)).numpy().ravel()
    assert 3 < z[0] < 6 < z[1] < 30
    assert z[2] < 400
    np.testing.assert_allclose(layer.outward(tf.constant(z[:, None])), new, rtol=1e-5)
    if not absent:
        below = np.array([[low - 20]])
        z = layer.inward(tf.constant(below)).numpy()
        assert -60 < z[0, 0] < -4
        np.testing.assert_allclose(layer.outward(tf.constant(z)), below, rtol=1e-5)


def test_numbers_that_differ_by_rounding_are_one_knot():
    x = np.repeat([0.0, 1e-17, 0.1, 0.2, 0.3, 9.0], 40)[:, None]
    layer = Quantiles([0.0])
    layer.find(x)
    values = layer.values.numpy()[0]
    assert np.diff(values).min() > 1e-12
