"""Likelihood metrics: log-likelihoods, their bounds, rate and distortion."""

import math
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ..capabilities import Bounds
from ..engine.examples import require_condition
from ..random import normal, row_seeds
from ..rows import Given, RowRunner
from ..specs import SEEDS
from .estimate import Estimate, mean

CODES_PER_CHUNK = 500
SATURATED = 0.5  # nats below log(n)


class ImportanceBound(NamedTuple):
    """A bound of the log-likelihood, and how reliable it is.

    Attributes:
        log_prob: Mean bound over the examples, nats.
        effective_sample_size: Mean effective number of importance samples.

    Example:
        >>> model = kg.VAE(*kg.networks.mlp_vae((8, 8, 1), 2, units=(16,)), seed=0)
        >>> x = np.zeros((4, 8, 8, 1), "float32")
        >>> bounds = kg.metrics.importance_bounds(model, x, counts=(1, 8))
        >>> bool(bounds[1].log_prob.value <= bounds[8].log_prob.value + 1)
        True
        >>> bounds[1].effective_sample_size.value
        1.0
    """

    log_prob: Estimate
    effective_sample_size: Estimate


def nats(log_prob: np.ndarray) -> Estimate:
    """Mean log-likelihood of examples, `(n,)` in nats, with its standard error.

    Example:
        >>> kg.metrics.nats(np.array([-1.0, -3.0])).value
        -2.0
    """
    return mean(log_prob, "nats")


def bits_per_dim(log_prob: np.ndarray, data_shape: Sequence[int]) -> Estimate:
    """Mean negative log-likelihood per value, in bits.

    Args:
        log_prob: Log-likelihood of each example in nats, `(n,)`. For data of 256
            levels scaled to [0, 1], divide a density by 256 per value first. Otherwise
            the figure is eight bits too low (Theis et al., "A note on the evaluation of
            generative models", 2016, section 3.1).
        data_shape: Shape of one example.

    Example:
        >>> log_prob = np.full(10, -16 * np.log(256))  # uniform bytes
        >>> kg.metrics.bits_per_dim(log_prob, (4, 4, 1)).value
        8.0
    """
    values = -np.asarray(log_prob, np.float64) / (math.prod(data_shape) * math.log(2))
    return mean(values, "bits per dimension")


def nats_per_token(
    log_prob: np.ndarray, num_tokens: np.ndarray | None = None
) -> Estimate:
    """Mean negative log-likelihood per token, in nats: a ratio of sums over texts.

    Args:
        log_prob: Log-likelihood in nats of each token, or of each text if `num_tokens`
            is given, `(n,)`.
        num_tokens: Tokens in each text, `(n,)`.

    Raises:
        ValueError: If the numbers are not positive, or not one per log-likelihood.
    """
    losses, unit = -np.asarray(log_prob, np.float64), "nats per token"
    if num_tokens is None:
        return mean(losses, unit)
    counts = np.asarray(num_tokens, np.float64)
    if counts.shape != losses.shape or not (counts > 0).all():
        raise ValueError(
            "num_tokens must be positive, one per log-likelihood, received shapes "
            f"{counts.shape} and {losses.shape}."
        )
    value = losses.sum() / counts.sum()
    residuals = mean((losses - value * counts) / counts.mean(), unit)
    return Estimate(
        float(value), residuals.standard_error, unit, int(counts.sum().round())
    )


def perplexity(log_prob: np.ndarray, num_tokens: np.ndarray | None = None) -> Estimate:
    """Exponential of `nats_per_token`, with the same arguments.

    Returns:
        The perplexity, >= 1 for discrete tokens. Its standard error follows from that
        of the mean by the delta method.

    Example:
        >>> round(kg.metrics.perplexity(np.full(100, -np.log(50))).value, 4)
        50.0
    """
    figure = nats_per_token(log_prob, num_tokens)
    value = math.exp(figure.value)
    error = figure.standard_error
    return figure._replace(
        value=value,
        standard_error=None if error is None else value * error,
        unit="perplexity",
    )


def bits_per_character(
    log_prob: np.ndarray, num_characters: np.ndarray | None = None
) -> Estimate:
    """Mean negative log-likelihood per character, in bits.

    Args:
        log_prob: Log-likelihood in nats of each character, or of each text if
            `num_characters` is given, `(n,)`.
        num_characters: Characters in each text, `(n,)`.

    Example:
        >>> log_prob = np.array([-8 * np.log(2), -8 * np.log(2)])
        >>> kg.metrics.bits_per_character(log_prob, np.array([2, 6])).value
        2.0
    """
    figure = nats_per_token(log_prob, num_characters)
    error = figure.standard_error
    return figure._replace(
        value=figure.value / math.log(2),
        standard_error=None if error is None else error / math.log(2),
        unit="bits per character",
    )


def importance_bounds(
    model: Bounds,
    x: np.ndarray,
    condition: Any = None,
    *,
    counts: Sequence[int] = (1, 10, 100),
    seed: int = 0,
) -> dict[int, ImportanceBound]:
    """The importance-sampled bound at several numbers of samples.

    It rises with the number towards the log-likelihood (Burda et al. 2015, theorem 1).
    If it still rises, or if the effective sample size stays near 1, the last bound is
    far from the log-likelihood.

    Args:
        model: A model that bounds the likelihood.
        x: Examples, `(n, *inputs.shape)`.
        condition: Rows of the model's `condition` spec, one per example.
        counts: Numbers of importance samples.
        seed: Seed of the samples.
    """
    bounds = {}
    for count in counts:
        given = {"condition": condition, "seed": seed}
        found = model.importance_sampling(x, count, **given)
        effective = mean(found.effective_sample_size, "samples")
        bounds[count] = ImportanceBound(nats(found.log_prob), effective)
    return bounds


def rate_distortion(
    model: Bounds, x: np.ndarray, condition: Any = None, *, seed: int = 0
) -> tuple[Estimate, Estimate]:
    """Rate and distortion of a VAE, in nats.

    Args:
        model: The VAE.
        x: Examples, `(n, *inputs.shape)`.
        condition: Rows of the model's `condition` spec, one per example.
        seed: Seed of the latent vectors.

    Returns:
        The rate, the mean of KL(q(z | x) || p(z)), and the distortion, the mean of
        -log p(x | z). The ELBO is the negative sum of both (Alemi et al., "Fixing a
        broken ELBO", 2018, section 2).
    """
    rates, distortions = rates_and_distortions(model, x, condition, seed=seed)
    return nats(rates), nats(distortions)


def rates_and_distortions(
    model: Any, x: np.ndarray, condition: Any = None, *, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Rate and distortion of each example, nats, `(n,)` each; see `rate_distortion`.

    Args:
        model: The VAE.
        x: Examples, `(n, *inputs.shape)`.
        condition: Rows of the model's `condition` spec, one per example.
        seed: Seed of the latent vectors.
    """

    def rate(
        x: tf.Tensor, seed: tf.Tensor, condition: tf.Tensor | None = None
    ) -> tf.Tensor:
        noise = normal(seed, (model.latent.size,))[None]
        evidence = model._evidence(model.observe(x, seed), condition, noise)
        return tf.reduce_sum(evidence.kl, axis=-1)

    rates = RowRunner(model).run(rate, given_rows(model, x, seed, condition))
    return rates, -model.elbo(x, condition=condition, seed=seed) - rates


def given_rows(model: Any, x: Any, seed: int, condition: Any) -> Given:
    """Examples, a seed for each, and their condition, for a `RowRunner`."""
    given = {"x": (x, model.inputs), "seed": (row_seeds(seed, len(x)), SEEDS)}
    require_condition(model.condition, condition)
    return given | {"condition": (condition, model.condition)}


def _posterior(
    model: Any, x: tf.Tensor, seed: tf.Tensor, condition: tf.Tensor | None
) -> Any:
    given = () if condition is None else (condition,)
    return model.posterior(model.observe(x, seed), *given)


def aggregate_posterior_gap(
    model: Any, x: np.ndarray, condition: Any = None, *, seed: int = 0
) -> Estimate:
    """KL between the mean of all posteriors, q(z), and the prior, in nats.

    Large values mean that samples of the prior are far from encoded examples. It is the
    rate minus the mutual information of z and the index of the example (Hoffman and
    Johnson, "ELBO surgery", 2016, eq. 8), with one latent vector per example and q(z)
    from all examples.

    Args:
        model: The VAE.
        x: Examples, `(n, *inputs.shape)`. n examples can show an information of at most
            log(n). If the rate is larger, the value is too high by the difference, and
            a warning is raised.
        condition: Rows of the model's `condition` spec, one per example.
        seed: Seed of the latent vectors.
    """

    def posterior(
        x: tf.Tensor, seed: tf.Tensor, condition: tf.Tensor | None = None
    ) -> tf.Tensor:
        normals = _posterior(model, x, seed, condition)
        return tf.stack([normals.mean(), normals.stddev()], axis=1)

    seeds = row_seeds(seed, len(x))
    parts = RowRunner(model).run(posterior, given_rows(model, x, seed, condition))
    center, scale = np.moveaxis(parts.astype(np.float64), 1, 0)
    noise = normal(seeds, model.latent.shape).numpy().astype(np.float64)
    z = center + scale * noise
    log_scale = np.log(scale).sum(axis=1)
    rows = [
        _log_mean_normal(z[i : i + CODES_PER_CHUNK], center, scale, log_scale)
        for i in range(0, len(z), CODES_PER_CHUNK)
    ]
    aggregate = np.concatenate(rows)
    constant = 0.5 * math.log(2 * math.pi)
    own = -(0.5 * noise**2 + constant).sum(axis=1) - log_scale
    information = (own - aggregate).mean()
    if information > math.log(len(z)) - SATURATED:
        warnings.warn(
            f"aggregate_posterior_gap: the codes of {len(z)} examples do not overlap, "
            f"so their information is at least {information:.1f} nats and the gap is "
            "an upper bound. Use more examples to tighten it.",
            stacklevel=2,
        )
    prior = model.prior.log_prob(tf.constant(z, tf.float32))
    return nats(aggregate - np.asarray(prior, np.float64))


def _log_mean_normal(
    z: np.ndarray, center: np.ndarray, scale: np.ndarray, log_scale: np.ndarray
) -> np.ndarray:
    """Log of the mean over all normals at each row of `z`."""
    from scipy.special import logsumexp

    precision = scale**-2.0
    squares = z**2 @ precision.T - 2 * z @ (center * precision).T
    squares += (center**2 * precision).sum(axis=1)
    constant = 0.5 * center.shape[1] * math.log(2 * math.pi)
    log_density = -0.5 * squares - log_scale - constant
    return logsumexp(log_density, axis=1) - math.log(len(center))
