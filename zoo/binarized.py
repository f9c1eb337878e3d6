"""Grey images drawn once as black and white ones, always the same.

References:
    Salakhutdinov and Murray, "On the quantitative analysis of deep belief networks",
    2008, section 5.1 (pixels drawn once with their grey values as probabilities).
"""

import numpy as np

from .embedded import Arrays, ArraySplit

SEED = 0


def binarized(
    train: ArraySplit, test: ArraySplit, class_names: tuple[str, ...]
) -> Arrays:
    """Draws each pixel of both splits once: white with its grey value as probability.

    Args:
        train: Grey images to train on, uint8.
        test: Held-out ones.
        class_names: Name of each label.

    Returns:
        Images of 0 and 255, uint8, with their labels.

    Raises:
        ValueError: If the images are not uint8.
    """
    if {train.x.dtype, test.x.dtype} != {np.dtype(np.uint8)}:
        raise ValueError(
            "images to binarize must be uint8, received "
            f"{train.x.dtype} and {test.x.dtype}."
        )
    rng = np.random.default_rng(SEED)
    splits = [ArraySplit(_drawn(split.x, rng), split.labels) for split in (train, test)]
    return splits[0], splits[1], class_names


def _drawn(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The images as 0 and 255."""
    is_white = rng.integers(0, 255, x.shape, np.uint8) < x
    return 255 * is_white.astype(np.uint8)
