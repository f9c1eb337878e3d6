"""Distances between an example and its reconstruction, `(batch,)`."""

import abc
from typing import Any

import tensorflow as tf
from keras import ops

from ..serialization import value
from ..validation import decided


class Reconstruction(abc.ABC):
    """An error of reconstruction, and the link from raw values to examples.

    Attributes:
        unit_interval: Whether examples have to lie in [0, 1]; None for where the data
            of the model lie.
    """

    unit_interval: bool | None = True

    def for_inputs(self, inputs: Any) -> "Reconstruction":
        """The error for data in [0, 1], or for data anywhere.

        Args:
            inputs: What the data are, a spec.

        Raises:
            ValueError: If it is one of data in [0, 1], and these lie anywhere; or if
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
        """Whether the link is a sigmoid: here, if examples lie in [0, 1]."""
        return self.unit_interval is not False

    @abc.abstractmethod
    def link(self, raw: tf.Tensor) -> tf.Tensor:
        """The example that a decoder's raw output stands for."""

    @abc.abstractmethod
    def __call__(self, x: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Error per example, `(batch,)`, summed over its values.

        Args:
            x: Examples, `(batch, ...)`.
            raw: Raw decoder output of the same shape.
        """


@value
class BinaryCrossEntropy(Reconstruction):
    """Cross-entropy in nats, -sum(x log p + (1 - x) log(1 - p)), p = sigmoid(raw)."""

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
        unit_interval: Whether examples lie in [0, 1] and a sigmoid keeps the
            reconstruction there; False leaves both free, for columns of any size; None
            follows the data.
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
    """Of a table: half squared differences of numbers, cross-entropies of categories.

    Numbers and integers count in deviations of their columns, categories in nats.

    Attributes:
        columns: The spec of the table, `specs.Columns`; None for that of the model.
    """

    columns: Any = None
    unit_interval = False

    def for_inputs(self, inputs: Any) -> "MixedError":
        """The error for a table's columns.

        Raises:
            ValueError: If the spec is no `Columns`, or another than that of this value.
        """
        if not hasattr(inputs, "sizes") or self.columns not in (None, inputs):
            raise ValueError(
                f"reconstruction must fit the inputs: MixedError is for "
                f"{self.columns or 'specs.Columns'}, received {inputs}."
            )
        return MixedError(inputs)

    def link(self, raw: tf.Tensor) -> tf.Tensor:
        """Numbers as they are, and probabilities of the values of each category."""
        numbers, logits = self._parts(raw)
        parts = [tf.nn.softmax(part, axis=-1) for part in logits]
        return ops.concatenate([numbers, *parts], axis=-1)

    def __call__(self, x: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Error per example, `(batch,)`, >= 0."""
        numbers, logits = self._parts(raw)
        known, one_hot = self._parts(x)
        error = 0.5 * _sum(ops.square(known - numbers))
        for chosen, part in zip(one_hot, logits, strict=True):
            error -= _sum(chosen * tf.nn.log_softmax(part, axis=-1))
        return error

    def _parts(self, values: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        count, sizes = len(self.columns.numbers), self.columns.sizes
        rest = tf.split(values[..., count:], sizes, axis=-1) if sizes else []
        return values[..., :count], rest


def _sum(values: tf.Tensor) -> tf.Tensor:
    return ops.sum(values, axis=tuple(range(1, len(values.shape))))
