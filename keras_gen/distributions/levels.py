"""Two levels of latent values: p(z2) p(z1 | z2), and q(z2 | x) q(z1 | x, z2)."""

import math
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from ..serialization import deserialize, register, serialize
from ..validation import check_type
from .posteriors import ApproximatePosterior, Drawn, Encoded
from .priors import Prior, StandardNormal, check_new
from .tfp import Distribution, normal


class _Lower(keras.layers.Layer):
    """A network that gives mean and log variance of z1, given z2 as its last input."""

    def __init__(self, network: keras.Model, num_inputs: int, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        check_type(network, keras.Model, "network")
        given = "z2" if num_inputs == 1 else "(context, z2)"
        inputs = [tuple(tensor.shape[1:]) for tensor in network.inputs or ()]
        outputs = [tuple(tensor.shape[1:]) for tensor in network.outputs or ()]
        fits = len(inputs) == num_inputs and len(outputs) == 1
        fits = fits and all(len(s) == 1 and s[0] for s in (*inputs, *outputs))
        if not fits or outputs[0][0] % 2:
            raise ValueError(
                f"network must take {given} and return means and log variances of z1 "
                f"side by side, (batch, 2 * values), received inputs {inputs} and "
                f"outputs {outputs}. networks.mlp_two_levels builds such networks."
            )
        self.network = network
        self._upper, self._lower = inputs[-1][0], outputs[0][0] // 2

    def _check_size(self, latent_dim: int) -> None:
        if latent_dim != self._lower + self._upper:
            raise ValueError(
                f"the decoder must take {self._lower + self._upper} latent values, "
                f"{self._lower} of z1 and {self._upper} of z2, for the network of "
                f"{type(self).__name__}, received a decoder of {latent_dim}."
            )

    def _split(self, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The parts of z1 and of z2."""
        return values[..., : self._lower], values[..., self._lower :]

    def _given(
        self, z2: tf.Tensor, context: tf.Tensor | None = None, *, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and deviation of z1, `(..., values)`, for z2 `(..., values)`."""
        rows = [ops.reshape(z2, (-1, self._upper))]
        if context is not None:
            whole = tf.broadcast_to(
                context, tf.concat([tf.shape(z2)[:-1], [context.shape[-1]]], 0)
            )
            rows.insert(0, ops.reshape(whole, (-1, context.shape[-1])))
        packed = keras.tree.pack_sequence_as(self.network.input, rows)
        raw = ops.cast(self.network(packed, training=training), "float32")
        shape = tf.concat([tf.shape(z2)[:-1], [2 * self._lower]], 0)
        raw = tf.ensure_shape(tf.reshape(raw, shape), (*z2.shape[:-1], 2 * self._lower))
        mean, log_var = ops.split(raw, 2, axis=-1)
        return mean, ops.exp(0.5 * log_var)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), **serialize({"network": self.network})}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Rebuilds the layer from `get_config`."""
        return cls(**deserialize(config))


@register
class TwoLevelPrior(_Lower, Prior):
    """p(z) = p(z2) p(z1 | z2) of latent values z = (z1, z2), side by side.

    A `VAE` with it and `TwoLevelPosterior` is a hierarchical VAE of two levels.

    Args:
        network: A model from z2 to the mean and log variance of p(z1 | z2), `(batch, 2
            * values)`.
        base: p(z2). The default is standard normal. `VampPrior()` has the encoder's
            posteriors of z2.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        ValueError: If the network's inputs or outputs have another form.

    References:
        Tomczak and Welling, "VAE with a VampPrior", AISTATS 2018, section 4.

    Example:
        >>> import keras_gen as kg
        >>> levels = kg.networks.mlp_two_levels((8, 8, 1), (3, 2), units=(16, 16))
        >>> model = kg.VAE(
        ...     levels.encoder,
        ...     levels.decoder,
        ...     prior=kg.TwoLevelPrior(levels.prior, kg.VampPrior(10)),
        ...     posterior=kg.TwoLevelPosterior(levels.posterior),
        ...     seed=0,
        ... )
        >>> model.encode(np.zeros((4, 8, 8, 1))).shape
        (4, 5)
    """

    def __init__(
        self, network: keras.Model, base: Prior | None = None, **kwargs: Any
    ) -> None:
        super().__init__(network, 1, **kwargs)
        check_type(base, Prior | None, "base")
        self.base = base or StandardNormal()

    @property
    def needs_data(self) -> bool:
        """Whether the prior of z2 needs data."""
        return self.base.needs_data

    @property
    def num_examples(self) -> int:
        """Number of examples that the prior of z2 needs."""
        return self.base.num_examples

    @property
    def needs_encoder(self) -> bool:
        """Whether the prior of z2 needs the encoder."""
        return self.base.needs_encoder

    def join(self, *args: Any, **how: Any) -> None:
        """Gives the encoder to the prior of z2; see `Prior.join`."""
        self.base.join(*args, **how)

    def prepare(self, latent_dim: int) -> None:
        """Checks the sizes and makes the weights of p(z2); see `Prior.prepare`."""
        check_new(self)
        self._check_size(latent_dim)
        self.base.prepare(self._upper)
        self.built = True

    def initialize(self, x: tf.Tensor, z: tf.Tensor) -> None:
        """Initializes the prior of z2; see `Prior.initialize`."""
        self.base.initialize(x, self._split(z)[1])

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        """Log p(z2) + log p(z1 | z2) in nats."""
        z1, z2 = self._split(z)
        lower = normal(*self._given(z2))
        return self.base.log_prob(z2) + ops.sum(lower.log_prob(z1), axis=-1)

    def noise_size(self, latent_dim: int) -> int:
        """One value for each of z1, and those of the prior of z2."""
        return self._lower + self.base.noise_size(latent_dim - self._lower)

    def from_noise(self, noise: tf.Tensor) -> tf.Tensor:
        """Latent vectors from noise, `(batch, noise_size)`: z2 first, then z1."""
        own, further = self._split(noise)
        z2 = self.base.from_noise(further)
        mean, stddev = self._given(z2)
        return ops.concatenate([mean + stddev * own, z2], axis=-1)

    def kl_divergence(self, posterior: Distribution, z: tf.Tensor) -> tf.Tensor:
        """The divergences of both levels, z1 in closed form for the z2 of draws."""
        z2 = self._split(z)[1]
        (mean1, mean2), (stddev1, stddev2) = (
            self._split(part) for part in (posterior.mean(), posterior.stddev())
        )
        mean, stddev = self._given(z2)
        ratio = stddev1 / stddev
        gap = (mean1 - mean) / stddev
        lower = 0.5 * (ratio**2 + gap**2 - 1) - ops.log(ratio)
        upper = self.base.kl_divergence(normal(mean2, stddev2), z2)
        upper = ops.mean(upper, axis=0) if len(upper.shape) > 2 else upper
        return ops.concatenate([ops.mean(lower, axis=0), upper], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), **serialize({"base": self.base})}


@register
class TwoLevelPosterior(_Lower, ApproximatePosterior):
    """q(z | x) = q(z2 | x) q(z1 | x, z2) of latent values z = (z1, z2), side by side.

    The encoder returns mean and log variance of z2, and a context: what z1 has to know
    of x.

    Args:
        network: A model from the context, `(batch, context_size)`, and z2 to the mean
            and log variance of q(z1 | x, z2), `(batch, 2 * values)`.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        ValueError: If the network's inputs or outputs have another form.

    References:
        Tomczak and Welling, "VAE with a VampPrior", AISTATS 2018, section 4.

    Example:
        >>> levels = kg.networks.mlp_two_levels((8, 8, 1), (3, 2), units=(16, 16))
        >>> kg.TwoLevelPosterior(levels.posterior).context_size
        16
    """

    def __init__(self, network: keras.Model, **kwargs: Any) -> None:
        super().__init__(network, 2, **kwargs)

    @property
    def context_size(self) -> int:
        """Size of the first input of the network."""
        return self.network.inputs[0].shape[-1]

    def prepare(self, shape: tuple[int, ...]) -> int:
        """Checks the sizes; see `ApproximatePosterior.prepare`."""
        check_new(self)
        self._check_size(math.prod(shape))
        self.built = True
        return self._upper

    def draw(self, encoded: Encoded, noise: tf.Tensor) -> Drawn:
        """Draws z2 first, then z1; see `ApproximatePosterior.draw`."""
        own, further = self._split(noise)
        z2 = encoded.mean + encoded.stddev * further
        law = self._law(encoded, z2)
        mean, stddev = self._split(law.mean())[0], self._split(law.stddev())[0]
        z = ops.concatenate([mean + stddev * own, z2], axis=-1)
        return Drawn(z, ops.sum(law.log_prob(z), axis=-1), law)

    def log_prob(self, encoded: Encoded, z: tf.Tensor) -> tf.Tensor:
        """Log q(z2 | x) + log q(z1 | x, z2) in nats."""
        law = self._law(encoded, self._split(z)[1])
        return ops.sum(law.log_prob(z), axis=-1)

    def center(self, encoded: Encoded) -> tf.Tensor:
        """The mean of z2, and the mean of z1 for it."""
        return self._law(encoded, encoded.mean).mean()

    def _law(self, encoded: Encoded, z2: tf.Tensor) -> Distribution:
        """The normal distribution of each value, z1 given z2 `(..., values)`."""
        lower = self._given(z2, encoded.context)
        upper = (
            tf.broadcast_to(part, tf.shape(z2))
            for part in (encoded.mean, encoded.stddev)
        )
        both = zip(lower, upper, strict=True)
        return normal(*(ops.concatenate(parts, axis=-1) for parts in both))
