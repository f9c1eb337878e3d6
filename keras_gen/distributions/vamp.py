"""A prior that is a mixture of the encoder's posteriors of learned pseudo-inputs."""

import math
from typing import Any, cast

import keras
import tensorflow as tf
from keras import ops

from ..serialization import register
from ..validation import check_positive, check_type
from .priors import Encoder, Prior, check_new

LEAST, SHARPEST = 0.02, 1e-12  # distance of pseudo-inputs from 0 and 1; a variance


@register
class VampPrior(keras.layers.Layer, Prior):
    """The mean of the encoder's posteriors of pseudo-inputs, which are learned.

    Pseudo-inputs begin as examples of the training data, and stay equal where they
    begin as the same example: pass at most as many as there are examples. It is for a
    `VAE` without a condition.

    Args:
        num_components: Number of pseudo-inputs.
        seed: Seed of the pseudo-inputs until `fit` sees data.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Tomczak and Welling, "VAE with a VampPrior", AISTATS 2018, eq. 9.

    Example:
        >>> import keras_gen as kg
        >>> networks = kg.networks.mlp_vae((8, 8, 1), 2, units=(16,))
        >>> model = kg.VAE(*networks, prior=kg.VampPrior(10), seed=0)
        >>> model.sample(3, seed=7).shape
        (3, 8, 8, 1)
    """

    needs_data = needs_encoder = True

    def __init__(
        self, num_components: int = 500, *, seed: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        check_positive(num_components, "num_components", integer=True)
        check_type(seed, int, "seed")
        self.num_components, self.seed = num_components, seed
        self._posterior: Encoder | None = None

    @property
    def num_examples(self) -> int:
        """One example for each pseudo-input."""
        return self.num_components

    def join(
        self,
        shape: tuple[int, ...],
        posterior: Encoder,
        *,
        size: int,
        is_unit: bool,
    ) -> None:
        """Takes the encoder of a model; see `Prior.join`."""
        check_new(self)
        self._shape, self._posterior = shape, posterior
        self._size, self._is_unit = size, is_unit

    def prepare(self, latent_dim: int) -> None:
        """Makes the pseudo-inputs; see `Prior.prepare`."""
        if self._posterior is None:
            raise ValueError("VampPrior is for kg.VAE, whose encoder it uses.")
        if self._size != latent_dim:
            raise ValueError(
                f"VampPrior of {latent_dim} values requires an encoder with as many "
                f"means, received one with {self._size}. For two levels pass "
                "prior=TwoLevelPrior(network, VampPrior()) and "
                "posterior=TwoLevelPosterior(network)."
            )
        shape = self.num_components, *self._shape
        start = keras.initializers.RandomNormal(1.0, seed=self.seed)
        self.raw = self.add_weight(shape, start, name="pseudo_inputs")
        how = {"dtype": "bool", "trainable": False, "name": "initialized"}
        self.initialized = self.add_weight((), "zeros", **how)
        self.built = True

    def initialize(self, x: tf.Tensor, z: tf.Tensor) -> None:
        """Makes examples the pseudo-inputs, once; see `Prior.initialize`."""
        del z
        if self.initialized.numpy():
            return
        rows = tf.range(self.num_components) % len(x)
        x = tf.gather(tf.cast(x, "float32"), rows)
        if self._is_unit:
            x = tf.clip_by_value(x, LEAST, 1 - LEAST)
            x = tf.math.log(x) - tf.math.log1p(-x)
        self.raw.assign(x)
        self.initialized.assign(True)  # noqa: FBT003

    @property
    def pseudo_inputs(self) -> tf.Tensor:
        """The pseudo-inputs as networks see them, `(num_components, ...)`."""
        return self._seen(self.raw.value)

    def _seen(self, raw: tf.Tensor) -> tf.Tensor:
        return tf.sigmoid(raw) if self._is_unit else raw

    def _encoded(self, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and standard deviation of the posteriors of pseudo-inputs."""
        return cast(Encoder, self._posterior)(self._seen(raw))

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        """Log density in nats, from products of matrices."""
        mean, scale = self._encoded(self.raw.value)
        precision = 1 / (scale**2 + SHARPEST)
        flat = tf.reshape(z, (-1, z.shape[-1]))
        squares = tf.matmul(flat**2, precision, transpose_b=True)
        squares -= 2 * tf.matmul(flat, mean * precision, transpose_b=True)
        squares += tf.reduce_sum(mean**2 * precision, axis=-1)
        logs = ops.sum(tf.math.log(precision), axis=-1)
        size = z.shape[-1] * math.log(2 * math.pi)
        nats = ops.logsumexp(0.5 * (logs - squares - size), axis=-1)
        return tf.reshape(nats, tf.shape(z)[:-1]) - math.log(self.num_components)

    def noise_size(self, latent_dim: int) -> int:
        """One value per latent dimension, and two to choose the pseudo-input."""
        return latent_dim + 2

    def from_noise(self, noise: tf.Tensor) -> tf.Tensor:
        """Latent vectors from noise, `(batch, noise_size)`.

        For standard normal a and b, exp(-(a**2 + b**2) / 2) is uniform.
        """
        noise, choosers = noise[:, :-2], noise[:, -2:]
        uniform = tf.exp(-tf.reduce_sum(choosers**2, axis=-1) / 2)
        place = tf.cast(uniform * self.num_components, "int32")
        place = tf.minimum(place, self.num_components - 1)
        mean, scale = self._encoded(tf.gather(self.raw.value, place))
        return mean + scale * noise

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("num_components", "seed")
        return {**super().get_config(), **{n: getattr(self, n) for n in names}}
