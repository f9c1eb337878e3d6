"""The posterior of a latent-variable model: evidence, bounds, importance sampling."""

import math
from collections.abc import Callable
from typing import Any, Protocol, cast

import numpy as np
import tensorflow as tf
from keras import ops

from . import random
from .capabilities import ImportanceSampling
from .distributions import ApproximatePosterior, Distribution, Encoded, Prior, normal
from .objectives.aggregate import Draws
from .objectives.evidence import (
    SAMPLES_PER_CHUNK,
    Evidence,
    Objective,
    importance_sampling,
)
from .random import RowNoise
from .rows import MOST_VALUES, Given, RowRunner, Rows
from .specs import SEEDS, Noise, Spec
from .validation import check_positive

LATENT_STREAM, ACCEPT_STREAM, PRIOR_STREAM = 0, 3, 4  # the model draws from others
WARM_UP = 5  # the share of a chain's steps that accept every proposal is one fifth
ROWS_PER_SAMPLING = 100


class HasPosterior(Protocol):
    """The interface of a model that has a `Posterior`."""

    inputs: Spec
    latent: Spec
    prior: Prior
    approximation: ApproximatePosterior
    scale: Any
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
    ) -> Encoded:
        """The outputs of the encoder, such as mean and deviation of q(z | x)."""
        ...

    def _log_likelihood(
        self, x: tf.Tensor, z: tf.Tensor, known: tf.Tensor | None, **how: Any
    ) -> tf.Tensor:
        """Log p(x | z), `(samples, batch)`, of z `(samples, batch, values)`."""
        ...


class Posterior:
    """What follows from q(z | x) of a model p(z) p(x | z).

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

    def check(self, objective: Objective) -> None:
        """Raises ValueError unless an objective knows q(z | x) of the model."""
        penalty, family = objective.penalty, self._model.approximation
        if penalty is not None and penalty.needs_normal and not family.is_normal:
            raise ValueError(
                f"{type(penalty).__name__} requires a normal q(z | x), received "
                f"posterior={type(family).__name__}."
            )

    def with_prior(self, evidence: Evidence, noise: RowNoise) -> Evidence:
        """The evidence with a draw of the prior for each example."""
        model = self._model
        size = model.prior.noise_size(model.latent.size)
        drawn = model.prior.from_noise(noise.normal((size,), PRIOR_STREAM))
        draws = cast(Draws, evidence.draws)._replace(prior=drawn)
        return evidence._replace(draws=draws)

    def distribution(self, x: tf.Tensor, known: tf.Tensor | None) -> Distribution:
        """q(z | x) as a TFP distribution.

        Raises:
            ValueError: If it is not normal.
        """
        if not self._model.approximation.is_normal:
            raise ValueError(
                "posterior requires a model whose q(z | x) is normal, received one "
                f"with posterior={type(self._model.approximation).__name__}. encode, "
                "elbo and importance_sampling work for all."
            )
        mean, stddev, _ = self._model._statistics(x, known)
        return normal(mean, stddev)

    def center(self, encoded: Encoded) -> tf.Tensor:
        """The latent values without noise, `(batch, *latent.shape)`."""
        z = self._model.approximation.center(flat(encoded))
        return ops.reshape(z, (-1, *self._model.latent.shape))

    def draws(self, encoded: Encoded, noise: RowNoise) -> tf.Tensor:
        """A draw of q(z | x) for each example, `(batch, values)`."""
        return self._model.approximation.draw(flat(encoded), self.noise(noise, 1)).z[0]

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
        encoded = flat(model._statistics(x, known, training=training))
        z, log_posterior, law = model.approximation.draw(encoded, epsilon)
        log_likelihood = model._log_likelihood(x, z, known, training=training, **how)
        log_ratio = prior.log_prob(z) - log_posterior
        if law is None:
            kl = -ops.mean(log_ratio, axis=0)[:, None]
        else:
            kl = prior.kl_divergence(law, z)
        draws = Draws(z, encoded.mean, encoded.stddev)
        return Evidence(log_likelihood, log_ratio, kl, draws)

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

    def filled(
        self,
        x: tf.Tensor,
        known: tf.Tensor | None,
        seed: tf.Tensor,
        redraw: Callable[[tf.Tensor, tf.Tensor, RowNoise], tf.Tensor],
        *,
        num_steps: int,
        is_exact: bool,
    ) -> tf.Tensor:
        """A chain that draws the unknown values of examples given the others.

        Each step proposes z from q(z | x) and then draws the unknown values from
        p(x | z). From the first fifth of the steps on, a proposal is accepted with the
        probability of Metropolis and Hastings, so that the chain converges to the
        model's own distribution for any encoder.

        Args:
            x: Examples in units of the data, with a guess of the unknown values.
            known: The condition as networks see it, or None.
            seed: int32 `(batch,)`.
            redraw: A function from examples, z `(batch, values)` and noise to the
                examples with new values.
            num_steps: Number of steps.
            is_exact: Whether `redraw` draws from p(x | z). Otherwise every proposal is
                accepted.

        References:
            Rezende, Mohamed and Wierstra, "Stochastic backpropagation", 2014, appendix
            F (every proposal accepted); Mattei and Frellsen, "Leveraging the exact
            likelihood of deep latent variable models", 2018, algorithm 1.
        """
        model, size = self._model, self._model.latent.size
        warm_up = max(1, num_steps // WARM_UP) if is_exact else num_steps

        def step(i: tf.Tensor, x: tf.Tensor, z: tf.Tensor) -> tuple[tf.Tensor, ...]:
            noise, seen = RowNoise(seed, i + 1), model.scale.inward(x)
            encoded = flat(model._statistics(seen, known))
            fresh = noise.normal((size,), LATENT_STREAM)
            drawn = model.approximation.draw(encoded, fresh[None])
            proposed, log_proposed = drawn.z[0], drawn.log_prob[0]
            both = tf.stack([proposed, z])
            log_joint = model._log_likelihood(seen, both, known)
            log_joint += model.prior.log_prob(both)
            new, old = tf.unstack(log_joint)
            new -= log_proposed
            old -= model.approximation.log_prob(encoded, z[None])[0]
            uniform = noise.uniform((), ACCEPT_STREAM)
            accepted = (ops.log(uniform) < new - old) | (i < warm_up)
            z = tf.where(accepted[:, None], proposed, z)
            return i + 1, redraw(x, z, noise), z

        start = tf.zeros((tf.shape(x)[0], size))
        state = tf.constant(0), x, start
        more = {"maximum_iterations": num_steps, "parallel_iterations": 1}
        return tf.while_loop(lambda *_: True, step, state, **more)[1]

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


def flat(encoded: Encoded) -> Encoded:
    """The outputs of an encoder with one axis of values."""
    size = math.prod(encoded.mean.shape[1:])
    mean, stddev = (ops.reshape(part, (-1, size)) for part in encoded[:2])
    return Encoded(mean, stddev, encoded.context)
