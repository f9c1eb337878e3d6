"""Bounds: the log-likelihood of examples from below."""

import abc
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from .. import random
from ..rows import Rows
from ..validation import check_positive, num_rows
from .observes import Observes


class ImportanceSampling(NamedTuple):
    """What importance sampling says of examples.

    Attributes:
        log_prob: The bound of log p(x), nats, `(batch,)`.
        effective_sample_size: sum(w)**2 / sum(w**2) of the importance weights,
            `(batch,)`, in [1, number of samples]. Near 1, a single sample makes the
            bound, which then says little.
    """

    log_prob: np.ndarray
    effective_sample_size: np.ndarray


class Bounds(Observes, abc.ABC):
    """Bounds the log-likelihood of examples from below."""

    rows_per_importance_sampling = 100

    @property
    @abc.abstractmethod
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of the standard normal noise behind one latent vector."""

    @abc.abstractmethod
    def _elbo(
        self, x: tf.Tensor, noise: tf.Tensor, labels: tf.Tensor | None = None
    ) -> tf.Tensor:
        """One-sample estimate of the bound from the noise of the latent vector."""

    @abc.abstractmethod
    def _importance_sampling(
        self,
        x: tf.Tensor,
        seed: tf.Tensor,
        labels: tf.Tensor | None = None,
        *,
        num_samples: int,
    ) -> tf.Tensor:
        """Importance-sampled bound, nats, and effective sample size, `(batch, 2)`."""

    def elbo(
        self, x: Rows, noise: Rows | None = None, labels: Any = None, *, seed: int = 0
    ) -> Rows:
        """Evidence lower bound of log p(x), by one sample of the latent vector.

        Args:
            x: Examples, `(batch, *data_shape)`; images uint8 or in [0, 1].
            noise: Standard normal, `(batch, *latent_shape)`; `x` is then explained as
                it is. If None, the noise is drawn, and so is the observed example
                of a model that explains random observations of `x`.
            labels: Integers, `(batch,)`, for a class-conditional model.
            seed: Decides what is drawn.

        Returns:
            Nats per example, `(batch,)`: at most log p(x) on average over noise.
        """
        if noise is None:
            seeds = random.row_seeds(seed, num_rows(x))
            return self.run(self._elbo_rows, x=x, seed=seeds, labels=labels)
        shapes = {"noise": self.latent_shape}
        return self.run(self._elbo, x=x, noise=noise, labels=labels, shapes=shapes)

    def importance_log_prob(
        self, x: Rows, num_samples: int, labels: Any = None, *, seed: int = 0
    ) -> np.ndarray:
        """Importance-sampled bound of log p(x), tighter with every sample.

        The samples are taken in chunks: memory does not grow with `num_samples`.

        Args:
            x: Examples, `(batch, *data_shape)`; images uint8 or in [0, 1].
            num_samples: Samples per example, K in the reference.
            labels: Integers, `(batch,)`, for a class-conditional model.
            seed: Decides the samples.

        Returns:
            Nats per example, `(batch,)`.

        References:
            Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders",
            2015, eq. 8.
        """
        return self.importance_sampling(x, num_samples, labels, seed=seed).log_prob

    def importance_sampling(
        self, x: Rows, num_samples: int, labels: Any = None, *, seed: int = 0
    ) -> ImportanceSampling:
        """`importance_log_prob` and how many of its samples counted.

        Arguments as in `importance_log_prob`.
        """
        check_positive(num_samples, "num_samples", integer=True)
        seeds = random.row_seeds(seed, num_rows(x))
        columns = self.run(
            self._importance_sampling,
            rows=self.rows_per_importance_sampling,
            static={"num_samples": num_samples},
            x=x,
            seed=seeds,
            labels=labels,
        )
        return ImportanceSampling(*np.moveaxis(columns, -1, 0))

    def _elbo_rows(
        self, x: tf.Tensor, seed: tf.Tensor, labels: tf.Tensor | None = None
    ) -> tf.Tensor:
        noise = random.normal(seed, self.latent_shape)
        return self._elbo(self.observe(x, seed), noise, labels)
