"""Batches for `fit`, in an order that the seed and the epoch decide."""

from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

if TYPE_CHECKING:
    from .data import Split


class Batches(keras.callbacks.Callback):
    """A shuffled dataset whose order is a function of seed and epoch.

    Pass `dataset` as the data and the object itself as a callback: training that
    starts at epoch 3 then sees the batches that epoch 3 always sees.

    Args:
        split: Examples with labels.
        batch_size: Examples per batch; the last batch may be smaller.
        seed: Seed of the order.
        with_labels: Whether batches are `(x, labels)` or `x`.
    """

    def __init__(
        self, split: "Split", *, batch_size: int, seed: int, with_labels: bool
    ) -> None:
        super().__init__()
        self.epoch = tf.Variable(0, dtype=tf.int64, trainable=False)

        def order(_: tf.Tensor) -> tf.data.Dataset:
            shuffled = tf.random.experimental.stateless_shuffle(
                tf.range(len(split), dtype=tf.int64),
                seed=tf.stack([tf.constant(seed, tf.int64), self.epoch.read_value()]),
            )
            return tf.data.Dataset.from_tensor_slices(shuffled)

        indices = tf.data.Dataset.range(1).flat_map(order)
        indices = indices.apply(tf.data.experimental.assert_cardinality(len(split)))
        self.dataset = _fetch(indices.batch(batch_size), split, with_labels=with_labels)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Chooses the order of this epoch."""
        self.epoch.assign(epoch)


def in_order(split: "Split", *, batch_size: int, with_labels: bool) -> tf.data.Dataset:
    """The split's examples in their own order, in batches."""
    indices = tf.data.Dataset.range(len(split)).batch(batch_size)
    return _fetch(indices, split, with_labels=with_labels)


def _fetch(
    indices: tf.data.Dataset, split: "Split", *, with_labels: bool
) -> tf.data.Dataset:
    def fetch(rows: tf.Tensor) -> Any:
        x = split.fetch(rows)
        return (x, tf.gather(split.labels, rows)) if with_labels else x

    return indices.map(fetch, num_parallel_calls=tf.data.AUTOTUNE).prefetch(
        tf.data.AUTOTUNE
    )
