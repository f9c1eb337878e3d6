"""What a traced function does with rows that a model refuses.

Arrays raise ValueError. In a graph an assertion ends the call, with the same words;
where a graph has no assertions, as in LiteRT, refused rows are collected and computed
with other values, so that an answer can be made unmistakable.
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
    """The rows that are refused inside of `collected`.

    Attributes:
        by_bits: Whether floats are compared, and replaced, as integers of their bits:
            a quantized graph has rounded the floats themselves.
        allowed: Which rows each input allows, bool `(batch,)` each.
    """

    by_bits: bool = False
    allowed: list[tf.Tensor] = field(default_factory=list)

    def blank(self, output: tf.Tensor) -> tf.Tensor:
        """The output with refused rows NaN throughout, or -1 for integers."""
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
    """Inside, rows outside of limits raise nothing: they are listed and replaced."""
    refusals = Refusals(by_bits)
    token = _COLLECTED.set(refusals)
    try:
        yield refusals
    finally:
        _COLLECTED.reset(token)


def collects() -> bool:
    """Whether refused rows are collected here."""
    return _COLLECTED.get() is not None


def require(values: tf.Tensor, limit: Limit | None, name: str) -> tf.Tensor:
    """The values of rows, once a limit holds for them.

    Args:
        values: `(batch, ...)`.
        limit: What they have to be; None for anything.
        name: What to call them in an error.

    Raises:
        ValueError: If a value is known and outside of the limit; in a graph,
            `tf.errors.InvalidArgumentError` when it runs.
    """
    if limit is None or limit.holds_for_all(values.dtype):
        return values
    if (known := tf.get_static_value(values)) is not None:
        check_limit(known, limit, name)
        return values
    holds = limit.holds(values, by_bits=_by_bits())
    values = require_rows(values, holds, limit.message(name))
    if not collects():
        return values
    holds = tf.reshape(holds, (-1, *[1] * (values.shape.rank - 1)))
    return tf.where(holds, values, tf.constant(limit.safe, values.dtype))


def require_finite(values: tf.Tensor, message: str) -> tf.Tensor:
    """The values, in a graph once all of them are finite."""
    if tf.executing_eagerly():
        return values
    holds = FINITE.holds(values, by_bits=_by_bits())
    return require_rows(values, holds, message)


def require_rows(values: tf.Tensor, holds: tf.Tensor, message: str) -> tf.Tensor:
    """The values of a graph, once all rows are allowed.

    Args:
        values: `(batch, ...)`.
        holds: Which rows are allowed, bool `(batch,)`.
        message: What the values must be.
    """
    if (refusals := _COLLECTED.get()) is not None:
        refusals.allowed.append(holds)
        return values
    outside = tf.where(holds, tf.int32.max, tf.range(tf.shape(holds)[0]))
    said = [
        f"{message}, received values in",
        tf.reduce_min(values),
        tf.reduce_max(values),
        "the first outside in row",
        tf.reduce_min(outside),
    ]
    return _after(_assertion(tf.reduce_all(holds), said), values)


def require_equal_counts(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Rows by name, once there are as many of each where that is known only later."""
    if tf.executing_eagerly() or collects() or len(inputs) < 2:
        return inputs
    counts = [tf.shape(rows)[0] for rows in inputs.values()]
    same = tf.reduce_all(tf.equal(counts[0], counts[1:]))
    said = [f"inputs differ in their number of rows: {', '.join(inputs)} have", counts]
    (name, rows), *others = inputs.items()
    rows = _after(_assertion(same, said), rows)
    return {name: rows, **dict(others)}


def _by_bits() -> bool:
    refusals = _COLLECTED.get()
    return refusals is not None and refusals.by_bits


def _assertion(condition: tf.Tensor, said: list[Any]) -> tf.Operation:
    """Unlike `tf.debugging.Assert` without two functions beside it."""
    data = [tf.convert_to_tensor(part) for part in said]
    return tf.raw_ops.Assert(condition=condition, data=data, summarize=8)


def _after(assertion: tf.Operation, values: tf.Tensor) -> tf.Tensor:
    with tf.control_dependencies([assertion]):
        return tf.identity(values)
