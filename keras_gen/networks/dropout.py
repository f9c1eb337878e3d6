"""Dropout that resumes exactly."""

from typing import Any

import tensorflow as tf
from keras import layers, ops

from ..serialization import register


@register
class Dropout(layers.Dropout):
    """Keras' dropout, saved with the state of its random numbers.

    Keras saves the weights alone, so resumed training would see other masks. Masks are
    drawn with Philox and are the same as Keras', which leaves the generator to XLA; its
    default is much slower on a CPU.

    Args:
        rate: Share of the values that are set to 0, in [0, 1).
        seed: Seed of the masks. None draws a seed.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
        SC 2011 (Philox).

    Example:
        >>> layer = kg.networks.Dropout(0.5, seed=0)
        >>> y = layer(tf.ones((1000,)), training=True)
        >>> np.unique(y), bool(0.9 < np.mean(y) < 1.1)
        (array([0., 2.], dtype=float32), True)
    """

    def __init__(self, rate: float, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, seed=seed, **kwargs)

    def call(self, inputs: Any, training: bool = False) -> Any:  # noqa: FBT001, FBT002
        """Drops values of any shape. Kept values are divided by `1 - rate`."""
        if not (training and self.rate > 0):
            return inputs
        seed = self.seed_generator.next()
        uniform = tf.random.stateless_uniform(tf.shape(inputs), seed, alg="philox")
        return ops.where(uniform < self.rate, 0.0, inputs / (1 - self.rate))

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Saves the state."""
        if self.rate > 0:
            store["state"] = self.seed_generator.state

    def load_own_variables(self, store: dict[str, Any]) -> None:
        """Loads the state."""
        if self.rate > 0:
            self.seed_generator.state.assign(store["state"])
