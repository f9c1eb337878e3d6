"""Checks of arguments, which raise before any work begins."""

import dataclasses
import typing
from collections.abc import Sequence
from types import NoneType, UnionType
from typing import Any, TypeVar, cast

import numpy as np
import tensorflow as tf

from .limits import FINITE, UNIT, Limit

FLOAT32_INTEGERS = 2**24  # float32 holds all integers up to here
LARGEST = np.finfo(np.float32).max / 2  # so that differences are float32 numbers too

T = TypeVar("T")
Shape = tuple[int | Any, ...]
"""A shape whose open sizes are None, which most code may take for a number."""


def check_numbers(
    x: Any,
    shape: Sequence[int | None],
    *,
    limit: Limit = FINITE,
    name: str = "x",
    wide: bool = False,
    has_bytes: bool = False,
) -> np.ndarray:
    """Checks rows of floating-point numbers.

    Args:
        x: Rows, `(n, *shape)`; n may be 0.
        shape: Shape of one row, such as `(28, 28, 1)` or `(2,)`. None for any size.
        limit: The allowed values.
        name: The name of `x` in an error.
        wide: Whether float64, and integers that float32 cannot hold, are returned as
            float64.
        has_bytes: Whether uint8 means value / 255.

    Returns:
        The rows: uint8 unchanged if `has_bytes`, otherwise float32 (or float64).

    Raises:
        ValueError: If `x` has another rank or shape, another dtype than numbers,
            masked, NaN or infinite values, values that float32 cannot hold, or values
            outside the limit.
    """
    refuse_masked(x, name)
    try:
        x = np.asarray(x)
    except ValueError as error:
        raise ValueError(
            f"{name} must be an array, received examples of different shapes."
        ) from error
    check_shape(x.shape, shape, name=name)
    if x.dtype == np.uint8 and has_bytes:
        return x
    x = as_number(x, name, wide=wide)
    if x.size == 0:
        return x if wide else x.astype(np.float32, copy=False)
    low, high = x.min(), x.max()  # NaN if any value is NaN
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = np.argwhere(~np.isfinite(x))
        raise ValueError(
            f"{limit.message(name)}, received {len(bad)} NaN or infinite values among "
            f"{x.size}, the first at {bad[0].tolist()}. Remove or replace them first."
        )
    if max(-low, high) > LARGEST:
        raise ValueError(
            f"{name} holds values too large for float32, in [{low!s}, {high!s}]. "
            "Divide by a constant first."
        )
    x = x if wide else x.astype(np.float32, copy=False)
    if limit == UNIT and (low < 0 or high > 1):
        hint = " Divide by 255." if low >= 0 and 2 < high <= 255 else ""
        raise ValueError(
            f"{limit.message(name)}, received values in [{low!s}, {high!s}].{hint}"
        )
    return x


def check_rows(x: np.ndarray, name: str) -> None:
    """Raises ValueError if `x` has no rows."""
    if x.shape[0] == 0:
        raise ValueError(f"{name} is empty: received shape {x.shape}.")


def check_counts(received: int, rows: int, *, name: str, hint: str = "") -> None:
    """Raises ValueError unless there is one row for each of `rows` examples."""
    if received != rows:
        raise ValueError(
            f"{name} must have one row per example, received {received} rows for "
            f"{rows} examples.{hint}"
        )


def check_shape(
    received: Sequence[int | None], shape: Sequence[int | None], *, name: str
) -> None:
    """Raises ValueError unless `received` is `(batch, *shape)`; None matches any."""
    received, shape = tuple(received), tuple(shape)
    matches = len(received) == len(shape) + 1 and all(
        r is None or s is None or r == s
        for r, s in zip(received[1:], shape, strict=True)
    )
    if not matches:
        expected = ", ".join(str(s) for s in ("batch", *shape))
        hint = ""
        if received[1:] + (1,) == shape:
            hint = f" Add the channel axis: {name}[..., None]."
        elif received == shape:
            hint = f" Add the batch axis: {name}[None]."
        raise ValueError(
            f"{name} must have shape ({expected}), received {received}.{hint}"
        )


def check_limit(values: Any, limit: Limit, name: str) -> None:
    """Raises ValueError, with the values received, unless a limit holds.

    Args:
        values: Rows of numbers, `(batch, ...)`, or one number.
        limit: The allowed values.
        name: The name of the values in an error.
    """
    values = np.asarray(values)
    with tf.init_scope():  # also while a function is traced
        refused = np.flatnonzero(~limit.holds(np.atleast_1d(values)).numpy())
    if not refused.size:
        return
    if values.size == 1:
        raise ValueError(f"{limit.message(name)}, received {values.item()}.")
    raise ValueError(
        f"{limit.message(name)}, received values in [{values.min()}, {values.max()}], "
        f"the first outside in row {refused[0]}."
    )


def check_finite(value: float, name: str) -> None:
    """Raises ValueError unless `value` is a finite number."""
    is_number = isinstance(value, int | float | np.number)
    if isinstance(value, bool) or not is_number or not np.isfinite(value):
        raise ValueError(f"{name} must be a finite number, received {value!r}.")


def check_factor(value: float, name: str) -> None:
    """Raises ValueError unless `value` is a finite number >= 0."""
    check_finite(value, name)
    if value < 0:
        raise ValueError(f"{name} must be >= 0, received {value!r}.")


def check_positive(value: float, name: str, *, integer: bool = False) -> None:
    """Raises ValueError unless `value` is a finite number (or an integer) > 0."""
    number = int | np.integer if integer else int | float | np.number
    if isinstance(value, bool) or not isinstance(value, number):
        kind = "an integer" if integer else "a number"
        raise ValueError(f"{name} must be {kind} > 0, received {value!r}.")
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be > 0, received {value!r}.")


def check_count(count: int, name: str, *, least: int = 1) -> None:
    """Raises ValueError unless `count` is an integer of at least `least`."""
    if isinstance(count, bool) or count != 0 or least > 0:
        check_positive(count, name, integer=True)
    if count < least:
        raise ValueError(f"{name} must be at least {least}, received {count}.")


def check_steps(options: dict[str, Any], *names: str) -> None:
    """Raises ValueError unless numbers of steps, if given, are integers > 0.

    Keras would read 0 as "all".

    Args:
        options: Arguments by name.
        *names: The names of the numbers of steps.
    """
    for name in names:
        if options.get(name) is not None:
            check_positive(options[name], name, integer=True)


def check_sizes(sizes: Sequence[int], name: str, *, empty: bool = False) -> None:
    """Raises ValueError unless `sizes` holds integers > 0; it may be `empty`."""
    is_list = isinstance(sizes, Sequence) and not isinstance(sizes, str)
    if not is_list or not (sizes or empty):
        raise ValueError(
            f"{name} must be a list or tuple of integers > 0, received {sizes!r}."
        )
    for i, size in enumerate(sizes):
        check_positive(size, f"{name}[{i}]", integer=True)


def check_share(value: float, name: str, *, whole: bool = False) -> None:
    """Raises ValueError unless `value` is a number in [0, 1), or 1 if it may be.

    Args:
        value: The number.
        name: Its name in the error.
        whole: Whether 1 is allowed.
    """
    is_number = isinstance(value, int | float | np.number)
    is_number = is_number and not isinstance(value, bool)
    if not is_number or not (0 <= value < 1 or (whole and value == 1)):
        limits = "[0, 1]" if whole else "[0, 1)"
        raise ValueError(f"{name} must be a number in {limits}, received {value!r}.")


def check_type(value: Any, kind: type | UnionType, name: str) -> None:
    """Raises TypeError unless `value` is a `kind`. A bool is not a number."""
    if isinstance(value, bool) or not isinstance(value, kind):
        kinds: tuple[Any, ...] = typing.get_args(kind) or (kind,)
        wanted = " or ".join("None" if k is NoneType else k.__name__ for k in kinds)
        hint = ""
        if isinstance(value, type) and issubclass(value, kind):
            hint = f" Write {value.__name__}(...)."
        article = "an" if wanted[0] in "aeiouAEIOU" else "a"
        raise TypeError(f"{name} must be {article} {wanted}, received {value!r}.{hint}")


def decided(link: Any, *, is_unit: bool, name: str) -> Any:
    """Sets a `unit_interval` of None to whether the data are in [0, 1].

    Raises:
        ValueError: If `unit_interval` is True and the data are not in [0, 1].
    """
    if link.unit_interval is None:
        return dataclasses.replace(link, unit_interval=is_unit)
    if link.unit_interval and not is_unit:
        raise ValueError(
            f"{name} must be one for values of any size, such as Gaussian() or "
            f"SquaredError(), received {link}. If all data are in [0, 1], pass "
            "inputs=keras_gen.specs.Vectors(n, is_unit=True)."
        )
    return link


def for_columns(part: T, inputs: Any, name: str) -> T:
    """A copy of a part of a model of tables, with `columns` set to the model's spec.

    Args:
        part: A dataclass with the field `columns`, a spec or None.
        inputs: The spec of the model's examples.
        name: The name of the part in the error.

    Raises:
        ValueError: If `inputs` are not `Columns`, or differ from those of the part.
    """
    known = cast(Any, part).columns
    if not hasattr(inputs, "blocks") or known not in (None, inputs):
        raise ValueError(
            f"{name} must fit the inputs: {type(part).__name__} requires "
            f"{known or 'specs.Columns'}, received {inputs}."
        )
    return dataclasses.replace(cast(Any, part), columns=inputs)


def num_rows(x: Any, name: str = "x") -> int:
    """Length of the batch axis of `x`, or of the columns of a dict.

    Raises:
        ValueError: If `x` has no batch axis.
    """
    try:
        return num_rows(next(iter(x.values())), name) if isinstance(x, dict) else len(x)
    except TypeError as error:
        raise ValueError(f"{name} must have a batch axis, received {x!r}.") from error


def as_float32(x: np.ndarray, name: str) -> np.ndarray:
    """Real numbers as float32. Raises ValueError for other dtypes."""
    return as_number(x, name, wide=False).astype(np.float32, copy=False)


def refuse_masked(x: Any, name: str) -> None:
    """Raises ValueError if `x` has masked values, which NumPy would unmask."""
    parts = x if isinstance(x, list | tuple) else (x,)
    masked = sum(int(np.ma.count_masked(p)) for p in parts if np.ma.isMaskedArray(p))
    if masked:
        raise ValueError(
            f"{name} must not be masked, received {masked} masked values. Fill them "
            f"({name}.filled(value)) or drop their rows (np.ma.compress_rows({name}))."
        )


def as_number(x: np.ndarray, name: str, *, wide: bool) -> np.ndarray:
    """Real numbers as float32, unless they are float64 or large integers.

    If `wide`, both are returned as float64. Otherwise float64 is left as it is.
    """
    if x.dtype != bool and not np.issubdtype(x.dtype, np.number):
        raise ValueError(f"{name} must hold numbers, received dtype {x.dtype}.")
    if np.iscomplexobj(x):
        raise ValueError(f"{name} must hold real numbers, received {x.dtype}.")
    if np.issubdtype(x.dtype, np.floating) and x.dtype.itemsize > 4:
        return x.astype(np.float64, copy=False)
    if wide and np.issubdtype(x.dtype, np.integer) and x.dtype.itemsize > 2:
        if max(-int(x.min()), int(x.max())) > FLOAT32_INTEGERS:
            return x.astype(np.float64)
    return x.astype(np.float32, copy=False)
