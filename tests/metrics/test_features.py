"""Distances of features and classes: closed forms, other packages, error bars."""

import warnings

import numpy as np
import pytest

from keras_gen.metrics import features, moments
from keras_gen.metrics.moments import Moments

pytestmark = pytest.mark.filterwarnings("ignore:.*needed for a reliable:UserWarning")


def two_sets(num_real, num_fake, dim):
    rng = np.random.default_rng(7)
    real = rng.normal(size=(num_real, dim))
    return real, 0.9 * rng.normal(size=(num_fake, dim)) + 0.2


def probabilities(num_rows, num_classes, seed=7):
    logits = 2 * np.random.default_rng(seed).normal(size=(num_rows, num_classes))
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def normal(center, covariance):
    return Moments(101, np.asarray(center, float), 100 * np.asarray(covariance, float))


ROTATION = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
GAUSSIANS = {  # two normal distributions and the squared distance by hand
    "one dimension": (normal([1], [[4]]), normal([3], [[25]]), 4 + 9),
    "same axes": (
        normal([0, 0, 1], ROTATION @ np.diag([1, 4, 9]) @ ROTATION.T),
        normal([0, 2, 1], ROTATION @ np.diag([16, 4, 1]) @ ROTATION.T),
        4 + (1 - 4) ** 2 + 0 + (3 - 1) ** 2,
    ),
    # tr sqrt(S1 S2) of 2x2 matrices is sqrt(tr(S1 S2) + 2 sqrt(det S1 det S2))
    "other axes": (
        normal([0, 0], [[2, 1], [1, 2]]),
        normal([0, 0], [[1, 0], [0, 5]]),
        4 + 6 - 2 * np.sqrt(12 + 2 * np.sqrt(3 * 5)),
    ),
    "singular": (normal([0, 0], [[1, 1], [1, 1]]), normal([0, 0], np.diag([4, 0])), 2),
    "both a point": (
        normal([3, 4], np.zeros((2, 2))),
        normal([0, 0], np.zeros((2, 2))),
        25,
    ),
}


@pytest.mark.parametrize(("a", "b", "distance"), GAUSSIANS.values(), ids=GAUSSIANS)
def test_frechet_distance_of_gaussians_is_the_closed_form(a, b, distance):
    assert moments.frechet_from_moments(a, b) == pytest.approx(distance, abs=1e-6)
    assert moments.frechet_from_moments(b, a) == pytest.approx(distance, abs=1e-6)
    assert moments.frechet_from_moments(a, a) == pytest.approx(0, abs=1e-6)


def test_figures_are_those_of_other_packages():
    """By torch-fidelity 0.4.0 and clean-fid 0.1.35 on the same arrays.

    `fid_statistics_to_metric` and `cleanfid.fid.frechet_distance` of mean and
    np.cov; `kid_features_to_metric(..., kid_subsets=1, kid_subset_size=300)` with the
    default kernel; `isc_features_to_metric(log(p), splits=1)`.
    """
    real, fake = two_sets(300, 300, 8)
    frechet = features.frechet_distance(real, fake)
    assert frechet.value == pytest.approx(0.656779613819019, rel=1e-5)
    kernel = features.kernel_distance(real, fake, block_size=300)
    assert kernel.value == pytest.approx(0.18863763671123968, rel=1e-5)
    singular = features.frechet_distance(*two_sets(60, 60, 100))
    assert singular.value == pytest.approx(80.51835968046613, rel=1e-5)
    score = features.inception_score(probabilities(500, 5), splits=1)
    assert score.value == pytest.approx(2.0501318402709283, rel=1e-5)
    assert score.standard_error is None
    assert kernel.standard_error > 0
    assert frechet.num_samples == kernel.num_samples == 300


def test_a_set_is_at_no_distance_from_itself_however_few_rows():
    x = 1000 * np.random.default_rng(0).normal(size=(20, 100))
    scale = np.trace(np.cov(x, rowvar=False))
    assert 0 <= features.frechet_distance(x, x).value < 1e-6 * scale


@pytest.mark.parametrize(("n", "dim"), [(1000, 4), (100, 24)])
def test_the_jackknife_error_is_the_spread_over_repeats(n, dim):
    rng = np.random.default_rng(1)
    figures = []
    for _ in range(60):
        real = rng.normal(size=(n, dim))
        fake = 1.2 * rng.normal(size=(n, dim)) + 0.5
        figures.append(features.frechet_distance(real, fake))
    spread = np.std([figure.value for figure in figures], ddof=1)
    error = np.mean([figure.standard_error for figure in figures])
    assert error == pytest.approx(spread, rel=0.25)  # the spread is known to 9 %


def test_each_jackknife_group_has_all_classes_of_ordered_rows():
    labels = np.tile(np.arange(10.0), 100)[:, None]
    for order in (labels, np.sort(labels, axis=0)):
        groups = moments.group_moments(order)
        assert [group.count for group in groups] == [100] * 10
        for group in groups:
            assert group.mean[0] == pytest.approx(4.5, abs=1.2)
            assert group.covariance[0, 0] == pytest.approx(8.25, rel=0.35)


def test_pooled_moments_are_those_of_all_rows_far_from_zero():
    x = np.random.default_rng(0).normal(size=(500, 3)) + 1e6
    pooled = moments.pool([Moments.of(part) for part in np.array_split(x, 7)])
    assert pooled.count == 500
    np.testing.assert_allclose(pooled.mean, x.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(pooled.covariance, np.cov(x, rowvar=False), atol=1e-9)


def test_two_rows_have_a_distance_but_no_error():
    figure = features.frechet_distance([[0.0], [2.0]], [[1.0], [3.0]])
    assert figure.value == pytest.approx(1)
    assert figure.standard_error is None


def test_kernel_distance_by_hand():
    # k = (x y + 1)^3: within 1, within 27, across the mean of 1, 1, 8, 27 * 0 + 8
    figure = features.kernel_distance([[0.0], [1.0]], [[1.0], [2.0]])
    assert figure.value == pytest.approx(1 + 27 - 2 * (1 + 1 + 8 + 27) / 4)


def test_kernel_distance_is_unbiased_with_the_error_of_its_spread():
    rng = np.random.default_rng(2)
    figures = [
        features.kernel_distance(
            rng.normal(size=(400, 8)), rng.normal(size=(480, 8)), block_size=20
        )
        for _ in range(150)
    ]
    values = np.array([figure.value for figure in figures])
    spread = values.std(ddof=1)
    assert abs(values.mean()) < 3 * spread / np.sqrt(len(values))
    assert values.min() < 0
    error = np.mean([figure.standard_error for figure in figures])
    assert error == pytest.approx(spread, rel=0.2)


def test_kernel_distance_does_not_depend_on_the_order_of_classes():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(1000, 4)) + 5 * rng.integers(0, 2, (1000, 1))
    order = rows[:, 0].argsort()
    fake = rng.normal(size=(1000, 4)) + 5 * rng.integers(0, 2, (1000, 1))
    ordered = features.kernel_distance(rows[order], fake, block_size=100)
    assert abs(ordered.value) < 4 * ordered.standard_error


def test_blocks_take_no_more_rows_than_their_size():
    real, fake = two_sets(50, 5000, 2)
    figure = features.kernel_distance(real, fake, block_size=50)
    assert figure.num_samples == 50
    one_block = features._squared_mmd(
        *(features._shuffled(x, stream)[:50] for stream, x in ((2, real), (3, fake)))
    )
    assert figure.value == pytest.approx(one_block)


@pytest.mark.parametrize("name", ["frechet_distance", "kernel_distance"])
def test_distances_grow_with_noise_shift_and_dropped_modes(name):
    rng = np.random.default_rng(4)
    modes = 4 * rng.normal(size=(6, 5))
    labels = rng.integers(0, 6, 1200)
    real = modes[rng.integers(0, 6, 1200)] + rng.normal(size=(1200, 5))
    fake = modes[labels] + rng.normal(size=(1200, 5))
    noise = rng.normal(size=fake.shape)
    worse = {
        "noise": [fake + s * noise for s in (0, 1, 2, 4)],
        "shift": [fake + s for s in (0, 0.5, 1, 2)],
        "modes": [fake[labels < m] for m in (6, 4, 2, 1)],
        "collapse": [s * fake + (1 - s) * fake[:1] for s in (1, 0.6, 0.3, 0)],
    }
    for what, fakes in worse.items():
        values = [getattr(features, name)(real, x).value for x in fakes]
        assert (np.diff(values) > 0).all(), (what, values)


def test_inception_score_by_hand():
    sure = np.eye(4)[np.tile(np.arange(4), 100)]
    assert features.inception_score(sure, splits=1).value == pytest.approx(4)
    assert features.inception_score(sure[::4], splits=5).value == pytest.approx(1)
    unsure = np.full((40, 4), 0.25)
    figure = features.inception_score(unsure, splits=4)
    assert figure.value == pytest.approx(1)
    assert figure.standard_error == pytest.approx(0, abs=1e-12)
    # two examples of (3/4, 1/4) and (1/4, 3/4): KL to (1/2, 1/2) of either
    p = np.array([[0.75, 0.25], [0.25, 0.75]])
    divergence = 0.75 * np.log(1.5) + 0.25 * np.log(0.5)
    value = features.inception_score(p, splits=1).value
    assert value == pytest.approx(np.exp(divergence))


def test_class_histogram_and_distance_by_hand():
    real = np.eye(3)[[0, 0, 1, 2]]
    fake = np.eye(3)[[0, 1, 1, 1, 1]]
    np.testing.assert_allclose(features.class_histogram(real), [0.5, 0.25, 0.25])
    figure = features.class_distance(real, fake, extractor="toy")
    assert figure.value == pytest.approx((0.3 + 0.55 + 0.25) / 2)
    assert (figure.num_samples, figure.extractor) == (4, "toy")
    assert features.class_distance(real, real).value == 0
    assert features.class_distance(real[:2], fake[1:]).value == 1


def test_the_error_of_the_class_distance_is_the_spread_over_repeats():
    rng = np.random.default_rng(5)
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
    figures = [
        features.class_distance_from_counts(
            rng.multinomial(500, p), rng.multinomial(300, q)
        )
        for _ in range(400)
    ]
    spread = np.std([figure.value for figure in figures], ddof=1)
    error = np.mean([figure.standard_error for figure in figures])
    assert error == pytest.approx(spread, rel=0.15)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("n", "dim", "needed"), [(2047, 3, 2048), (2100, 2100, 2101)])
def test_too_few_examples_are_named(n, dim, needed, monkeypatch):
    monkeypatch.setattr(moments, "_frechet", lambda *_: 0.0)  # slow for many features
    monkeypatch.setattr(moments, "_square_root", lambda _: None)
    scatter = np.broadcast_to(0.0, (dim, dim))
    few, enough = (Moments(count, np.zeros(dim), scatter) for count in (n, needed))
    with pytest.warns(UserWarning, match=f": {n} present, at least {needed} "):
        moments.frechet_from_groups([enough], [few])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        moments.frechet_from_groups([enough], [enough])


@pytest.mark.filterwarnings("default")
def test_too_few_examples_per_class_are_named():
    with pytest.warns(UserWarning, match=": 50 present, at least 100 "):
        features.inception_score(probabilities(50, 5), splits=2)


GOOD = np.zeros((4, 3))
BAD = {  # arguments, what the message says
    "NaN": (
        (GOOD, GOOD + np.nan),
        "fake must hold finite values, received 12 NaN or infinite values among 12",
    ),
    "rank": ((np.zeros(4), GOOD), r"real must have shape .* received \(4,\)"),
    "one row": ((GOOD[:1], GOOD), r"real .* n >= 2, received \(1, 3\)"),
    "width": ((GOOD, GOOD[:, :2]), r"received shapes \(4, 3\) and \(4, 2\)"),
    "text": ((GOOD.astype(str), GOOD), "real must hold real numbers"),
}


@pytest.mark.parametrize("name", ["frechet_distance", "kernel_distance"])
@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_features_are_refused(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(features, name)(*arguments)


def test_moments_of_other_widths_or_of_one_row_have_no_distance():
    with pytest.raises(ValueError, match="features, received 1 and 2"):
        moments.frechet_from_moments(normal([0], [[1]]), normal([0, 0], np.eye(2)))
    with pytest.raises(ValueError, match="real must hold at least 2 .* received 1"):
        moments.frechet_from_moments(Moments.of(GOOD[:1]), Moments.of(GOOD))


def test_bad_blocks_splits_and_probabilities_are_refused():
    with pytest.raises(ValueError, match="block_size must be >= 3, received 2"):
        features.kernel_distance(GOOD, GOOD, block_size=2)
    with pytest.raises(ValueError, match="splits must be <= 6, .* received 7"):
        features.inception_score(probabilities(6, 3), splits=7)
    with pytest.raises(ValueError, match="sum to 1 in each row, received .* from 0"):
        features.class_histogram(GOOD)
    with pytest.raises(ValueError, match=r"counts of shapes \(3,\) and \(4,\)"):
        features.class_distance(probabilities(6, 3), probabilities(6, 4))
