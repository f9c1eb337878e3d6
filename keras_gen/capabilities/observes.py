"""Observes: what a model explains of an example."""

import tensorflow as tf

from .. import random
from ..objectives.corruption import Corruption

OBSERVATION_STREAM = 1


class Observes:
    """Explains examples, or one random observation of each.

    Attributes:
        observation: Draws what is explained of an example, such as
            `StochasticBinarization()`; None is the example itself.
    """

    observation: Corruption | None = None

    def observe(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """What the model explains of examples: `x`, or one observation of each.

        Args:
            x: float32 examples, `(batch, *data_shape)`.
            seed: int32 `(batch,)`, decides the observations.
        """
        return self._observe(x, random.RowNoise(seed))

    def _observe(self, x: tf.Tensor, noise: random.RowNoise) -> tf.Tensor:
        """The same with the random numbers of a batch."""
        if self.observation is None:
            return x
        return self.observation.apply(x, noise, OBSERVATION_STREAM)
