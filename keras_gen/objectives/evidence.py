"""Lower bounds of the evidence log p(x), from the terms of a latent model."""

import abc
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from keras import ops

from ..random import RowNoise
from ..serialization import value
from ..validation import check_positive, check_type
from .aggregate import AggregatePenalty, Draws

SAMPLES_PER_CHUNK = 50
TERMS = ("loss", "elbo", "reconstruction_nll", "kl")


class Evidence(NamedTuple):
    """The evidence terms of a latent-variable model for a batch, in nats.

    Attributes:
        log_likelihood: log p(x | z_k), `(samples, batch)`.
        log_ratio: log p(z_k) - log q(z_k | x), `(samples, batch)`.
        kl: KL(q(z | x) || p(z)), `(batch, latent_dim)`, or `(batch, 1)` if only an
            estimate of the sum exists.
        draws: The latent values, for penalties of their distribution, or None.

    Example:
        >>> evidence = kg.objectives.Evidence(
        ...     log_likelihood=tf.constant([[-90.0]]),
        ...     log_ratio=tf.constant([[-8.0]]),
        ...     kl=tf.constant([[3.0, 7.0]]),
        ... )
        >>> float(evidence.elbo()[0])  # -90 - (3 + 7)
        -100.0
        >>> float(evidence.importance_bound()[0])  # one sample: -90 - 8
        -98.0
    """

    log_likelihood: tf.Tensor
    log_ratio: tf.Tensor
    kl: tf.Tensor
    draws: Draws | None = None

    def elbo(self) -> tf.Tensor:
        """E[log p(x | z)] - KL, `(batch,)` (Kingma and Welling 2013, eq. 3)."""
        return ops.mean(self.log_likelihood, axis=0) - ops.sum(self.kl, axis=-1)

    def log_weights(self) -> tf.Tensor:
        """Log p(x, z_k) - log q(z_k | x), `(samples, batch)`."""
        return self.log_likelihood + self.log_ratio

    def importance_bound(self) -> tf.Tensor:
        """Log of the mean importance weight, `(batch,)` (Burda et al. 2015, eq. 8)."""
        log_weights = self.log_weights()
        return ops.logsumexp(log_weights, axis=0) - math.log(log_weights.shape[0])


def importance_sampling(
    log_weights: Callable[[RowNoise, int], tf.Tensor],
    seed: tf.Tensor,
    num_samples: int,
) -> tf.Tensor:
    """Importance-sampled bound and effective sample size, in constant memory.

    Args:
        log_weights: A function from noise and `size` to log weights `(size, batch)`.
        seed: One seed per row, `(batch,)`.
        num_samples: Number of samples.

    Returns:
        `(batch, 2)`: `Evidence.importance_bound` in nats, and
        sum(w)**2 / sum(w**2) of the weights (Kong 1992), in [1, num_samples].
    """
    size = min(num_samples, SAMPLES_PER_CHUNK)
    powers = tf.constant([1.0, 2.0])

    def add_chunk(chunk: tf.Tensor, sums: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        weights = log_weights(RowNoise(seed, chunk + 1), size)
        sample = chunk * size + tf.range(size)[:, None]
        weights = tf.where(sample < num_samples, weights, -np.inf)
        chunk_sums = ops.logsumexp(weights[:, :, None] * powers, axis=0)
        return chunk + 1, ops.logaddexp(sums, chunk_sums)

    _, sums = tf.while_loop(
        lambda chunk, _: chunk * size < num_samples,
        add_chunk,
        (tf.constant(0), tf.fill((tf.shape(seed)[0], 2), np.float32(-np.inf))),
        parallel_iterations=1,
    )
    total, squares = sums[:, 0], sums[:, 1]
    effective = ops.exp(2.0 * total - squares)
    return ops.stack([total - math.log(num_samples), effective], axis=-1)


class Objective(abc.ABC):
    """Turns the evidence terms into the loss of a VAE.

    Attributes:
        num_samples: Latent samples per example.
        penalty: A term of the distribution of all latent values, or None.
    """

    num_samples = 1
    penalty: AggregatePenalty | None = None

    @property
    def needs_prior(self) -> bool:
        """Whether the loss needs draws of the prior."""
        return self.penalty is not None and self.penalty.needs_prior

    @property
    def term_names(self) -> tuple[str, ...]:
        """Names of the terms of `evidence_terms`."""
        return TERMS if self.penalty is None else (*TERMS, self.penalty.name)

    @abc.abstractmethod
    def __call__(self, evidence: Evidence, step: tf.Tensor | None) -> tf.Tensor:
        """Loss in nats, scalar or `(batch,)`; `step` is None outside training."""


@value
class ELBO(Objective):
    """The negative evidence lower bound, with the usual changes of its KL term.

    `-E[log p(x | z)] + beta * sum_j max(free_bits, mean over the batch of KL_j)`

    Attributes:
        beta: Factor of the KL term, >= 0.
        warmup_steps: Training steps over which the factor grows from 0 to beta.
        free_bits: Nats per latent dimension that are not penalised, >= 0.
        num_samples: Latent samples per example.
        penalty: A further term, such as `TotalCorrelation(...)` (beta-TC-VAE) or
            `MaximumMeanDiscrepancy(...)` (InfoVAE). None for no such term.

    References:
        Kingma and Welling, "Auto-encoding variational Bayes", 2013. Higgins et al.,
        "beta-VAE", 2017 (beta). Bowman et al. 2015, section 3.1 (warm-up). Kingma
        et al. 2016, eq. 15 (free bits).

    Example:
        >>> evidence = kg.objectives.Evidence(
        ...     tf.constant([[-90.0]]), tf.constant([[-8.0]]), tf.constant([[3.0, 7.0]])
        ... )
        >>> float(kg.ELBO(beta=2.0)(evidence, step=None)[0])  # 90 + 2 * (3 + 7)
        110.0
        >>> float(kg.ELBO(free_bits=5.0)(evidence, step=None)[0])  # 90 + 5 + 7
        102.0
    """

    beta: float = 1.0
    warmup_steps: int = 0
    free_bits: float = 0.0
    num_samples: int = 1
    penalty: AggregatePenalty | None = None

    def __post_init__(self) -> None:
        check_type(self.penalty, AggregatePenalty | None, "penalty")
        check_positive(self.num_samples, "num_samples", integer=True)
        for name in ("beta", "warmup_steps", "free_bits"):
            if not getattr(self, name) >= 0:
                raise ValueError(
                    f"{name} must be >= 0, received {getattr(self, name)}."
                )

    def __call__(self, evidence: Evidence, step: tf.Tensor | None) -> tf.Tensor:
        """Loss in nats: `(batch,)`, or a scalar with free bits."""
        kl = evidence.kl
        if self.free_bits:
            kl = ops.maximum(self.free_bits, ops.mean(kl, axis=0))
        beta = self.beta
        if self.warmup_steps and step is not None:
            done = ops.cast(step, "float32") / self.warmup_steps
            beta = beta * ops.minimum(1.0, done)
        distortion = -ops.mean(evidence.log_likelihood, axis=0)
        loss = distortion + beta * ops.sum(kl, axis=-1)
        if self.penalty is None or evidence.draws is None:
            return loss
        return loss + self.penalty.weight * self.penalty(evidence.draws)


@value
class IWAE(Objective):
    """The negative importance-weighted bound with `num_samples` samples.

    Attributes:
        num_samples: Latent samples per example, k in the reference.

    References:
        Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", 2015.

    Example:
        >>> networks = kg.networks.mlp_vae((8, 8, 1), 2, units=(16,))
        >>> model = kg.VAE(*networks, objective=kg.IWAE(num_samples=5))
        >>> evidence = kg.objectives.Evidence(
        ...     log_likelihood=tf.constant([[-90.0], [-92.0]]),  # two samples
        ...     log_ratio=tf.constant([[-8.0], [-8.0]]),
        ...     kl=tf.constant([[3.0, 7.0]]),
        ... )
        >>> loss = kg.IWAE(num_samples=2)(evidence, step=None)
        >>> round(float(loss[0]), 2)  # -log((exp(-98) + exp(-100)) / 2)
        98.57
    """

    num_samples: int = 5

    def __post_init__(self) -> None:
        check_positive(self.num_samples, "num_samples", integer=True)

    def __call__(self, evidence: Evidence, step: tf.Tensor | None) -> tf.Tensor:
        """Loss in nats, `(batch,)`."""
        del step
        return -evidence.importance_bound()


def evidence_terms(
    evidence: Evidence, objective: Objective, step: tf.Tensor | None
) -> dict[str, tf.Tensor]:
    """The loss of a batch, and the bound and its parts for every objective.

    Returns:
        Scalars in nats per example, by the names `objective.term_names`.
    """
    terms = {
        "loss": ops.mean(objective(evidence, step)),
        "elbo": ops.mean(evidence.elbo()),
        "reconstruction_nll": -ops.mean(evidence.log_likelihood),
        "kl": ops.mean(ops.sum(evidence.kl, axis=-1)),
    }
    if objective.penalty is not None and evidence.draws is not None:
        terms[objective.penalty.name] = objective.penalty(evidence.draws)
    return terms
