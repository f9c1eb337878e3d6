"""Tables of users: DataFrames, dicts of columns, structured arrays.

This module does not import pandas: a DataFrame is recognized by its columns.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .validation import LARGEST, refuse_masked

SHOWN = 10  # names or values in an error


def is_frame(x: Any) -> bool:
    """Whether `x` is a table with named columns."""
    return names_of(x) is not None


def names_of(x: Any) -> list[Any] | None:
    """The names of a table's columns, or None if `x` is not a table."""
    if isinstance(x, dict):
        return list(x)
    if hasattr(x, "columns") and hasattr(x, "__getitem__"):
        return list(x.columns)
    names = getattr(getattr(x, "dtype", None), "names", None)
    return None if names is None else list(names)


def columns_of(x: Any, wanted: Sequence[str], name: str) -> list[np.ndarray]:
    """The columns of a table in a given order, arrays `(n,)`.

    Args:
        x: A table with named columns.
        wanted: The names of its columns.
        name: The name of the table in an error.

    Raises:
        ValueError: If a column is missing, occurs twice, is masked or has another
            length, or if the table has further columns.
    """
    names = names_of(x) or []
    if missing := [one for one in wanted if one not in names]:
        raise ValueError(
            f"{name} lacks {_columns(missing)}: expected the columns {listed(wanted)}, "
            f"received {listed(names)}."
        )
    if more := [one for one in names if one not in wanted]:
        raise ValueError(
            f"{name} has {_columns(more)}, which the spec lacks. Expected the "
            f"{len(wanted)} columns {listed(wanted)}: drop the others, or add them to "
            "the spec."
        )
    if len(names) > len(wanted):
        twice = [one for one in wanted if names.count(one) > 1]
        raise ValueError(
            f"{name} must have distinct column names, received {_columns(twice)} twice."
        )
    columns = []
    for one in wanted:
        refuse_masked(x[one], f"{name}: column {one!r}")
        column = np.asarray(x[one])
        column = column.astype(str) if column.dtype.kind == "S" else column
        if column.ndim != 1:
            raise ValueError(
                f"{name}: column {one!r} must have shape (n,), received {column.shape}."
            )
        if len(column) != len(columns[0] if columns else column):
            raise ValueError(
                f"{name}: all columns must have the same number of rows, received "
                f"{len(column)} in column {one!r} and {len(columns[0])} in column "
                f"{wanted[0]!r}."
            )
        columns.append(column)
    return columns


def as_numbers(column: np.ndarray, name: str, expected: str) -> np.ndarray:
    """Numbers of a column as float64. Raises ValueError, with the row, for others."""
    if column.dtype.kind in "biuf":
        return column.astype(np.float64)
    if column.dtype.kind != "O":
        raise ValueError(
            f"{name} holds {column.dtype.name}, expected {expected}. Convert it to "
            "numbers, or describe it as a Category."
        )
    numbers = np.empty(len(column))
    for row, one in enumerate(column.tolist()):
        if not isinstance(one, bool | int | float | np.number):
            refuse(name, row, one, expected)
        numbers[row] = one
    return numbers


def as_codes(column: np.ndarray, values: Sequence[Any], name: str) -> np.ndarray:
    """The position of each value of a column among the known values, float64.

    Raises:
        ValueError: If a value is unknown. The message names its row.
    """
    code = {value: i for i, value in enumerate(values)}
    found = column.tolist()
    try:
        codes = np.array([code.get(one, -1) for one in found], np.float64)
    except TypeError:  # a list or another value without a hash
        codes = np.array([-1.0 if _is_odd(v) else code.get(v, -1) for v in found])
    bad = np.flatnonzero(codes < 0)
    if bad.size:
        refuse(name, bad[0], found[bad[0]], f"one of {listed(values)}", bad.size)
    return codes


def check_column(
    numbers: np.ndarray,
    name: str,
    *,
    low: float | None = None,
    high: float | None = None,
    whole: bool = False,
    expected: str,
) -> None:
    """Raises ValueError, with the row, unless numbers fit a column.

    Args:
        numbers: `(n,)`.
        name: The name of the column in an error.
        low: Smallest number, or None for no limit.
        high: Largest number, or None for no limit.
        whole: Whether all numbers must be integers.
        expected: The expected values, for an error.
    """
    with np.errstate(invalid="ignore"):
        fits = np.isfinite(numbers) & (np.abs(numbers) <= LARGEST)
        if whole:
            fits &= np.floor(numbers) == numbers
        if low is not None:
            fits &= numbers >= low
        if high is not None:
            fits &= numbers <= high
    bad = np.flatnonzero(~fits)
    if bad.size:
        first = numbers[bad[0]].item()
        first = int(first) if first.is_integer() and abs(first) < 2**53 else first
        refuse(name, bad[0], first, expected, bad.size)


def refuse(name: str, row: int, value: Any, expected: str, count: int = 1) -> None:
    """Raises ValueError for a value of a column."""
    more = f" ({count} rows have others)" if count > 1 else ""
    absent = value is None or str(value) in ("nan", "NaT", "<NA>")
    hint = " Fill such rows or drop them first." if absent else ""
    raise ValueError(
        f"{name}, row {row}: received {value!r}, expected {expected}{more}.{hint}"
    )


def listed(names: Sequence[Any]) -> str:
    """The first names or values, for a sentence."""
    shown = ", ".join(map(repr, names[:SHOWN]))
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown


def _columns(names: list[Any]) -> str:
    return f"the column{'s' * (len(names) > 1)} {listed(names)}"


def _is_odd(value: Any) -> bool:
    return getattr(value, "__hash__", None) is None
