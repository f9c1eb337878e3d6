"""A prior that is a flow."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from ..distributions import Prior, StandardNormal
from ..distributions.priors import check_new
from ..serialization import deserialize, register, serialize
from ..validation import check_type
from .chain import Chain
from .lazy import LazyBijector


@register
class FlowPrior(keras.layers.Layer, Prior):
    """Codes by an invertible map of a simple density, trained with the model.

    Args:
        bijectors: The bijectors, beginning at the codes.
        base: The density at the other end. The default is standard normal.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If a bijector or the base has the wrong type.
        ValueError: If `bijectors` is empty.

    References:
        Chen et al., "Variational lossy autoencoder", ICLR 2017, section 3.2.

    Example:
        >>> import keras_gen as kg
        >>> prior = kg.bijectors.FlowPrior(kg.bijectors.real_nvp(2, units=(8,)))
        >>> networks = kg.networks.mlp_vae((8, 8, 1), 2, units=(16,))
        >>> model = kg.VAE(*networks, prior=prior, seed=0)
        >>> model.sample(3, seed=7).shape
        (3, 8, 8, 1)
    """

    def __init__(
        self,
        bijectors: Sequence[LazyBijector],
        base: Prior | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        check_type(base, Prior | None, "base")
        self.chain, self.base = Chain(bijectors), base or StandardNormal()

    @property
    def needs_data(self) -> bool:
        """Whether one of the bijectors needs data."""
        return self.chain.needs_data

    def prepare(self, latent_dim: int) -> None:
        """Makes the weights; see `Prior.prepare`."""
        check_new(self)
        self.chain.prepare((latent_dim,))
        self.base.prepare(latent_dim)
        how = {"dtype": "bool", "trainable": False, "name": "initialized"}
        self.initialized = self.add_weight((), "zeros", **how)
        self.built = True

    def initialize(self, x: tf.Tensor, z: tf.Tensor) -> None:
        """Initializes bijectors such as `ActNorm` from draws of q(z | x), once."""
        del x
        if not self.initialized.numpy():
            self.chain.initialize(z.numpy())
            self.initialized.assign(True)  # noqa: FBT003

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        """Log density in nats."""
        flat, bijector = self._own(z), self.chain.bijector()
        inner = bijector.inverse(flat)
        nats = tf.cast(bijector.inverse_log_det_jacobian(flat, 1), "float32")
        nats += self.base.log_prob(tf.cast(inner, "float32"))
        return tf.reshape(nats, tf.shape(z)[:-1])

    def noise_size(self, latent_dim: int) -> int:
        """Those of the base."""
        return self.base.noise_size(latent_dim)

    def from_noise(self, noise: tf.Tensor) -> tf.Tensor:
        """Latent vectors from noise, `(batch, noise_size)`."""
        inner = self._own(self.base.from_noise(noise))
        return tf.cast(self.chain.bijector().forward(inner), "float32")

    def _own(self, z: tf.Tensor) -> tf.Tensor:
        """New rows in the bijectors' dtype, since they cache by identity."""
        rows = tf.reshape(z, (-1, z.shape[-1]))
        return tf.identity(tf.cast(rows, self.chain.variable_dtype))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        parts = {"bijectors": self.chain.bijectors, "base": self.base}
        return {**super().get_config(), **serialize(parts)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "FlowPrior":
        """Rebuilds the layer from `get_config`."""
        return cls(**deserialize(config))
