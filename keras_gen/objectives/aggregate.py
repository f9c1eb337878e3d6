"""Penalties of the aggregate posterior q(z), the mean of q(z | x) over all examples."""

import abc
import math
from typing import NamedTuple, cast

import tensorflow as tf
from keras import ops

from ..serialization import value
from ..validation import check_count, check_factor


class Draws(NamedTuple):
    """The latent values of a batch, and where they come from.

    Attributes:
        z: Draws of q(z | x), `(samples, batch, latent_dim)`.
        mean: Means of the encoder, `(batch, values)`.
        stddev: Standard deviations of the encoder, `(batch, values)`.
        prior: Draws of p(z), `(batch, latent_dim)`, or None if no penalty needs them.

    Example:
        >>> one = tf.ones((5, 2))
        >>> draws = kg.objectives.Draws(z=one[None], mean=one, stddev=one)
        >>> draws.prior is None
        True
    """

    z: tf.Tensor
    mean: tf.Tensor
    stddev: tf.Tensor
    prior: tf.Tensor | None = None


class AggregatePenalty(abc.ABC):
    """A term of `ELBO` that depends on q(z), not on q(z | x) of single examples.

    Attributes:
        name: Name of the term in the logs.
        weight: Factor of the term in the loss.
        needs_normal: Whether q(z | x) must be independent normal values.
        needs_prior: Whether draws of the prior are compared.

    Example:
        >>> penalty = kg.TotalCorrelation(5.0, num_examples=1000)
        >>> isinstance(penalty, kg.objectives.AggregatePenalty), penalty.name
        (True, 'total_correlation')
        >>> kg.ELBO(penalty=penalty).term_names[-1]
        'total_correlation'
    """

    name: str
    weight: float
    needs_normal = False
    needs_prior = False

    @abc.abstractmethod
    def __call__(self, draws: Draws) -> tf.Tensor:
        """The term without its factor, a scalar."""


@value
class TotalCorrelation(AggregatePenalty):
    """KL(q(z) || prod_j q(z_j)), which is 0 if latent values are independent.

    With weight beta - 1 in `ELBO(penalty=...)` the loss is that of a beta-TC-VAE. q(z)
    is estimated from the batch: the example itself has the weight 1 / n of an example
    among all, and the others of the batch share the rest.

    Attributes:
        weight: Factor, >= 0.
        num_examples: Number of training examples, n.

    References:
        Chen, Li, Grosse and Duvenaud, "Isolating sources of disentanglement in
        variational autoencoders", 2018, eq. 4 with alpha = gamma = 1, and appendix C
        (weights of a batch).

    Example:
        >>> penalty = kg.TotalCorrelation(weight=5.0, num_examples=1000)
        >>> networks = kg.networks.mlp_vae((8, 8, 1), 2, units=(16,))
        >>> model = kg.VAE(*networks, objective=kg.ELBO(penalty=penalty))
        >>> mean = tf.constant([[-1.0, 0.0], [1.0, 0.0]])
        >>> draws = kg.objectives.Draws(mean[None], mean, tf.ones((2, 2)))
        >>> two = kg.TotalCorrelation(1.0, num_examples=2)
        >>> abs(round(float(two(draws)), 6))  # the second value is always the same
        0.0
    """

    weight: float
    num_examples: int
    name = "total_correlation"
    needs_normal = True

    def __post_init__(self) -> None:
        check_factor(self.weight, "weight")
        check_count(self.num_examples, "num_examples", least=2)

    def __call__(self, draws: Draws) -> tf.Tensor:
        """The estimate of the batch in nats, a scalar. It can be below 0.

        With a single example in the batch it is 0.
        """
        z, n = draws.z[0], self.num_examples
        rows = tf.shape(z)[0]
        precision = 1 / draws.stddev**2
        gap = z[:, None] - draws.mean[None]
        constant = 0.5 * math.log(2 * math.pi)
        log_q = -0.5 * gap**2 * precision - ops.log(draws.stddev) - constant
        others = tf.math.log1p(-1 / n) - tf.math.log(
            tf.cast(tf.maximum(rows - 1, 1), "float32")
        )
        is_own = tf.eye(rows, dtype="bool")
        log_weights = tf.where(is_own, -math.log(n), others)
        joint = ops.logsumexp(ops.sum(log_q, axis=-1) + log_weights, axis=1)
        single = ops.logsumexp(log_q + log_weights[..., None], axis=1)
        found = ops.mean(joint - ops.sum(single, axis=-1))
        return tf.where(rows > 1, found, 0.0)


@value
class MaximumMeanDiscrepancy(AggregatePenalty):
    """The squared distance of q(z) and p(z) as means of a kernel.

    With `ELBO(beta=1 - alpha, penalty=MaximumMeanDiscrepancy(alpha + lambda - 1))` the
    loss is that of an InfoVAE; `ELBO(beta=0.0, penalty=...)` is the MMD-VAE. The kernel
    is exp(-|a - b|^2 / (2 d)) for d latent values.

    Attributes:
        weight: Factor, >= 0.

    References:
        Zhao, Song and Ermon, "InfoVAE: information maximizing variational
        autoencoders", 2017, eq. 6 and section 3.2; Gretton et al., "A kernel two-sample
        test", 2012, eq. 5.

    Example:
        >>> penalty = kg.MaximumMeanDiscrepancy(weight=1000.0)
        >>> networks = kg.networks.mlp_vae((8, 8, 1), 2, units=(16,))
        >>> model = kg.VAE(*networks, objective=kg.ELBO(beta=0.0, penalty=penalty))
        >>> z = tf.constant([[0.0, 1.0], [2.0, 3.0]])
        >>> draws = kg.objectives.Draws(z[None], z, tf.ones((2, 2)), prior=z)
        >>> float(penalty(draws))  # equal draws
        0.0
    """

    weight: float
    name = "mmd"
    needs_prior = True

    def __post_init__(self) -> None:
        check_factor(self.weight, "weight")

    def __call__(self, draws: Draws) -> tf.Tensor:
        """The estimate of the batch, a scalar, >= 0.

        Its expectation is above 0 for equal distributions, by the share of pairs of a
        draw with itself.
        """
        z, prior = draws.z[0], cast(tf.Tensor, draws.prior)
        within = _mean_kernel(z, z) + _mean_kernel(prior, prior)
        return within - 2 * _mean_kernel(z, prior)


def _mean_kernel(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """The mean of the kernel over all pairs of rows."""
    squares = ops.sum((a[:, None] - b[None]) ** 2, axis=-1)
    return ops.mean(ops.exp(-squares / (2 * a.shape[-1])))
