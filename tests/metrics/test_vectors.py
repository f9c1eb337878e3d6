"""Distances, two-sample tests and mode coverage against closed forms and chance."""

import numpy as np
import pytest
from scipy.stats import norm, wasserstein_distance
from sklearn.naive_bayes import GaussianNB

from keras_gen.metrics.two_sample import classifier_two_sample_test, mmd_test
from keras_gen.metrics.vectors import mode_coverage, sliced_wasserstein

few_vectors = pytest.mark.filterwarnings("ignore:.*needed for a reliable:UserWarning")


def normal(n, d=2, *, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def assert_p_values_fit_chance(p_values, spread=4):
    """Shares below a level at most about that level, and of 0.5 about a half."""
    p_values = np.asarray(p_values)
    for level in (0.05, 0.1, 0.2, 0.5):
        tolerance = spread * np.sqrt(level * (1 - level) / len(p_values))
        assert (p_values <= level).mean() <= level + tolerance
    assert p_values.mean() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("sizes", [(120, 120), (150, 100), (101, 370)])
def test_in_one_dimension_it_is_the_wasserstein_distance(sizes):
    x, y = (normal(n, 1, seed=n + i) * (1 + i) for i, n in enumerate(sizes))
    figure = sliced_wasserstein(x, y, order=1, num_projections=5)
    assert figure.value == pytest.approx(wasserstein_distance(x[:, 0], y[:, 0]))
    assert figure.standard_error == pytest.approx(0, abs=1e-12)
    assert figure.num_samples == min(sizes)


def test_order_2_between_sets_of_other_lengths_integrates_the_quantiles():
    x, y = normal(103, 1)[:, 0], 2 * normal(257, 1, seed=1)[:, 0]
    levels = (np.arange(10**6) + 0.5) / 10**6
    quantiles = [np.quantile(v, levels, method="inverted_cdf") for v in (x, y)]
    expected = np.sqrt(np.mean((quantiles[0] - quantiles[1]) ** 2))
    value = sliced_wasserstein(x[:, None], y[:, None], num_projections=1).value
    assert value == pytest.approx(expected, rel=1e-4)


def test_a_set_repeated_is_the_same_distribution():
    x = normal(100, 3)
    assert sliced_wasserstein(x, x).value == 0
    assert sliced_wasserstein(x, x).standard_error == 0
    assert sliced_wasserstein(x, np.repeat(x, 3, axis=0)).value == 0


def test_a_shift_costs_its_length_by_the_root_of_the_dimension():
    x, shift = normal(200, 5), np.array([3.0, 0, 4, 0, 0])
    figure = sliced_wasserstein(x, x + shift, num_projections=2000)
    assert figure.standard_error < 0.05
    error = abs(figure.value - 5 / np.sqrt(5))
    assert error < 4 * figure.standard_error


def test_gaussians_have_the_closed_form():
    x, y = normal(5000, 2), 3 * normal(5000, 2, seed=1) + [2, 0]
    figure = sliced_wasserstein(x, y, num_projections=300)
    expected = np.sqrt(2**2 / 2 + (3 - 1) ** 2)  # of N(0, I) and N((2, 0), 9 I)
    assert figure.value == pytest.approx(expected, abs=4 * figure.standard_error + 0.06)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_distance_and_error_scale_with_the_vectors_and_ignore_a_common_shift(order):
    x, y = normal(100, 4), normal(140, 4, seed=1) + 0.3
    figure = sliced_wasserstein(x, y, order=order)
    scaled = sliced_wasserstein(7 * x - 2, 7 * y - 2, order=order)
    np.testing.assert_allclose(scaled[:2], 7 * np.array(figure[:2]))
    assert sliced_wasserstein(y, x, order=order).value == pytest.approx(figure.value)


def test_the_error_of_directions_is_the_spread_over_seeds():
    x, y = normal(100, 4), normal(100, 4, seed=1) * [3, 1, 1, 1]
    figures = [sliced_wasserstein(x, y, num_projections=50, seed=s) for s in range(200)]
    values, errors, *_ = zip(*figures, strict=True)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.2)


def kernel(x, y, bandwidth):
    distances = ((x[:, None] - y) ** 2).sum(axis=-1)
    return np.exp(-distances / (2 * bandwidth**2))


@few_vectors
def test_mmd_is_equation_3():
    x, y = normal(7), normal(9, seed=1) + 1
    statistic = mmd_test(x, y, bandwidth=0.8, num_permutations=1).statistic
    within_x, within_y = (kernel(v, v, 0.8) for v in (x, y))
    expected = (
        (within_x.sum() - 7) / (7 * 6)
        + (within_y.sum() - 9) / (9 * 8)
        - 2 * kernel(x, y, 0.8).mean()
    )
    assert statistic.value == pytest.approx(expected, abs=1e-12)


@few_vectors
@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_mmd_is_unbiased_and_its_error_is_the_spread(shift):
    rng = np.random.default_rng(0)
    figures = []
    for _ in range(500):
        x, y = rng.normal(size=(20, 1)), rng.normal(size=(30, 1)) + shift
        figures.append(mmd_test(x, y, bandwidth=1.0, num_permutations=1).statistic)
    values, errors, *_ = zip(*figures, strict=True)
    # E k(x, y) of a difference that is N(shift, 2), with bandwidth 1
    within, between = np.sqrt(1 / 3), np.sqrt(1 / 3) * np.exp(-(shift**2) / 6)
    spread = np.std(values)
    assert abs(np.mean(values) - 2 * (within - between)) < 4 * spread / np.sqrt(500)
    assert 0.9 < np.mean(errors) / spread < (1.6 if shift == 0 else 1.15)


@few_vectors
def test_p_values_of_mmd_are_uniform_for_equal_distributions():
    rng = np.random.default_rng(0)
    pairs = [(rng.normal(size=(20, 2)), rng.normal(size=(30, 2))) for _ in range(200)]
    p_values = [mmd_test(x, y, num_permutations=99).p_value for x, y in pairs]
    assert_p_values_fit_chance(p_values)
    assert np.std(p_values) == pytest.approx(np.sqrt(1 / 12), rel=0.15)


DIFFERENCES = {  # from a standard normal; the ring has its mean and covariance
    "shift": lambda rng: rng.normal(size=(150, 2)) + 0.7,
    "scale": lambda rng: rng.normal(size=(150, 2)) * 2,
    "ring": lambda rng: (
        np.sqrt(2) * np.stack([np.cos(a := 6.2832 * rng.random(150)), np.sin(a)], 1)
    ),
}


@pytest.mark.parametrize("make", DIFFERENCES.values(), ids=DIFFERENCES)
def test_differences_have_small_p_values(make):
    x, y = normal(200), make(np.random.default_rng(1))
    assert mmd_test(x, y, bandwidth=0.5).p_value == pytest.approx(1 / 201)
    assert classifier_two_sample_test(x, y).p_value < 0.01


def test_mmd_needs_no_more_than_the_pooled_distances():
    x, y = normal(150, 3), normal(130, 3, seed=1) + 0.2
    value = mmd_test(x, y, num_permutations=1).statistic.value
    moved = mmd_test(5 * x + 1e4, 5 * y + 1e4, num_permutations=1).statistic.value
    assert moved == pytest.approx(value, abs=1e-9)


@few_vectors
def test_p_values_of_the_classifier_fit_chance():
    rng = np.random.default_rng(0)
    pairs = [rng.normal(size=(2, 80, 2)) for _ in range(150)]
    tests = [classifier_two_sample_test(*pair, seed=i) for i, pair in enumerate(pairs)]
    assert_p_values_fit_chance([test.p_value for test in tests])
    values, errors, *_ = zip(*(test.statistic for test in tests), strict=True)
    assert np.mean(values) == pytest.approx(0.5, abs=0.02)
    assert np.std(values) == pytest.approx(np.mean(errors), rel=0.2)


def test_the_accuracy_is_that_of_the_best_rule():
    x, y = normal(2000, 1), normal(1500, 1, seed=1) + 2
    statistic, p_value = classifier_two_sample_test(x, y, classifier=GaussianNB())
    assert statistic.num_samples == 1500  # the other half of 1500 and of 1500
    assert abs(statistic.value - norm.cdf(1)) < 4 * statistic.standard_error
    assert p_value < 1e-100


def test_copies_are_found_below_one_half():
    x = normal(400, 5)
    assert classifier_two_sample_test(x, x).statistic.value < 0.45


CENTERS = np.array([[0.0, 0], [10, 0], [0, 10], [10, 10]])


def test_modes_by_hand():
    fake = np.repeat(CENTERS[[0, 1]], [30, 10], axis=0)
    fake = np.concatenate([fake, np.full((10, 2), 5.0), [[0.0, 11]]])
    covered, quality, divergence = mode_coverage(fake, CENTERS, radius=1.0)
    assert covered.value == 3 / 4
    assert covered.standard_error is None
    assert quality.value == 41 / 51
    assert quality.standard_error == pytest.approx(np.sqrt(41 * 10 / 51**3))
    p = np.array([30, 10, 1]) / 41
    assert divergence.value == pytest.approx((p * np.log(4 * p)).sum())
    assert divergence.num_samples == 41
    assert mode_coverage(fake, CENTERS, radius=1.0, min_samples=2).covered.value == 0.5


def test_modes_of_a_perfect_and_of_a_collapsed_generator():
    perfect = mode_coverage(np.repeat(CENTERS, 10, axis=0), CENTERS, radius=1)
    assert [float(figure) for figure in perfect] == [1, 1, 0]
    collapsed = mode_coverage(np.repeat(CENTERS[:1], 40, axis=0), CENTERS, radius=1)
    values = [float(figure) for figure in collapsed]
    assert values == pytest.approx([0.25, 1, np.log(4)])
    covered, quality, divergence = mode_coverage(np.full((40, 2), 5), CENTERS, radius=1)
    assert (covered.value, quality.value) == (0, 0)
    assert np.isnan(divergence.value)


def test_the_error_of_the_divergence_is_the_spread():
    rng = np.random.default_rng(0)
    modes = rng.choice(4, size=(300, 200), p=[0.4, 0.3, 0.2, 0.1])
    figures = [mode_coverage(CENTERS[m], CENTERS, radius=1).divergence for m in modes]
    values, errors, *_ = zip(*figures, strict=True)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.15)


GOOD = normal(100)
NAN = np.where(np.arange(200).reshape(100, 2) == 7, np.nan, GOOD)
BAD = {
    "empty": (
        sliced_wasserstein,
        (GOOD, GOOD[:0]),
        {},
        r"fake .* n >= 1, received \(0, 2\)",
    ),
    "NaN": (mmd_test, (NAN, GOOD), {}, "real must hold finite values, received 1 NaN"),
    "width": (
        mmd_test,
        (GOOD, normal(100, 3)),
        {},
        r"same number of columns, .*\(100, 3\)",
    ),
    "rank": (classifier_two_sample_test, (GOOD[0], GOOD), {}, "real must have shape"),
    "mmd of 2": (mmd_test, (GOOD, GOOD[:2]), {}, r"fake .* n >= 3, received \(2, 2\)"),
    "order": (sliced_wasserstein, (GOOD, GOOD), {"order": 0.5}, "order.*0.5"),
    "directions": (
        sliced_wasserstein,
        (GOOD, GOOD),
        {"num_projections": 0},
        "num_projections must be > 0",
    ),
    "bandwidth": (mmd_test, (GOOD, GOOD), {"bandwidth": -1}, "bandwidth.*-1"),
    "equal": (mmd_test, (np.ones((100, 2)),) * 2, {}, "bandwidth must be given"),
    "radius": (mode_coverage, (GOOD, CENTERS), {"radius": 0}, "radius must be > 0"),
    "centers": (mode_coverage, (GOOD, normal(4, 3)), {"radius": 1}, "fake must have"),
}


@pytest.mark.parametrize(
    ("metric", "args", "options", "message"), BAD.values(), ids=BAD
)
def test_bad_vectors_are_refused(metric, args, options, message):
    with pytest.raises(ValueError, match=message):
        metric(*args, **options)


FEW = {
    "sliced": (lambda: sliced_wasserstein(GOOD, GOOD[:30]), "30 .*at least 100"),
    "mmd": (lambda: mmd_test(GOOD[:99], GOOD), "99 .*at least 100"),
    "classifier": (lambda: classifier_two_sample_test(GOOD[:9], GOOD), "9 .*100"),
    "modes": (lambda: mode_coverage(GOOD[:39], CENTERS, radius=1), "39 .*at least 40"),
}


@pytest.mark.parametrize(("call", "message"), FEW.values(), ids=FEW)
def test_few_vectors_warn(call, message):
    with pytest.warns(UserWarning, match=message):
        call()
