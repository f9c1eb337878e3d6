"""Estimation of the noise in an image."""

import math

import numpy as np


def noise_level(x: np.ndarray) -> np.ndarray:
    """Estimates the standard deviation of the noise of each image.

    The robust estimate is the median of absolute diagonal Haar coefficients, which are
    near 0 for smooth images, divided by 0.6745.

    Args:
        x: Images, `(batch, height, width, channels)`.

    Returns:
        float32 `(batch,)`, at least 1e-4.

    References:
        Donoho and Johnstone, "Ideal spatial adaptation by wavelet shrinkage", 1994.
    """
    height, width = (size // 2 * 2 for size in x.shape[1:3])
    a, b, c, d = (x[:, i:height:2, j:width:2] for i in (0, 1) for j in (0, 1))
    detail = np.abs(a - b - c + d).reshape(len(x), math.prod(a.shape[1:])) / 2
    return np.maximum(np.median(detail, axis=1) / 0.6745, 1e-4).astype(np.float32)
