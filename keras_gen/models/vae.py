"""Variational autoencoder, with or without classes.

Rooms: `networks` (encoder, decoder), `distributions` (likelihood, prior),
`objectives` (ELBO, IWAE).
"""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from .. import networks
from ..capabilities import Generates, Variational
from ..distributions import Bernoulli, Likelihood, Prior, StandardNormal
from ..examples import to_float
from ..model import GenerativeModel
from ..objectives import ELBO
from ..objectives.corruption import Corruption
from ..objectives.evidence import TERMS, Objective, evidence_terms
from ..random import RowNoise
from ..scaling import SeesRawData
from ..serialization import register
from ..validation import check_type


@register
class VAE(SeesRawData, Generates, Variational, GenerativeModel):
    """A latent-variable model p(z) p(x | z) trained with an encoder q(z | x).

    With networks of two inputs (value, one-hot labels) it is class-conditional:
    p(x | z, label).

    Args:
        encoder: Examples to mean and log variance of q(z | x), side by side,
            `(batch, 2 * latent_dim)`: a Functional or Sequential model.
        decoder: Latent vectors to the raw parameters of the likelihood,
            `(batch, ..., channels * likelihood.values_per_channel)`.
        likelihood: p(x | z); default Bernoulli.
        prior: p(z); default standard normal.
        objective: What is minimised; default `ELBO()`.
        observation: Draws the example that the model explains, such as
            `StochasticBinarization()`, in training and in all bounds.
        seed: Seed of the training noise; None draws one.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If a network is no built Functional or Sequential model.
        ValueError: If the shapes of the networks do not fit each other, or if the
            decoder ends in a squashing activation.

    References:
        Kingma and Welling, "Auto-encoding variational Bayes", 2013; Sohn et al.,
        "Learning structured output representation", 2015 (conditional).
    """

    arguments = ("encoder", "decoder", "likelihood", "prior", "objective")
    arguments += ("observation",)

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        *,
        likelihood: Likelihood | None = None,
        prior: Prior | None = None,
        objective: Objective | None = None,
        observation: Corruption | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        likelihood = likelihood or Bernoulli()
        check_type(likelihood, Likelihood, "likelihood")
        check_type(prior, Prior | None, "prior")
        check_type(objective, Objective | None, "objective")
        check_type(observation, Corruption | None, "observation")
        networks.check_pair(
            encoder,
            decoder,
            statistics=2,
            values_per_channel=likelihood.values_per_channel,
        )
        super().__init__(
            data_shape=networks.input_shape(encoder, "encoder"),
            unit_interval=likelihood.unit_interval,
            num_classes=networks.num_classes(encoder=encoder, decoder=decoder),
            term_names=TERMS,
            seed=seed,
            **kwargs,
        )
        self.encoder, self.decoder = encoder, decoder
        self.likelihood = likelihood
        self.prior = prior or StandardNormal()
        self.objective = objective or ELBO()
        self.observation = observation

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """`(latent_dim,)`."""
        return networks.input_shape(self.decoder, "decoder")

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """Shape of the noise that the prior turns into a latent vector."""
        return (self.prior.noise_size(self.latent_shape[0]),)

    def call(self, x: Any, training: bool = False) -> tf.Tensor:  # noqa: FBT001, FBT002
        """Reconstructions; conditional models take `[x, labels]`."""
        x, labels = x if isinstance(x, list | tuple) else (x, None)
        x = to_float(ops.convert_to_tensor(x), unit_interval=self.unit_interval)
        mean, _ = self._statistics(x, labels, training=training)
        raw = networks.apply(self.decoder, mean, labels, training=training)
        return self.likelihood.mean(raw)

    def loss_terms(
        self,
        x: tf.Tensor,
        labels: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """`loss`; `elbo`, whatever the objective, `reconstruction_nll` and `kl`."""
        x = self._observe(x, noise)
        epsilon = self._samples(noise, self.objective.num_samples)
        evidence = self._evidence(x, labels, epsilon, training=training)
        step = self._counts["steps"] if training else None
        return evidence_terms(evidence, self.objective, step)

    def _statistics(
        self, x: tf.Tensor, labels: tf.Tensor | None = None, *, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        raw = networks.apply(self.encoder, x, labels, training=training)
        mean, log_var = ops.split(raw, 2, axis=-1)
        return mean, ops.exp(0.5 * log_var)

    def _log_likelihood(
        self,
        x: tf.Tensor,
        z: tf.Tensor,
        labels: tf.Tensor | None,
        *,
        training: bool = False,
    ) -> tf.Tensor:
        num_samples, dim = z.shape[0], z.shape[2]
        flat = ops.reshape(z, (-1, dim))
        tiled = None if labels is None else tf.tile(labels, [num_samples])
        raw = networks.apply(self.decoder, flat, tiled, training=training)
        raw = ops.reshape(raw, (num_samples, -1, *raw.shape[1:]))
        return self.likelihood.log_prob(x, raw, len(self.data_shape))

    def _decode(self, z: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        return self.likelihood.mean(networks.apply(self.decoder, z, labels))

    def _generate(self, noise: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        return self._decode(self.prior.from_noise(noise), labels)
