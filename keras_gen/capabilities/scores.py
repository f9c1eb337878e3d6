"""Scores: exact log-likelihoods of examples."""

import abc
from typing import Any

import tensorflow as tf

from ..rows import Rows


class Scores(abc.ABC):
    """Knows the exact density of examples."""

    @abc.abstractmethod
    def _log_prob(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Log densities of examples, deterministically."""

    def log_prob(self, x: Rows, labels: Any = None, context: Any = None) -> Rows:
        """Log density of examples in nats, with respect to the units of the data.

        Args:
            x: Examples, `(batch, *data_shape)`; images uint8 or in [0, 1].
            labels: Integers, `(batch,)`, for a class-conditional model.
            context: Numbers, `(batch, context_size)`, for a model with a context.

        Returns:
            float32 `(batch,)`.
        """
        return self.run(self._log_prob, x=x, labels=labels, context=context)
