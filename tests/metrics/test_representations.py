"""Probes, anomaly scores and the mutual information gap against known answers."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from keras_gen.metrics.representations import (
    anomaly_auc,
    anomaly_by_class,
    linear_probe,
    mutual_information_gap,
)

few_scores = pytest.mark.filterwarnings("ignore:.*needed for a reliable:UserWarning")


def two_classes(n, distance, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=n)
    return rng.normal(size=(n, 3)) + distance * labels[:, None] * [1, 0, 0], labels


def test_a_probe_reaches_the_best_rule_for_gaussians():
    figure = linear_probe(*two_classes(2000, 2.0, 0), *two_classes(2000, 2.0, 1))
    assert abs(figure.value - norm.cdf(1)) < 4 * figure.standard_error
    p = figure.value
    assert figure.standard_error == pytest.approx(np.sqrt(p * (1 - p) / 2000))
    assert figure.num_samples == 2000


def test_a_probe_sees_what_is_linear_only():
    x = np.random.default_rng(0).normal(size=(1000, 2))
    linear, product = x[:, 0] > 0, x[:, 0] * x[:, 1] > 0
    scale = np.array([1e-4, 1e4])  # standardisation takes it out
    for labels, low, high in ((linear, 0.97, 1), (product, 0.4, 0.6)):
        labels = labels.astype(int) + 7  # any integers
        figure = linear_probe(
            x[:500] * scale, labels[:500], x[500:] * scale, labels[500:]
        )
        assert low <= figure.value <= high


def test_auc_is_scikit_learn_s_with_ties_and_infinities():
    rng = np.random.default_rng(0)
    normal, anomalous = rng.integers(9, size=70), rng.integers(3, 12, size=90)
    normal, anomalous = normal.astype(float), anomalous.astype(float)
    truth = np.repeat([0, 1], [70, 90])
    expected = roc_auc_score(truth, np.concatenate([normal, anomalous]))
    assert anomaly_auc(normal, anomalous).value == pytest.approx(expected)
    assert anomaly_auc(anomalous, normal).value == pytest.approx(1 - expected)
    anomalous[anomalous == 11] = np.inf
    assert anomaly_auc(normal, anomalous).value == pytest.approx(expected)
    assert anomaly_auc(np.zeros(50), np.ones(50)).value == 1


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0])
def test_auc_of_gaussians_and_its_error_over_repeats(shift):
    rng = np.random.default_rng(0)
    figures = [
        anomaly_auc(rng.normal(size=80), rng.normal(shift, size=50)) for _ in range(500)
    ]
    values, errors, *_ = zip(*figures, strict=True)
    spread = np.std(values)
    mean_error = spread / np.sqrt(500)
    assert abs(np.mean(values) - norm.cdf(shift / np.sqrt(2))) < 4 * mean_error
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(spread, rel=0.1)


@few_scores
def test_delong_by_hand():
    figure = anomaly_auc([1.0, 2.0, 3.0], [2.0, 4.0])
    below, above = np.array([0.5, 1]), np.array([1, 0.75, 0.5])
    below[0] = (1 + 0.5 + 0) / 3
    assert figure.value == pytest.approx(below.mean())
    variance = below.var(ddof=1) / 2 + above.var(ddof=1) / 3
    assert figure.standard_error == pytest.approx(np.sqrt(variance))
    assert anomaly_auc([1.0], [2.0, 4.0]).standard_error is None


def test_each_class_in_turn_is_the_anomaly():
    centers = np.array([[0.0, 0], [20, 0], [0, 20]])
    rng = np.random.default_rng(0)
    labels, test_labels = (np.repeat([2, 5, 9], n) for n in (40, 60))
    x, test_x = (
        np.repeat(centers, n, axis=0) + rng.normal(size=(3 * n, 2)) for n in (40, 60)
    )
    seen = []

    def score(train_x, test_x):
        seen.append(train_x)
        return np.linalg.norm(test_x[:, None] - train_x, axis=-1).min(axis=1)

    figures = anomaly_by_class(score, x, labels, test_x, test_labels)
    assert list(figures) == [2, 5, 9]
    assert all(type(name) is int for name in figures)
    assert [figure.value for figure in figures.values()] == [1, 1, 1]
    assert all(figure.num_samples == 180 for figure in figures.values())
    for left_out, train_x in zip(figures, seen, strict=True):
        np.testing.assert_array_equal(train_x, x[labels != left_out])
    args = (x, labels, test_x, test_labels)
    assert list(anomaly_by_class(score, *args, classes=[9])) == [9]
    constant = anomaly_by_class(lambda train_x, x: np.zeros(len(x)), *args)
    assert {figure.value for figure in constant.values()} == {0.5}


def factors_of(n, seed=0):
    return np.random.default_rng(seed).integers(4, size=(n, 3))


def test_a_code_of_one_dimension_per_factor_has_a_gap_of_1():
    factors = np.stack(np.meshgrid(*[np.arange(4)] * 3), -1).reshape(-1, 3)
    factors = np.repeat(factors, 20, axis=0)  # independent in the sample too
    codes = -3.0 * factors[:, [2, 0, 1]] + 100
    figure = mutual_information_gap(codes, factors)
    assert figure.value == pytest.approx(1)
    assert figure.standard_error < 0.01
    noise = np.random.default_rng(0).normal(size=(len(codes), 2))
    with_noise = mutual_information_gap(np.hstack([codes, noise]), factors)
    assert with_noise.value == pytest.approx(1, abs=0.05)


def test_codes_that_know_nothing_or_all_twice_have_a_gap_of_0():
    factors = factors_of(8000)
    noise = np.random.default_rng(1).normal(size=(8000, 6))
    assert mutual_information_gap(noise, factors).value < 0.003
    twice = np.hstack([factors, 2 * factors + 1])
    assert mutual_information_gap(twice, factors).value == pytest.approx(0, abs=1e-9)
    dead = np.zeros((8000, 3))
    assert mutual_information_gap(dead, factors).value == pytest.approx(0, abs=1e-9)


def test_the_gap_of_a_noisy_bit_is_the_capacity_of_the_channel():
    rng = np.random.default_rng(0)
    bit = rng.integers(2, size=20000)
    code = np.where(rng.random(20000) < 0.1, 1 - bit, bit)
    codes = np.column_stack([code, np.zeros(20000)])
    figure = mutual_information_gap(codes, bit)
    capacity = 1 + 0.1 * np.log2(0.1) + 0.9 * np.log2(0.9)
    assert abs(figure.value - capacity) < 4 * figure.standard_error


def test_the_error_of_the_gap_is_the_spread():
    rng = np.random.default_rng(0)
    figures = []
    for _ in range(60):
        factors = rng.integers(3, size=(600, 2))
        codes = factors + rng.normal(0, 0.6, size=(600, 2))
        figures.append(
            mutual_information_gap(codes, factors, bins=10, num_bootstrap=50)
        )
    values, errors, *_ = zip(*figures, strict=True)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.3)


X, Y = two_classes(100, 1.0, 0)
BAD = {
    "probe width": (lambda: linear_probe(X, Y, X[:, :2], Y), "test_codes must have"),
    "probe length": (
        lambda: linear_probe(X, Y[:9], X, Y),
        "labels must have one row per example, received 9 rows",
    ),
    "probe floats": (lambda: linear_probe(X, Y, X, Y / 2), "test_labels must be int"),
    "probe unseen": (lambda: linear_probe(X, Y, X, Y + 1), r"test_labels .*\[2\]"),
    "one class": (lambda: linear_probe(X, 0 * Y, X, 0 * Y), "labels must hold 2"),
    "NaN code": (
        lambda: linear_probe(X * np.nan, Y, X, Y),
        "codes must hold finite values, received 300 NaN",
    ),
    "NaN score": (lambda: anomaly_auc([1.0, np.nan], [1.0]), "scores_normal hold 1"),
    "no score": (lambda: anomaly_auc([1.0], []), r"scores_anomalous .*\(0,\)"),
    "columns": (lambda: anomaly_auc(X, [1.0]), r"scores_normal .*\(100, 3\)"),
    "unknown class": (
        lambda: anomaly_by_class(lambda a, b: b[:, 0], X, Y, X, Y, classes=[3]),
        r"classes must be among labels, \[0, 1\], received \[3\]",
    ),
    "lost scores": (
        lambda: anomaly_by_class(lambda a, b: b[:9, 0], X, Y, X, Y),
        r"score must return \(100,\).*\(9,\)",
    ),
    "factors": (lambda: mutual_information_gap(X, Y[:9]), r"factors .*\(9, 1\)"),
    "float factors": (lambda: mutual_information_gap(X, X), "factors must be integers"),
    "constant": (lambda: mutual_information_gap(X, 0 * Y), "constant column 0"),
    "one code": (lambda: mutual_information_gap(X[:, :1], Y), r"codes .*\(100, 1\)"),
    "bins": (lambda: mutual_information_gap(X, Y, bins=1), "bins must be at least 2"),
}


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
@few_scores
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


FEW = {
    "probe": (lambda: linear_probe(X, Y, X[:60], Y[:60]), "60 .*at least 100"),
    "scores": (lambda: anomaly_auc(X[:, 0], X[:7, 1]), "7 .*at least 50"),
    "gap": (lambda: mutual_information_gap(X, Y), "100 .*at least 400"),
}


@pytest.mark.parametrize(("call", "message"), FEW.values(), ids=FEW)
def test_few_examples_warn(call, message):
    with pytest.warns(UserWarning, match=message):
        call()
