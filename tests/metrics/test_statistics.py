"""Statistics of batches: the same as of all rows at once, kept on disk, compared."""

import numpy as np
import pytest

from keras_gen.metrics import features, moments, neighbours
from keras_gen.metrics.extractors import Extractor, Features, raw
from keras_gen.metrics.statistics import (
    FeatureStatistics,
    compare,
    reference_statistics,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*needed for a reliable:UserWarning")
DIM, CLASSES = 4, 3


def probabilities_of(x):
    weights = np.exp(x[:, :CLASSES])
    return weights / weights.sum(axis=1, keepdims=True)


def rows_themselves(x):
    return Features(x)


def rows_and_classes(x):
    return Features(x, probabilities_of(x))


PLAIN = Extractor("plain", rows_themselves, DIM)
CLASSIFIER = Extractor("classifier", rows_and_classes, DIM)


def rows(num_rows, seed=0):
    return np.random.default_rng(seed).normal(size=(num_rows, DIM)) + 2


def statistics_of(x, sizes=(), extractor=CLASSIFIER, **options):
    """Statistics of batches of these sizes and one of the rest."""
    statistics = FeatureStatistics(extractor, **options)
    for part in np.split(x, np.cumsum(sizes)):
        statistics.update(part)
    return statistics


def assert_same(a, b, tolerance=1e-10):
    assert a.count == b.count
    for one, other in zip(a.groups, b.groups, strict=True):
        assert one.count == other.count
        np.testing.assert_allclose(one.mean, other.mean, rtol=tolerance)
        np.testing.assert_allclose(
            one.scatter, other.scatter, rtol=tolerance, atol=tolerance
        )
    np.testing.assert_array_equal(a.features, b.features)
    np.testing.assert_array_equal(a.probabilities, b.probabilities)
    np.testing.assert_array_equal(a.class_counts, b.class_counts)


SIZES = {
    "single rows": [1] * 130,
    "odd sizes": [7, 13, 1, 0, 64, 3, 10, 30],
    "a long first": [128],
    "multiples of the groups": [10, 40, 20],
}


@pytest.mark.parametrize("keep", [50, 1000])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_batches_of_any_size_give_the_same(sizes, keep):
    x = rows(137)
    whole = statistics_of(x, keep=keep)
    batches = statistics_of(x, sizes, keep=keep)
    assert whole.count == 137
    assert len(whole.features) == min(keep, 137)
    assert_same(whole, batches)
    figures = compare(batches, statistics_of(rows(90, 1)))
    for name, figure in compare(whole, statistics_of(rows(90, 1))).items():
        assert figures[name].value == pytest.approx(figure.value, rel=1e-10), name


def test_a_distance_of_batches_is_that_of_arrays():
    real, fake = rows(300), 1.1 * rows(200, 1)
    figures = compare(statistics_of(real, [7, 90]), statistics_of(fake, [50] * 3))
    frechet = features.frechet_distance(real, fake, extractor="classifier")
    assert figures["frechet_distance"].value == pytest.approx(frechet.value, rel=1e-10)
    assert figures["frechet_distance"].standard_error == pytest.approx(
        frechet.standard_error, rel=1e-8
    )
    # all rows are kept, in another order
    kernel = features.kernel_distance(real, fake, extractor="classifier")
    assert figures["kernel_distance"].value == pytest.approx(kernel.value, rel=1e-10)
    for name, figure in neighbours.neighbour_figures(real, fake).items():
        assert figures[name].value == pytest.approx(figure.value, rel=1e-10), name
    distance = features.class_distance(probabilities_of(real), probabilities_of(fake))
    assert figures["class_distance"].value == distance.value
    score = features.inception_score(probabilities_of(fake))  # of other splits
    assert figures["inception_score"].value == pytest.approx(score.value, rel=0.05)
    for name, figure in figures.items():
        assert (figure.extractor, figure.num_samples) == ("classifier", 200), name


def test_an_extractor_without_classes_has_no_figures_of_them():
    figures = compare(*(statistics_of(rows(30, i), (), PLAIN) for i in (0, 1)))
    assert set(figures) == {
        "frechet_distance",
        "kernel_distance",
        "precision",
        "recall",
        "density",
        "coverage",
    }


def test_each_row_is_kept_equally_often_whatever_its_place():
    x = np.repeat(np.arange(20.0)[:, None], DIM, axis=1)
    kept = np.zeros(20)
    for seed in range(400):
        statistics = statistics_of(x, [6, 6], PLAIN, keep=5, seed=seed)
        numbers = statistics.features[:, 0].astype(int)
        assert len(set(numbers)) == 5
        kept[numbers] += 1
    # 400 draws with probability 1 / 4: standard deviation 8.7
    assert np.abs(kept - 100).max() < 4 * 8.7
    again = statistics_of(x, [6, 6], PLAIN, keep=5, seed=399)
    np.testing.assert_array_equal(statistics.features, again.features)


def test_row_keys_do_not_depend_on_where_batches_begin():
    whole = moments.row_keys(40, seed=3)
    for start in range(20):
        part = moments.row_keys(20, start, seed=3)
        np.testing.assert_array_equal(part, whole[start : start + 20])
    assert len(np.unique(whole)) == 40
    assert not np.isin(whole, moments.row_keys(40, seed=4)).any()
    assert not np.isin(whole, moments.row_keys(40, seed=3, stream=1)).any()


def test_other_extractors_are_not_compared():
    pair = statistics_of(rows(20)), statistics_of(rows(20), (), PLAIN)
    with pytest.raises(ValueError, match="received 'classifier' and 'plain'"):
        compare(*pair)


def test_too_few_examples_are_not_compared():
    with pytest.raises(ValueError, match="fake must hold at least 2 .* received 0"):
        compare(statistics_of(rows(20)), FeatureStatistics(CLASSIFIER))
    with pytest.raises(ValueError, match="the number of rows of fake"):
        compare(statistics_of(rows(20)), statistics_of(rows(5)))


def test_features_of_another_width_are_refused():
    narrow = Extractor("narrow", rows_themselves, 3)
    with pytest.raises(
        ValueError, match=r"narrow must have shape \(n, 3\), .*\(5, 4\)"
    ):
        FeatureStatistics(narrow).update(rows(5))
    statistics = statistics_of(rows(5))
    with pytest.raises(
        ValueError, match="features must hold finite values, received 20 NaN"
    ):
        statistics.update(rows(5) + np.nan)
    assert_same(statistics, statistics_of(rows(5)))


@pytest.mark.parametrize("extractor", [PLAIN, CLASSIFIER], ids=lambda e: e.name)
def test_saved_statistics_go_on_where_they_were(extractor, tmp_path):
    x, path = rows(100), tmp_path / "statistics.npz"
    first = statistics_of(x[:33], (), extractor, keep=20, seed=5)
    first.save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["statistics.npz"]
    loaded = FeatureStatistics.load(path, extractor)
    loaded.update(x[33:])
    whole = statistics_of(x, (), extractor, keep=20, seed=5)
    if extractor is CLASSIFIER:
        assert_same(loaded, whole)
    np.testing.assert_array_equal(loaded.features, whole.features)


def test_statistics_without_their_extractor_can_be_compared_only(tmp_path):
    path = tmp_path / "statistics.npz"
    real, fake = statistics_of(rows(50)), statistics_of(rows(60, 1))
    real.save(path)
    loaded = FeatureStatistics.load(path)
    assert compare(loaded, fake) == compare(real, fake)
    with pytest.raises(ValueError, match="loaded without their extractor"):
        loaded.update(rows(5))
    with pytest.raises(
        ValueError, match="4 features of 'classifier', expected 4 of 'p"
    ):
        FeatureStatistics.load(path, PLAIN)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "statistics.npz"
    statistics_of(rows(20)).save(path)
    old = path.read_bytes()

    def interrupted(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        statistics_of(rows(30)).save(path)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def counting():
    """An extractor that lists how many rows it was called with."""
    calls = []

    def extract(x):
        calls.append(len(x))
        return rows_and_classes(x)

    return Extractor("counting", extract, DIM), calls


def test_the_cache_saves_the_extractor_s_work(counting, tmp_path):
    extractor, calls = counting
    x = rows(40)
    computed = reference_statistics(x, extractor, cache=tmp_path / "new")
    assert calls == [4, 40]
    cached = reference_statistics(x.copy(order="F"), extractor, cache=tmp_path / "new")
    assert calls == [4, 40, 4]
    assert_same(cached, computed, 0)
    assert_same(cached, statistics_of(x), 0)


def test_other_content_has_another_file(counting, tmp_path):
    extractor, calls = counting
    x = rows(40)
    changed = x.copy()
    changed[3, 2] += 1e-12
    other = Extractor("other", extractor.extract, DIM)
    reference_statistics(x, extractor, cache=tmp_path)
    for y, made_by, keep in [
        (changed, extractor, 10_000),
        (x.astype(np.float32), extractor, 10_000),
        (x[::-1], extractor, 10_000),
        (x, other, 10_000),
        (x, extractor, 10),
    ]:
        calls.clear()
        statistics = reference_statistics(y, made_by, keep=keep, cache=tmp_path)
        assert calls == [4, 40]
        assert statistics.extractor is made_by
    assert len(list(tmp_path.iterdir())) == 6


DAMAGE = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "other bytes": lambda content: b"no statistics",
    "changed": lambda content: content.replace(content[2000:2100], b"?" * 100),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_broken_file_is_computed_again(damage, counting, tmp_path):
    extractor, calls = counting
    x = rows(40)
    reference_statistics(x, extractor, cache=tmp_path)
    [path] = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    with pytest.raises(ValueError, match="is damaged or does not hold statistics"):
        FeatureStatistics.load(path)
    assert_same(reference_statistics(x, extractor, cache=tmp_path), statistics_of(x))
    assert calls == [4, 40, 4, 40]
    FeatureStatistics.load(path)


def test_pickled_objects_are_never_read(tmp_path):
    path = tmp_path / "statistics.npz"
    np.savez(path, version=1, extractor=np.array({"code": 1}, object))
    with pytest.raises(ValueError, match="is damaged or does not hold statistics"):
        FeatureStatistics.load(path)


def test_the_cache_is_in_keras_home(counting, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    reference_statistics(rows(10), counting[0])
    assert len(list((tmp_path / "keras_gen" / "statistics").glob("*.npz"))) == 1


def test_a_folder_that_cannot_be_written_costs_a_warning_only(counting, tmp_path):
    (tmp_path / "file").touch()
    with pytest.warns(UserWarning, match="could not be written"):
        statistics = reference_statistics(
            rows(10), counting[0], cache=tmp_path / "file"
        )
    assert statistics.count == 10


def test_objects_have_no_content_to_hash(counting, tmp_path):
    with pytest.raises(ValueError, match="plain values, received dtype object"):
        reference_statistics(np.array([[1, "a"]], object), counting[0], cache=tmp_path)


def test_references_of_vectors_standardize_them(tmp_path):
    units = np.array([1e7, 1e-3, 1, 50])
    real, fake = (rows(400, seed) for seed in (0, 1))
    plain, scaled = (
        compare(known, statistics_of(made, extractor=known.extractor))
        for known, made in (
            (reference_statistics(x, raw((DIM,)), cache=tmp_path), y)
            for x, y in ((real, fake), (real * units, fake * units))
        )
    )
    for name, figure in plain.items():
        assert scaled[name].value == pytest.approx(figure.value, rel=1e-4, abs=1e-6)
    assert abs(plain["kernel_distance"].value) < 1
