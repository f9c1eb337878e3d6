"""Distances between an example and its reconstruction, `(batch,)`."""

import abc

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

    def for_data(self, *, is_unit: bool) -> "Reconstruction":
        """The error for data in [0, 1], or for data anywhere.

        Raises:
            ValueError: If it is one of data in [0, 1], and these lie anywhere.
        """
        return decided(self, is_unit=is_unit, name="reconstruction")

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


def _sum(values: tf.Tensor) -> tf.Tensor:
    return ops.sum(values, axis=tuple(range(1, len(values.shape))))
