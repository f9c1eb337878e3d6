"""Posteriors: distributions q(z | x) that a VAE makes of its encoder's outputs."""

import abc
import math
from typing import NamedTuple

import tensorflow as tf
from keras import ops

from ..serialization import value
from .tfp import Distribution, normal


class Encoded(NamedTuple):
    """The outputs of an encoder for a batch.

    Attributes:
        mean: Means of normal values, `(batch, size)`.
        stddev: Their standard deviations, `(batch, size)`.
        context: Further outputs, `(batch, context_size)`, or None.

    Example:
        >>> encoded = kg.distributions.Encoded(tf.zeros((3, 2)), tf.ones((3, 2)))
        >>> encoded.context is None
        True
    """

    mean: tf.Tensor
    stddev: tf.Tensor
    context: tf.Tensor | None = None


class Drawn(NamedTuple):
    """Draws of q(z | x).

    Attributes:
        z: `(samples, batch, latent_dim)`.
        log_prob: Log q(z | x) in nats, `(samples, batch)`.
        normal: The normal distribution of each value, given those that were drawn
            before it, `(samples or 1, batch, latent_dim)`, or None if values are not
            normal.

    Example:
        >>> encoded = kg.distributions.Encoded(tf.zeros((3, 2)), tf.ones((3, 2)))
        >>> posterior = kg.distributions.NormalPosterior()
        >>> drawn = posterior.draw(encoded, tf.zeros((1, 3, 2)))
        >>> round(float(drawn.log_prob[0, 0]), 4)  # -log(2 pi)
        -1.8379
    """

    z: tf.Tensor
    log_prob: tf.Tensor
    normal: Distribution | None


class ApproximatePosterior(abc.ABC):
    """q(z | x) of a `VAE`, from the outputs of its encoder.

    Attributes:
        context_size: Number of outputs of the encoder besides means and log variances.
        is_normal: Whether the encoder's means and variances are those of all latent
            values.
        suits_pseudo_inputs: Whether the encoder's means and variances are those of the
            values over which a `VampPrior` is.

    Example:
        >>> posterior = kg.distributions.NormalPosterior()
        >>> isinstance(posterior, kg.distributions.ApproximatePosterior)
        True
    """

    context_size: int = 0
    is_normal = False
    suits_pseudo_inputs = True

    def prepare(self, shape: tuple[int, ...]) -> int:
        """Makes weights, and returns the number of the encoder's means.

        Args:
            shape: Shape of the latent values of an example.

        Raises:
            ValueError: If the shape does not fit.
        """
        return math.prod(shape)

    @abc.abstractmethod
    def draw(self, encoded: Encoded, noise: tf.Tensor) -> Drawn:
        """Draws latent values.

        Args:
            encoded: The outputs of the encoder for a batch.
            noise: Standard normal, `(samples, batch, latent_dim)`.
        """

    @abc.abstractmethod
    def log_prob(self, encoded: Encoded, z: tf.Tensor) -> tf.Tensor:
        """Log q(z | x) in nats, `(samples, batch)`, of any latent values.

        Args:
            encoded: The outputs of the encoder for a batch.
            z: Latent values, `(samples, batch, latent_dim)`.
        """

    @abc.abstractmethod
    def center(self, encoded: Encoded) -> tf.Tensor:
        """The latent values without noise, `(batch, latent_dim)`, for `encode`."""


@value
class NormalPosterior(ApproximatePosterior):
    """Independent normal latent values, the default of a `VAE`.

    Example:
        >>> one = tf.ones((1, 2))
        >>> encoded = kg.distributions.Encoded(mean=one, stddev=3 * one)
        >>> kg.distributions.NormalPosterior().draw(encoded, one[None]).z.numpy()
        array([[[4., 4.]]], dtype=float32)
    """

    is_normal = True

    def draw(self, encoded: Encoded, noise: tf.Tensor) -> Drawn:
        """Mean plus deviation times noise (Kingma and Welling 2013, eq. 4)."""
        law = normal(encoded.mean, encoded.stddev)
        z = encoded.mean + encoded.stddev * noise
        return Drawn(z, ops.sum(law.log_prob(z), axis=-1), law)

    def log_prob(self, encoded: Encoded, z: tf.Tensor) -> tf.Tensor:
        """Log N(z; mean, stddev**2) in nats."""
        law = normal(encoded.mean, encoded.stddev)
        return ops.sum(law.log_prob(z), axis=-1)

    def center(self, encoded: Encoded) -> tf.Tensor:
        """The means."""
        return encoded.mean
