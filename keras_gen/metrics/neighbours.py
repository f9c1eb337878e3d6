"""Metrics of generated examples from nearest neighbours.

All figures depend on the number of examples: compare them at equal numbers only. Their
standard errors are those of a mean over examples with fixed neighbourhoods. They do not
include the variation of the neighbourhoods, and are 0 for a share of 0 or 1.

Balls are closed: an example at exactly the radius is in the ball. So balls of radius 0,
around examples that occur several times, hold equal examples. Distances that differ by
no more than the rounding of the features count as equal.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..validation import check_positive
from .arrays import check_pair, check_vectors, resolution
from .estimate import Estimate, mean

DISTANCES_PER_CHUNK = 2**22  # 32 MB
ROUNDING = 4.0  # rounding of a distance, in units of the features' resolution
PRODUCT_ROUNDING = 64 * np.finfo(np.float64).eps  # rounding of a squared distance


class Overlap(NamedTuple):
    """The overlap of two sets, by balls up to the k-th neighbour of each example.

    Attributes:
        density: For each fake, the sum over the real examples' balls that hold it of 1
            over the number of other real examples in the ball (k without ties),
            `(m,)`.
        covered: Whether a real example's ball holds a fake, `(n,)`.
        recalled: Whether a real example is in the ball of a fake, `(n,)`.
    """

    density: np.ndarray
    covered: np.ndarray
    recalled: np.ndarray


def precision_recall(
    real: np.ndarray, fake: np.ndarray, *, k: int = 3, extractor: str | None = None
) -> tuple[Estimate, Estimate]:
    """Shares of fakes near real examples, and of real examples near fakes.

    Kynkaanniemi et al., "Improved precision and recall metric for assessing generative
    models", 2019, eq. 2. Near means a distance of at most that of the other example's
    k-th nearest neighbour in its own set. (Naeem et al.'s `prdc` excludes equal
    distances, and returns 0 for two draws from the same discrete distribution.)

    Args:
        real: Features of real examples, `(n, d)`.
        fake: Features of generated examples, `(m, d)`.
        k: Number of the neighbour, less than n and m.
        extractor: Name of the extractor.

    Returns:
        Precision (quality; an outlier among real examples can raise it) and recall
        (variety), both in [0, 1], with `num_samples` = min(n, m).

    Raises:
        ValueError: If features are not finite numbers, differ in width, or have at most
            k rows.

    Example:
        >>> real = np.random.default_rng(0).normal(size=(200, 2))
        >>> precision, recall = kg.metrics.precision_recall(real, real + 10)
        >>> precision.value, recall.value
        (0.0, 0.0)
    """
    [overlap] = _overlaps(real, fake, [k])
    return _precision_recall(overlap, extractor)


def density_coverage(
    real: np.ndarray, fake: np.ndarray, *, k: int = 5, extractor: str | None = None
) -> tuple[Estimate, Estimate]:
    """Precision and recall with less weight on outliers.

    Naeem et al., "Reliable fidelity and diversity metrics for generative models", 2020,
    eqs. 3 and 4. The arguments and errors are those of `precision_recall`.

    Returns:
        Density and coverage. Density is the mean number of real examples' balls around
        a fake, each divided by the number of other real examples in it (k without
        ties). It is about 1 for equal distributions, and above 1 if fakes cluster.
        Coverage, in [0, 1], is the share of real examples with a fake in their ball.
    """
    [overlap] = _overlaps(real, fake, [k])
    return _density_coverage(overlap, extractor)


def neighbour_figures(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    k: int = 3,
    density_k: int = 5,
    extractor: str | None = None,
) -> dict[str, Estimate]:
    """`precision_recall` (`k`) and `density_coverage` (`density_k`), computed once."""
    near, wide = _overlaps(real, fake, [k, density_k])
    precision, recall = _precision_recall(near, extractor)
    density, coverage = _density_coverage(wide, extractor)
    return {
        "precision": precision,
        "recall": recall,
        "density": density,
        "coverage": coverage,
    }


def memorization(
    train: np.ndarray,
    fake: np.ndarray,
    held_out: np.ndarray,
    *,
    extractor: str | None = None,
) -> Estimate:
    """Probability that a fake is nearer to the training set than a held-out example.

    The distances are those to the nearest training example. The statistic is that of
    the global test of Meehan et al., "A non-parametric test to detect data-copying in
    generative models", 2020, section 3: Mann-Whitney's U divided by the number of
    pairs, with ties counted half. It does not reveal a few copies among many poor
    samples.

    Args:
        train: Features of the training examples, `(l, d)`.
        fake: Features of generated examples, `(m, d)`.
        held_out: Features of real examples that were not used in training, `(n, d)`.
        extractor: Name of the extractor.

    Returns:
        About 0.5 for a model that generalizes, more for one that copies, and less for
        one with samples worse than data. It has the standard error of DeLong et al.
        1988 and `num_samples` = min(m, n). (value - 0.5) / error is about standard
        normal for a model that generalizes.

    Raises:
        ValueError: If features are not finite numbers, differ in width, or have fewer
            than two rows.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> train, held_out = rng.normal(size=(2, 100, 2))
        >>> kg.metrics.memorization(train, train, held_out).value  # copies
        1.0
    """
    check_pair(train, fake, ("train", "fake"))
    check_pair(train, held_out, ("train", "held_out"))
    fakes = np.sort(nearest_distances(fake, train))
    reals = np.sort(nearest_distances(held_out, train))
    farther = 1 - _share_below(reals, fakes)  # of held-out examples, for each fake
    nearer = _share_below(fakes, reals)  # of fakes, for each held-out example
    errors = [mean(part, "probability").standard_error for part in (farther, nearer)]
    error = math.hypot(*(part for part in errors if part is not None))
    count = min(len(fakes), len(reals))
    return Estimate(float(nearer.mean()), float(error), "probability", count, extractor)


def nearest_distances(x: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Distance of each row of `x` to the nearest row of `reference`, `(n,)`.

    It is exactly 0 for a copy.
    """
    x = check_vectors(x, "x")
    reference = check_vectors(reference, "reference")
    [nearest] = nearest_rows(x, reference).T
    return np.linalg.norm(x - reference[nearest], axis=1)


def nearest_rows(x: np.ndarray, reference: np.ndarray, k: int = 1) -> np.ndarray:
    """Numbers of the k rows of `reference` that are nearest to each row of `x`.

    Args:
        x: Vectors, `(n, d)`.
        reference: Vectors, `(m, d)`.
        k: How many, at most m.

    Returns:
        int64 `(n, k)`, the nearest first.
    """
    center = reference.mean(axis=0)
    found = []
    for _, squared in _chunks(x - center, reference - center):
        if k == 1:
            found.append(squared.argmin(axis=1)[:, None])
        else:
            found.append(np.argsort(squared, axis=1, kind="stable")[:, :k])
    return np.concatenate(found)


def _precision_recall(
    overlap: Overlap, extractor: str | None
) -> tuple[Estimate, Estimate]:
    return (
        _mean(overlap, overlap.density > 0, "share", extractor),
        _mean(overlap, overlap.recalled, "share", extractor),
    )


def _density_coverage(
    overlap: Overlap, extractor: str | None
) -> tuple[Estimate, Estimate]:
    return (
        _mean(overlap, overlap.density, "ratio", extractor),
        _mean(overlap, overlap.covered, "share", extractor),
    )


def _mean(
    overlap: Overlap, values: np.ndarray, unit: str, extractor: str | None
) -> Estimate:
    count = min(len(overlap.density), len(overlap.covered))
    return mean(values, unit)._replace(num_samples=count, extractor=extractor)


def _overlaps(real: np.ndarray, fake: np.ndarray, ks: Sequence[int]) -> list[Overlap]:
    """The overlap for each of `ks`, from one pass over the distances."""
    rounding = max(resolution(real), resolution(fake))
    real, fake = check_pair(real, fake)
    for k in ks:
        check_positive(k, "k", integer=True)
        for name, x in (("real", real), ("fake", fake)):
            if k >= len(x):
                raise ValueError(
                    f"k must be < {len(x)}, the number of rows of {name}, received {k}."
                )
    center = real.mean(axis=0)
    real, fake = real - center, fake - center
    real_radii, real_counts = _squared_radii(real, ks, rounding)
    fake_radii, _ = _squared_radii(fake, ks, rounding)
    density = np.zeros((len(ks), len(fake)))
    covered, recalled = np.zeros((2, len(ks), len(real)), bool)
    for rows, squared in _chunks(real, fake):
        for i in range(len(ks)):
            inside = squared <= real_radii[i, rows, None]
            density[i] += (1 / real_counts[i, rows]) @ inside
            covered[i, rows] = inside.any(axis=1)
            recalled[i, rows] = (squared <= fake_radii[i]).any(axis=1)
    return [Overlap(*parts) for parts in zip(density, covered, recalled, strict=True)]


def _squared_radii(
    x: np.ndarray, ks: Sequence[int], rounding: float
) -> tuple[np.ndarray, np.ndarray]:
    """Squared distance of each row to its k-th nearest other row, rounded up.

    Returns:
        The squared radii, and the number of other rows within them, at least k; both
        `(len(ks), n)`.
    """
    radii, counts = np.empty((2, len(ks), len(x)))
    norms = np.linalg.norm(x, axis=1)
    for rows, squared in _chunks(x, x):
        squared[np.arange(len(squared)), np.arange(len(x))[rows]] = 0
        squared.partition(max(ks), axis=1)
        nearest = np.sort(squared[:, : max(ks) + 1], axis=1)  # first the row itself
        for i, k in enumerate(ks):
            radius = np.sqrt(nearest[:, k]) + ROUNDING * rounding * norms[rows]
            farthest = norms[rows] + radius
            radii[i, rows] = radius**2 + PRODUCT_ROUNDING * farthest**2
            within = squared <= radii[i, rows, None]
            counts[i, rows] = np.count_nonzero(within, axis=1) - 1
    return radii, counts


def _chunks(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Squared distances of some rows of `x` to all of `y`, `(rows, len(y))`.

    Their rounding is relative to squared values: center both first if they are far
    from 0.
    """
    squared_x, squared_y = np.square(x).sum(axis=1), np.square(y).sum(axis=1)
    step = max(1, DISTANCES_PER_CHUNK // len(y))
    for start in range(0, len(x), step):
        rows = slice(start, min(start + step, len(x)))
        squared = x[rows] @ y.T
        squared *= -2
        squared += squared_x[rows, None]
        squared += squared_y
        yield rows, np.maximum(squared, 0, out=squared)


def _share_below(values: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Share of sorted `values` below each of `limits`. Ties count half."""
    below = np.searchsorted(values, limits, "left")
    not_above = np.searchsorted(values, limits, "right")
    return (below + not_above) / (2 * len(values))
