"""Encodes: examples to latent vectors and back."""

import abc
from typing import Any

import numpy as np
import tensorflow as tf

from ..refusals import require_finite
from ..rows import Rows
from ..validation import check_count

OUTSIDE = "x must lie in the support of the density, its latent vectors be finite"


class Encodes(abc.ABC):
    """Maps examples to latent vectors and back.

    Examples outside the support of a density have no finite latent vector. Arrays of
    them raise, and so do traced functions when they run; eager tensors, as in a
    gradient, give NaN or infinity.

    Attributes:
        lossless: Whether `reconstruct` gives back the examples themselves.
    """

    lossless = False

    @property
    @abc.abstractmethod
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one latent vector."""

    @abc.abstractmethod
    def _encode(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Latent vectors of examples, deterministically."""

    @abc.abstractmethod
    def _decode(self, z: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Examples from latent vectors."""

    def encode(self, x: Rows, labels: Any = None, context: Any = None) -> Rows:
        """Latent vectors of examples.

        Args:
            x: Examples, `(batch, *data_shape)`; images uint8 or in [0, 1].
            labels: Integers, `(batch,)`, for a class-conditional model.
            context: Numbers, `(batch, context_size)`, for a model with a context.

        Returns:
            float32 `(batch, *latent_shape)`.

        Raises:
            ValueError: If an array `x` has rows outside the support of the density.
        """
        z = self.run(self._encode, x=x, labels=labels, context=context)
        return require_finite(z, OUTSIDE) if tf.is_tensor(z) else _finite(z, "x")

    def decode(self, z: Rows, labels: Any = None, context: Any = None) -> Rows:
        """Examples from latent vectors.

        Args:
            z: Latent vectors, `(batch, *latent_shape)`.
            labels: Integers, `(batch,)`, for a class-conditional model.
            context: Numbers, `(batch, context_size)`, for a model with a context.

        Returns:
            float32 `(batch, *data_shape)`; images in [0, 1].
        """
        return self.run(self._decode, z=z, labels=labels, context=context)

    def reconstruct(self, x: Rows, labels: Any = None, context: Any = None) -> Rows:
        """Decodes the codes of examples: `decode(encode(x))`.

        Args:
            x: Examples, `(batch, *data_shape)`; images uint8 or in [0, 1].
            labels: Integers, `(batch,)`, for a class-conditional model.
            context: Numbers, `(batch, context_size)`, for a model with a context.

        Returns:
            float32 `(batch, *data_shape)`; images in [0, 1].

        Raises:
            ValueError: As in `encode`.
        """
        if tf.is_tensor(x):
            given = {"labels": labels, "context": context}
            return self.run(self._reconstruct, x=x, **given)
        return self.decode(self.encode(x, labels, context), labels, context)

    def _reconstruct(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        z = require_finite(self._encode(x, labels), OUTSIDE)
        return self._decode(z, labels)

    def interpolate(
        self, a: Rows, b: Rows, steps: int, labels: Any = None, context: Any = None
    ) -> Rows:
        """Decodes points on the straight line between the codes of two examples.

        Args:
            a: Examples at the start, `(batch, *data_shape)`.
            b: Examples at the end, `(batch, *data_shape)`.
            steps: Points per line, both ends included, at least 2.
            labels: Integers, `(batch,)`, for a class-conditional model.
            context: Numbers, `(batch, context_size)`, for a model with a context.

        Returns:
            float32 array `(batch, steps, *data_shape)`.

        Raises:
            ValueError: If `steps` is below 2, the batches differ, or rows lie outside
                the support of the density.
        """
        z = self._between(a, b, steps, labels=labels, context=context)
        flat = z.reshape((-1, *self.latent_shape))
        labels, context = (
            None if rows is None else np.repeat(rows, steps, axis=0)
            for rows in (labels, context)
        )
        return self.decode(flat, labels, context).reshape((-1, steps, *self.data_shape))

    def _between(self, a: Rows, b: Rows, steps: int, **given: Any) -> np.ndarray:
        """Points from code to code, `(batch, steps, *latent_shape)`."""
        check_count(steps, "steps", least=2)
        if len(a) != len(b):
            raise ValueError(f"a and b differ in length: {len(a)} and {len(b)}.")
        start, end = (
            _finite(np.asarray(self.run(self._encode, x=x, **given)), name)
            for name, x in (("a", a), ("b", b))
        )
        weights = np.linspace(0, 1, steps, dtype=np.float32)
        weights = weights.reshape((steps,) + (1,) * len(self.latent_shape))
        return start[:, None] * (1 - weights) + end[:, None] * weights


def _finite(z: np.ndarray, name: str) -> np.ndarray:
    """The latent vectors of the argument `name`, if all are finite."""
    bad = np.flatnonzero(~np.isfinite(z).all(axis=tuple(range(1, z.ndim))))
    if bad.size:
        raise ValueError(
            f"{name} has {bad.size} of {len(z)} rows outside the support of the "
            f"density, row {bad[0]} first: their latent vectors are not finite."
        )
    return z
