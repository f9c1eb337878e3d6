"""A posterior that is a flow."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from ..distributions import ApproximatePosterior, Drawn, Encoded, normal
from ..distributions.priors import check_new
from ..serialization import deserialize, register, serialize
from ..validation import check_count
from .chain import Chain
from .lazy import LazyBijector


@register
class FlowPosterior(keras.layers.Layer, ApproximatePosterior):
    """q(z | x) by invertible maps of the encoder's normal values.

    The first bijector is next to the normal values. The direction of the bijectors that
    a `Flow` uses from data to latent values makes z. For `planar(...)` and
    `inverse_autoregressive(...)` it is the fast one.

    Args:
        bijectors: The bijectors.
        context_size: Number of the encoder's outputs, after means and log variances,
            that bijectors with a network see. With 0 the maps are the same for all
            examples.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If one is not a bijector.
        ValueError: If `bijectors` is empty, or if one needs data.

    References:
        Rezende and Mohamed, "Variational inference with normalizing flows", 2015
        (planar); Kingma et al., "Improving variational inference with inverse
        autoregressive flow", 2016.

    Example:
        >>> import keras_gen as kg
        >>> maps = kg.bijectors.inverse_autoregressive(2, units=(8,))
        >>> posterior = kg.bijectors.FlowPosterior(maps, context_size=4)
        >>> how = {"units": (16,), "context_size": 4}
        >>> networks = kg.networks.mlp_vae((8, 8, 1), 2, **how)
        >>> model = kg.VAE(*networks, posterior=posterior, seed=0)
        >>> model.encode(np.zeros((3, 8, 8, 1))).shape
        (3, 2)
    """

    suits_pseudo_inputs = False

    def __init__(
        self,
        bijectors: Sequence[LazyBijector],
        *,
        context_size: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        check_count(context_size, "context_size", least=0)
        self.chain, self.context_size = Chain(bijectors), context_size
        if self.chain.needs_data:
            needing = [b for b in self.chain.bijectors if b.needs_data]
            raise ValueError(
                "bijectors of a posterior must need no data, received "
                f"{type(needing[0]).__name__}."
            )

    def prepare(self, shape: tuple[int, ...]) -> int:
        """Makes the weights; see `ApproximatePosterior.prepare`."""
        check_new(self)
        if len(shape) != 1:
            raise ValueError(
                "FlowPosterior requires latent vectors, received a decoder that takes "
                f"{shape}."
            )
        self.chain.prepare(shape, self.context_size)
        self.built = True
        return math.prod(shape)

    def draw(self, encoded: Encoded, noise: tf.Tensor) -> Drawn:
        """Maps normal values; the density follows by the change of variables."""
        start = encoded.mean + encoded.stddev * noise
        z, log_slope = self._mapped(start, encoded.context)
        law = normal(encoded.mean, encoded.stddev)
        log_prob = ops.sum(law.log_prob(start), axis=-1) - log_slope
        return Drawn(z, log_prob, None)

    def log_prob(self, encoded: Encoded, z: tf.Tensor) -> tf.Tensor:
        """Log q(z | x) in nats, by the other direction of the maps."""
        rows, bijector = self._rows(z, encoded.context)
        start = bijector.forward(rows)
        log_slope = bijector.forward_log_det_jacobian(rows, 1)
        start, log_slope = self._back(start, z), self._back(log_slope, z[..., 0])
        law = normal(encoded.mean, encoded.stddev)
        return ops.sum(law.log_prob(start), axis=-1) + log_slope

    def center(self, encoded: Encoded) -> tf.Tensor:
        """The map of the means."""
        return self._mapped(encoded.mean, encoded.context)[0]

    def _mapped(
        self, start: tf.Tensor, context: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The map of normal values `(..., values)`, and its log determinant."""
        rows, bijector = self._rows(start, context)
        z, log_slope = (
            bijector.inverse(rows),
            bijector.inverse_log_det_jacobian(rows, 1),
        )
        return self._back(z, start), self._back(log_slope, start[..., 0])

    def _rows(
        self, values: tf.Tensor, context: tf.Tensor | None
    ) -> tuple[tf.Tensor, Any]:
        """Values as new rows, since bijectors cache by identity, and the bijector."""
        dtype, size = self.chain.variable_dtype, values.shape[-1]
        rows = tf.identity(tf.cast(tf.reshape(values, (-1, size)), dtype))
        if context is not None:
            times = tf.shape(rows)[0] // tf.shape(context)[0]
            context = tf.cast(tf.tile(context, [times, 1]), dtype)
        return rows, self.chain.bijector(context)

    def _back(self, rows: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
        """Rows of the bijectors in the shape of other values, float32."""
        return tf.cast(tf.reshape(rows, tf.shape(like)), "float32")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {"bijectors": self.chain.bijectors, "context_size": self.context_size}
        return {**super().get_config(), **serialize(own)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "FlowPosterior":
        """Rebuilds the layer from `get_config`."""
        return cls(**deserialize(config))
