"""Metrics of tables: shapes of columns, trends of pairs, use and closest records.

A table is anything that its spec takes: a DataFrame, a dict of columns, or rows with
codes; see `specs.Columns`.
"""

from typing import Any

import numpy as np

from ..extras import package
from ..specs import Columns
from ..validation import check_rows
from .arrays import warn_if_few
from .estimate import Estimate
from .neighbours import nearest_distances

BINS = 10  # of a number in a pair with a category
ROWS = 4096  # of one-hot values at a time
MANY = 128  # values of a category, which get few dimensions
MOST_VALUES = 255  # of a category that trees split into any two groups
LARGEST_LEAF, ROWS_PER_LEAF = 20, 50  # smallest numbers of rows in a leaf of a tree
NUM_BOOTSTRAP = 100
MIN_TESTED = 100  # rows for a figure of a predictor
SHARE = "share"


def column_shapes(real: Any, fake: Any, spec: Columns) -> dict[str, float]:
    """How alike the columns of two tables are, each by itself.

    For numbers it is 1 minus the Kolmogorov-Smirnov statistic, and for categories 1
    minus the total variation: SDMetrics' KSComplement and TVComplement. Missing numbers
    are left out. A missing category counts as a value, which SDMetrics leaves out.

    Args:
        real: The real table.
        fake: The generated table.
        spec: Their columns.

    Returns:
        By the name of the column, in [0, 1]. 1 means equal. NaN for a column without a
        value.

    Raises:
        ValueError: If a table does not fit the spec, or has no rows.

    References:
        Patki, Wedge and Veeramachaneni, "The synthetic data vault", 2016; the
        documentation of SDMetrics, Quality Report.

    Example:
        >>> spec = kg.specs.Columns([kg.specs.Category("kind", ["flat", "house"])])
        >>> real, fake = {"kind": ["flat", "house"]}, {"kind": ["flat", "flat"]}
        >>> kg.metrics.column_shapes(real, fake, spec)
        {'kind': 0.5}
    """
    real, fake = _rows(real, "real", spec), _rows(fake, "fake", spec)
    shapes = {}
    for i, column in enumerate(spec.columns):
        parts = [part[~np.isnan(part[:, i]), i] for part in (real, fake)]
        if not all(map(len, parts)):
            shapes[column.name] = float("nan")
        elif column.values:
            shapes[column.name] = 1.0 - _total_variation(*parts)
        else:
            shapes[column.name] = 1.0 - _largest_gap(*parts)
    return shapes


def pair_trends(real: Any, fake: Any, spec: Columns) -> dict[tuple[str, str], float]:
    """How alike the dependence of each pair of columns is in two tables.

    For two numbers it is 1 minus half the difference of Pearson's correlations, and for
    two categories 1 minus the total variation of their joint frequencies: SDMetrics'
    CorrelationSimilarity and ContingencySimilarity. A number in a pair with a category
    is cut into ten bins of equal width over the range of the real column, the outer
    ones open. A missing value is a value of its own in a pair with a category, and such
    rows are left out of a correlation.

    The quality report of SDMetrics 0.32 differs in two ways. It cuts each table over
    its own range, which compares different bins, and leaves out pairs whose dependence
    is weak in the real table.

    Args:
        real: The real table.
        fake: The generated table.
        spec: Their columns.

    Returns:
        By the names of both columns, in [0, 1]. 1 means equal. NaN for the correlation
        of a constant.

    Raises:
        ImportError: If pandas is not installed.
        ValueError: If a table does not fit the spec, or has no rows.
    """
    real, fake = _rows(real, "real", spec), _rows(fake, "fake", spec)
    found = _contingencies(real, fake, spec)
    numbers = np.ix_(spec.numbers, spec.numbers)
    correlations = [_correlations(part[:, spec.numbers]) for part in (real, fake)]
    found[numbers] = 1.0 - np.abs(correlations[0] - correlations[1]) / 2
    names = spec.names
    pairs = zip(*np.triu_indices(len(names), 1), strict=True)
    return {(names[i], names[j]): float(found[i, j]) for i, j in pairs}


def table_quality(real: Any, fake: Any, spec: Columns) -> dict[str, Estimate]:
    """`column_shapes`, `pair_trends` and `quality_score`, the mean of both.

    Each is the mean over columns or pairs, without those that are NaN. A table with one
    column has no pairs, and its quality is that of its shape.

    Args:
        real: The real table.
        fake: The generated table.
        spec: Their columns.

    Returns:
        Shares in [0, 1]. Compare them with the figures of two parts of the real table,
        since a finite table never scores 1.

    Raises:
        ImportError: If pandas is not installed.
        ValueError: If a table does not fit the spec, or has no rows.
    """
    real, fake = _rows(real, "real", spec), _rows(fake, "fake", spec)
    values = {"column_shapes": _mean(column_shapes(real, fake, spec))}
    if len(spec.columns) > 1:
        values["pair_trends"] = _mean(pair_trends(real, fake, spec))
    values["quality_score"] = float(np.mean([*values.values()]))
    count = min(len(real), len(fake))
    return {k: Estimate(v, None, SHARE, count) for k, v in values.items()}


def prediction_score(
    train: Any,
    test: Any,
    spec: Columns,
    target: str | None = None,
    *,
    train_labels: Any = None,
    test_labels: Any = None,
    seed: int = 0,
) -> Estimate:
    """How well a predictor that was trained on one table does on another.

    Trained on generated rows and tested on real ones, it says whether the generated
    table can take the place of the real one ("train on synthetic, test on real").
    Compare it with the score after training on as many real rows. The predictor is
    scikit-learn's gradient boosting of histograms, with its defaults but for tables of
    less than 1,000 rows, whose trees have smaller leaves. Rows whose target is missing
    are left out.

    Args:
        train: The table to train on.
        test: The real table to test on.
        spec: Their columns.
        target: The column to predict from all others. None predicts the labels from all
            columns.
        train_labels: Classes of `train`, `(n,)`, without a target.
        test_labels: Classes of `test`, `(m,)`, without a target.
        seed: Seed of the predictor and of the bootstrap.

    Returns:
        R squared, at most 1, for numbers. Balanced accuracy, in [0, 1], for categories
        and labels: the mean over classes of the share that is found. Its standard error
        is that of the bootstrap over test rows.

    Raises:
        ImportError: If scikit-learn is not installed.
        ValueError: If a table does not fit the spec, if the target is unknown, or if
            neither a target nor labels are given.

    References:
        Esteban, Hyland and Raetsch, "Real-valued (medical) time series generation with
        recurrent conditional GANs", 2017, section 4.2.
    """
    package("sklearn", "prediction_score")
    train, test = _rows(train, "train", spec), _rows(test, "test", spec)
    if target is None:
        if train_labels is None or test_labels is None:
            raise ValueError(
                "prediction_score requires target, a column, or train_labels and "
                "test_labels."
            )
        place, is_class, known = None, True, [train_labels, test_labels]
    else:
        if target not in spec.names:
            names = ", ".join(spec.names)
            raise ValueError(f"target must be one of {names}, received {target!r}.")
        place = spec.names.index(target)
        is_class, known = bool(spec.columns[place].values), [train, test]
        known = [part[:, place] for part in known]
    kept = [i for i in range(len(spec.columns)) if i != place]
    (x, y), (test_x, truth) = (
        _with_target(part[:, kept], np.asarray(labels, np.float64))
        for part, labels in zip((train, test), known, strict=True)
    )
    warn_if_few(len(truth), MIN_TESTED, "prediction_score")
    sizes = [len(spec.columns[i].values) for i in kept]
    predicted = _predicted(x, y, test_x, sizes, is_class=is_class, seed=seed)
    score = _balanced_accuracy if is_class else _r_squared
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(truth), size=(NUM_BOOTSTRAP, len(truth)))
    error = np.nanstd([score(truth[rows], predicted[rows]) for rows in drawn], ddof=1)
    unit = "balanced accuracy" if is_class else "R squared"
    unit += f" of {'labels' if target is None else target}"
    return Estimate(score(truth, predicted), float(error), unit, len(truth))


def closest_record(x: Any, train: Any, spec: Columns) -> np.ndarray:
    """Distance of each row to the closest training row.

    A privacy check: compare the median and the lowest 5 % for generated rows with those
    for held-out real rows. Generated rows that lie closer repeat training rows. Numbers
    count in standard deviations of the training rows. Two different categories are 1
    apart, and so are a missing number and the mean.

    Args:
        x: Generated or held-out rows.
        train: The rows that the model was trained on.
        spec: Their columns.

    Returns:
        Euclidean distances, `(n,)`. A copy has 0. Values of a category with more than
        128 of them are 1 apart on average, between about 0.8 and 1.2.

    Raises:
        ValueError: If a table does not fit the spec, or has no rows.

    Example:
        >>> spec = kg.specs.Columns([kg.specs.Category("kind", ["flat", "house"])])
        >>> kg.metrics.closest_record({"kind": ["house"]}, {"kind": ["flat"]}, spec)
        array([1.])
    """
    x, train = _rows(x, "x", spec), _rows(train, "train", spec)
    numbers = train[:, spec.numbers]
    mean, deviation = (_of_known(f, numbers) for f in (np.nanmean, np.nanstd))
    deviation[deviation == 0] = 1
    parts = (_encoded(part, spec, mean, deviation) for part in (x, train))
    return nearest_distances(*parts)


def closest_record_figures(
    fake: Any, held_out: Any, train: Any, spec: Columns
) -> dict[str, Estimate]:
    """Median and 5th percentile of `closest_record`, with those of held-out rows.

    Args:
        fake: Generated rows.
        held_out: Real rows that were not used in training, for the references.
        train: The rows that the model was trained on.
        spec: Their columns.
    """
    made, real = (closest_record(part, train, spec) for part in (fake, held_out))
    figures = {}
    for name, percent in (("closest_record", 50), ("closest_record_5th", 5)):
        value, reference = (float(np.percentile(d, percent)) for d in (made, real))
        unit = "standard deviations"
        figures[name] = Estimate(
            value, None, unit, min(len(made), len(real)), None, reference
        )
    return figures


def _rows(table: Any, name: str, spec: Columns) -> np.ndarray:
    """Rows of numbers and codes, float64, at least one."""
    rows = np.asarray(spec.check(table, name), np.float64)
    check_rows(rows, name)
    return rows


def _mean(values: dict[Any, float]) -> float:
    """The mean of the values that are not NaN, or NaN if all are."""
    known = [value for value in values.values() if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _total_variation(*parts: np.ndarray) -> float:
    size = 1 + int(max(part.max() for part in parts))
    real, fake = (np.bincount(p.astype(int), minlength=size) / len(p) for p in parts)
    return float(np.abs(real - fake).sum() / 2)


def _largest_gap(real: np.ndarray, fake: np.ndarray) -> float:
    """The Kolmogorov-Smirnov statistic."""
    from scipy.stats import ks_2samp

    tested: Any = ks_2samp(real, fake, method="asymp")
    return float(tested.statistic)


def _correlations(x: np.ndarray) -> np.ndarray:
    """Pearson's correlations of columns, by the rows where both are known."""
    pandas = package("pandas", "pair_trends")
    return pandas.DataFrame(x).corr().to_numpy()


def _contingencies(real: np.ndarray, fake: np.ndarray, spec: Columns) -> np.ndarray:
    """1 minus the total variation of each pair of columns, with numbers in bins."""
    cells, sizes = [np.empty(part.shape, int) for part in (real, fake)], []
    for i, column in enumerate(spec.columns):
        edges = None if column.values else _edges(real[:, i])
        count = len(column.values) if edges is None else len(edges) + 1
        for place, part in zip(cells, (real, fake), strict=True):
            values, known = part[:, i], ~np.isnan(part[:, i])
            codes = values if edges is None else np.digitize(values, edges)
            place[:, i] = np.where(known, np.nan_to_num(codes), count)
        sizes.append(count + 1)  # the last for missing values
    starts = np.cumsum([0, *sizes[:-1]])
    width = sum(sizes)
    gaps = np.abs(_joint(cells[0] + starts, width) - _joint(cells[1] + starts, width))
    by_row = np.add.reduceat(gaps, starts, axis=0)
    return 1.0 - np.add.reduceat(by_row, starts, axis=1) / 2


def _edges(values: np.ndarray) -> np.ndarray:
    """The inner edges of the bins of a number."""
    known = values[~np.isnan(values)]
    return np.histogram_bin_edges(known, BINS)[1:-1] if len(known) else np.zeros(0)


def _joint(cells: np.ndarray, width: int) -> np.ndarray:
    """Joint frequencies of cells, `(width, width)`, of `(n, columns)`."""
    counts = np.zeros((width, width))
    for start in range(0, len(cells), ROWS):
        part = cells[start : start + ROWS]
        one_hot = np.zeros((len(part), width), np.float32)
        one_hot[np.arange(len(part))[:, None], part] = 1
        counts += one_hot.T @ one_hot
    return counts / len(cells)


def _with_target(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = ~np.isnan(y)
    return x[known], y[known]


def _predicted(
    x: np.ndarray,
    y: np.ndarray,
    test_x: np.ndarray,
    sizes: list[int],
    *,
    is_class: bool,
    seed: int,
) -> np.ndarray:
    """What a predictor trained on `x` and `y` says of `test_x`."""
    from sklearn.ensemble import (
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
    )
    from threadpoolctl import threadpool_limits

    if not x.shape[1] or len(np.unique(y)) < 2:  # nothing to learn from, or to learn
        return np.full(len(test_x), y[0] if is_class else y.mean())
    kinds: Any = HistGradientBoostingRegressor, HistGradientBoostingClassifier
    groups = [0 < size <= MOST_VALUES for size in sizes]
    leaf = min(LARGEST_LEAF, 1 + len(x) // ROWS_PER_LEAF)
    how = {"categorical_features": groups, "min_samples_leaf": leaf}
    model = kinds[is_class](**how, random_state=seed)
    with threadpool_limits(1, "openmp"):  # threads that wait for a busy core lose more
        return model.fit(x, y).predict(test_x)


def _balanced_accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
    found = truth == predicted
    return float(np.mean([found[truth == one].mean() for one in np.unique(truth)]))


def _r_squared(truth: np.ndarray, predicted: np.ndarray) -> float:
    spread = np.square(truth - truth.mean()).sum()
    missed = np.square(truth - predicted).sum()
    return float(1 - missed / spread) if spread > 0 else float("nan")


def _of_known(function: Any, x: np.ndarray) -> np.ndarray:
    """A statistic of the known values of columns; 0 where all are missing."""
    known = ~np.isnan(x).all(axis=0)
    found = np.zeros(x.shape[1])
    found[known] = function(x[:, known], axis=0)
    return found


def _encoded(
    x: np.ndarray, spec: Columns, mean: np.ndarray, deviation: np.ndarray
) -> np.ndarray:
    """Rows such that two categories, or a missing number and the mean, are 1 apart."""
    numbers, parts = x[:, spec.numbers], []
    missing = np.isnan(numbers)
    parts.append(np.where(missing, 0, (np.nan_to_num(numbers) - mean) / deviation))
    parts.append(missing)
    for i, size in zip(spec.categories, spec.sizes, strict=True):
        code = np.where(np.isnan(x[:, i]), size, np.nan_to_num(x[:, i]))
        parts.append(_points(size + 1)[code.astype(int)])
    return np.concatenate(parts, axis=1)


def _points(number: int) -> np.ndarray:
    """Points that are 1 apart, or about 1 if there are many, `(number, dimensions)`.

    Many points lie in random directions (Johnson and Lindenstrauss 1984): indicators of
    a thousand categories would take 500 MB of 60,000 rows.
    """
    if number <= MANY:
        return np.eye(number) * np.sqrt(0.5)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (number, MANY))
    return signs * np.sqrt(0.5 / MANY)
