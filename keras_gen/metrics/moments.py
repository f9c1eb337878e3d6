"""Moments of features, computed batch by batch, and the distance between them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .arrays import warn_if_few
from .estimate import Estimate

NUM_GROUPS = 10  # of the jackknife
FEW_ROWS = 2_048


class Moments(NamedTuple):
    """Moments of features.

    Attributes:
        count: Number of rows.
        mean: Mean of the rows, `(d,)`.
        scatter: Sum of the outer products of the centered rows, `(d, d)`.
    """

    count: int
    mean: np.ndarray
    scatter: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray) -> "Moments":
        """Moments of the rows of `x`, `(n, d)`; zeros without rows."""
        x = np.asarray(x, np.float64)
        center = x.mean(axis=0) if len(x) else np.zeros(x.shape[1])
        return cls(len(x), center, (x - center).T @ (x - center))

    @property
    def covariance(self) -> np.ndarray:
        """The unbiased covariance, `(d, d)`; needs two rows."""
        return self.scatter / (self.count - 1)


def pool(parts: Sequence[Moments]) -> Moments:
    """Moments of all rows together (Chan, Golub and LeVeque 1983)."""
    count = sum(part.count for part in parts)
    center = np.asarray(sum(part.count * part.mean for part in parts)) / max(count, 1)
    scatter = sum(
        part.scatter + part.count * np.outer(part.mean - center, part.mean - center)
        for part in parts
    )
    return Moments(count, center, np.asarray(scatter))


def row_keys(
    count: int, start: int = 0, *, stream: int = 0, seed: int = 0
) -> np.ndarray:
    """A random uint64 for each of the rows `start, start + 1, ...`, `(count,)`.

    It depends on the row's number only, so batches of any size give the same result.
    """
    bits = np.random.Philox(key=np.array([seed, stream], np.uint64))
    bits.advance(start // 4)
    return bits.random_raw(start % 4 + count)[start % 4 :]


def group_moments(x: np.ndarray, start: int = 0) -> list[Moments]:
    """Moments of the groups that a jackknife leaves out.

    Each ten rows are distributed over the ten groups in random order. So groups have
    equal sizes and the same classes even if rows are sorted.

    Args:
        x: Features, `(n, d)`.
        start: Number of the first row.
    """
    first = start - start % NUM_GROUPS
    count = -(-(start + len(x) - first) // NUM_GROUPS) * NUM_GROUPS
    keys = row_keys(count, first, stream=1).reshape(-1, NUM_GROUPS)
    groups = keys.argsort(axis=1).ravel()[start - first :][: len(x)]
    return [Moments.of(x[groups == i]) for i in range(NUM_GROUPS)]


def frechet_from_moments(real: Moments, fake: Moments) -> float:
    """Squared Frechet distance of the normal distributions with these moments.

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1^(1/2) S2 S1^(1/2))^(1/2)), never negative
    (Dowson and Landau 1982; Heusel et al., "GANs trained by a two time-scale update
    rule", 2017, eq. 6). Covariances may be singular.

    Raises:
        ValueError: If either has fewer than two rows, or they differ in width.
    """
    for name, part in (("real", real), ("fake", fake)):
        if part.count < 2:
            raise ValueError(
                f"{name} must hold at least 2 examples, received {part.count}."
            )
    if real.mean.shape != fake.mean.shape:
        raise ValueError(
            "real and fake must have the same number of features, received "
            f"{len(real.mean)} and {len(fake.mean)}."
        )
    return _frechet(real, fake, _square_root(real.covariance))


def frechet_from_groups(
    real: Sequence[Moments], fake: Sequence[Moments], *, extractor: str | None = None
) -> Estimate:
    """`frechet_distance` from the moments of groups of rows, see `group_moments`.

    It solves 23 symmetric eigenvalue problems of size d: a second for 128 features,
    minutes for 2,048.
    """
    whole_real, whole_fake = pool(real), pool(fake)
    count = min(whole_real.count, whole_fake.count)
    value = frechet_from_moments(whole_real, whole_fake)
    needed = max(FEW_ROWS, len(whole_real.mean) + 1)
    warn_if_few(count, needed, "frechet_distance")
    parts = [
        _jackknife_variance(real, whole_fake),
        _jackknife_variance(fake, whole_real),
    ]
    known = [part for part in parts if part is not None]
    error = float(np.sqrt(sum(known))) if len(known) == len(parts) else None
    return Estimate(value, error, "squared feature units", count, extractor)


def _square_root(matrix: np.ndarray) -> np.ndarray:
    """The symmetric root of a matrix that is positive semidefinite up to rounding."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def _frechet(a: Moments, b: Moments, root_of_a: np.ndarray) -> float:
    """`frechet_from_moments`, given the root of the covariance of `a`."""
    product = root_of_a @ b.covariance @ root_of_a
    values = np.maximum(np.linalg.eigvalsh(product), 0)
    traces = np.trace(a.covariance) + np.trace(b.covariance)
    difference = a.mean - b.mean
    distance = difference @ difference + traces - 2 * np.sqrt(values).sum()
    return max(float(distance), 0.0)


def _jackknife_variance(groups: Sequence[Moments], other: Moments) -> float | None:
    """Variance of the distance to `other`, from leaving out a group at a time.

    (g - 1) / g times the sum of squared deviations; None if too few rows remain.
    """
    groups = [group for group in groups if group.count]
    counts = [group.count for group in groups]
    if sum(counts) - max(counts) < 2:
        return None
    root = _square_root(other.covariance)
    values = [
        _frechet(other, pool(groups[:i] + groups[i + 1 :]), root)
        for i in range(len(groups))
    ]
    return (len(groups) - 1) * float(np.var(values))
