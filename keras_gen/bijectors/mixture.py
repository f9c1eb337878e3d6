"""A base density with weights of its own."""

from typing import Any

import keras
import tensorflow as tf

from ..distributions import Prior
from ..distributions.tfp import tfd
from ..serialization import register
from ..validation import check_positive, check_type


@register
class LearnedMixture(keras.layers.Layer, Prior):
    """A mixture of Gaussians with independent values, all of it learned.

    With one component it is a learned normal. More components bring modes that a
    continuous map of one normal could only join by thin bridges.

    Args:
        num_components: Number of Gaussians.
        seed: Decides the means at the start.
        **kwargs: `name` and `dtype`, for Keras.
    """

    def __init__(
        self, num_components: int = 1, *, seed: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        check_positive(num_components, "num_components", integer=True)
        check_type(seed, int, "seed")
        self.num_components, self.seed = num_components, seed

    def prepare(self, latent_dim: int) -> None:
        """Makes weights, means and scales of vectors of `latent_dim` values.

        Raises:
            ValueError: If it has them already.
        """
        if self.built:
            raise ValueError("base has its weights from another flow: make a new one.")
        shape = self.num_components, latent_dim
        start = keras.initializers.RandomNormal(1.0, seed=self.seed)
        start = "zeros" if self.num_components == 1 else start
        self.logits = self.add_weight(shape[:1], "zeros", name="logits")
        self.means = self.add_weight(shape, start, name="means")
        self.log_scales = self.add_weight(shape, "zeros", name="log_scales")
        self.built = True

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        """Log density in nats."""
        scales = tf.exp(self.log_scales.value)
        components = tfd().MultivariateNormalDiag(self.means.value, scales)
        chosen = tfd().Categorical(logits=self.logits.value)
        return tfd().MixtureSameFamily(chosen, components).log_prob(z)

    def noise_size(self, latent_dim: int) -> int:
        """One value per latent dimension, and two that choose the component."""
        return latent_dim + 2

    def from_noise(self, noise: tf.Tensor) -> tf.Tensor:
        """Latent vectors from noise, `(batch, noise_size)`.

        exp(-(a**2 + b**2) / 2) of two standard normal values is uniform.
        """
        noise, choosers = noise[:, :-2], noise[:, -2:]
        uniform = tf.exp(-tf.reduce_sum(choosers**2, axis=-1, keepdims=True) / 2)
        ends = tf.cumsum(tf.nn.softmax(self.logits.value))[:-1]
        passed = tf.cast(uniform > ends[None], noise.dtype)
        ones = tf.ones_like(uniform)
        chosen = tf.concat([ones, passed], 1) - tf.concat([passed, 0 * ones], 1)
        scales = tf.exp(self.log_scales.value)
        return chosen @ self.means.value + (chosen @ scales) * noise

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("num_components", "seed")
        return {**super().get_config(), **{n: getattr(self, n) for n in names}}
