"""Metrics of codes and scores: probes, anomalies, disentanglement."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..extras import package
from ..specs import Classes
from ..validation import check_positive
from .arrays import check_vectors, warn_if_few
from .estimate import Estimate
from .vectors import share

MIN_SCORES = 50  # scores of each kind for an area under the curve
MIN_TESTED = 100  # examples for an accuracy
NUM_LABELS = 2**31 - 1  # any class label


def linear_probe(
    codes: Any, labels: Any, test_codes: Any, test_labels: Any
) -> Estimate:
    """Accuracy of logistic regression on standardised codes.

    Args:
        codes: Codes to train on, `(n, d)`.
        labels: Their classes, integers >= 0, `(n,)`.
        test_codes: Codes of other examples, `(m, d)`.
        test_labels: Their classes, `(m,)`, each among `labels`.

    Returns:
        The share of `test_codes` that are classified correctly, in [0, 1], with its
        binomial standard error.

    Raises:
        ValueError: If codes are empty, not finite or differ in width, or if labels do
            not fit or hold a single class.

    References:
        Alain and Bengio, "Understanding intermediate layers using linear classifier
        probes", 2016.
    """
    package("sklearn", "linear_probe")
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    codes = check_vectors(codes, "codes")
    test_codes = check_vectors(test_codes, "test_codes", codes.shape[1])
    labels = Classes(NUM_LABELS).check(labels, "labels", rows=len(codes))
    num_tested = len(test_codes)
    test_labels = Classes(NUM_LABELS).check(test_labels, "test_labels", rows=num_tested)
    _check_classes(test_labels, "test_labels", labels)
    warn_if_few(num_tested, MIN_TESTED, "linear_probe")
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    probe.fit(codes, labels)
    return share(probe.predict(test_codes) == test_labels)


def anomaly_auc(scores_normal: Any, scores_anomalous: Any) -> Estimate:
    """The area under the ROC of anomaly scores.

    Args:
        scores_normal: Scores of normal examples, `(n,)`. They may be infinite.
        scores_anomalous: Scores of anomalies, `(m,)`. Higher is more anomalous.

    Returns:
        The probability that an anomaly scores higher than a normal example (equal
        scores count half), in [0, 1], with DeLong's standard error, or None if there is
        only one score of a kind.

    Raises:
        ValueError: If scores are empty, NaN or not `(n,)`.

    References:
        DeLong, DeLong and Clarke-Pearson, "Comparing the areas under two or more
        correlated receiver operating characteristic curves", 1988.

    Example:
        >>> normal, anomalous = np.arange(100), np.arange(50, 150)
        >>> round(kg.metrics.anomaly_auc(normal, anomalous).value, 3)
        0.875
    """
    from scipy.stats import rankdata

    normal = check_scores(scores_normal, "scores_normal")
    anomalous = check_scores(scores_anomalous, "scores_anomalous")
    n, m = len(normal), len(anomalous)
    warn_if_few(min(n, m), MIN_SCORES, "anomaly_auc (scores of a kind)")
    ranks = rankdata(np.concatenate([normal, anomalous]))
    normal_below = (ranks[n:] - rankdata(anomalous)) / n  # of each anomaly
    anomalous_above = 1 - (ranks[:n] - rankdata(normal)) / m  # of each normal example
    error = None
    if min(n, m) > 1:
        variance = normal_below.var(ddof=1) / m + anomalous_above.var(ddof=1) / n
        error = float(np.sqrt(variance))
    return Estimate(float(normal_below.mean()), error, "probability", n + m)


def anomaly_by_class(
    score: Callable[[np.ndarray, np.ndarray], Any],
    x: Any,
    labels: Any,
    test_x: Any,
    test_labels: Any,
    *,
    classes: ArrayLike | None = None,
) -> dict[int, Estimate]:
    """`anomaly_auc` with each class in turn left out of training, as the anomaly.

    Example:
        ```python
        def score(train_x, test_x):
            model = make_model()  # a new one for each class
            model.fit(train_x, epochs=10)
            return -model.elbo(test_x)
        ```

    Args:
        score: A function that trains on its first argument, examples `(k, ...)`, and
            returns scores of its second, `test_x`: `(m,)`. Higher is more anomalous.
        x: Examples to train on, `(n, ...)`.
        labels: Their classes, integers >= 0, `(n,)`.
        test_x: Other examples, `(m, ...)`.
        test_labels: Their classes, `(m,)`.
        classes: Classes to leave out, with one training each. None means all.

    Returns:
        The area under the ROC for each class that was left out.

    Raises:
        ValueError: If labels do not fit or hold a single class, if a class of `classes`
            is not among them, or if the scores are not `(m,)`.

    References:
        Ahmed and Courville, "Detecting semantic anomalies", 2020.
    """
    x, test_x = np.asarray(x), np.asarray(test_x)
    labels = Classes(NUM_LABELS).check(labels, "labels", rows=len(x))
    test_labels = Classes(NUM_LABELS).check(
        test_labels, "test_labels", rows=len(test_x)
    )
    classes = np.unique(labels) if classes is None else np.asarray(classes)
    _check_classes(classes, "classes", labels)
    _check_classes(classes, "classes", test_labels, "test_labels")
    figures = {}
    for left_out in classes.tolist():
        scores = check_scores(score(x[labels != left_out], test_x), "scores")
        if len(scores) != len(test_x):
            raise ValueError(
                f"score must return ({len(test_x)},) scores, one per example of "
                f"test_x, received {scores.shape}."
            )
        anomalous = test_labels == left_out
        figures[left_out] = anomaly_auc(scores[~anomalous], scores[anomalous])
    return figures


def mutual_information_gap(
    codes: Any, factors: Any, *, bins: int = 20, num_bootstrap: int = 100, seed: int = 0
) -> Estimate:
    """Mutual information gap: whether one dimension of the codes knows each factor.

    It is the difference between the two dimensions with the most information about a
    factor, as a share of the factor's entropy. Codes are cut into bins of equal width.

    Args:
        codes: Codes, `(n, d)`, with d >= 2.
        factors: The factors of the examples, integers, `(n, k)` or `(n,)`.
        bins: Bins per dimension of the codes, >= 2.
        num_bootstrap: Bootstrap samples for the standard error, >= 2.
        seed: Seed of the bootstrap samples.

    Returns:
        The gap, in [0, 1], averaged over factors, with its bootstrap standard error. It
        is 1 if one dimension knows everything, and the others nothing.

    Raises:
        ValueError: If codes are empty, not finite or have one dimension, or if factors
            are not integers, are constant or have another length.

    References:
        Chen, Li, Grosse and Duvenaud, "Isolating sources of disentanglement in
        variational autoencoders", 2018, section 4.1, eq. 6.
    """
    codes, factors = check_vectors(codes, "codes"), _check_factors(factors, len(codes))
    if codes.shape[1] < 2:
        raise ValueError(f"codes must have 2 columns or more, received {codes.shape}.")
    for name, number in {"bins": bins, "num_bootstrap": num_bootstrap}.items():
        check_positive(number, name, integer=True)
        if number < 2:
            raise ValueError(f"{name} must be at least 2, received {number}.")
    cells = bins * (int(factors.max()) + 1)
    warn_if_few(len(codes), 10 * cells, "mutual_information_gap")
    low, width = codes.min(axis=0), np.ptp(codes, axis=0)
    width[width == 0] = 1  # a constant dimension: one bin
    binned = np.minimum((codes - low) / width * bins, bins - 1).astype(np.int64)
    rng = np.random.default_rng(seed)
    resampled = []
    for _ in range(num_bootstrap):
        rows = rng.integers(len(codes), size=len(codes))
        resampled.append(_gap(binned[rows], factors[rows]))
    error = float(np.std(resampled, ddof=1))
    return Estimate(_gap(binned, factors), error, "share of entropy", len(codes))


def _gap(binned: np.ndarray, factors: np.ndarray) -> float:
    """Mean gap of the information in bins `(n, d)` about factors `(n, k)`."""
    gaps, num_bins = [], int(binned.max()) + 1
    for factor in factors.T:
        size = (int(factor.max()) + 1) * num_bins
        cells = (factor[:, None] * num_bins + binned).T
        joint = np.array([np.bincount(cell, minlength=size) for cell in cells])
        joint = joint / len(factor)
        tables = joint.reshape(len(joint), -1, num_bins)
        entropy = _entropy(tables[0].sum(axis=1))
        information = entropy + _entropy(tables.sum(axis=1)) - _entropy(joint)
        second, first = np.sort(information)[-2:]
        gaps.append((first - second) / max(entropy, 1e-12))
    return float(np.mean(gaps))


def _entropy(p: np.ndarray) -> np.ndarray:
    """Nats, of probabilities on the last axis."""
    return -(p * np.log(np.where(p > 0, p, 1))).sum(axis=-1)


def check_scores(scores: Any, name: str) -> np.ndarray:
    """Checks one score per example, and converts them to float64 `(n,)`.

    Raises:
        ValueError: If the scores are empty, contain NaN, or are not `(n,)`.
    """
    scores = np.asarray(scores, np.float64)
    if scores.ndim != 1 or len(scores) == 0:
        raise ValueError(f"{name} must have shape (n,), received {scores.shape}.")
    if bad := int(np.isnan(scores).sum()):
        raise ValueError(f"{name} hold {bad} NaN values among {len(scores)}.")
    return scores


def _check_classes(
    classes: np.ndarray, name: str, labels: np.ndarray, among: str = "labels"
) -> None:
    known = np.unique(labels).tolist()
    if len(known) < 2:
        raise ValueError(f"{among} must hold 2 classes or more, received {known}.")
    if unknown := sorted(set(classes.tolist()) - set(known)):
        raise ValueError(f"{name} must be among {among}, {known}, received {unknown}.")


def _check_factors(factors: Any, num_rows: int) -> np.ndarray:
    """Factors as `(n, k)`, each counted from 0."""
    factors = np.asarray(factors)
    if factors.ndim == 1:
        factors = factors[:, None]
    if factors.ndim != 2 or len(factors) != num_rows:
        raise ValueError(
            f"factors must have shape ({num_rows}, k), received {factors.shape}."
        )
    if not np.issubdtype(factors.dtype, np.integer):
        raise ValueError(f"factors must be integers, received {factors.dtype}.")
    counted = [np.unique(factor, return_inverse=True)[1] for factor in factors.T]
    for column, factor in enumerate(counted):
        if factor.max() == 0:
            raise ValueError(f"factors must vary, received a constant column {column}.")
    return np.column_stack(counted)
