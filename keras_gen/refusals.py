"""How traced functions reject rows outside the limits of a model.

Arrays raise ValueError. In a graph an assertion ends the call with the same message.
LiteRT has no assertions: there, rejected rows are collected and computed with allowed
values, so that their outputs can be replaced by NaN.
"""

import contextlib
import functools
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from .limits import FINITE, Limit
from .validation import check_limit

NAN_BITS = 0x7FC00000


@dataclass
class Refusals:
    """The rows that are rejected inside `collected`.

    Attributes:
        by_bits: Whether floats are compared and replaced as integers of their bits,
            because a quantized graph rounds the floats themselves.
        allowed: The allowed rows of each input, bool `(batch,)` each.
    """

    by_bits: bool = False
    allowed: list[tf.Tensor] = field(default_factory=list)

    def blank(self, output: tf.Tensor) -> tf.Tensor:
        """The output with NaN in all values of rejected rows, or -1 for integers."""
        if not self.allowed:
            return output
        rows = functools.reduce(tf.logical_and, self.allowed)
        rows = tf.reshape(rows, (-1, *[1] * (output.shape.rank - 1)))
        if output.dtype.is_integer:
            return tf.where(rows, output, tf.constant(-1, output.dtype))
        if not self.by_bits:
            return tf.where(rows, output, tf.constant(np.nan, output.dtype))
        bits = tf.where(rows, tf.bitcast(output, tf.int32), NAN_BITS)
        return tf.bitcast(bits, output.dtype)


_COLLECTED: ContextVar[Refusals | None] = ContextVar("refusals", default=None)


@contextlib.contextmanager
def collected(*, by_bits: bool = False) -> Iterator[Refusals]:
    """Collects and replaces rows outside the limits instead of raising an error."""
    refusals = Refusals(by_bits)
    token = _COLLECTED.set(refusals)
    try:
        yield refusals
    finally:
        _COLLECTED.reset(token)


def collects() -> bool:
    """Whether rejected rows are collected here."""
    return _COLLECTED.get() is not None


def require(values: tf.Tensor, limit: Limit | None, name: str) -> tf.Tensor:
    """Returns the values of rows after a check of their limit.

    Args:
        values: `(batch, ...)`.
        limit: The allowed values. None allows all.
        name: The name of the values in an error.

    Raises:
        ValueError: If a known value is outside the limit. A graph raises
            `tf.errors.InvalidArgumentError` when it runs.
    """
    if limit is None or limit.holds_for_all(values.dtype):
        return values
    if (known := tf.get_static_value(values)) is not None:
        check_limit(known, limit, name)
        return values
    holds = limit.holds(values, by_bits=_by_bits())
    each = None if collects() else limit.places(values)
    values = require_rows(values, holds, limit.message(name), each)
    if not collects():
        return values
    holds = tf.reshape(holds, (-1, *[1] * (values.shape.rank - 1)))
    return tf.where(holds, values, tf.constant(limit.safe, values.dtype))


def require_finite(values: tf.Tensor, message: str) -> tf.Tensor:
    """Returns the values, in a graph after a check that all are finite."""
    if tf.executing_eagerly():
        return values
    holds = FINITE.holds(values, by_bits=_by_bits())
    return require_rows(values, holds, message)


def require_rows(
    values: tf.Tensor,
    holds: tf.Tensor,
    message: str,
    each: tf.Tensor | None = None,
) -> tf.Tensor:
    """Returns the values of a graph after a check that all rows are allowed.

    Args:
        values: `(batch, ...)`.
        holds: Which rows are allowed, bool `(batch,)`.
        message: The rule for the values.
        each: Which values are allowed, `(batch, columns)`, to name the first column
            instead of the smallest and the largest value.
    """
    if (refusals := _COLLECTED.get()) is not None:
        refusals.allowed.append(holds)
        return values
    outside = tf.where(holds, tf.int32.max, tf.range(tf.shape(holds)[0]))
    row = tf.reduce_min(outside)
    said = [
        f"{message}, received values in",
        tf.reduce_min(values),
        tf.reduce_max(values),
        "the first outside in row",
        row,
    ]
    if each is not None:
        column, value = _first(values, each, row)
        said = [f"{message}, received", value, "in row", row, "and column", column]
    return _after(_assertion(tf.reduce_all(holds), said), values)


def _first(
    values: tf.Tensor, each: tf.Tensor, row: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The column and value of the first value of a row that is not allowed."""
    rows, columns = tf.range(tf.shape(values)[0]), tf.range(tf.shape(values)[1])
    is_bad = tf.logical_not(each) & tf.equal(rows, row)[:, None]
    column = tf.reduce_min(tf.where(is_bad, columns, tf.int32.max))
    is_first = is_bad & tf.equal(columns, column)
    return column, tf.reduce_sum(tf.where(is_first, values, tf.zeros_like(values)))


def require_equal_counts(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns inputs after a check of their numbers of rows, if not yet known."""
    if tf.executing_eagerly() or collects() or len(inputs) < 2:
        return inputs
    counts = [tf.shape(rows)[0] for rows in inputs.values()]
    same = tf.reduce_all(tf.equal(counts[0], counts[1:]))
    names = ", ".join(inputs)
    said = [f"inputs must have the same number of rows: {names} have", counts]
    (name, rows), *others = inputs.items()
    rows = _after(_assertion(same, said), rows)
    return {name: rows, **dict(others)}


def _by_bits() -> bool:
    refusals = _COLLECTED.get()
    return refusals is not None and refusals.by_bits


def _assertion(condition: tf.Tensor, said: list[Any]) -> tf.Operation:
    """An assertion without the two functions that `tf.debugging.Assert` adds."""
    data = [tf.convert_to_tensor(part) for part in said]
    return tf.raw_ops.Assert(condition=condition, data=data, summarize=8)


def _after(assertion: tf.Operation, values: tf.Tensor) -> tf.Tensor:
    with tf.control_dependencies([assertion]):
        return tf.identity(values)
