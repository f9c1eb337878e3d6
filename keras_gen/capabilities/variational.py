"""Variational: the bounds of a latent-variable model, by its posterior."""

import abc
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops

from ..distributions import Distribution, Prior, normal
from ..objectives import Evidence
from ..objectives.evidence import importance_sampling
from ..random import RowNoise
from .bounds import Bounds
from .encodes import Encodes

LATENT_STREAM = 0


class Variational(Bounds, Encodes):
    """A model p(z) p(x | z) with an encoder q(z | x), which is normal.

    Attributes:
        prior: p(z).
    """

    prior: Prior

    @abc.abstractmethod
    def _statistics(
        self, x: tf.Tensor, labels: tf.Tensor | None = None, *, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and standard deviation of q(z | x), `(batch, latent_dim)` each."""

    @abc.abstractmethod
    def _log_likelihood(
        self, x: tf.Tensor, z: tf.Tensor, labels: tf.Tensor | None, **how: Any
    ) -> tf.Tensor:
        """Log p(x | z), `(samples, batch)`, of z `(samples, batch, latent_dim)`."""

    def posterior(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> Distribution:
        """q(z | x) as a TFP distribution.

        Args:
            x: Examples as `loss_terms` sees them, `(batch, *data_shape)`.
            labels: int32 `(batch,)`, for a class-conditional model.

        Returns:
            Normal with batch shape `(batch, latent_dim)`.
        """
        return normal(*self._statistics(x, labels))

    def active_units(
        self, x: Any, labels: Any = None, *, threshold: float = 0.01
    ) -> int:
        """Number of latent dimensions that carry information about the data.

        A dimension is active if the variance over `x` of its posterior mean
        exceeds the threshold (Burda et al. 2015, section 5.2).

        Args:
            x: Examples, `(n, *data_shape)`, some hundreds at least.
            labels: Integers, `(n,)`, for a class-conditional model.
            threshold: Smallest variance that counts.
        """
        means = np.asarray(self.encode(x, labels), np.float64)
        return int((means.var(axis=0) > threshold).sum())

    def _evidence(
        self,
        x: tf.Tensor,
        labels: tf.Tensor | None,
        epsilon: tf.Tensor,
        *,
        training: bool = False,
        **how: Any,
    ) -> Evidence:
        """Evidence terms from posterior noise `(samples, batch, latent_dim)`."""
        mean, scale = self._statistics(x, labels, training=training)
        posterior = normal(mean, scale)
        z = mean + scale * epsilon  # Kingma and Welling 2013, eq. 4
        log_likelihood = self._log_likelihood(x, z, labels, training=training, **how)
        log_ratio = self.prior.log_prob(z) - ops.sum(posterior.log_prob(z), axis=-1)
        kl = self.prior.kl_divergence(posterior, z)
        return Evidence(log_likelihood, log_ratio, kl)

    def _samples(self, noise: RowNoise, size: int) -> tf.Tensor:
        """Posterior noise `(size, batch, latent_dim)`."""
        epsilon = noise.normal((size, *self.latent_shape), LATENT_STREAM)
        return ops.swapaxes(epsilon, 0, 1)

    def _elbo(
        self, x: tf.Tensor, noise: tf.Tensor, labels: tf.Tensor | None = None
    ) -> tf.Tensor:
        return self._evidence(x, labels, noise[None]).elbo()

    def _importance_sampling(
        self,
        x: tf.Tensor,
        seed: tf.Tensor,
        labels: tf.Tensor | None = None,
        *,
        num_samples: int,
    ) -> tf.Tensor:
        x = self.observe(x, seed)

        def log_weights(noise: RowNoise, size: int) -> tf.Tensor:
            return self._evidence(x, labels, self._samples(noise, size)).log_weights()

        return importance_sampling(log_weights, seed, num_samples)

    def _encode(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        return self._statistics(x, labels)[0]
