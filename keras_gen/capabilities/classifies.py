"""Classifies: how probable each class is for an example."""

import abc
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops

from ..rows import Rows


class Classifies(abc.ABC):
    """Knows p(label | x)."""

    @abc.abstractmethod
    def _log_probabilities(self, x: tf.Tensor) -> tf.Tensor:
        """Log-probabilities of the classes, `(batch, num_classes)`."""

    def log_probabilities(self, x: Rows) -> Rows:
        """Log p(label | x) in nats, float32 `(batch, num_classes)`, of examples.

        Args:
            x: Examples, `(batch, *data_shape)`; images uint8 or in [0, 1].
        """
        return self.run(self._log_probabilities, x=x)

    def probabilities(self, x: Rows) -> Rows:
        """p(label | x), float32 `(batch, num_classes)`, each row with the sum 1.

        Args:
            x: Examples, `(batch, *data_shape)`; images uint8 or in [0, 1].
        """
        return self.run(self._probabilities, x=x)

    def classify(self, x: Any) -> np.ndarray:
        """The most probable label of examples, int64 `(batch,)`.

        Args:
            x: Examples, `(batch, *data_shape)`; images uint8 or in [0, 1].
        """
        return np.argmax(self.log_probabilities(np.asarray(x)), axis=-1)

    def _probabilities(self, x: tf.Tensor) -> tf.Tensor:
        return ops.exp(self._log_probabilities(x))
