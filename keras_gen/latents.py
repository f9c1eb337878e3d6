"""The posterior of a latent-variable model: evidence, bounds, importance sampling."""

from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from keras import ops

from . import random
from .capabilities import ImportanceSampling
from .distributions import Distribution, Prior, normal
from .objectives.evidence import (
    SAMPLES_PER_CHUNK,
    Evidence,
    importance_sampling,
)
from .random import RowNoise
from .rows import MOST_VALUES, Given, RowRunner, Rows
from .specs import SEEDS, Noise, Spec
from .validation import check_positive

LATENT_STREAM = 0
ROWS_PER_SAMPLING = 100


class HasPosterior(Protocol):
    """The interface of a model that has a `Posterior`."""

    inputs: Spec
    latent: Spec
    prior: Prior
    _rows: RowRunner

    def _given(self, condition: Any, **rows: tuple[Any, Spec]) -> Given: ...

    def observe(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """The observation of examples that the model explains."""
        ...

    def _evidence(
        self, x: tf.Tensor, condition: tf.Tensor | None, epsilon: tf.Tensor
    ) -> Evidence:
        """`Posterior.evidence` for examples in units of the data."""
        ...

    def _statistics(
        self, x: tf.Tensor, known: tf.Tensor | None = None, *, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and standard deviation of q(z | x), `(batch, latent_dim)` each."""
        ...

    def _log_likelihood(
        self, x: tf.Tensor, z: tf.Tensor, known: tf.Tensor | None, **how: Any
    ) -> tf.Tensor:
        """Log p(x | z), `(samples, batch)`, of z `(samples, batch, values)`."""
        ...


class Posterior:
    """The normal distribution q(z | x) of a model p(z) p(x | z).

    Args:
        model: The model.
        rows: Examples per call of importance sampling, fewer if they are large.
    """

    def __init__(self, model: HasPosterior, rows: int = ROWS_PER_SAMPLING) -> None:
        self._model, self._rows = model, rows

    def noise(self, noise: RowNoise, size: int) -> tf.Tensor:
        """Posterior noise `(size, batch, values)`, flat for any latent shape."""
        epsilon = noise.normal((size, self._model.latent.size), LATENT_STREAM)
        return ops.swapaxes(epsilon, 0, 1)

    def distribution(self, x: tf.Tensor, known: tf.Tensor | None) -> Distribution:
        """q(z | x) as a TFP distribution."""
        return normal(*self._model._statistics(x, known))

    def evidence(
        self,
        x: tf.Tensor,
        known: tf.Tensor | None,
        epsilon: tf.Tensor,
        *,
        training: bool = False,
        **how: Any,
    ) -> Evidence:
        """The evidence terms for posterior noise `(samples, batch, values)`."""
        model, prior = self._model, self._model.prior
        statistics = model._statistics(x, known, training=training)
        mean, scale = (ops.reshape(v, (-1, model.latent.size)) for v in statistics)
        posterior = normal(mean, scale)
        z = mean + scale * epsilon  # Kingma and Welling 2013, eq. 4
        log_likelihood = model._log_likelihood(x, z, known, training=training, **how)
        log_ratio = prior.log_prob(z) - ops.sum(posterior.log_prob(z), axis=-1)
        kl = prior.kl_divergence(posterior, z)
        return Evidence(log_likelihood, log_ratio, kl)

    def elbo(self, x: Rows, condition: Any, seed: int, noise: Any) -> Rows:
        """See `Bounds.elbo`."""
        model = self._model
        if noise is None:
            seeds = random.seeds_for(seed, x), SEEDS
            given = model._given(condition, x=(x, model.inputs), seed=seeds)
            return model._rows.run(self._elbo_of_seeds, given)
        noise = noise, Noise(model.latent.shape)
        given = model._given(condition, x=(x, model.inputs), noise=noise)
        return model._rows.run(self._elbo, given)

    def importance_sampling(
        self, x: Rows, num_samples: int, condition: Any, seed: int
    ) -> ImportanceSampling:
        """See `Bounds.importance_sampling`."""
        check_positive(num_samples, "num_samples", integer=True)
        seeds = random.seeds_for(seed, x), SEEDS
        given = self._model._given(condition, x=(x, self._model.inputs), seed=seeds)
        at_once = SAMPLES_PER_CHUNK * self._model.inputs.size
        rows = max(1, min(self._rows, MOST_VALUES // at_once))
        how = {"rows": rows, "static": {"num_samples": num_samples}}
        columns = self._model._rows.run(self._importance_sampling, given, **how)
        return ImportanceSampling(*np.moveaxis(columns, -1, 0))

    def _elbo(
        self, x: tf.Tensor, noise: tf.Tensor, condition: tf.Tensor | None = None
    ) -> tf.Tensor:
        noise = ops.reshape(noise, (1, -1, self._model.latent.size))
        return self._model._evidence(x, condition, noise).elbo()

    def _elbo_of_seeds(
        self, x: tf.Tensor, seed: tf.Tensor, condition: tf.Tensor | None = None
    ) -> tf.Tensor:
        noise = random.normal(seed, (self._model.latent.size,))
        return self._elbo(self._model.observe(x, seed), noise, condition)

    def _importance_sampling(
        self,
        x: tf.Tensor,
        seed: tf.Tensor,
        condition: tf.Tensor | None = None,
        *,
        num_samples: int,
    ) -> tf.Tensor:
        x = self._model.observe(x, seed)

        def log_weights(noise: RowNoise, size: int) -> tf.Tensor:
            epsilon = self.noise(noise, size)
            return self._model._evidence(x, condition, epsilon).log_weights()

        return importance_sampling(log_weights, seed, num_samples)
