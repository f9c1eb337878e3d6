"""A base density with trainable weights."""

from typing import Any

import keras
import tensorflow as tf

from ..distributions import Prior
from ..distributions.priors import check_new
from ..distributions.tfp import tfd
from ..serialization import register
from ..validation import check_positive, check_type


@register
class LearnedMixture(keras.layers.Layer, Prior):
    """A learned mixture of Gaussians with independent values.

    One component makes it a learned normal distribution. Several components represent
    separate modes, which a continuous map of one normal distribution would join by thin
    bridges.

    Args:
        num_components: Number of Gaussians.
        seed: Seed of the initial means.
        **kwargs: `name` and `dtype`, for Keras.

    Example:
        >>> base = kg.bijectors.LearnedMixture(3)
        >>> model = kg.Flow([kg.bijectors.ActNorm()], (2,), base=base)
        >>> model.noise.shape
        (4,)
    """

    def __init__(
        self, num_components: int = 1, *, seed: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        check_positive(num_components, "num_components", integer=True)
        check_type(seed, int, "seed")
        self.num_components, self.seed = num_components, seed

    def prepare(self, latent_dim: int) -> None:
        """Makes weights, means and scales; see `Prior.prepare`."""
        check_new(self)
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
        """One value per latent dimension, and two for the choice of the component."""
        return latent_dim + 2

    def from_noise(self, noise: tf.Tensor) -> tf.Tensor:
        """Latent vectors from noise, `(batch, noise_size)`.

        For standard normal a and b, exp(-(a**2 + b**2) / 2) is uniform.
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
