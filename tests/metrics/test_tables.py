"""Measures of tables, against values by hand, closed forms and scikit-learn."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, r2_score

import keras_gen as kg
from keras_gen import metrics, specs
from keras_gen.metrics import tables

pytest.importorskip("pandas")
HOMES = specs.Columns(
    [
        specs.Numeric("price"),
        specs.Category("kind", ["flat", "house"]),
        specs.Integer("rooms", 1, 9),
        specs.Category("new", [False, True]),
    ]
)
REAL = np.array([[1.0, 0, 1, 0], [2, 0, 2, 0], [3, 1, 3, 1], [4, 1, 4, 1]])
FAKE = np.array([[1.0, 0, 1, 1], [2, 0, 2, 1], [2, 0, 3, 0], [8, 1, 4, 0]])


def test_shapes_are_those_by_hand():
    """Prices 1 2 3 4 against 1 2 2 8: the largest gap, 1/4, is at 2 and at 4."""
    shapes = metrics.column_shapes(REAL, FAKE, HOMES)
    expected = {"price": 0.75, "kind": 0.75, "rooms": 1.0, "new": 1.0}
    assert shapes == pytest.approx(expected)


def test_a_missing_category_is_a_value_and_a_missing_number_is_none():
    columns = [specs.Category("a", ["x", None]), specs.Numeric("b", has_missing=True)]
    real, fake = np.array([[0, 1.0], [1, np.nan]]), np.array([[0, 1.0], [0, 1]])
    shapes = metrics.column_shapes(real, fake, specs.Columns(columns))
    assert shapes == {"a": 0.5, "b": 1.0}


def test_the_shape_of_normals_is_the_distance_of_their_distribution_functions():
    """Sup |Phi(x) - Phi(x - 1)| = 2 Phi(1/2) - 1, between the means."""
    spec = specs.Columns([specs.Numeric("a")])
    x = stats.norm.ppf((np.arange(4000) + 0.5) / 4000)[:, None]
    shape = metrics.column_shapes(x, x + 1, spec)["a"]
    assert shape == pytest.approx(2 - 2 * stats.norm.cdf(0.5), abs=1e-3)


def test_trends_of_pairs_are_those_by_hand():
    trends = metrics.pair_trends(REAL, FAKE, HOMES)
    assert list(trends)[:3] == [("price", "kind"), ("price", "rooms"), ("price", "new")]
    correlation = np.corrcoef(FAKE[:, 0], FAKE[:, 2])[0, 1]  # 1 among the real rows
    assert trends["price", "rooms"] == pytest.approx(1 - (1 - correlation) / 2)
    # kind and new: 1/2 (0, 0), 1/2 (1, 1) against 1/2 (0, 1), 1/4 (0, 0), 1/4 (1, 0)
    assert trends["kind", "new"] == pytest.approx(0.25)
    # prices in ten bins of 1 to 4, open at the end: 8 lies in the bin of 4; one of the
    # two 2 has taken the place of 3
    assert trends["price", "kind"] == pytest.approx(0.75)


def test_a_table_is_like_itself_and_quality_is_the_mean_of_both():
    assert all(
        figure.value == pytest.approx(1)
        for figure in metrics.table_quality(REAL, REAL, HOMES).values()
    )
    figures = metrics.table_quality(REAL, FAKE, HOMES)
    shapes = np.mean([*metrics.column_shapes(REAL, FAKE, HOMES).values()])
    trends = np.mean([*metrics.pair_trends(REAL, FAKE, HOMES).values()])
    assert figures["column_shapes"].value == pytest.approx(shapes)
    assert figures["pair_trends"].value == pytest.approx(trends)
    assert figures["quality_score"].value == pytest.approx((shapes + trends) / 2)
    one = specs.Columns([specs.Numeric("a")])
    assert set(metrics.table_quality(REAL[:, :1], FAKE[:, :1], one)) == {
        "column_shapes",
        "quality_score",
    }


def test_broken_dependence_is_seen_in_pairs_and_not_in_columns():
    rng = np.random.default_rng(0)
    real = rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], 5000)
    fake = np.stack([rng.permutation(column) for column in real.T], axis=1)
    spec = specs.Columns([specs.Numeric("a"), specs.Numeric("b")])
    figures = metrics.table_quality(real, fake, spec)
    assert figures["column_shapes"].value == 1
    assert figures["pair_trends"].value == pytest.approx(1 - 0.9 / 2, abs=0.02)


def test_the_correlation_of_a_constant_is_unknown_and_not_counted():
    real = REAL.copy()
    real[:, 2] = 3
    trends = metrics.pair_trends(real, FAKE, HOMES)
    assert np.isnan(trends["price", "rooms"])
    known = [value for value in trends.values() if not np.isnan(value)]
    quality = metrics.table_quality(real, FAKE, HOMES)
    assert quality["pair_trends"].value == pytest.approx(np.mean(known))


def test_missing_values_are_left_out_of_columns_and_are_values_of_pairs():
    real, fake = REAL.copy(), REAL.copy()
    fake[0, 1] = np.nan
    found = tables._contingencies(real, fake, HOMES)
    assert found[1, 3] == pytest.approx(0.75)  # one row of four has another cell
    fake[:, 0] = [np.nan, 2, 3, 4]
    correlations = tables._correlations(fake[:, [0, 2]])
    assert correlations[0, 1] == pytest.approx(1)


def test_real_rows_decide_the_ten_bins_and_the_outer_ones_are_open():
    """Prices 0 to 10 have bins of 1. -5 lies in the first, and 12 in the last."""
    spec = specs.Columns([specs.Numeric("a"), specs.Category("b", ["x", "y"])])
    real = np.stack([np.linspace(0, 10, 11), np.zeros(11)], axis=1)
    fake = real.copy()
    fake[[0, 10], 0] = -5, 12
    assert metrics.pair_trends(real, fake, spec)["a", "b"] == pytest.approx(1)
    fake[2, 0] = 3.5  # one row of eleven has gone from bin 2 to bin 3
    found = metrics.pair_trends(real, fake, spec)["a", "b"]
    assert found == pytest.approx(10 / 11)


def test_frequencies_of_many_rows_are_summed_in_parts(monkeypatch):
    expected = tables._contingencies(REAL, FAKE, HOMES)
    monkeypatch.setattr(tables, "ROWS", 3)
    np.testing.assert_allclose(tables._contingencies(REAL, FAKE, HOMES), expected)


def test_a_target_that_is_missing_teaches_and_tests_nothing():
    spec = specs.Columns(
        [specs.Numeric("a", has_missing=True), specs.Integer("b", 1, 9)]
    )
    train, test = (homes(n, seed)[:, [0, 2]] for n, seed in ((400, 0), (200, 1)))
    expected = metrics.prediction_score(train, test, spec, "a")
    more = [
        np.concatenate([part, [[np.nan, 1.0], [np.nan, 9.0]]]) for part in (train, test)
    ]
    found = metrics.prediction_score(*more, spec, "a")
    assert found.value == pytest.approx(expected.value)
    assert found.num_samples == 200


def test_r_squared_is_about_the_mean_of_the_truth():
    """Told 3 everywhere of 1, 2, 3: missed 5, spread 2."""
    truth = np.array([1.0, 2, 3])
    assert tables._r_squared(truth, np.full(3, 3.0)) == pytest.approx(1 - 5 / 2)


def homes(n, seed, noise=0.1):
    """Prices follow rooms, and kinds follow prices."""
    rng = np.random.default_rng(seed)
    rooms = rng.integers(1, 10, n)
    price = rooms + noise * rng.normal(size=n)
    kind = price > 5
    return np.stack([price, kind, rooms, rng.random(n) < 0.5], axis=1)


def test_predictions_are_scored_as_scikit_learn_does():
    train, test = homes(600, 0), homes(300, 1)
    score = metrics.prediction_score(train, test, HOMES, "price")
    told = tables._predicted(
        train[:, 1:], train[:, 0], test[:, 1:], [2, 0, 2], is_class=False, seed=0
    )
    assert score.value == pytest.approx(r2_score(test[:, 0], told))
    assert score.value > 0.99
    assert score.unit == "R squared of price"
    assert 0 < score.standard_error < 0.01
    kind = metrics.prediction_score(train, test, HOMES, "kind")
    told = tables._predicted(
        train[:, [0, 2, 3]],
        train[:, 1],
        test[:, [0, 2, 3]],
        [0, 0, 2],
        is_class=True,
        seed=0,
    )
    assert kind.value == pytest.approx(balanced_accuracy_score(test[:, 1], told))
    assert kind.unit == "balanced accuracy of kind"
    chance = metrics.prediction_score(train, test, HOMES, "new")
    assert chance.value == pytest.approx(0.5, abs=4 * chance.standard_error)


def test_a_table_without_dependence_teaches_nothing():
    train, test = homes(1000, 0), homes(500, 1)
    rng = np.random.default_rng(2)
    shuffled = np.stack([rng.permutation(column) for column in train.T], axis=1)
    assert metrics.prediction_score(shuffled, test, HOMES, "price").value < 0.1
    train[:, 1] = 0
    one_class = metrics.prediction_score(train, test, HOMES, "kind")
    assert one_class.value == 0.5


def test_few_rows_teach_too():
    """Scikit-learn's leaves of at least 20 rows would never split 30."""
    score = metrics.prediction_score(homes(30, 0), homes(200, 1), HOMES, "kind")
    assert score.value > 0.9


def test_labels_are_predicted_from_all_columns():
    train, test = homes(1000, 0), homes(500, 1)
    labels = [(part[:, 2] > 4).astype(int) for part in (train, test)]
    score = metrics.prediction_score(
        train, test, HOMES, train_labels=labels[0], test_labels=labels[1]
    )
    assert score.value == 1
    assert score.unit == "balanced accuracy of labels"
    with pytest.raises(ValueError, match="requires target, a column, or train_labels"):
        metrics.prediction_score(train, test, HOMES)
    message = "target must be one of price, kind, .* 'prize'"
    with pytest.raises(ValueError, match=message):
        metrics.prediction_score(train, test, HOMES, "prize")


def test_distances_to_the_closest_record_are_those_by_hand():
    """Prices have deviation sqrt(5)/2, as have rooms; categories differ by 1."""
    deviation = np.sqrt(5) / 2
    x = np.array([REAL[0], [1, 1, 1, 0], [5, 1, 4, 1], [5, 0, 4, 1]])
    found = metrics.closest_record(x, REAL, HOMES)
    expected = [0, 1, 1 / deviation, np.hypot(1 / deviation, 1)]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-12)


def test_a_missing_number_is_one_apart_from_the_mean():
    """Prices 0, 2 have mean 1 and deviation 1; the constant counts in its own unit."""
    spec = specs.Columns(
        [specs.Numeric("price", has_missing=True), specs.Numeric("tax")]
    )
    train = np.array([[0.0, 7], [2, 7]])
    x = np.array([[np.nan, 7.0], [1, 7], [2, 10]])
    found = metrics.closest_record(x, train, spec)
    np.testing.assert_allclose(found, [np.sqrt(2), 1, 3], rtol=1e-6)
    gone = np.array([[np.nan, 7.0]])
    np.testing.assert_allclose(
        metrics.closest_record(x[1:2], gone, spec), [np.sqrt(2)], rtol=1e-6
    )


def test_copies_lie_closer_than_held_out_rows():
    train, held_out = homes(500, 0), homes(500, 1)
    figures = metrics.closest_record_figures(train[:200], held_out, train, HOMES)
    assert figures["closest_record"].value == 0
    assert figures["closest_record"].reference > 0
    distances = metrics.closest_record(held_out, train, HOMES)
    middle = figures["closest_record"].reference
    assert middle == pytest.approx(np.median(distances))
    low = figures["closest_record_5th"].reference
    assert low == pytest.approx(np.percentile(distances, 5))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*needed for a reliable")
def test_evaluate_reports_them_with_those_of_real_rows():
    pair = kg.networks.mlp_vae(HOMES, 2, units=(8,))
    model = kg.VAE(*pair, inputs=HOMES, seed=0)
    train, held_out = homes(300, 0), homes(200, 1)
    model.scale.find(train)
    figures = metrics.evaluate(
        model,
        held_out,
        extractor=metrics.extractors.raw(HOMES),
        train=train,
        target="price",
        importance_samples=2,
    )
    samples = model.sample(200, seed=0)
    quality = metrics.table_quality(held_out, samples, HOMES)
    chosen = np.arange(200) * 300 // 200  # evenly over all
    best = metrics.table_quality(held_out, train[chosen], HOMES)
    for name, figure in quality.items():
        assert figures[name].value == pytest.approx(figure.value)
        assert figures[name].reference == pytest.approx(best[name].value)
    assert best["quality_score"].value > 0.9 > quality["quality_score"].value
    score = figures["prediction_score"]
    assert score.value < 0.5
    assert score.reference > 0.99
    closest = figures["closest_record"]
    assert closest.value > closest.reference


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*needed for a reliable")
def test_evaluate_takes_tables_with_missing_values():
    spec = specs.Columns(
        [
            specs.Numeric("price", has_missing=True),
            specs.Category("kind", ["flat", "house", None]),
            specs.Integer("rooms", 1, 9, has_missing=True),
            specs.Date("day", "2020-01-01", "2020-12-31"),
        ]
    )
    model = kg.VAE(*kg.networks.mlp_vae(spec, 2, units=(8,)), inputs=spec, seed=0)
    train, held_out = spec.stand_in(200), spec.stand_in(150, seed=1)
    model.scale.find(train)
    extractor = metrics.extractors.raw(spec)
    how = {"train": train, "importance_samples": 2, "target": "rooms"}
    figures = metrics.evaluate(model, held_out, extractor=extractor, **how)
    assert all(np.isfinite(figure.value) for figure in figures.values())
    assert figures["quality_score"].reference > figures["quality_score"].value
    assert figures["closest_record"].reference > 0
