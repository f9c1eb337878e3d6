"""What arrays of vectors and numbers of samples the metrics accept."""

import warnings
from typing import Any

import numpy as np

from ..validation import refuse_masked


def check_vectors(
    x: Any, name: str, width: int | None = None, *, minimum: int = 1
) -> np.ndarray:
    """Vectors or features as float64 `(n, d)`.

    Args:
        x: `(n, d)`.
        name: What to call them in an error.
        width: d; None if any will do.
        minimum: Least n that the mathematics allows.

    Raises:
        ValueError: If they are too few, masked, not finite, no real numbers or of
            another width.
    """
    refuse_masked(x, name)
    x = np.asarray(getattr(x, "values", x))  # of `Features`
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
            f"{name} holds {bad} NaN or infinite values among {x.size}: expected none."
        )
    return x.astype(np.float64, copy=False)


def check_pair(
    real: Any,
    fake: Any,
    names: tuple[str, str] = ("real", "fake"),
    *,
    minimum: int = 2,
) -> tuple[np.ndarray, np.ndarray]:
    """Both by `check_vectors`, of one width."""
    real = check_vectors(real, names[0], minimum=minimum)
    fake = check_vectors(fake, names[1], minimum=minimum)
    if real.shape[1] != fake.shape[1]:
        raise ValueError(
            f"{names[0]} and {names[1]} must have equally many columns, received "
            f"shapes {real.shape} and {fake.shape}."
        )
    return real, fake


def resolution(x: Any) -> float:
    """Relative rounding of vectors or features: of float64 unless they are floats."""
    dtype = np.asarray(getattr(x, "values", x)).dtype
    is_float = np.issubdtype(dtype, np.floating)
    return float(np.finfo(dtype if is_float else np.float64).eps)


def warn_if_few(present: int, needed: int, what: str) -> None:
    """Warns if fewer than `needed` examples are behind a figure.

    Args:
        present: Number of examples.
        needed: Number for a figure worth comparing.
        what: The figure, or what is counted.
    """
    if present < needed:
        message = f"{what}: {present} present, at least {needed} needed for a figure"
        warnings.warn(f"{message} that can be trusted.", UserWarning, stacklevel=3)
