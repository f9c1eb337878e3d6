"""The scale on which a network sees the data."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .examples import first_rows

INITIAL_ROWS = 10_000


class ScalesData:
    """A model whose network sees images in [-1, 1], vectors standardized by feature.

    Attributes:
        mean: What the network's 0 is in units of the data, a scalar or per feature.
        deviation: What its 1 is more.
        initialized: Whether both are known.
    """

    standardizes = True

    def prepare(self, x: Any, y: Any) -> None:
        """Finds mean and deviation of vectors, before the first step."""
        if self.initialized.numpy():
            return
        if not self.unit_interval:
            rows = np.asarray(first_rows(self, x, y, INITIAL_ROWS)[0])
            deviation = rows.std(axis=0)
            self.mean.assign(rows.mean(axis=0))
            self.deviation.assign(np.where(deviation > 0, deviation, 1))
        self.initialized.assign(True)  # noqa: FBT003

    def add_scale(self) -> None:
        """Mean and deviation of the data, and whether they are known."""
        start = {"trainable": False, "dtype": "float32"}
        shape = () if self.unit_interval else self.data_shape
        middle = 0.5 if self.unit_interval else 0.0
        constant = keras.initializers.Constant
        self.mean = self.add_weight(shape, constant(middle), name="mean", **start)
        self.deviation = self.add_weight(
            shape, constant(1.0 - middle), name="deviation", **start
        )
        start["dtype"] = "bool"
        self.initialized = self.add_weight((), "zeros", name="initialized", **start)

    def _inward(self, x: tf.Tensor) -> tf.Tensor:
        return (x - self.mean) / self.deviation

    def _outward(self, x: tf.Tensor) -> tf.Tensor:
        x = self.mean + self.deviation * x
        return tf.clip_by_value(x, 0.0, 1.0) if self.unit_interval else x
