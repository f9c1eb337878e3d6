"""Checks of the metrics' vectors and numbers of samples."""

import warnings
from typing import Any

import numpy as np

from ..validation import refuse_masked


def check_vectors(
    x: Any, name: str, width: int | None = None, *, minimum: int = 1
) -> np.ndarray:
    """Checks vectors or features and converts them to float64 `(n, d)`.

    Args:
        x: `(n, d)`.
        name: The name of `x` in an error.
        width: d, or None for any width.
        minimum: Smallest n that the mathematics allows.

    Raises:
        ValueError: If there are too few rows, if values are masked, not finite or not
            real numbers, or if the width is wrong.
    """
    refuse_masked(x, name)
    x = np.asarray(getattr(x, "values", x))  # `Features` have values
    if x.ndim != 2 or len(x) < minimum or x.shape[1] == 0:
        raise ValueError(
            f"{name} must have shape (n, d) with n >= {minimum}, received {x.shape}."
        )
    if width is not None and x.shape[1] != width:
        raise ValueError(f"{name} must have {width} columns, received {x.shape}.")
    if not (x.dtype == bool or np.issubdtype(x.dtype, np.number)) or np.iscomplexobj(x):
        raise ValueError(f"{name} must hold real numbers, received {x.dtype}.")
    if bad := int(np.size(x) - np.isfinite(x).sum()):
        raise ValueError(
            f"{name} must hold finite values, received {bad} NaN or infinite values "
            f"among {x.size}."
        )
    return x.astype(np.float64, copy=False)


def check_pair(
    real: Any,
    fake: Any,
    names: tuple[str, str] = ("real", "fake"),
    *,
    minimum: int = 2,
) -> tuple[np.ndarray, np.ndarray]:
    """Checks both by `check_vectors`, with the same width."""
    real = check_vectors(real, names[0], minimum=minimum)
    fake = check_vectors(fake, names[1], minimum=minimum)
    if real.shape[1] != fake.shape[1]:
        raise ValueError(
            f"{names[0]} and {names[1]} must have the same number of columns, received "
            f"shapes {real.shape} and {fake.shape}."
        )
    return real, fake


def resolution(x: Any) -> float:
    """Relative rounding error of vectors or features: that of float64 for integers."""
    dtype = np.asarray(getattr(x, "values", x)).dtype
    is_float = np.issubdtype(dtype, np.floating)
    return float(np.finfo(dtype if is_float else np.float64).eps)


def spread_rows(count: int, most: int) -> np.ndarray:
    """Positions of at most `most` of `count` rows, evenly over all of them.

    The first rows may be of one class, since files are often sorted.
    """
    return np.arange(min(most, count)) * count // min(most, count)


def warn_if_few(present: int, needed: int, what: str) -> None:
    """Warns if a figure is computed from fewer than `needed` examples.

    Args:
        present: Number of examples.
        needed: Number of examples for a reliable figure.
        what: The figure, or the things that are counted.
    """
    if present < needed:
        message = f"{what}: {present} present, at least {needed} needed for a reliable"
        warnings.warn(f"{message} figure.", UserWarning, stacklevel=3)
