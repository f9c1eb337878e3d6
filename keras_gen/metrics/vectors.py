"""Distances between real and generated vectors, and the modes they cover."""

from typing import Any, NamedTuple

import numpy as np

from ..validation import check_positive
from .arrays import check_pair, check_vectors, warn_if_few
from .estimate import Estimate, mean

MIN_VECTORS = 100  # vectors of each set for a reliable figure


class ModeCoverage(NamedTuple):
    """The distribution of generated vectors over known modes.

    Attributes:
        covered: Share of the modes that are covered, in [0, 1], without standard error.
        quality: Share of the vectors that are near a mode, in [0, 1].
        divergence: KL divergence between the distribution of vectors over modes and the
            uniform one, nats in [0, log(number of modes)]. NaN if no vector is near a
            mode.

    Example:
        >>> centers = np.array([[0.0, 0.0], [10.0, 0.0]])
        >>> fake = np.random.default_rng(0).normal(size=(100, 2))
        >>> found = kg.metrics.mode_coverage(fake, centers, radius=5.0)
        >>> found.covered.value, found.quality.value
        (0.5, 1.0)
    """

    covered: Estimate
    quality: Estimate
    divergence: Estimate


def sliced_wasserstein(
    real: Any, fake: Any, *, num_projections: int = 128, order: float = 2, seed: int = 0
) -> Estimate:
    """Sliced Wasserstein distance, over random one-dimensional projections.

    The sets may differ in length. Two finite sets from the same distribution also have
    a distance > 0: compare with the distance between two halves of `real`.

    Args:
        real: Vectors, `(n, d)`.
        fake: Vectors, `(m, d)`.
        num_projections: Number of directions L.
        order: Order p of the distance, >= 1.
        seed: Seed of the directions.

    Returns:
        The distance, >= 0, in the units of the vectors. The standard error covers the
        random directions only, and is None for a single direction.

    Raises:
        ValueError: If the vectors are empty, not finite or differ in width, if
            `num_projections` < 1, or if `order` < 1.

    References:
        Rabin, Peyre, Delon and Bernot, "Wasserstein barycenter and its application to
        texture mixing", 2011; Bonneel, Rabin, Peyre and Pfister, "Sliced
        and Radon Wasserstein barycenters of measures", 2015.

    Example:
        >>> x = np.arange(200.0).reshape((-1, 1))
        >>> round(kg.metrics.sliced_wasserstein(x, x + 3.0).value, 4)
        3.0
    """
    real, fake = check_pair(real, fake, minimum=1)
    warn_if_few(min(len(real), len(fake)), MIN_VECTORS, "sliced_wasserstein")
    check_positive(num_projections, "num_projections", integer=True)
    if not 1 <= order < np.inf:
        raise ValueError(f"order must be a number >= 1, received {order!r}.")
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(real.shape[1], num_projections))
    directions /= np.linalg.norm(directions, axis=0)
    real_index, fake_index, weights = _quantile_steps(len(real), len(fake))
    powers = [
        weights @ np.abs(np.sort(x)[real_index] - np.sort(y)[fake_index]) ** order
        for x, y in zip((real @ directions).T, (fake @ directions).T, strict=True)
    ]
    power = mean(powers, "")
    distance, error = power.value ** (1 / order), power.standard_error
    if error:  # of a root: divided by the derivative of distance ** order
        error /= order * distance ** (order - 1)
    return Estimate(distance, error, "data units", min(len(real), len(fake)))


def mode_coverage(
    fake: Any, centers: Any, *, radius: float, min_samples: int = 1
) -> ModeCoverage:
    """The known modes of a mixture that generated vectors cover.

    A vector belongs to the mode with the nearest center, if that is within `radius`.

    Args:
        fake: Vectors, `(n, d)`.
        centers: Centers of the modes, `(k, d)`.
        radius: Largest distance from a center, in the units of the vectors; usually 3
            standard deviations of a mode.
        min_samples: Smallest number of vectors of a covered mode; 1 in the reference.

    Returns:
        `ModeCoverage`. With n vectors, the divergence of a perfect generator is about
        (k - 1) / (2 n).

    Raises:
        ValueError: If the vectors or centers are empty, not finite or differ in width,
            or if a number is not positive.

    References:
        Srivastava et al., "VEEGAN: reducing mode collapse in GANs using implicit
        variational learning", 2017, section 4.1; for the divergence, Lin et al.,
        "PacGAN: the power of two samples in generative adversarial networks", 2018,
        section 4.
    """
    from scipy.spatial import KDTree

    centers = check_vectors(centers, "centers")
    fake = check_vectors(fake, "fake", centers.shape[1])
    check_positive(radius, "radius")
    check_positive(min_samples, "min_samples", integer=True)
    k = len(centers)
    warn_if_few(len(fake), 10 * k, "mode_coverage (10 vectors per mode)")
    distances, modes = KDTree(centers).query(fake)
    near = distances <= radius
    counts = np.bincount(np.asarray(modes)[near], minlength=k)
    covered = Estimate(float((counts >= min_samples).mean()), None, "share", len(fake))
    divergence, error = divergence_from_uniform(counts)
    divergence = Estimate(divergence, error, "nats", int(near.sum()))
    return ModeCoverage(covered, share(near), divergence)


def share(hits: np.ndarray) -> Estimate:
    """The share of hits among independent trials, with its binomial standard error."""
    return share_of_count(int(np.sum(hits)), len(hits))


def share_of_count(count: int, total: int) -> Estimate:
    """`share` of a number of hits among `total` trials."""
    value = count / total
    error = float(np.sqrt(value * (1 - value) / total))
    return Estimate(value, error, "share", total)


def _quantile_steps(n: int, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The intervals on which the quantile functions of n and m values are constant.

    Returns:
        For each interval of levels in [0, 1]: the index of the value of n, that of m,
        and the width of the interval.
    """
    edges = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)  # times n m
    widths = np.diff(edges, prepend=0) / (n * m)
    return (edges - 1) // m, (edges - 1) // n, widths


def divergence_from_uniform(counts: np.ndarray) -> tuple[float, float | None]:
    """KL divergence of a histogram to the uniform one, nats, and standard error."""
    total = counts.sum()
    if total == 0:
        return float("nan"), None
    shares = counts[counts > 0] / total
    logs = np.log(shares * len(counts))
    divergence = shares @ logs
    variance = shares @ (logs - divergence) ** 2 / total  # to first order
    return float(divergence), float(np.sqrt(variance))
