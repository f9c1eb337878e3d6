"""Figures of nearest neighbours: by hand, of another package, and how they worsen."""

import numpy as np
import pytest

from keras_gen.metrics import neighbours

LINE = np.array([[0.0], [1.0], [3.0], [7.0]])  # 1st neighbours at 1, 1, 2, 4


def two_sets(num_real, num_fake, dim):
    rng = np.random.default_rng(7)
    real = rng.normal(size=(num_real, dim))
    return real, 0.9 * rng.normal(size=(num_fake, dim)) + 0.2


def modes(num_rows, num_modes, seed):
    """Six classes far apart, or the first of them."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, num_modes, num_rows)
    return 10 * np.eye(6)[labels] + rng.normal(size=(num_rows, 6))


def test_figures_by_hand():
    fake = np.array([[0.5], [3.5], [20.0], [24.0]])  # 1st neighbours at 3, 3, 4, 4
    precision, recall = neighbours.precision_recall(LINE, fake, k=1)
    assert precision.value == 0.5  # 0.5 and 3.5
    assert recall.value == 0.75  # all but 7, which is 3.5 from 3.5
    density, coverage = neighbours.density_coverage(LINE, fake, k=1)
    # 0.5 lies in the balls of 0 and 1, 3.5 in those of 3 and 7
    assert density.value == (2 + 2) / 4
    assert coverage.value == 1.0
    assert precision.standard_error == pytest.approx(np.sqrt(0.5 * 0.5 / 3))
    assert density.standard_error == pytest.approx(np.std([2, 2, 0, 0], ddof=1) / 2)


def test_an_equal_distance_is_near():
    precision, recall = neighbours.precision_recall(LINE, LINE + 4.0, k=1)
    assert precision.value == 1.0  # 11 is as far from 7 as 7 from 3
    assert recall.value == 0.5  # 7, and 3, which is as far from 4 as 4 from 5


# prdc 0.2: compute_prdc(*two_sets(*shape), k) on the same arrays
PRDC = {
    (300, 300, 8, 3): (0.9233333333333333, 0.7533333333333333, 329 / 300, 250 / 300),
    (300, 300, 8, 5): (0.9766666666666667, 0.8566666666666667, 1.218, 0.94),
    (200, 350, 20, 3): (0.86, 0.52, 1.4133333333333333, 0.945),
}
NAMES = ("precision", "recall", "density", "coverage")


@pytest.mark.parametrize("chunk", [1, 1000, 2**22])
@pytest.mark.parametrize(("case", "values"), PRDC.items(), ids=map(str, PRDC))
def test_figures_are_those_of_prdc(case, values, chunk, monkeypatch):
    monkeypatch.setattr(neighbours, "DISTANCES_PER_CHUNK", chunk)
    *shape, k = case
    real, fake = two_sets(*shape)
    figures = neighbours.neighbour_figures(real, fake, k=k, density_k=k)
    for name, value in zip(NAMES, values, strict=True):
        assert figures[name].value == pytest.approx(value, rel=1e-5), name
        assert figures[name].num_samples == min(shape[:2])


DISCRETE = {  # draws of distributions with few values
    "coins": lambda rng, n: rng.integers(0, 2, (n, 3)),
    "one value": lambda rng, n: np.full((n, 2), 0.1),
    "rounded": lambda rng, n: np.round(rng.normal(size=(n, 1)), 1),
    "far from 0": lambda rng, n: 1e6 + 0.1 * rng.integers(0, 3, (n, 4)),
    "far apart": lambda rng, n: 1e6 * rng.choice([-1 / 3, 1 / 7], (n, 2)),
    "half constant": lambda rng, n: np.where(
        rng.random((n, 1)) < 0.5, 0.7, rng.normal(size=(n, 1))
    ),
}


@pytest.mark.parametrize("draw", DISCRETE.values(), ids=DISCRETE)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_two_draws_of_one_discrete_distribution_agree(draw, dtype):
    rng = np.random.default_rng(0)
    real, fake = (draw(rng, n).astype(dtype) for n in (400, 300))
    figures = neighbours.neighbour_figures(real, fake)
    for name in ("precision", "recall", "coverage"):
        assert figures[name].value > 0.9, name
    assert figures["density"].value == pytest.approx(1, abs=0.1)


def test_features_that_differ_by_rounding_are_equal():
    """As of one example in batches of different sizes."""
    rng = np.random.default_rng(0)
    values = 3 * rng.normal(size=(5, 64))
    noise = 1 + 1e-7 * rng.normal(size=(500, 64))
    rows = (values[rng.integers(0, 5, 500)] * noise).astype(np.float32)
    figures = neighbours.neighbour_figures(rows[:250], rows[250:])
    assert [figures[name].value for name in NAMES] == pytest.approx([1] * 4, abs=0.05)


def test_values_that_are_no_data_are_not_near():
    rng = np.random.default_rng(0)
    real, fake = rng.integers(0, 3, (300, 2)), rng.integers(0, 4, (300, 2))
    figures = neighbours.neighbour_figures(real, fake + 0.0)
    both = (fake < 3).all(axis=1).mean()
    assert figures["precision"].value == pytest.approx(both)
    assert figures["recall"].value == figures["coverage"].value == 1
    shifted = neighbours.neighbour_figures(real, fake + 0.01)
    assert [shifted[name].value for name in NAMES] == [0] * 4


def test_the_combined_figures_are_the_single_ones():
    real, fake = two_sets(120, 90, 5)
    figures = neighbours.neighbour_figures(real, fake, extractor="toy")
    single = (
        *neighbours.precision_recall(real, fake, extractor="toy"),
        *neighbours.density_coverage(real, fake, extractor="toy"),
    )
    assert tuple(figures[name] for name in NAMES) == single
    assert {figure.extractor for figure in single} == {"toy"}


def test_precision_and_density_fall_with_noise():
    real, fake = modes(600, 6, seed=0), modes(600, 6, seed=1)
    noise = np.random.default_rng(2).normal(size=fake.shape)
    figures = [
        neighbours.neighbour_figures(real, fake + scale * noise)
        for scale in (0, 0.5, 1, 2, 4)
    ]
    for name in ("precision", "density", "coverage"):
        assert (np.diff([figure[name].value for figure in figures]) < 0).all(), name


def test_recall_and_coverage_fall_by_the_share_of_dropped_modes():
    real = modes(1200, 6, seed=0)
    kept = (6, 4, 2, 1)
    figures = [
        neighbours.neighbour_figures(real, modes(1200, num_modes, seed=1))
        for num_modes in kept
    ]
    for name in ("recall", "coverage"):
        values = np.array([figure[name].value for figure in figures])
        np.testing.assert_allclose(values / values[0], np.divide(kept, 6), atol=0.08)
    assert min(figure["precision"].value for figure in figures) > 0.8


def test_collapse_ends_recall():
    real, fake = modes(300, 6, seed=0), modes(300, 6, seed=1)
    figures = [
        neighbours.neighbour_figures(real, scale * fake + (1 - scale) * real[:1])
        for scale in (1, 0.5, 0)
    ]
    recall, coverage = (
        [figure[name].value for figure in figures] for name in ("recall", "coverage")
    )
    assert recall[0] > recall[1] > recall[2] == 1 / 300  # the example itself
    assert coverage[0] > coverage[1] > coverage[2]
    assert figures[2]["precision"].value == 1


def test_density_is_one_for_equal_distributions():
    real, fake = modes(800, 6, seed=3), modes(800, 6, seed=4)
    density, _ = neighbours.density_coverage(real, fake)
    assert density.value == pytest.approx(1, abs=0.1)


def test_nearest_distances_are_zero_for_copies_only():
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(50, 4)) + 1000
    x = np.concatenate([reference[::5], reference[:3] + 1e-3])
    distances = neighbours.nearest_distances(x, reference)
    assert (distances[:10] == 0).all()
    np.testing.assert_allclose(distances[10:], 2e-3, rtol=1e-6)


def test_the_nearest_is_found_far_from_zero():
    rng = np.random.default_rng(0)
    reference = 1e9 + rng.normal(size=(300, 4))
    x = reference[:100] + 1e-3 * rng.normal(size=(100, 4))
    distances = neighbours.nearest_distances(x, reference)
    own = np.linalg.norm(x - reference[:100], axis=1)
    np.testing.assert_array_equal(distances, own)
    figures = neighbours.neighbour_figures(reference, 1e9 + rng.normal(size=(300, 4)))
    near = neighbours.neighbour_figures(
        reference - 1e9, 1e9 + np.random.default_rng(0).normal(size=(300, 4)) - 1e9
    )
    assert figures["density"].value == pytest.approx(1, abs=0.2)
    assert near["precision"].value == 1


def test_memorization_by_hand():
    train, fake, held_out = [[0.0], [100]], [[1.0], [102], [5]], [[98.0], [97]]
    figure = neighbours.memorization(train, fake, held_out)
    # distances 1, 2, 5 and 2, 3: pairs nearer 1 + 1, 0.5 + 1, 0 + 0
    assert figure.value == pytest.approx(3.5 / 6)
    assert figure.num_samples == 2


def test_memorization_is_half_for_an_honest_model_with_the_error_of_its_spread():
    rng = np.random.default_rng(3)
    figures = [
        neighbours.memorization(
            *(rng.normal(size=(rows, 3)) for rows in (150, 120, 100))
        )
        for _ in range(200)
    ]
    values = np.array([figure.value for figure in figures])
    spread = values.std(ddof=1)
    assert abs(values.mean() - 0.5) < 3 * spread / np.sqrt(len(values))
    error = np.mean([figure.standard_error for figure in figures])
    assert error == pytest.approx(spread, rel=0.2)


def test_memorization_grows_with_copies():
    rng = np.random.default_rng(4)
    train, held_out, fake = rng.normal(size=(3, 400, 5))
    values = []
    for copies in (0, 100, 200, 400):
        mixed = np.concatenate([train[:copies], fake[copies:]])
        values.append(neighbours.memorization(train, mixed, held_out).value)
    # a copy is nearer than any held-out example, the others with probability 0.5
    np.testing.assert_allclose(values, [0.5, 0.625, 0.75, 1], atol=0.05)
    noisy = neighbours.memorization(train, 2 * fake, held_out)
    assert noisy.value < 0.3


def test_bad_input_is_refused():
    rows = np.zeros((4, 2))
    with pytest.raises(ValueError, match="k must be < 3, the number of rows of fake"):
        neighbours.precision_recall(rows, rows[:3], k=3)
    with pytest.raises(ValueError, match="k must be > 0, received 0"):
        neighbours.density_coverage(rows, rows, k=0)
    with pytest.raises(
        ValueError, match="real must hold finite values, received 1 NaN"
    ):
        neighbours.precision_recall([[0.0], [np.nan]], [[0.0], [1]], k=1)
    with pytest.raises(ValueError, match="train and held_out must have the same"):
        neighbours.memorization(rows, rows, rows[:, :1])
    with pytest.raises(ValueError, match=r"fake must have shape .* received \(1, 2\)"):
        neighbours.memorization(rows, rows[:1], rows)


def test_the_nearest_rows_are_those_of_scikit_learn():
    from sklearn.neighbors import NearestNeighbors

    x, reference = (np.random.default_rng(i).normal(size=(50, 3)) for i in (0, 1))
    expected = NearestNeighbors(n_neighbors=4).fit(reference).kneighbors(x)[1]
    for k in (1, 4):
        found = neighbours.nearest_rows(x, reference, k)
        np.testing.assert_array_equal(found, expected[:, :k])
