"""Tables of users: DataFrames, dicts of columns, structured arrays.

This module does not import pandas: a DataFrame is recognized by its columns.
"""

import datetime
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from .validation import LARGEST, refuse_masked

SHOWN = 10  # names or values in an error
UNITS = {"D": "date", "s": "time"}
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,9})?)?")
MOST_DECIMALS, MOST_STEPS = 6, 2**22
FEW, NEARLY_ALL = 20, 0.8  # texts that are surely categories, and share of a kind
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
MISREAD = {  # texts that are not categories, and what is expected
    re.compile(r"[+-]?\d+,\d+"): "a number with a point, such as 1.5",
    re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}"): "a date as YYYY-MM-DD",
}


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
            f"{name} has {_columns(more)}, which the spec lacks. Expected "
            f"{_columns([*wanted])}: drop the others, or add them to the spec."
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


def absent(column: np.ndarray) -> np.ndarray:
    """Which values of a column are missing: None, NaN, NaT, pandas' NA; `(n,)`."""
    if column.dtype.kind == "f":
        return np.isnan(column)
    if column.dtype.kind == "M":
        return np.isnat(column)
    if column.dtype.kind != "O":
        return np.zeros(len(column), bool)
    return np.array([is_absent(one) for one in column], bool)


def is_absent(value: Any) -> bool:
    """Whether a value is missing."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, np.datetime64):
        return bool(np.isnat(value))
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def kind_of(column: np.ndarray, name: str) -> str:
    """What the values of a column are: "int", "float", "bool", "D", "s" or "object".

    "D" are dates and "s" times, also as ISO texts. "object" are strings and integers.

    Raises:
        ValueError: If they are something else.
    """
    kinds = {"i": "int", "u": "int", "f": "float", "b": "bool"}
    if column.dtype.kind in kinds:
        return kinds[column.dtype.kind]
    if column.dtype.kind == "M":
        whole = column.astype("datetime64[D]") == column
        return "D" if whole.all() else "s"
    if column.dtype.kind not in "OU":
        raise ValueError(
            f"{name} holds {column.dtype.name}, expected numbers, dates, strings or "
            "booleans. Convert it to numbers first, such as days."
        )
    found = column.tolist()
    if all(isinstance(one, bool | np.bool_) for one in found):
        return "bool"
    if all(type(one) in (int, float) for one in found):
        return "int" if all(type(one) is int for one in found) else "float"
    if all(isinstance(one, str) for one in found):
        if all(map(ISO_DATE.fullmatch, found)):
            return "D"
        is_time = all(ISO_DATE.fullmatch(v) or ISO_TIME.fullmatch(v) for v in found)
        return "s" if is_time else "object"
    if all(isinstance(one, datetime.date) for one in found):
        is_time = any(isinstance(one, datetime.datetime) for one in found)
        return "s" if is_time else "D"
    for row, one in enumerate(found):
        if not isinstance(one, str | int):
            refuse(name, row, one, "a string")
    return "object"


def distinct(column: np.ndarray) -> list[Any]:
    """The different values of a column, sorted, strings after numbers."""
    return sorted(set(column.tolist()), key=lambda v: (type(v).__name__, v))


def in_order(values: Sequence[Any]) -> list[Any]:
    """Values of a category; texts of numbers, such as "007", in the order of these."""
    if all(isinstance(one, str) and NUMBER.fullmatch(one) for one in values):
        return sorted(values, key=lambda one: (float(one), one))
    return list(values)


def names_value(value: Any) -> bool:
    """Whether a value can be that of a category: a text, an integer or a boolean."""
    return isinstance(value, str | int) or (
        isinstance(value, float) and value.is_integer()
    )


def as_name(value: Any) -> Any:
    """A value of a category; whole numbers become integers."""
    return int(value) if isinstance(value, float) else value


def refuse_misread(column: np.ndarray, values: Sequence[Any], name: str) -> None:
    """Raises ValueError if a column of texts should have been numbers or dates.

    Args:
        column: The column.
        values: Its different values. A few are taken for categories, whatever they are.
        name: The name of the column in an error.
    """
    texts = [value for value in values if isinstance(value, str)]
    if len(values) <= FEW or len(texts) < len(values):
        return
    rows = enumerate(column.tolist())
    for kind, expected in MISREAD.items():
        if sum(map(bool, map(kind.fullmatch, texts))) >= NEARLY_ALL * len(texts):
            row, one = next((i, v) for i, v in rows if not is_absent(v))
            refuse(name, row, one, f"{expected}. Write all values so")
    odd = {text for text in texts if not NUMBER.fullmatch(text)}
    if odd and len(odd) <= (1 - NEARLY_ALL) * len(texts):
        row, one = next((i, v) for i, v in rows if not is_absent(v) and v in odd)
        refuse(name, row, one, "a number as in other rows. Leave missing values empty")


def decimals_of(column: np.ndarray) -> int | None:
    """Decimals to which numbers are rounded, at most 6, or None for others.

    Numbers with more than four million possible values count as not rounded.
    """
    numbers = column.astype(np.float64)
    dtype = column.dtype if column.dtype.kind == "f" else np.dtype(np.float64)
    for decimals in range(MOST_DECIMALS + 1):
        if np.ptp(numbers) * 10**decimals > MOST_STEPS:
            return None
        rounded = np.rint(numbers * 10**decimals) / 10**decimals
        if (rounded.astype(dtype) == column).all():
            return decimals
    return None


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
        if is_absent(one):
            numbers[row] = np.nan
            continue
        if not isinstance(one, bool | int | float | np.number):
            refuse(name, row, one, expected)
        numbers[row] = one
    return numbers


def as_dates(
    column: np.ndarray, unit: str, name: str, expected: str | None = None
) -> np.ndarray:
    """Days or seconds since 1970 as float64, NaN for missing ones.

    Args:
        column: NumPy's datetimes, Python's dates, or ISO texts.
        unit: "D" or "s".
        name: The name of the column in an error.
        expected: The expected values, for an error.

    Raises:
        ValueError: If a value is not a date. The message names its row.
    """
    expected = expected or f"a {UNITS[unit]} as YYYY-MM-DD{' HH:MM:SS' * (unit == 's')}"
    if column.dtype.kind != "M":
        column = column.astype(object)
        found = np.empty(len(column), "datetime64[us]")
        for row, one in enumerate(column.tolist()):
            found[row] = _date(name, row, one, expected)
        column = found
    whole = column.astype(f"datetime64[{unit}]")
    has_time = (whole != column) & ~np.isnat(column)
    if unit == "D" and (bad := np.flatnonzero(has_time)).size:
        refuse(name, int(bad[0]), str(column[bad[0]]), "a date without a time")
    numbers = whole.astype(np.int64).astype(np.float64)
    return np.where(np.isnat(whole), np.nan, numbers)


def _date(name: str, row: int, one: Any, expected: str) -> Any:
    if is_absent(one):
        return np.datetime64("NaT")
    is_text = isinstance(one, str)
    is_text = is_text and bool(ISO_DATE.fullmatch(one) or ISO_TIME.fullmatch(one))
    is_date = isinstance(one, datetime.date | np.datetime64)
    if getattr(one, "tzinfo", None) is not None:
        refuse(name, row, one, f"{expected} without a time zone")
    if is_text or is_date:
        try:
            return np.datetime64(one)
        except ValueError:
            pass
    return refuse(name, row, one, expected)


def as_codes(column: np.ndarray, values: Sequence[Any], name: str) -> np.ndarray:
    """The position of each value of a column among the known values, float64.

    A missing value is None.

    Raises:
        ValueError: If a value is unknown. The message names its row.
    """
    code = {value: i for i, value in enumerate(values)}
    found = column.tolist()
    if None in code:
        found = [None if is_absent(one) else one for one in found]
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
    has_missing: bool = False,
    expected: str,
    shown: Callable[[float], Any] = float,
) -> None:
    """Raises ValueError, with the row, unless numbers fit a column.

    Args:
        numbers: `(n,)`.
        name: The name of the column in an error.
        low: Smallest number, or None for no limit.
        high: Largest number, or None for no limit.
        whole: Whether all numbers must be integers.
        has_missing: Whether numbers may be NaN.
        expected: The expected values, for an error.
        shown: A number as users see it, for an error.
    """
    with np.errstate(invalid="ignore"):
        fits = np.isfinite(numbers) & (np.abs(numbers) <= LARGEST)
        if whole:
            fits &= np.floor(numbers) == numbers
        if low is not None:
            fits &= numbers >= low
        if high is not None:
            fits &= numbers <= high
    if has_missing:
        fits |= np.isnan(numbers)
    bad = np.flatnonzero(~fits)
    if bad.size:
        refuse(name, bad[0], shown(numbers[bad[0]].item()), expected, bad.size)


def refuse(name: str, row: int, value: Any, expected: str, count: int = 1) -> NoReturn:
    """Raises ValueError for a value of a column."""
    more = f" ({count} rows have others)" if count > 1 else ""
    hint = ""
    if is_absent(value):
        hint = " Fill such rows or drop them, or let the spec have missing values."
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
