"""Tests of whether real and generated vectors come from one distribution."""

from typing import Any, NamedTuple

import numpy as np

from ..extras import package
from ..validation import check_positive
from .arrays import check_pair, warn_if_few
from .estimate import Estimate
from .vectors import MIN_VECTORS, share

ROWS = 1000  # rows of a kernel matrix in memory at a time


class TwoSampleTest(NamedTuple):
    """A test of whether two sets of vectors come from the same distribution.

    Attributes:
        statistic: The test statistic.
        p_value: Probability of a statistic at least this large for equal distributions,
            in (0, 1].

    Example:
        >>> real, fake = np.random.default_rng(0).normal(size=(2, 100, 2))
        >>> test = kg.metrics.mmd_test(real, fake + 3.0, num_permutations=99)
        >>> test.p_value
        0.01
    """

    statistic: Estimate
    p_value: float


def mmd_test(
    real: Any,
    fake: Any,
    *,
    num_permutations: int = 200,
    bandwidth: float | None = None,
    seed: int = 0,
) -> TwoSampleTest:
    """Unbiased squared maximum mean discrepancy of a Gaussian kernel, and its test.

    The kernel is exp(-|x - y|**2 / (2 bandwidth**2)). Standardize columns of different
    units first, since columns with large values dominate. Time grows with the square of
    the number of vectors, and memory does not.

    Args:
        real: Vectors, `(n, d)`, with n >= 3.
        fake: Vectors, `(m, d)`, with m >= 3.
        num_permutations: Permutations of the pooled vectors for the p-value, which is
            at least 1 / (1 + num_permutations).
        bandwidth: Bandwidth of the kernel, in the units of the vectors. None means the
            median distance of at most 1000 pooled vectors. Differences in fine
            structure require a smaller bandwidth.
        seed: Seed of the permutations.

    Returns:
        MMD**2, in (-2, 2], 0 on average for equal distributions, with its jackknife
        standard error, and the share of permutations that reach it:
        (1 + number) / (1 + num_permutations).

    Raises:
        ValueError: If the vectors are fewer than 3, not finite or differ in width, if
            a number is not positive, or if the median distance is 0.

    References:
        Gretton, Borgwardt, Rasch, Schoelkopf and Smola, "A kernel two-sample test",
        2012, eq. 3.
    """
    real, fake = check_pair(real, fake, minimum=3)
    warn_if_few(min(len(real), len(fake)), MIN_VECTORS, "mmd_test")
    check_positive(num_permutations, "num_permutations", integer=True)
    rng = np.random.default_rng(seed)
    pool = np.concatenate([real, fake])
    pool -= pool.mean(axis=0)  # improves rounding and does not change the kernel
    if bandwidth is None:
        bandwidth = _median_distance(rng.permutation(pool)[:ROWS])
    check_positive(bandwidth, "bandwidth")
    n, m = len(real), len(fake)
    is_real = np.repeat([1.0, 0.0], [n, m])
    permuted = rng.permuted(np.tile(is_real, (num_permutations, 1)), axis=1)
    groups = np.column_stack([is_real, *permuted])
    to_real, to_all = _kernel_sums(pool, groups, bandwidth)
    to_fake = to_all[:, None] - to_real
    within_real = (groups * (to_real - 1)).sum(axis=0)  # without k(x, x) = 1
    within_fake = ((1 - groups) * (to_fake - 1)).sum(axis=0)
    between = (groups * to_fake).sum(axis=0)
    values = _mmd(within_real, within_fake, between, n, m)
    value = float(values[0])
    error = _mmd_error(to_real[:, 0], to_fake[:, 0], n, m)
    reached = int((values[1:] >= value - 1e-12).sum())  # equal but for rounding
    statistic = Estimate(value, error, "squared MMD", min(n, m))
    return TwoSampleTest(statistic, (1 + reached) / (1 + num_permutations))


def classifier_two_sample_test(
    real: Any, fake: Any, *, classifier: Any = None, seed: int = 0
) -> TwoSampleTest:
    """Held-out accuracy of a classifier of real and generated vectors, and its test.

    Half of each set trains the classifier, and the other half tests it. The larger set
    is reduced to the size of the smaller. There is a single split, since folds of a
    cross-validation are dependent, which makes a binomial p-value too small.

    Args:
        real: Vectors, `(n, d)`, with n >= 4.
        fake: Vectors, `(m, d)`, with m >= 4.
        classifier: A scikit-learn classifier for standardised vectors. None means that
            of the reference: the sqrt(number of training vectors) nearest neighbours.
        seed: Seed of the halves.

    Returns:
        The accuracy with its binomial standard error, and the binomial probability of
        this accuracy or more by guessing. 0.5 means indistinguishable. Far below 0.5,
        generated vectors are copies of real ones.

    Raises:
        ValueError: If the vectors are fewer than 4, not finite or differ in width.

    References:
        Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", 2017, section 3.
    """
    package("sklearn", "classifier_two_sample_test")
    from scipy.stats import binom
    from sklearn.base import clone
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    real, fake = check_pair(real, fake, minimum=4)
    few = min(len(real), len(fake))
    warn_if_few(few, MIN_VECTORS, "classifier_two_sample_test")
    rng = np.random.default_rng(seed)
    size = min(len(real), len(fake))
    half = size // 2
    sets = [rng.permutation(x)[:size] for x in (real, fake)]
    if classifier is None:
        classifier = KNeighborsClassifier(int(np.sqrt(2 * half)) | 1)  # odd: no ties
    pipeline = make_pipeline(StandardScaler(), clone(classifier))
    pipeline.fit(np.concatenate([x[:half] for x in sets]), np.repeat([0, 1], half))
    guesses = pipeline.predict(np.concatenate([x[half:] for x in sets]))
    right = guesses == np.repeat([0, 1], size - half)
    p_value = float(binom.sf(right.sum() - 1, len(right), 0.5))
    return TwoSampleTest(share(right), p_value)


def _median_distance(x: np.ndarray) -> float:
    from scipy.spatial.distance import pdist

    distance = float(np.median(pdist(x)))
    if distance == 0:
        raise ValueError(
            "bandwidth must be given if most vectors are equal, since their median "
            "distance is 0."
        )
    return distance


def _kernel_sums(
    pool: np.ndarray, groups: np.ndarray, bandwidth: float
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel summed over groups of vectors, `(n, groups)`, and over all, `(n,)`."""
    squares = (pool**2).sum(axis=1)
    sums, totals = np.empty(groups.shape), np.empty(len(pool))
    for i in range(0, len(pool), ROWS):
        rows = slice(i, i + ROWS)
        distance = squares[rows, None] + squares - 2 * pool[rows] @ pool.T
        kernel = np.exp(-np.maximum(distance, 0) / (2 * bandwidth**2))
        sums[rows], totals[rows] = kernel @ groups, kernel.sum(axis=1)
    return sums, totals


def _mmd(
    within_real: np.ndarray,
    within_fake: np.ndarray,
    between: np.ndarray,
    n: int,
    m: int,
) -> np.ndarray:
    """Gretton et al. 2012, eq. 3, from sums of the kernel over pairs."""
    return (
        within_real / (n * (n - 1))
        + within_fake / (m * (m - 1))
        - 2 * between / (n * m)
    )


def _mmd_error(to_real: np.ndarray, to_fake: np.ndarray, n: int, m: int) -> float:
    """Jackknife standard error, from leaving out each vector."""
    real_real, fake_fake = to_real[:n] - 1, to_fake[n:] - 1  # without k(x, x) = 1
    real_fake, fake_real = to_fake[:n], to_real[n:]
    within_real, within_fake = real_real.sum(), fake_fake.sum()
    between = real_fake.sum()
    without_real = _mmd(
        within_real - 2 * real_real, within_fake, between - real_fake, n - 1, m
    )
    without_fake = _mmd(
        within_real, within_fake - 2 * fake_fake, between - fake_real, n, m - 1
    )
    variance = (n - 1) * without_real.var() + (m - 1) * without_fake.var()
    return float(np.sqrt(variance))
