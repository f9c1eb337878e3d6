"""Structural similarity of images, and of samples with each other."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..specs import Classes
from ..validation import check_numbers, check_positive, check_rows
from .arrays import warn_if_few
from .estimate import Estimate

FILTER_SIZE, FILTER_SIGMA = 11, 1.5  # pixels
LUMINANCE, CONTRAST = 0.01**2, 0.03**2  # the constants C1 and C2 for a range of 1
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, fine to coarse
MIN_SAMPLES = 20  # samples of each class for `pairwise_ms_ssim`
CHUNK = 2**21  # values of a batch of images that is compared at a time


def ssim(a: Any, b: Any, *, data_range: float = 1.0) -> np.ndarray:
    """Structural similarity of pairs of images.

    Means are over windows of 11 x 11 pixels with Gaussian weights, or of the largest
    odd size that fits into smaller images.

    Args:
        a: Images, `(n, height, width, channels)`, in [0, data_range]. uint8 images are
            rescaled from [0, 255].
        b: Images to compare with, one by one, in the same shape.
        data_range: The largest value that images can have.

    Returns:
        float64 `(n,)`, in [-1, 1]: the mean over windows and channels, 1 for equal
        images.

    Raises:
        ValueError: If images are empty, not finite, out of range or differ in shape.

    References:
        Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error
        visibility to structural similarity", 2004, eq. 13.

    Example:
        >>> images = np.random.default_rng(0).random((2, 16, 16, 1))
        >>> kg.metrics.ssim(images, images)
        array([1., 1.])
    """
    a, b = _check_images(a, b, data_range)
    return _in_chunks(
        lambda i: _compare(a[i], b[i])[0].mean(axis=-1), len(a), a[0].size
    )


def ms_ssim(a: Any, b: Any, *, data_range: float = 1.0) -> np.ndarray:
    """Structural similarity of pairs of images over several scales.

    Each scale halves the previous one, and is used if a window of 11 pixels fits: 5
    scales from 161 pixels on (of the shorter side), 4 from 81, 3 from 41, 2 from 21,
    otherwise 1 with the window of `ssim`. With fewer than the reference's 5, the
    weights of the finest scales are divided by their sum. So figures of images of
    different sizes cannot be compared.

    Args:
        a: Images, `(n, height, width, channels)`, in [0, data_range]; uint8 images are
            rescaled from [0, 255].
        b: Images to compare with, one by one, of the same shape.
        data_range: The largest value that images can have.

    Returns:
        float64 `(n,)`, in [0, 1], the mean over channels, 1 for equal images.
        Negative similarity at a scale counts as 0.

    Raises:
        ValueError: If images are empty, not finite, out of range or differ in shape.

    References:
        Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality
        assessment", 2003, eq. 7 and section 3.2.
    """
    a, b = _check_images(a, b, data_range)
    return _in_chunks(lambda i: _multiscale(a[i], b[i]), len(a), a[0].size)


def pairwise_ms_ssim(
    samples: Any, *, num_pairs: int = 1000, seed: int = 0, labels: Any = None
) -> Estimate:
    """Mean `ms_ssim` of pairs of samples. Higher values mean more similar samples.

    A value above that of real images (of the same size) indicates mode collapse.

    Args:
        samples: Images, `(n, height, width, channels)`, in [0, 1] or uint8.
        num_pairs: Number of different pairs to compare.
        seed: Seed of the pairs.
        labels: Integers >= 0, `(n,)`. If given, pairs are within a class, with up to
            `num_pairs` divided by the number of classes for each class.

    Returns:
        MS-SSIM in [0, 1], 1 if all samples are equal. The standard error accounts for
        pairs that share samples, and is None for a single pair.

    Raises:
        ValueError: If images are empty, not finite or out of range, if labels do not
            fit, or if a class (or all) has a single sample.

    References:
        Odena, Olah and Shlens, "Conditional image synthesis with auxiliary classifier
        GANs", 2017, section 4.2; for the standard error, Aronow, Samii and Assenova,
        "Cluster-robust variance estimation for dyadic data", 2015.
    """
    samples = _check_range(samples, 1.0, "samples")
    check_positive(num_pairs, "num_pairs", integer=True)
    if labels is None:
        labels = np.zeros(len(samples), np.int32)
    labels = Classes(2**31 - 1).check(labels, "labels", rows=len(samples))
    classes, sizes = np.unique(labels, return_counts=True)
    if sizes.min() < 2:
        raise ValueError(
            "samples must hold at least 2 images of each class, received "
            f"{dict(zip(classes.tolist(), sizes.tolist(), strict=True))}."
        )
    warn_if_few(int(sizes.min()), MIN_SAMPLES, "pairwise_ms_ssim (samples of a class)")
    rng = np.random.default_rng(seed)
    of_each = -(-num_pairs // len(classes))
    pairs = [_pairs(np.flatnonzero(labels == c), of_each, rng) for c in classes]
    first, second = np.concatenate(pairs, axis=1)
    values = _in_chunks(
        lambda i: _multiscale(samples[first[i]], samples[second[i]]),
        len(first),
        samples[0].size,
    )
    error = _dyadic_error(values, first, second)
    return Estimate(float(values.mean()), error, "MS-SSIM", len(samples))


def _in_chunks(
    compare: Callable[[slice], np.ndarray], num_pairs: int, image_size: int
) -> np.ndarray:
    """Compares pairs in chunks, so that memory does not grow."""
    step = max(1, CHUNK // image_size)
    slices = [slice(i, i + step) for i in range(0, num_pairs, step)]
    return np.concatenate([compare(chunk) for chunk in slices])


def _multiscale(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Wang et al. 2003, eq. 7: contrast at each scale, luminance at the coarsest."""
    weights = np.array(WEIGHTS[: _num_scales(min(a.shape[1:3]))])
    weights /= weights.sum()
    product = 1.0
    for weight in weights[:-1]:
        product = product * np.maximum(_compare(a, b)[1], 0) ** weight
        a, b = _halve(a), _halve(b)
    product = product * np.maximum(_compare(a, b)[0], 0) ** weights[-1]
    return product.mean(axis=-1)


def _num_scales(side: int) -> int:
    scales = 1
    while (side := (side + 1) // 2) >= FILTER_SIZE and scales < len(WEIGHTS):
        scales += 1
    return scales


def _halve(x: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels. The last row or column of an odd number is repeated."""
    n, height, width, channels = x.shape
    x = np.pad(x, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return x.reshape(n, x.shape[1] // 2, 2, x.shape[2] // 2, 2, channels).mean((2, 4))


def _compare(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Similarity and its factor for contrast and structure, each `(n, channels)`."""
    mean_a, mean_b = _smooth(a), _smooth(b)
    product = mean_a * mean_b
    squares = mean_a**2 + mean_b**2
    covariance = _smooth(a * b) - product
    variances = _smooth(a**2 + b**2) - squares
    luminance = (2 * product + LUMINANCE) / (squares + LUMINANCE)
    contrast = (2 * covariance + CONTRAST) / (variances + CONTRAST)
    return (luminance * contrast).mean(axis=(1, 2)), contrast.mean(axis=(1, 2))


def _smooth(x: np.ndarray) -> np.ndarray:
    """Gaussian means over the windows inside the images."""
    from scipy.ndimage import correlate1d

    half = (min(FILTER_SIZE, *x.shape[1:3]) - 1) // 2
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) / FILTER_SIGMA) ** 2)
    weights /= weights.sum()
    for axis in (1, 2):
        x = correlate1d(x, weights, axis=axis)
    return x[:, half : x.shape[1] - half, half : x.shape[2] - half]


def _check_range(x: Any, data_range: float, name: str) -> np.ndarray:
    """Images as float64 in [0, 1]."""
    checked = check_numbers(x, (None, None, None), name=name)
    check_rows(checked, name)
    x = np.asarray(x)
    if x.dtype == np.uint8:
        return x / 255
    if checked.min() < 0 or checked.max() > data_range:
        raise ValueError(
            f"{name} must hold values in [0, {data_range}], received values in "
            f"[{checked.min()}, {checked.max()}]."
        )
    return x.astype(np.float64) / data_range


def _check_images(a: Any, b: Any, data_range: float) -> tuple[np.ndarray, np.ndarray]:
    check_positive(data_range, "data_range")
    a, b = _check_range(a, data_range, "a"), _check_range(b, data_range, "b")
    if a.shape != b.shape:
        raise ValueError(f"b must have the shape of a, {a.shape}, received {b.shape}.")
    return a, b


def _pairs(rows: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """Different pairs of `rows`, `(2, number)`, or all if there are fewer."""
    total = len(rows) * (len(rows) - 1) // 2
    pair = rng.choice(total, size=min(number, total), replace=False)
    larger = ((1 + np.sqrt(1 + 8 * pair)) // 2).astype(np.int64)  # counted by triangles
    return rows[np.stack([larger, pair - larger * (larger - 1) // 2])]


def _dyadic_error(
    values: np.ndarray, first: np.ndarray, second: np.ndarray
) -> float | None:
    """Standard error of a mean over pairs, some of which share a sample."""
    if len(values) < 2:
        return None
    residuals = values - values.mean()
    of_samples = np.bincount(first, residuals, second.max() + first.max() + 1)
    of_samples += np.bincount(second, residuals, len(of_samples))
    squares = (residuals**2).sum()
    dependent = (of_samples**2).sum() - squares
    return float(np.sqrt(max(dependent, squares)) / len(values))
