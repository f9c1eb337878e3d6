"""Conditions that `fit` draws for the rows of a table: training by sampling."""

from typing import Any

import numpy as np
import tensorflow as tf

from ..specs import AnyCategory
from .batches import ExampleSource, epoch_order

ASKED = 0.5  # share of the rows that have a condition


class AskedRows(ExampleSource):
    """Rows of a table with conditions drawn anew in each epoch; see `AnyCategory`.

    The number of an example is its row times the number of labels, plus its label.

    Args:
        x: Rows of the table, `(n, columns)`.
        condition: The spec of the condition.

    Attributes:
        counts: Number of rows for each label, int64 `(num_classes,)`.
    """

    def __init__(self, x: np.ndarray, condition: AnyCategory) -> None:
        self._x, self._labels = x, condition.num_classes
        self.row_bytes = x[:1].nbytes + 4
        orders, counts, columns = [], [np.array([len(x)])], []
        for place in condition.table.categories:
            codes = x[:, place].astype(np.int64)
            orders.append(np.argsort(codes, kind="stable").astype(np.int32))
            size = len(condition.table.columns[place].values)
            counts.append(np.bincount(codes, minlength=size))
            mass = np.log1p(counts[-1])
            columns.append(np.cumsum(mass / mass.sum()))
        self._orders, self._shares = orders, columns
        self.counts = np.concatenate(counts)

    def num_rows(self, *, shuffled: bool) -> int:
        """The number of rows."""
        del shuffled
        return len(self._x)

    def in_order(self) -> np.ndarray:
        """All rows, without a condition."""
        return np.arange(len(self._x), dtype=np.int64) * self._labels

    def at_random(self, seed: int, epoch: Any) -> tf.Tensor:
        """All rows in a random order, of which about half are replaced.

        In their place are rows that have a value that was drawn, with its label.
        """
        rows = epoch_order(len(self._x), seed, epoch)
        seeds = tf.stack([tf.constant(seed, tf.int64), tf.cast(epoch, tf.int64)])
        places = tf.random.stateless_uniform(
            (4, len(self._x)), seeds, dtype=tf.float64, alg="philox"
        )
        found = tf.numpy_function(self._drawn, [rows, places], tf.int64, stateful=False)
        return tf.ensure_shape(found, rows.shape)

    def _drawn(self, rows: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Numbers of examples from rows and from uniform numbers, `(4, n)`."""
        is_asked, of, value, row = places
        rows, labels = rows.copy(), np.zeros(len(rows), np.int64)
        column = (of * len(self._orders)).astype(int)
        first = 1
        for i, (order, shares) in enumerate(
            zip(self._orders, self._shares, strict=True)
        ):
            counts = self.counts[first : first + len(shares)]
            at = np.flatnonzero((is_asked < ASKED) & (column == i))
            codes = np.searchsorted(shares, value[at] * shares[-1], side="right")
            starts = np.cumsum(counts) - counts
            chosen = starts[codes] + (row[at] * counts[codes]).astype(np.int64)
            rows[at], labels[at] = order[chosen], first + codes
            first += len(shares)
        return rows * self._labels + labels

    def fetch(self, rows: np.ndarray) -> tuple[tf.Tensor, ...]:
        """Rows of the table, and their labels."""
        chosen, labels = np.divmod(rows, self._labels)
        return tf.constant(self._x[chosen]), tf.constant(labels.astype(np.int32))
