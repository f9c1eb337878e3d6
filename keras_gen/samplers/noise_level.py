"""How noisy an image is."""

import math

import numpy as np


def noise_level(x: np.ndarray) -> np.ndarray:
    """Standard deviation of the noise of each image: a robust estimate.

    The median of absolute diagonal Haar coefficients, which smooth images leave near 0,
    over 0.6745.

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
