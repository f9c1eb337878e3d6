"""Distances between the features and classes of generated and real examples.

Values of different extractors, or of different numbers of examples, cannot be compared.
"""

import warnings

import numpy as np

from ..validation import check_positive
from .arrays import check_pair, check_vectors, warn_if_few
from .estimate import Estimate, mean
from .moments import frechet_from_groups, group_moments, row_keys

FEW_ROWS = 100
LARGE = 1e4  # mean square of features
FEW_BLOCKS = 5  # for the error bar of a single block


def frechet_distance(
    real: np.ndarray, fake: np.ndarray, *, extractor: str | None = None
) -> Estimate:
    """Squared Frechet distance of two normal distributions fitted to features (FID).

    It is biased upwards by about c / n, where c depends on both distributions
    (Chong and Forsyth 2020): compare at equal n only. The standard error is that of a
    jackknife over tenths of each set. It does not include the bias, and is too large if
    the distance is mostly bias.

    Args:
        real: Features of real examples, `(n, d)`.
        fake: Features of generated examples, `(m, d)`.
        extractor: Name of the extractor.

    Returns:
        The distance, >= 0, with `num_samples` = min(n, m).

    Raises:
        ValueError: If features are not finite numbers, differ in width, or have fewer
            than two rows.

    Warns:
        UserWarning: Below 2,048 rows, too few according to Heusel et al., or up to d
            rows, for which the covariance is singular.
    """
    real, fake = check_pair(real, fake)
    return frechet_from_groups(
        group_moments(real), group_moments(fake), extractor=extractor
    )


def kernel_distance(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    block_size: int = 1000,
    extractor: str | None = None,
) -> Estimate:
    """Squared maximum mean discrepancy of features (KID), unbiased at any n.

    The kernel is (x . y / d + 1)^3 (Binkowski et al., "Demystifying MMD GANs", 2018,
    eq. 4 and section 4). The value may be negative, and its mean is 0 for equal
    distributions. It is the mean over disjoint random blocks, with the standard error
    of this mean. If all rows form one block, the standard error comes from five blocks
    of a fifth of them, and is conservative.

    Args:
        real: Features of real examples, `(n, d)`.
        fake: Features of generated examples, `(m, d)`.
        block_size: Largest number of rows of each set in a block, >= 3. Rows of the
            larger set that do not fit into the blocks are left out. Memory is about 24
            bytes times its square.
        extractor: Name of the extractor.

    Raises:
        ValueError: As in `frechet_distance`, or if `block_size` is below 3.

    Warns:
        UserWarning: If the features of real examples are so large that their largest
            values dominate the kernel, which is made for features of about unit size.
    """
    real, fake = check_pair(real, fake)
    _warn_if_large(real)
    count = min(len(real), len(fake))
    check_positive(block_size, "block_size", integer=True)
    if block_size < 3:
        raise ValueError(f"block_size must be >= 3, received {block_size}.")
    warn_if_few(count, FEW_ROWS, "kernel_distance")
    num_blocks = -(-count // block_size)
    figure = _mean_over_blocks(real, fake, num_blocks, block_size)
    if num_blocks == 1 and count >= 3 * FEW_BLOCKS:
        size = count // FEW_BLOCKS
        spread = _mean_over_blocks(real, fake, FEW_BLOCKS, size)
        figure = figure._replace(standard_error=spread.standard_error)
    return figure._replace(num_samples=count, extractor=extractor)


def inception_score(
    probabilities: np.ndarray, *, splits: int = 10, extractor: str | None = None
) -> Estimate:
    """Inception score: confident predictions for each example, of many classes.

    It is exp of the mean of KL(p(y | x) || p(y)), where p(y) is the mean of p(y | x)
    (Salimans et al., "Improved techniques for training GANs", 2016, section 4). It does
    not use real examples. The value is the mean over random splits, with the standard
    error of this mean.

    Args:
        probabilities: Class probabilities, `(n, classes)`.
        splits: Number of splits, at most n.
        extractor: Name of the classifier.

    Returns:
        The score, from 1 to the number of classes.

    Raises:
        ValueError: If `probabilities` are invalid, or have fewer rows than splits.

    Warns:
        UserWarning: Below ten rows per class in each split, for which the score is too
            low.
    """
    p = check_probabilities(probabilities, "probabilities")
    check_positive(splits, "splits", integer=True)
    if splits > len(p):
        raise ValueError(
            f"splits must be <= {len(p)}, the number of rows, received {splits}."
        )
    warn_if_few(len(p), 10 * p.shape[1] * splits, "inception_score")
    scores = [_exp_mutual_information(x) for x in np.array_split(_shuffled(p), splits)]
    figure = mean(scores, "classes")
    return figure._replace(num_samples=len(p), extractor=extractor)


def class_counts(probabilities: np.ndarray, name: str = "probabilities") -> np.ndarray:
    """Number of examples with each most likely class, int64 `(classes,)`."""
    p = check_probabilities(probabilities, name)
    return np.bincount(p.argmax(axis=1), minlength=p.shape[1])


def class_histogram(probabilities: np.ndarray) -> np.ndarray:
    """Share of examples with each most likely class, `(classes,)`.

    Args:
        probabilities: Class probabilities, `(n, classes)`.

    Example:
        >>> kg.metrics.class_histogram(np.array([[0.9, 0.1], [0.6, 0.4]]))
        array([1., 0.])
    """
    counts = class_counts(probabilities)
    return counts / counts.sum()


def class_distance(
    real_probabilities: np.ndarray,
    fake_probabilities: np.ndarray,
    *,
    extractor: str | None = None,
) -> Estimate:
    """Total variation distance between the class histograms of real and fake examples.

    It is the share of generated examples that would have to change class. Two sets of n
    examples from equal distributions give up to about sqrt(classes / (pi n)), not 0.

    Args:
        real_probabilities: Class probabilities of real examples, `(n, classes)`.
        fake_probabilities: Class probabilities of generated examples, `(m, classes)`.
        extractor: Name of the classifier.

    Returns:
        The distance in [0, 1]. Its standard error is that of a fixed set of classes
        (delta method), and too large if the histograms agree.

    Example:
        >>> real = np.array([[0.9, 0.1], [0.1, 0.9]])
        >>> fake = np.array([[0.9, 0.1], [0.8, 0.2]])
        >>> kg.metrics.class_distance(real, fake).value
        0.5
    """
    real = class_counts(real_probabilities, "real_probabilities")
    fake = class_counts(fake_probabilities, "fake_probabilities")
    return class_distance_from_counts(real, fake, extractor=extractor)


def class_distance_from_counts(
    real: np.ndarray, fake: np.ndarray, *, extractor: str | None = None
) -> Estimate:
    """`class_distance` from the number of examples in each class, `(classes,)`."""
    if real.shape != fake.shape:
        raise ValueError(
            "real and fake must have the same classes, received counts of shapes "
            f"{real.shape} and {fake.shape}."
        )
    shares = real / real.sum(), fake / fake.sum()
    sign = np.sign(shares[0] - shares[1])
    variance = sum(
        (sign**2 @ p - (sign @ p) ** 2) / counts.sum()
        for p, counts in zip(shares, (real, fake), strict=True)
    )
    return Estimate(
        float(np.abs(shares[0] - shares[1]).sum() / 2),
        float(np.sqrt(variance) / 2),
        "share",
        int(min(real.sum(), fake.sum())),
        extractor,
    )


def check_probabilities(p: np.ndarray, name: str) -> np.ndarray:
    """Checks that `p` is `(n, classes)` with rows that sum to 1; returns float64."""
    p = check_vectors(p, name)
    if p.min() < 0 or np.abs(p.sum(axis=1) - 1).max() > 1e-3:
        raise ValueError(
            f"{name} must be >= 0 and sum to 1 in each row, received values from "
            f"{p.min():g} and sums from {p.sum(axis=1).min():g} to "
            f"{p.sum(axis=1).max():g}."
        )
    return p


def _shuffled(x: np.ndarray, stream: int = 2) -> np.ndarray:
    """Rows in a random order that depends only on their number."""
    return x[row_keys(len(x), stream=stream).argsort()]


def _warn_if_large(features: np.ndarray) -> None:
    size = np.square(features).mean()
    if size > LARGE:
        warnings.warn(
            f"kernel_distance: features have a root mean square of {size**0.5:.3g}, "
            f"above {LARGE**0.5:.0f}. Standardize them, for vectors with "
            "extractors.raw(shape, reference=real).",
            UserWarning,
            stacklevel=3,
        )


def _mean_over_blocks(
    real: np.ndarray, fake: np.ndarray, num_blocks: int, size: int
) -> Estimate:
    blocks = [
        np.array_split(_shuffled(x, stream)[: num_blocks * size], num_blocks)
        for stream, x in enumerate((real, fake), start=2)
    ]
    values = [_squared_mmd(x, y) for x, y in zip(*blocks, strict=True)]
    return mean(values, "squared MMD")


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    product = x @ y.T / x.shape[1] + 1
    return product * product * product


def _squared_mmd(x: np.ndarray, y: np.ndarray) -> float:
    """Binkowski et al. 2018, eq. 4: the mean kernel of pairs of different rows."""
    value = -2 * _kernel(x, y).mean()
    for z in (x, y):
        kernel = _kernel(z, z)
        value += (kernel.sum() - np.trace(kernel)) / (len(z) * (len(z) - 1))
    return float(value)


def _exp_mutual_information(p: np.ndarray) -> float:
    from scipy.special import rel_entr

    return float(np.exp(rel_entr(p, p.mean(axis=0)).sum(axis=1).mean()))
