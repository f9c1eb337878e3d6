"""Batches of examples for `fit`, in an order that the seed and the step decide."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Fetch = Callable[[tf.Tensor], Any]


def shuffled(
    fetch: Fetch,
    num_rows: int,
    batch_size: int,
    *,
    seed: int,
    step: tf.Variable,
    parallel: bool = False,
) -> tf.data.Dataset:
    """One epoch of batches per iteration, in a new order each time.

    The order follows from the seed and the number of the epoch, counted by the
    steps: training that is resumed sees the batches that it would have seen.

    Args:
        fetch: Row numbers, int64 `(batch,)`, to the data of the batch.
        num_rows: Number of examples.
        batch_size: Examples per batch; the last batch may be smaller.
        seed: Seed of the order.
        step: The optimizer's count of steps.
        parallel: Whether batches are fetched in parallel: for work such as decoding.
            Plain copies are faster one by one, beside the training step.
    """
    num_batches = -(-num_rows // batch_size)

    def order(_: tf.Tensor) -> tf.data.Dataset:
        epoch = tf.cast(step.read_value(), tf.int64) // num_batches
        rows = tf.random.experimental.stateless_shuffle(
            tf.range(num_rows, dtype=tf.int64),
            tf.stack([tf.constant(seed, tf.int64), epoch]),
        )
        return tf.data.Dataset.from_tensor_slices(rows)

    rows = tf.data.Dataset.range(1).flat_map(order)
    rows = rows.apply(tf.data.experimental.assert_cardinality(num_rows))
    return _fetched(rows.batch(batch_size), fetch, parallel=parallel)


def in_order(
    fetch: Fetch, num_rows: int, batch_size: int, *, parallel: bool = False
) -> tf.data.Dataset:
    """The examples in their own order, in batches; arguments as in `shuffled`."""
    rows = tf.data.Dataset.range(num_rows).batch(batch_size)
    return _fetched(rows, fetch, parallel=parallel)


def array_fetch(x: np.ndarray, labels: np.ndarray | None = None) -> Fetch:
    """Rows of arrays: `x`, or `(x, labels)` if there are labels."""
    with tf.device("CPU:0"):
        arrays = (
            tf.constant(x) if labels is None else (tf.constant(x), tf.constant(labels))
        )
    return lambda rows: tf.nest.map_structure(lambda a: tf.gather(a, rows), arrays)


def takes_arrays(model: keras.Model, x: Any, options: dict[str, Any]) -> bool:
    """Whether `epoch_of` can stand for Keras' own handling of `fit(x, **options)`."""
    return (
        isinstance(x, np.ndarray)
        and isinstance(options["shuffle"], bool)
        and options.get("steps_per_epoch") is None
        and model.distribute_strategy.num_replicas_in_sync == 1
    )


def epoch_of(
    model: keras.Model,
    x: np.ndarray,
    labels: np.ndarray | None,
    batch_size: int,
    *,
    shuffle: bool,
) -> tf.data.Dataset:
    """Batches of arrays for a compiled model, ordered by its seed and steps."""
    fetch = array_fetch(x, labels)
    if not shuffle:
        return in_order(fetch, len(x), batch_size)
    step = model.optimizer.iterations.value
    return shuffled(fetch, len(x), batch_size, seed=model.seed, step=step)


def _fetched(rows: tf.data.Dataset, fetch: Fetch, *, parallel: bool) -> tf.data.Dataset:
    if parallel:
        batches = rows.map(fetch, num_parallel_calls=tf.data.AUTOTUNE)
        return batches.prefetch(tf.data.AUTOTUNE)
    options = tf.data.Options()
    options.autotune.enabled = False
    return rows.map(fetch).prefetch(2).with_options(options)
