"""What enters a model: checks that raise before any work begins."""

import typing
import warnings
from collections.abc import Sequence
from types import NoneType, UnionType
from typing import Any

import numpy as np
import tensorflow as tf

from .limits import FINITE, UNIT, Limit, one_of

SCALE_ROWS, LARGEST_SCALE = 10_000, 1e3
FLOAT32_INTEGERS = 2**24  # all of them up to here
LARGEST = np.finfo(np.float32).max / 2  # so that differences are float32 numbers too


def check_data(
    x: np.ndarray,
    shape: Sequence[int | None],
    *,
    unit_interval: bool,
    name: str = "x",
    wide: bool = False,
    empty: bool = False,
) -> np.ndarray:
    """Checks a batch of examples against what the model expects.

    Args:
        x: Examples, `(n, *shape)`: float, or uint8 (read as value / 255).
        shape: Shape of one example, such as `(28, 28, 1)` or `(2,)`.
        unit_interval: Whether values have to lie in [0, 1].
        name: What to call `x` in an error.
        wide: Whether float64, and integers that float32 cannot hold, come back as
            float64.
        empty: Whether there may be no rows.

    Returns:
        The examples, uint8 as received, anything else as float32 (or float64).

    Raises:
        ValueError: If `x` is empty, has another rank or shape, a dtype that is
            no number, masked, NaN or infinite values, values that float32 cannot hold,
            or values outside [0, 1].
    """
    refuse_masked(x, name)
    try:
        x = np.asarray(x)
    except ValueError as error:
        raise ValueError(f"{name} must be an array: its examples differ.") from error
    check_shape(x.shape, shape, name=name)
    if not empty:
        check_rows(x, name)
    if x.dtype == np.uint8 and unit_interval:
        return x
    x = _as_number(x, name, wide=wide)
    limit = UNIT if unit_interval else FINITE
    if x.size == 0:
        return x if wide else x.astype(np.float32, copy=False)
    low, high = x.min(), x.max()  # NaN if there is any, at the price of one pass each
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = int(np.size(x) - np.isfinite(x).sum())
        raise ValueError(
            f"{limit.message(name)}, received {bad} NaN or infinite values among "
            f"{x.size}: remove or replace them first."
        )
    if max(-low, high) > LARGEST:
        raise ValueError(
            f"{name} holds values too large for float32, in [{low!s}, {high!s}]: "
            "divide by a constant first."
        )
    x = x if wide else x.astype(np.float32, copy=False)
    if unit_interval and (low < 0 or high > 1):
        hint = " Divide by 255." if low >= 0 and 2 < high <= 255 else ""
        raise ValueError(
            f"{limit.message(name)}, received values in [{low!s}, {high!s}].{hint}"
        )
    return x


def warn_of_scale(x: np.ndarray, model: str) -> None:
    """Warns of columns that are far from mean 0 and deviation 1.

    Args:
        x: Vectors, `(n, d)`, of which ten thousand rows are looked at.
        model: Name of a model that does not scale them itself.

    Warns:
        UserWarning: Names the columns whose mean or deviation exceeds 1,000, or whose
            deviation is below 0.001 and not 0.
    """
    rows = np.asarray(x[:: max(1, len(x) // SCALE_ROWS)], np.float64)
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    far = np.maximum(abs(mean), deviation) > LARGEST_SCALE
    far |= (np.ptp(rows, axis=0) > 0) & (deviation < 1 / LARGEST_SCALE)
    if not far.any():
        return
    columns = np.flatnonzero(far)
    shown = ", ".join(
        f"column {i}: {mean[i]:.3g} ± {deviation[i]:.3g}" for i in columns[:3]
    )
    more = f" and {len(columns) - 3} more" if len(columns) > 3 else ""
    warnings.warn(
        f"{model} takes vectors as they are, and x is far from mean 0 and "
        f"deviation 1 ({shown}{more}): training will fail or learn nothing, unless its "
        "networks and likelihood are made for that. Pass (x - mean) / deviation, "
        "column by column, and scale samples back.",
        UserWarning,
        stacklevel=4,
    )


def check_rows(x: np.ndarray, name: str) -> None:
    """Raises ValueError if `x` has no rows."""
    if x.shape[0] == 0:
        raise ValueError(f"{name} is empty: received shape {x.shape}.")


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


def check_labels(
    labels: np.ndarray | None,
    num_classes: int | None,
    num_rows: int | None = None,
    *,
    name: str = "labels",
) -> np.ndarray | None:
    """Checks class labels against the model and against the examples.

    Args:
        labels: Integers in [0, num_classes), `(n,)` or `(n, 1)`, or None.
        num_classes: The model's number of classes, None if unconditional.
        num_rows: How many labels there have to be, None if any number will do.
        name: What to call `labels` in an error.

    Returns:
        int32 labels `(n,)`, or None for an unconditional model.

    Raises:
        ValueError: If labels are missing, unwanted, out of range, no integers,
            or of another length.
    """
    if num_classes is None:
        if labels is not None:
            raise ValueError(
                f"{name} were given to an unconditional model: leave them out, since "
                "the examples are their own target (a dataset: .map(lambda x, y: x)), "
                "or build networks that take labels (num_classes=..., of tokens "
                "condition_size=...)."
            )
        return None
    if labels is None:
        raise ValueError(
            f"{name} are missing: this model is class-conditional and needs "
            f"integers in [0, {num_classes})."
        )
    refuse_masked(labels, name)
    labels = np.asarray(labels)
    if not labels.size:
        labels = labels.astype(np.int32)  # an empty list is of no kind
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ValueError(f"{name} must have shape (n,), received {labels.shape}.")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"{name} must be integers, received {labels.dtype}.")
    if num_rows is not None and len(labels) != num_rows:
        raise ValueError(f"{name} hold {len(labels)} values for {num_rows} examples.")
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        raise ValueError(
            f"{one_of(num_classes).message(name)}, received values in "
            f"[{labels.min()}, {labels.max()}]."
        )
    return labels.astype(np.int32)


def check_limit(values: Any, limit: Limit, name: str) -> None:
    """Raises ValueError, with the values received, unless a limit holds.

    Args:
        values: Rows of numbers, `(batch, ...)`, or one number.
        limit: What they have to be.
        name: What to call them in an error.
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


def check_context(
    context: np.ndarray | None,
    context_size: int | None,
    num_rows: int | None = None,
    *,
    name: str = "context",
) -> np.ndarray | None:
    """Checks the continuous context of examples against the model.

    Args:
        context: Numbers, `(n, context_size)`, or None.
        context_size: Values per example, None if the model takes none.
        num_rows: How many rows there have to be, None if any number will do.
        name: What to call `context` in an error.

    Returns:
        float32 (or float64) context, or None for a model without.

    Raises:
        ValueError: If it is missing, unwanted, of another shape or not finite.
    """
    if context_size is None:
        if context is not None:
            raise ValueError(f"{name} was given to a model without context_size.")
        return None
    if context is None:
        raise ValueError(
            f"{name} is missing: this model is conditional and needs numbers of shape "
            f"(n, {context_size})."
        )
    own = {"unit_interval": False, "name": name, "wide": True, "empty": True}
    context = check_data(context, (context_size,), **own)
    if num_rows is not None and len(context) != num_rows:
        raise ValueError(f"{name} holds {len(context)} rows for {num_rows} examples.")
    return context


def check_condition(num_classes: int | None, context_size: int | None) -> None:
    """Raises ValueError unless a model can have so many classes, or such a context."""
    sizes = {"num_classes": num_classes, "context_size": context_size}
    given = {name: size for name, size in sizes.items() if size is not None}
    for name, size in given.items():
        check_positive(size, name, integer=True)
    if len(given) > 1:
        raise ValueError(
            "num_classes and context_size exclude each other: make one-hot labels "
            "columns of the context."
        )


def check_finite(value: float, name: str) -> None:
    """Raises ValueError unless `value` is a finite number."""
    is_number = isinstance(value, int | float | np.number)
    if isinstance(value, bool) or not is_number or not np.isfinite(value):
        raise ValueError(f"{name} must be a finite number, received {value!r}.")


def check_positive(value: float, name: str, *, integer: bool = False) -> None:
    """Raises ValueError unless `value` is a finite number > 0 (an int if asked)."""
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
    """Raises ValueError unless numbers of steps, where given, are integers > 0.

    Keras reads 0 as "all".

    Args:
        options: Arguments by name.
        *names: Which of them are numbers of steps.
    """
    for name in names:
        if options.get(name) is not None:
            check_positive(options[name], name, integer=True)


def check_sizes(sizes: Sequence[int], name: str, *, empty: bool = False) -> None:
    """Raises ValueError unless `sizes` holds integers > 0, at least one or `empty`."""
    is_list = isinstance(sizes, Sequence) and not isinstance(sizes, str)
    if not is_list or not (sizes or empty):
        raise ValueError(
            f"{name} must be a list or tuple of integers > 0, received {sizes!r}."
        )
    for i, size in enumerate(sizes):
        check_positive(size, f"{name}[{i}]", integer=True)


def check_share(value: float, name: str) -> None:
    """Raises ValueError unless `value` is a number in [0, 1)."""
    number = int | float | np.number
    if isinstance(value, bool) or not isinstance(value, number) or not 0 <= value < 1:
        raise ValueError(f"{name} must be a number in [0, 1), received {value!r}.")


def check_type(value: Any, kind: type | UnionType, name: str) -> None:
    """Raises TypeError unless `value` is a `kind`; a bool is no number."""
    if isinstance(value, bool) or not isinstance(value, kind):
        kinds = typing.get_args(kind) or (kind,)
        wanted = " or ".join("None" if k is NoneType else k.__name__ for k in kinds)
        is_class = isinstance(value, type) and issubclass(value, kind)
        hint = f" Write {value.__name__}(...)." if is_class else ""
        article = "an" if wanted[0] in "aeiouAEIOU" else "a"
        raise TypeError(f"{name} must be {article} {wanted}, received {value!r}.{hint}")


def num_rows(x: Any, name: str = "x") -> int:
    """Length of the batch axis of `x`; raises ValueError if it has none."""
    try:
        return len(x)
    except TypeError as error:
        raise ValueError(f"{name} must have a batch axis, received {x!r}.") from error


def as_float32(x: np.ndarray, name: str) -> np.ndarray:
    """Real numbers as float32; raises ValueError if there are others."""
    return _as_number(x, name, wide=False).astype(np.float32, copy=False)


def refuse_masked(x: Any, name: str) -> None:
    """Raises ValueError if masked values would turn into what the mask hides."""
    parts = x if isinstance(x, list | tuple) else (x,)
    masked = sum(int(np.ma.count_masked(p)) for p in parts if np.ma.isMaskedArray(p))
    if masked:
        raise ValueError(
            f"{name} has {masked} masked values: fill them ({name}.filled(value)) or "
            f"drop their rows (np.ma.compress_rows({name})) first."
        )


def _as_number(x: np.ndarray, name: str, *, wide: bool) -> np.ndarray:
    """Real numbers as float32, unless they are float64 or large integers.

    These come back as float64 where it is `wide`, and float64 as received else.
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
