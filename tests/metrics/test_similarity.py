"""Structural similarity against TensorFlow and its properties; collapse is seen."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter

from keras_gen.metrics.similarity import WEIGHTS, ms_ssim, pairwise_ms_ssim, ssim


def images(n, height, width=None, channels=1, *, seed=0):
    """Smooth random images in [0, 1]."""
    shape = (n, height, width or height, channels)
    x = np.random.default_rng(seed).normal(size=shape)
    x = gaussian_filter(x, (0, 1.5, 1.5, 0))
    low, high = x.min(axis=(1, 2, 3)), x.max(axis=(1, 2, 3))
    return (x - low[:, None, None, None]) / (high - low)[:, None, None, None]


def noisy(x, sigma, *, seed=1):
    noise = np.random.default_rng(seed).normal(0, sigma, size=x.shape)
    return np.clip(x + noise, 0, 1)


def blurred(x, sigma):
    return gaussian_filter(x, (0, sigma, sigma, 0))


both = pytest.mark.parametrize("metric", [ssim, ms_ssim])
SIZES = [(8, 8, 1), (9, 12, 2), (28, 28, 1), (45, 64, 3)]
sizes = pytest.mark.parametrize("size", SIZES, ids=str)


@pytest.mark.parametrize("size", [(11, 30, 1), (28, 27, 3), (64, 64, 3)], ids=str)
def test_ssim_is_tensorflow_s(size):
    a = images(4, *size)
    b = noisy(a, 0.1)
    expected = tf.image.ssim(tf.constant(a), tf.constant(b), 1.0).numpy()
    np.testing.assert_allclose(ssim(a, b), expected, atol=2e-5)


@pytest.mark.parametrize(
    ("size", "scales"),
    [
        ((20, 50, 1), 1),
        ((21, 21, 1), 2),
        ((28, 28, 1), 2),
        ((32, 32, 3), 2),
        ((41, 43, 1), 3),
        ((81, 100, 1), 4),
        ((176, 180, 1), 5),
        ((161, 201, 3), 5),
    ],
    ids=str,
)
def test_ms_ssim_is_tensorflow_s_with_the_first_weights(size, scales):
    a = images(2, *size)
    b = noisy(a, 0.15)
    weights = np.array(WEIGHTS[:scales]) / sum(WEIGHTS[:scales])
    expected = tf.image.ssim_multiscale(
        tf.constant(a), tf.constant(b), 1.0, power_factors=tuple(weights)
    ).numpy()
    np.testing.assert_allclose(ms_ssim(a, b), expected, atol=2e-5)


@both
@sizes
def test_equal_images_have_1_and_order_does_not_matter(metric, size):
    a = images(3, *size)
    b = images(3, *size, seed=1)
    np.testing.assert_allclose(metric(a, a), 1, atol=1e-12)
    np.testing.assert_allclose(metric(a, b), metric(b, a))
    assert (metric(a, b) < 0.9).all()


@both
@sizes
@pytest.mark.parametrize("change", [noisy, blurred])
def test_more_noise_and_blur_are_less_similar(metric, size, change):
    a = images(3, *size)
    figures = [metric(a, change(a, s)).mean() for s in (0, 0.05, 0.1, 0.2, 0.4, 0.8)]
    if change is blurred:  # by a fraction of a pixel there is nothing to blur
        figures = [metric(a, change(a, s)).mean() for s in (0, 0.5, 1, 2, 3, 4)]
    assert (np.diff(figures) < 0).all()


def test_flat_images_have_the_luminance_of_equation_6():
    a, b = np.full((1, 8, 8, 1), 0.2), np.full((1, 8, 8, 1), 0.9)
    expected = (2 * 0.2 * 0.9 + 0.01**2) / (0.2**2 + 0.9**2 + 0.01**2)
    assert ssim(a, b)[0] == pytest.approx(expected)
    assert ms_ssim(a, b)[0] == pytest.approx(expected)


def test_opposite_images_are_negative_but_0_over_scales():
    a = images(3, 28)
    assert (ssim(a, 1 - a) < 0).all()
    np.testing.assert_array_equal(ms_ssim(a, 1 - a), 0)


@both
def test_the_range_is_only_a_unit(metric):
    a = np.round(images(3, 28, channels=3) * 255)
    b = np.round(images(3, 28, channels=3, seed=1) * 255)
    expected = metric(a / 255, b / 255)
    np.testing.assert_allclose(metric(a, b, data_range=255), expected)
    for data_range in (1, 255):
        pair = (a.astype(np.uint8), b.astype(np.uint8))
        np.testing.assert_allclose(metric(*pair, data_range=data_range), expected)


def test_batches_do_not_matter(monkeypatch):
    a, b = images(7, 28), images(7, 28, seed=1)
    expected = ms_ssim(a, b)
    monkeypatch.setattr("keras_gen.metrics.similarity.CHUNK", 2000)
    np.testing.assert_array_equal(ms_ssim(a, b), expected)


def test_all_pairs_are_compared_if_there_are_few():
    x = images(20, 28)
    first, second = np.triu_indices(20, 1)
    figure = pairwise_ms_ssim(x, num_pairs=190)
    assert figure.value == pytest.approx(ms_ssim(x[first], x[second]).mean())
    assert pairwise_ms_ssim(x, num_pairs=10**6).value == pytest.approx(figure.value)
    assert figure.num_samples == 20


def test_collapse_raises_the_figure_to_1():
    x = images(40, 28)
    values = []
    for modes in (40, 10, 3, 1):
        values.append(pairwise_ms_ssim(x[np.arange(40) % modes], num_pairs=400).value)
    assert (np.diff(values) > 0).all()
    assert values[0] < 0.1
    assert values[-1] == pytest.approx(1)


def test_pairs_stay_within_their_class():
    labels = np.arange(60) % 3
    x = images(3, 28)[labels]  # one image per class
    assert pairwise_ms_ssim(x, labels=labels).value == pytest.approx(1)
    assert pairwise_ms_ssim(x).value < 0.6


def test_classes_count_alike():
    labels = np.repeat([4, 1], [60, 20])  # class 4 is collapsed, class 1 is not
    x = np.concatenate([np.repeat(images(1, 28), 60, axis=0), images(20, 28, seed=1)])
    other = pairwise_ms_ssim(x[60:], num_pairs=190).value
    value = pairwise_ms_ssim(x, num_pairs=380, labels=labels).value
    assert value == pytest.approx((1 + other) / 2)


@pytest.mark.parametrize("num_pairs", [30, 190])
def test_the_error_is_the_spread_over_sets_of_samples(num_pairs):
    rng = np.random.default_rng(0)
    figures = []
    for seed in range(200):  # the brightness of a sample is in all of its pairs
        x = 0.7 * rng.random((20, 1, 1, 1)) + 0.3 * rng.random((20, 8, 8, 1))
        figures.append(pairwise_ms_ssim(x, num_pairs=num_pairs, seed=seed))
    values, errors, *_ = zip(*figures, strict=True)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.2)


def test_the_seed_decides_the_pairs():
    x = images(50, 8)
    assert pairwise_ms_ssim(x, num_pairs=40) == pairwise_ms_ssim(x, num_pairs=40)
    assert pairwise_ms_ssim(x, num_pairs=40) != pairwise_ms_ssim(
        x, num_pairs=40, seed=1
    )


A = images(4, 8)
BAD = {
    "shape": (lambda: ssim(A, A[:, :7]), r"b must have the shape .*\(4, 7, 8, 1\)"),
    "rank": (lambda: ms_ssim(A[..., 0], A), "a must have shape"),
    "range": (lambda: ssim(A, A - 1), r"b must hold values in \[0, 1.0\]"),
    "NaN": (lambda: ms_ssim(A * np.nan, A), "a must hold .* received 256 NaN"),
    "data_range": (lambda: ssim(A, A, data_range=0), "data_range must be > 0"),
    "empty": (lambda: pairwise_ms_ssim(A[:0]), "samples is empty"),
    "samples": (lambda: pairwise_ms_ssim(2 * A), "samples must hold values in"),
    "one": (lambda: pairwise_ms_ssim(A[:1]), "samples must hold at least 2 images"),
    "one of a class": (
        lambda: pairwise_ms_ssim(A, labels=[0, 0, 0, 1]),
        r"\{0: 3, 1: 1\}",
    ),
    "labels": (
        lambda: pairwise_ms_ssim(A, labels=[0, 0]),
        "labels must have one row per example, received 2 rows for 4",
    ),
    "pairs": (lambda: pairwise_ms_ssim(A, num_pairs=0), "num_pairs must be > 0"),
}


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_bad_images_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_few_samples_warn():
    with pytest.warns(UserWarning, match="4 .*at least 20"):
        pairwise_ms_ssim(A)
