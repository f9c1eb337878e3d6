"""Closed forms of the parts: triangular inverse, spline, mixture, start of layers."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import special, stats

from keras_gen import bijectors as bj
from keras_gen.bijectors.linear import inverse_unit_lower

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13])
def test_inverse_of_a_unit_triangle_is_that_of_numpy(size):
    lower = np.tril(RNG.normal(size=(size, size)), -1)
    found = inverse_unit_lower(tf.constant(lower))
    expected = np.linalg.inv(np.eye(size) + lower)
    np.testing.assert_allclose(found, expected, atol=1e-9 * np.abs(expected).max())


def test_linear_map_begins_as_a_rotation():
    layer = bj.InvertibleLinear(seed=2, dtype="float64")
    layer.prepare((6,))
    matrix, inverse, log_det = layer.matrix()
    np.testing.assert_allclose(matrix @ tf.transpose(matrix), np.eye(6), atol=1e-12)
    np.testing.assert_allclose(matrix @ inverse, np.eye(6), atol=1e-12)
    assert float(log_det) == pytest.approx(0, abs=1e-12)
    assert np.abs(matrix.numpy() - np.eye(6)).max() > 0.5


SPLINE = bj.RationalQuadraticSpline(num_bins=5, bound=2.0)
RAW = tf.constant(RNG.normal(0, 2, (3, 1, SPLINE.num_parameters)))


def spline(x):
    """Values of three splines on a grid, and their log slopes."""
    x = tf.constant(np.broadcast_to(x, (3, len(x))))
    bijector = SPLINE(tf.repeat(RAW, x.shape[1], axis=1))
    y = bijector.forward(x).numpy()
    return y, bijector.forward_log_det_jacobian(x, 0).numpy()


def test_spline_is_the_identity_at_parameters_of_zero():
    x = tf.constant(np.linspace(-3, 3, 101))
    bijector = SPLINE(tf.zeros((101, SPLINE.num_parameters), tf.float64))
    np.testing.assert_allclose(bijector.forward(x), x, atol=1e-12)
    np.testing.assert_allclose(bijector.forward_log_det_jacobian(x, 0), 0, atol=1e-12)


def test_spline_is_monotone_and_the_identity_outside():
    x = np.linspace(-3, 3, 2001)
    y, log_slope = spline(x)
    outside = np.abs(x) >= 2
    assert (np.diff(y, axis=1) > 0).all()
    assert (np.abs(y - x)[:, ~outside].max(axis=1) > 0.1).all()
    np.testing.assert_allclose(y[:, outside], np.tile(x[outside], (3, 1)), atol=1e-12)
    np.testing.assert_array_equal(log_slope[:, outside], 0)


def test_spline_and_its_slope_are_continuous_at_the_bounds():
    for bound in (-2, 2):
        near = bound + np.array([-1e-9, 1e-9])
        y, log_slope = spline(near)
        np.testing.assert_allclose(y, np.tile(near, (3, 1)), atol=1e-7)
        np.testing.assert_allclose(log_slope, 0, atol=1e-5)


@pytest.mark.parametrize("spread", [1, 10, 100])
def test_steep_splines_are_inverted_in_float32(spread):
    rng = np.random.default_rng(0)
    raw = tf.constant(rng.normal(0, spread, (20_000, SPLINE.num_parameters)), "float32")
    y = tf.constant(rng.uniform(-2, 2, 20_000), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([raw, y])
        spline = SPLINE(raw)
        x, log_slope = spline.inverse(y), spline.inverse_log_det_jacobian(y, 0)
    for values in (log_slope, *tape.gradient([x, log_slope], [raw, y])):
        assert np.isfinite(values).all()
    wide = SPLINE(tf.cast(raw, tf.float64))
    near = wide.forward(tf.cast(x, tf.float64))
    np.testing.assert_allclose(near, y, rtol=0, atol=5e-3)
    exact = wide.inverse(tf.cast(y, tf.float64))
    assert np.quantile(np.abs(exact - x.numpy()), 0.99) < 1e-5


def test_spline_is_that_of_tfp_inside():
    x = np.linspace(-1.99, 1.99, 501)
    y, log_slope = spline(x)
    ours = SPLINE(tf.repeat(RAW, len(x), axis=1))
    raw, least = np.repeat(RAW, len(x), axis=1), SPLINE.smallest
    widths, heights = (
        4 * (least + (1 - 5 * least) * special.softmax(part, axis=-1))
        for part in (raw[..., :5], raw[..., 5:10])
    )
    slopes = least + np.logaddexp(0, raw[..., 10:] + np.log(np.expm1(1 - least)))
    theirs = tfp.bijectors.RationalQuadraticSpline(
        bin_widths=widths, bin_heights=heights, knot_slopes=slopes, range_min=-2.0
    )
    grid = tf.constant(np.tile(x, (3, 1)))
    np.testing.assert_allclose(y, theirs.forward(grid), atol=1e-12)
    expected = theirs.forward_log_det_jacobian(grid, 0)
    np.testing.assert_allclose(log_slope, expected, atol=1e-12)
    np.testing.assert_allclose(ours.inverse(tf.constant(y)), grid, atol=1e-12)


def mixture(num_components):
    base = bj.LearnedMixture(num_components)
    base.prepare(2)
    for weight, spread in zip(base.weights, (0.5, 2.0, 0.3), strict=True):
        weight.assign(RNG.normal(0, spread, weight.shape))
    logits, means, log_scales = (w.numpy().astype(np.float64) for w in base.weights)
    return base, np.exp(logits) / np.exp(logits).sum(), means, np.exp(log_scales)


@pytest.mark.parametrize("num_components", [1, 3])
def test_mixture_has_the_density_of_scipy(num_components):
    base, shares, means, scales = mixture(num_components)
    z = RNG.normal(0, 3, (200, 2))
    parts = stats.norm.pdf(z[:, None], means, scales).prod(-1)
    found = base.log_prob(tf.constant(z, tf.float32))
    np.testing.assert_allclose(found, np.log(parts @ shares), rtol=1e-4, atol=1e-4)


def test_draws_of_the_mixture_have_its_density():
    """Counts in cells of equal probability, by the marginal of each value."""
    base, shares, means, scales = mixture(3)
    n, cells = 100_000, 50
    noise = RNG.normal(size=(n, base.noise_size(2))).astype(np.float32)
    z = base.from_noise(tf.constant(noise)).numpy()
    for i in range(2):
        cdf = stats.norm.cdf(z[:, i, None], means[:, i], scales[:, i]) @ shares
        counts = np.histogram(cdf, cells, (0, 1))[0]
        assert counts.sum() == n
        assert stats.chisquare(counts).pvalue > 1e-4
    mean = shares @ means
    covariance = np.diag(shares @ scales**2) + (shares * (means - mean).T) @ means
    np.testing.assert_allclose(z.mean(0), mean, atol=0.05)
    np.testing.assert_allclose(np.cov(z.T), covariance, atol=0.1)


def test_one_component_is_a_normal_density():
    base, _, means, scales = mixture(1)
    noise = tf.constant(RNG.normal(size=(5, base.noise_size(2))), tf.float32)
    expected = means + scales * noise[:, :2]
    np.testing.assert_allclose(base.from_noise(noise), expected, rtol=1e-6)


@pytest.mark.parametrize("kind", [bj.Standardization, bj.ActNorm])
@pytest.mark.parametrize("shape", [(3,), (2, 2, 3)])
def test_data_set_mean_and_variance(kind, shape):
    layer = kind()
    layer.prepare(shape)
    x = 100 + RNG.normal(size=(500, *shape)) * [1e-2, 1, 30]
    layer.initialize(x.astype(np.float32))
    z = layer(tf.constant(x, tf.float32)).numpy().reshape((-1, 3))
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(z.std(0), 1, atol=1e-3)


def test_each_layer_is_set_from_what_those_before_it_make():
    layers = [
        bj.Standardization(),
        bj.InvertibleLinear(),
        bj.Coupling(units=(4,)),
        bj.ActNorm(),
        bj.MultiscaleSplit([bj.ActNorm()]),
    ]
    chain = bj.Chain(layers)
    chain.prepare((4,), 2)
    for layer in layers[1:3]:
        for weight in layer.weights:
            weight.assign_add(RNG.normal(0, 0.5, weight.shape))
    x = RNG.gamma(2, size=(1200, 4)).astype(np.float32)
    context = RNG.normal(size=(1200, 2)).astype(np.float32)
    chain.initialize(x, context)
    z = tf.constant(x)
    for layer in layers:
        z = layer(z, tf.constant(context))
        if isinstance(layer, bj.Standardization | bj.ActNorm):
            np.testing.assert_allclose(np.mean(z, axis=0), 0, atol=1e-4)
            np.testing.assert_allclose(np.std(z, axis=0), 1, atol=1e-4)
    np.testing.assert_allclose(layers[-1].bijectors[0].mean, 0, atol=1e-4)


def test_constant_values_stay_finite():
    layer = bj.Standardization()
    layer.prepare((2,))
    layer.initialize(np.ones((10, 2), np.float32))
    assert np.isfinite(layer(tf.ones((1, 2)))).all()


@pytest.mark.parametrize("unit", [1e-30, 1e-12, 1.0, 1e30, 1e37])
def test_standardization_knows_no_unit(unit):
    x = RNG.normal(3, 2, size=(500, 2))
    x[:, 1] = 7
    rows = tf.constant(x * unit, tf.float32)
    layer = bj.Standardization()
    layer.prepare((2,))
    layer.initialize(rows.numpy())
    z = layer(rows).numpy()
    np.testing.assert_allclose([z[:, 0].mean(), z[:, 0].std()], [0, 1], atol=1e-4)
    assert np.abs(z[:, 1]).max() < 1
    back = layer.bijector().forward(z)
    np.testing.assert_allclose(back, rows, rtol=0, atol=1e-5 * unit)
