"""Estimate: a value, its standard error, its unit and what stands behind it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Estimate(NamedTuple):
    """A measured value; `float(estimate)` is the value.

    Attributes:
        value: The value.
        standard_error: Its standard error; None where it has none.
        unit: Its unit.
        num_samples: Number of examples behind it.
        extractor: What turned the examples into features; None without features.
        reference: What real examples score in place of samples; None if unknown.
    """

    value: float
    standard_error: float | None
    unit: str
    num_samples: int
    extractor: str | None = None
    reference: float | None = None

    def as_dict(self) -> dict[str, float | int | str | None]:
        """For JSON; `extractor` and `reference` only where they exist."""
        optional = {"extractor", "reference"}
        fields = self._asdict().items()
        return {k: v for k, v in fields if v is not None or k not in optional}

    def __float__(self) -> float:
        """The value alone."""
        return self.value


def mean(values: ArrayLike, unit: str) -> Estimate:
    """The mean of one value per example, with its standard error."""
    values = np.asarray(values, np.float64)
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else None
    error = None if error is None else float(error)
    return Estimate(float(values.mean()), error, unit, len(values))
