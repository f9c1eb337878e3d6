"""A replica's part of a batch, and the variant of a step that it runs.

A step runs on each replica with a part of the batch. Values that depend on the whole
batch use this module: the noise of a row depends on its number in the whole batch, and
a mean over the batch is the sum of the parts' means, weighted by their share of rows.
"""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any, NamedTuple

import tensorflow as tf


class Part(NamedTuple):
    """The rows of a batch that a replica has.

    Attributes:
        first_row: Number of its first row in the whole batch, an int32 scalar.
        num_rows: Number of its rows, an int32 scalar. 0 for a replica without rows,
            which repeats row 0; that row must not count.
        batch_rows: Number of rows of the whole batch, an int32 scalar.
    """

    first_row: tf.Tensor
    num_rows: tf.Tensor
    batch_rows: tf.Tensor


_PART: contextvars.ContextVar[Part | None] = contextvars.ContextVar(
    "part", default=None
)
_DUE: contextvars.ContextVar[bool | None] = contextvars.ContextVar("due", default=None)


@contextlib.contextmanager
def acting(part: Part, *, due: bool | None) -> Iterator[None]:
    """Sets the part of a step, and whether waiting players are due, in the context.

    Args:
        part: The rows of this replica.
        due: Whether this variant of the step moves players that do not move in each
            step. None if there is a single variant, which decides by itself.
    """
    tokens = _PART.set(part), _DUE.set(due)
    try:
        yield
    finally:
        _PART.reset(tokens[0])
        _DUE.reset(tokens[1])


def is_due() -> bool | None:
    """Whether waiting players move in this variant; see `acting`."""
    return _DUE.get()


def num_replicas() -> int:
    """Number of replicas that share a batch. Their gradients are summed."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def first_row(x: tf.Tensor) -> tf.Tensor | int:
    """Number of a replica's first row in the whole batch.

    Outside the engine's loop, replicas are assumed to have parts of equal size.

    Args:
        x: The rows of this replica.
    """
    part = _PART.get()
    if part is not None:
        return part.first_row
    if not _is_shared():
        return 0
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    return tf.cast(replica, tf.int32) * tf.shape(x)[0]


def num_rows(x: tf.Tensor) -> tf.Tensor:
    """Number of a replica's rows that count, an int32 scalar; 0 for a repeated row.

    Args:
        x: The rows of this replica.
    """
    part = _PART.get()
    return tf.shape(x)[0] if part is None else part.num_rows


def batch_rows(x: tf.Tensor) -> tf.Tensor:
    """Number of rows of the whole batch, an int32 scalar.

    Args:
        x: The rows of this replica.
    """
    part = _PART.get()
    return total(tf.shape(x)[0]) if part is None else part.batch_rows


def first_of_batch(values: tf.Tensor) -> tf.Tensor:
    """The value of the first row of the whole batch, `(1, ...)`.

    Args:
        values: One value for each row of this replica, `(rows, ...)`.
    """
    if not _is_shared():
        return values[:1]
    is_first = (first_row(values) == 0) & (num_rows(values) > 0)
    return total(tf.where(is_first, values[:1], tf.zeros_like(values[:1])))


def counted(weight: tf.Tensor) -> tf.Tensor:
    """The weight of a replica's rows in a mean over the batch; 0 for a repeated row.

    Args:
        weight: A scalar, such as the number of tokens in the rows.
    """
    part = _PART.get()
    if part is None:
        return weight
    return tf.where(part.num_rows > 0, weight, tf.zeros_like(weight))


def _is_shared() -> bool:
    """Whether this is one of several replicas that share a batch."""
    return num_replicas() > 1 and tf.distribute.get_replica_context() is not None


def total(value: Any) -> Any:
    """The sum over all replicas that share a batch, for each tensor.

    Args:
        value: A structure of tensors.
    """
    if not _is_shared():
        return value
    replica = tf.distribute.get_replica_context()
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, value)


def shared(loss: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """A replica's share of the loss. The shares sum to the batch's mean.

    Args:
        loss: The mean over the rows of this replica, a scalar.
        weight: The weight of its rows in the mean over the batch, a scalar >= 0: their
            number, or the number of their tokens.
    """
    if not _is_shared():
        return loss
    weight = tf.cast(weight, loss.dtype)
    return loss * tf.math.divide_no_nan(weight, total(weight))


def split(rows: int, replica: int, replicas: int) -> tuple[int, int]:
    """First row and number of rows of one of several contiguous parts of a batch.

    Args:
        rows: Rows of the batch.
        replica: Number of the part.
        replicas: Number of parts. Their numbers of rows differ by at most one.

    Returns:
        `(first, count)`; `(0, 0)` for a part without rows.
    """
    share, more = divmod(rows, replicas)
    count = share + (replica < more)
    return (replica * share + min(replica, more) if count else 0), count
