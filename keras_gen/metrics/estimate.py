"""Estimate: a value with its standard error, unit and number of examples."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Estimate(NamedTuple):
    """A measured value. `float(estimate)` is the value.

    Attributes:
        value: The value.
        standard_error: Its standard error, or None.
        unit: Its unit.
        num_samples: Number of examples that it was computed from.
        extractor: Name of the feature extractor, or None without features.
        reference: The value for real examples instead of samples, or None if unknown.

    Example:
        >>> estimate = kg.metrics.mean(np.array([1.0, 2.0, 3.0]), "nats")
        >>> float(estimate), estimate.num_samples
        (2.0, 3)
        >>> round(estimate.standard_error, 4)  # 1 / sqrt(3)
        0.5774
    """

    value: float
    standard_error: float | None
    unit: str
    num_samples: int
    extractor: str | None = None
    reference: float | None = None

    def as_dict(self) -> dict[str, float | int | str | None]:
        """A dict for JSON. `extractor` and `reference` are left out if None."""
        optional = {"extractor", "reference"}
        fields = self._asdict().items()
        return {k: v for k, v in fields if v is not None or k not in optional}

    def __float__(self) -> float:
        """The value."""
        return self.value


def mean(values: ArrayLike, unit: str) -> Estimate:
    """The mean of one value per example, with its standard error."""
    values = np.asarray(values, np.float64)
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else None
    error = None if error is None else float(error)
    return Estimate(float(values.mean()), error, unit, len(values))
