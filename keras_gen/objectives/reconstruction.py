"""Distances between an example and its reconstruction, `(batch,)`."""

import abc
from typing import Any

import tensorflow as tf
from keras import ops

from ..serialization import value
from ..validation import decided, for_columns


class Reconstruction(abc.ABC):
    """A reconstruction error, and the link from raw values to examples.

    Attributes:
        unit_interval: Whether examples must be in [0, 1]. None decides from the model's
            data.
    """

    unit_interval: bool | None = True

    def for_inputs(self, inputs: Any) -> "Reconstruction":
        """The error for a model's data.

        Args:
            inputs: The spec of the data.

        Raises:
            ValueError: If the error requires data in [0, 1] and they are not, or if
                the data have integers or categories.
        """
        if inputs.has_levels:
            raise ValueError(
                "reconstruction must be MixedError() for tables with integers or "
                f"categories, received {self}."
            )
        return decided(self, is_unit=inputs.is_unit, name="reconstruction")

    @property
    def squashes(self) -> bool:
        """Whether the link is a sigmoid, as for examples in [0, 1]."""
        return self.unit_interval is not False

    @abc.abstractmethod
    def link(self, raw: tf.Tensor) -> tf.Tensor:
        """Converts a decoder's raw output to examples."""

    @abc.abstractmethod
    def __call__(self, x: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Error per example, `(batch,)`, summed over its values.

        Args:
            x: Examples, `(batch, ...)`.
            raw: Raw decoder output of the same shape.
        """


@value
class BinaryCrossEntropy(Reconstruction):
    """Cross-entropy in nats, -sum(x log p + (1 - x) log(1 - p)), p = sigmoid(raw).

    Example:
        >>> x, raw = tf.ones((1, 2)), tf.zeros((1, 2))
        >>> error = kg.objectives.BinaryCrossEntropy()(x, raw)
        >>> round(float(error[0]), 4)  # 2 log(2)
        1.3863
    """

    def link(self, raw: tf.Tensor) -> tf.Tensor:
        """`sigmoid(raw)`, in (0, 1)."""
        return ops.sigmoid(raw)

    def __call__(self, x: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Nats per example, `(batch,)`, >= 0."""
        return _sum(ops.binary_crossentropy(x, raw, from_logits=True))


@value
class SquaredError(Reconstruction):
    """Sum of squared differences.

    Attributes:
        unit_interval: Whether examples are in [0, 1] and reconstructions pass through a
            sigmoid. False is for columns of any size. None decides from the data.

    Example:
        >>> x, raw = tf.constant([[1.0, 3.0]]), tf.constant([[0.0, 1.0]])
        >>> float(kg.SquaredError(unit_interval=False)(x, raw)[0])
        5.0
    """

    unit_interval: bool | None = None

    def link(self, raw: tf.Tensor) -> tf.Tensor:
        """`sigmoid(raw)`, or `raw` for vectors."""
        return ops.sigmoid(raw) if self.squashes else raw

    def __call__(self, x: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Squared units of the data per example, `(batch,)`, >= 0."""
        return _sum(ops.square(x - self.link(raw)))


@value
class MixedError(Reconstruction):
    """The error of a table: half squared differences of numbers, and cross-entropies.

    Numbers are measured by the normal quantiles of their columns, categories, and
    whether a number is missing, in nats. A missing number has no squared difference.

    Attributes:
        columns: The spec of the table, `specs.Columns`. None takes the model's.

    Example:
        >>> kind = kg.specs.Category("kind", ["flat", "house"])
        >>> columns = kg.specs.Columns([kg.specs.Numeric("price"), kind])
        >>> error = kg.MixedError(columns)
        >>> x, raw = tf.constant([[2.0, 0.0, 1.0]]), tf.zeros((1, 3))
        >>> round(float(error(x, raw)[0]), 4)  # 2**2 / 2 + log(2)
        2.6931
    """

    columns: Any = None
    unit_interval = False

    def for_inputs(self, inputs: Any) -> "MixedError":
        """The error for a table's columns.

        Raises:
            ValueError: If the spec is not `Columns`, or differs from `columns`.
        """
        return for_columns(self, inputs, "reconstruction")

    def link(self, raw: tf.Tensor) -> tf.Tensor:
        """Unchanged numbers, and the probabilities of each category's values."""
        numbers, logits = self._parts(raw)
        parts = [tf.nn.softmax(part, axis=-1) for part in logits]
        return ops.concatenate([numbers, *parts], axis=-1)

    def __call__(self, x: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Error per example, `(batch,)`, >= 0."""
        numbers, logits = self._parts(raw)
        known, one_hot = self._parts(x)
        squares = ops.square(known - numbers) * self.columns.presence(x)
        error = 0.5 * _sum(squares)
        for chosen, part in zip(one_hot, logits, strict=True):
            error -= _sum(chosen * tf.nn.log_softmax(part, axis=-1))
        return error

    def _parts(self, values: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        count, blocks = len(self.columns.numbers), self.columns.blocks
        rest = tf.split(values[..., count:], blocks, axis=-1) if blocks else []
        return values[..., :count], rest


def _sum(values: tf.Tensor) -> tf.Tensor:
    return ops.sum(values, axis=tuple(range(1, len(values.shape))))
