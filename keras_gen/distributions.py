"""Likelihoods and priors: small saved values that give TFP distributions.

A likelihood reads the raw values of a decoder as the parameters of a distribution
over examples. A prior is a distribution of latent vectors that also says how to
draw one from standard normal noise, with operators that every artifact has.

`tensorflow_probability` is imported on first use.
"""

import abc
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from .serialization import register, value
from .validation import check_positive

if TYPE_CHECKING:
    import tensorflow_probability as tfp

    Distribution = tfp.distributions.Distribution


def _tfd() -> Any:
    import tensorflow_probability as tfp

    return tfp.distributions


def normal(mean: tf.Tensor, scale: tf.Tensor) -> "Distribution":
    """TFP normal distribution with independent values."""
    return _tfd().Normal(mean, scale)


class Likelihood(abc.ABC):
    """p(x | z) of every value of an example, from the decoder's raw output.

    Attributes:
        values_per_channel: Raw decoder values per channel of the data.
        unit_interval: Whether examples have to lie in [0, 1].
    """

    values_per_channel = 1
    unit_interval = True

    @abc.abstractmethod
    def distribution(self, raw: tf.Tensor) -> "Distribution":
        """TFP distribution with one independent event per value of the example.

        Args:
            raw: Decoder output, `(..., channels * values_per_channel)`.
        """

    @abc.abstractmethod
    def mean(self, raw: tf.Tensor) -> tf.Tensor:
        """The example that a decoder output stands for, `(..., channels)`."""

    def log_prob(self, x: tf.Tensor, raw: tf.Tensor, event_rank: int) -> tf.Tensor:
        """Log p(x | z) in nats, summed over the last `event_rank` axes.

        Args:
            x: Examples whose shape broadcasts against the parameters'.
            raw: Decoder output, `(..., channels * values_per_channel)`.
            event_rank: Number of axes of one example.

        Returns:
            Nats, with the leading axes.
        """
        axes = tuple(range(-event_rank, 0))
        return ops.sum(self.distribution(raw).log_prob(x), axis=axes)


@value
class Bernoulli(Likelihood):
    """Independent Bernoulli values; the decoder gives logits.

    Grey values in [0, 1] count as probabilities of a one: minus the log-likelihood
    is then the binary cross-entropy.
    """

    def distribution(self, raw: tf.Tensor) -> "Distribution":
        """`Bernoulli(logits=raw)`."""
        return _tfd().Bernoulli(logits=raw, dtype=raw.dtype)

    def mean(self, raw: tf.Tensor) -> tf.Tensor:
        """The probability of a one, in (0, 1)."""
        return ops.sigmoid(raw)


@value
class Gaussian(Likelihood):
    """Independent normal values with one fixed scale.

    Attributes:
        scale: Standard deviation, > 0, in units of the data.
        unit_interval: Whether a sigmoid keeps the mean in [0, 1]; False leaves it
            free, for vectors.
    """

    scale: float = 0.1
    unit_interval: bool = True

    def __post_init__(self) -> None:
        check_positive(self.scale, "scale")

    def distribution(self, raw: tf.Tensor) -> "Distribution":
        """`Normal(mean(raw), scale)`."""
        return normal(self.mean(raw), self.scale)

    def mean(self, raw: tf.Tensor) -> tf.Tensor:
        """The mean, in (0, 1) if `unit_interval`."""
        return ops.sigmoid(raw) if self.unit_interval else raw


@value
class LearnedGaussian(Likelihood):
    """Independent normal values; the decoder gives mean and scale of each.

    Attributes:
        min_scale: Lower bound of the standard deviation, > 0, which keeps the
            density finite on constant pixels.
        unit_interval: Whether a sigmoid keeps the mean in [0, 1]; False leaves it
            free, for vectors.
    """

    min_scale: float = 0.01
    unit_interval: bool = True
    values_per_channel = 2

    def __post_init__(self) -> None:
        check_positive(self.min_scale, "min_scale")

    def distribution(self, raw: tf.Tensor) -> "Distribution":
        """`Normal(mean(raw), min_scale + softplus(second half of raw))`."""
        _, raw_scale = ops.split(raw, 2, axis=-1)
        return normal(self.mean(raw), self.min_scale + ops.softplus(raw_scale))

    def mean(self, raw: tf.Tensor) -> tf.Tensor:
        """The mean, in (0, 1) if `unit_interval`."""
        mean, _ = ops.split(raw, 2, axis=-1)
        return ops.sigmoid(mean) if self.unit_interval else mean


@value
class DiscretizedLogistic(Likelihood):
    """Probabilities of 256 grey levels: a logistic density in equal cells.

    The first and the last cell take the tails, so that the levels sum to one.

    Attributes:
        levels: Number of grey levels; x in [0, 1] means level x * (levels - 1).

    References:
        Kingma et al., "Improved variational inference with inverse autoregressive
        flow", 2016, section 5; Salimans et al., "PixelCNN++", 2017, eq. 2.
    """

    levels: int = 256
    values_per_channel = 2

    def __post_init__(self) -> None:
        check_positive(self.levels - 1, "levels - 1", integer=True)

    def distribution(self, raw: tf.Tensor) -> "Distribution":
        """A quantized logistic on the levels 0, 1, ..., levels - 1."""
        tfd = _tfd()
        _, raw_scale = ops.split(raw, 2, axis=-1)
        top = self.levels - 1.0
        # TFP's cell of level k is (k - 1, k]; half a level moves its centre to k.
        logistic = tfd.Logistic(
            self.mean(raw) * top - 0.5, top * (0.5 / top + ops.softplus(raw_scale))
        )
        return tfd.QuantizedDistribution(logistic, low=0.0, high=top)

    def mean(self, raw: tf.Tensor) -> tf.Tensor:
        """The centre of the logistic, in (0, 1)."""
        mean, _ = ops.split(raw, 2, axis=-1)
        return ops.sigmoid(mean)

    def log_prob(self, x: tf.Tensor, raw: tf.Tensor, event_rank: int) -> tf.Tensor:
        """Log of the probability of the grey levels of `x`, in nats.

        Args:
            x: Examples in [0, 1].
            raw: Decoder output, `(..., channels * 2)`.
            event_rank: Number of axes of one example.

        Returns:
            Nats, with the leading axes.
        """
        return super().log_prob(ops.round(x * (self.levels - 1.0)), raw, event_rank)


class Prior(abc.ABC):
    """p(z) of latent vectors `(..., latent_dim)`."""

    @abc.abstractmethod
    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        """Log p(z) in nats, `(...)`."""

    @abc.abstractmethod
    def noise_size(self, latent_dim: int) -> int:
        """Number of standard normal values that one draw takes."""

    @abc.abstractmethod
    def from_noise(self, noise: tf.Tensor) -> tf.Tensor:
        """Latent vectors distributed as p(z), from `(batch, noise_size)` noise."""

    def kl_divergence(self, posterior: "Distribution", z: tf.Tensor) -> tf.Tensor:
        """KL(posterior || prior), in nats: an estimate where no closed form exists.

        Args:
            posterior: Factorised normal over `(batch, latent_dim)`.
            z: Samples of the posterior, `(samples, batch, latent_dim)`.

        Returns:
            `(batch, latent_dim)` in closed form, else `(batch, 1)`: the mean over
            the samples of log q(z | x) - log p(z).
        """
        log_posterior = ops.sum(posterior.log_prob(z), axis=-1)
        return ops.mean(log_posterior - self.log_prob(z), axis=0)[:, None]


@value
class StandardNormal(Prior):
    """Independent N(0, 1) latent values."""

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        """Log N(z; 0, I) in nats."""
        return ops.sum(normal(0.0, 1.0).log_prob(z), axis=-1)

    def noise_size(self, latent_dim: int) -> int:
        """One value per latent dimension."""
        return latent_dim

    def from_noise(self, noise: tf.Tensor) -> tf.Tensor:
        """The noise itself."""
        return noise

    def kl_divergence(self, posterior: "Distribution", z: tf.Tensor) -> tf.Tensor:
        """Closed form, `(batch, latent_dim)`, >= 0 (Kingma and Welling, app. B)."""
        del z
        return _tfd().kl_divergence(posterior, normal(0.0, 1.0))


@register
class GaussianMixture(Prior):
    """A mixture of full-covariance Gaussians.

    Args:
        thresholds: `(components - 1,)`, increasing: component k is chosen by a
            standard normal value between thresholds k - 1 and k.
        means: `(components, latent_dim)`.
        scale_tril: `(components, latent_dim, latent_dim)`, lower-triangular factors
            of the covariances.
    """

    def __init__(self, thresholds: Any, means: Any, scale_tril: Any) -> None:
        self.thresholds, self.means, self.scale_tril = (
            tf.convert_to_tensor(t, tf.float32) for t in (thresholds, means, scale_tril)
        )

    @classmethod
    def from_moments(
        cls, weights: Sequence[float], means: Any, covariances: Any
    ) -> "GaussianMixture":
        """A mixture from weights, means and covariances.

        Args:
            weights: `(components,)`, positive, of sum 1.
            means: `(components, latent_dim)`.
            covariances: `(components, latent_dim, latent_dim)`, positive definite.

        Raises:
            ValueError: If the weights are not positive with sum 1.
        """
        from scipy.stats import norm

        weights = np.asarray(weights, np.float64)
        if (weights <= 0).any() or not math.isclose(weights.sum(), 1, rel_tol=1e-4):
            raise ValueError(f"weights must be > 0 with sum 1, received {weights}.")
        thresholds = norm.ppf(np.cumsum(weights / weights.sum())[:-1])
        return cls(thresholds, means, np.linalg.cholesky(covariances))

    def distribution(self) -> "Distribution":
        """The TFP mixture."""
        tfd = _tfd()
        below = tf.concat([[0.0], normal(0.0, 1.0).cdf(self.thresholds), [1.0]], 0)
        return tfd.MixtureSameFamily(
            tfd.Categorical(probs=below[1:] - below[:-1]),
            tfd.MultivariateNormalTriL(self.means, self.scale_tril),
        )

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        """Log density in nats."""
        return self.distribution().log_prob(z)

    def noise_size(self, latent_dim: int) -> int:
        """One value per latent dimension, and one that chooses the component."""
        return latent_dim + 1

    def from_noise(self, noise: tf.Tensor) -> tf.Tensor:
        """Latent vectors `(batch, latent_dim)` from `(batch, latent_dim + 1)`."""
        chooser, noise = noise[:, -1:], noise[:, :-1]
        passed = ops.cast(chooser > self.thresholds[None], "float32")
        ones = ops.ones_like(chooser)
        chosen = ops.concatenate([ones, passed], axis=1) - ops.concatenate(
            [passed, 0.0 * ones], axis=1
        )
        means = ops.matmul(chosen, self.means)
        num_components, dim = self.means.shape
        factors = ops.reshape(self.scale_tril, (num_components, dim * dim))
        factors = ops.reshape(ops.matmul(chosen, factors), (-1, dim, dim))
        return means + ops.matmul(factors, noise[:, :, None])[:, :, 0]

    def get_config(self) -> dict[str, Any]:
        """The arrays as lists."""
        names = ("thresholds", "means", "scale_tril")
        return {k: keras.ops.convert_to_numpy(getattr(self, k)).tolist() for k in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "GaussianMixture":
        """Rebuilds the mixture."""
        return cls(**config)
