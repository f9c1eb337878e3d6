"""Variational autoencoder, with or without classes.

Rooms: `networks` (encoder, decoder), `distributions` (likelihood, prior),
`objectives` (ELBO, IWAE).
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from .. import networks, random
from ..capabilities import Generates, Variational
from ..distributions import Bernoulli, Likelihood, Prior, StandardNormal
from ..examples import first_rows
from ..model import GenerativeModel
from ..objectives import ELBO
from ..objectives.corruption import Corruption, StochasticBinarization
from ..objectives.evidence import TERMS, Objective, evidence_terms
from ..random import RowNoise
from ..rows import Rows
from ..serialization import register
from ..validation import check_type

DRAW_STREAM = 2  # beside the noise of z, 0, and that of the observation, 1
FIRST_ROWS = 1000
READ_AGAIN = (np.ndarray, tf.data.Dataset, keras.utils.PyDataset)  # no generators


@register
class VAE(Generates, Variational, GenerativeModel):
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

    `sample` draws z from p(z), then x from p(x | z) where the data look like such
    draws: vectors and series under a Gaussian or of levels, and binary ones (`fit` saw
    only 0 and 1, or the observation is `StochasticBinarization()`). For images, and for
    grey vectors under `Bernoulli`, it returns the mean of p(x | z). `samples_mean` and
    the argument `mean` choose otherwise. `generate` and `decode` return means.

    Raises:
        TypeError: If a network is no built Functional or Sequential model.
        ValueError: If the shapes of the networks do not fit each other, or if the
            decoder's outputs are squashed, as by a last sigmoid or relu.

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
            squashes=likelihood.squashes,
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
        self._samples_mean: bool | None = None  # as data look

    @property
    def samples_mean(self) -> bool:
        """Whether `sample` and exports return means of p(x | z); can be set."""
        if self._samples_mean is not None:
            return self._samples_mean
        if len(self.data_shape) == 3:
            return True
        if not isinstance(self.likelihood, Bernoulli):
            return False
        return not isinstance(self.observation, StochasticBinarization)

    @samples_mean.setter
    def samples_mean(self, chosen: bool) -> None:
        self._samples_mean = bool(chosen)

    @property
    def draws_levels(self) -> bool:
        """Whether samples are of single levels, which rounding can change."""
        return self.likelihood.has_levels and not self.samples_mean

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, and whether samples are means."""
        return super().get_config() | {"samples_mean": self._samples_mean}

    @classmethod
    def from_config(cls, config: dict[str, Any], *args: Any) -> "VAE":
        """Rebuilds the model from `get_config`."""
        config = dict(config)
        chosen = config.pop("samples_mean", None)
        model = super().from_config(config, *args)
        model._samples_mean = chosen
        return model

    def prepare(self, x: Any, y: Any) -> None:
        """Looks whether vectors are binary, so that samples are to be so."""
        super().prepare(x, y)
        is_grey = isinstance(self.likelihood, Bernoulli) and len(self.data_shape) < 3
        is_open = is_grey and self._samples_mean is None and self.samples_mean
        if is_open and isinstance(x, READ_AGAIN):
            seen, _ = first_rows(self, x, y, FIRST_ROWS)
            if bool(tf.reduce_all((seen == 0) | (seen == 1))):
                self.samples_mean = False

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """`(latent_dim,)`."""
        return networks.input_shape(self.decoder, "decoder")

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """Shape of the noise that the prior turns into a latent vector."""
        return (self.prior.noise_size(self.latent_shape[0]),)

    def _output(
        self, x: tf.Tensor, labels: tf.Tensor | None, *, training: bool
    ) -> tf.Tensor:
        """Reconstructions, as `reconstruct` gives them."""
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

    def sample(
        self,
        num_samples: int,
        *,
        seed: int | None = None,
        labels: Any = None,
        context: Any = None,
        mean: bool | None = None,
    ) -> np.ndarray:
        """Draws samples.

        Row i is decided by `keras_gen.random.row_seeds(seed, num_samples)[i]`, in
        every exported artifact too.

        Args:
            num_samples: How many.
            seed: Decides the samples; None draws a seed.
            labels: Integers, `(num_samples,)`, or one integer for all, for a
                class-conditional model.
            context: None: a VAE takes none.
            mean: True gives the mean of p(x | z) for each z that is drawn, False draws
                from p(x | z) too; None is `samples_mean`.

        Returns:
            float32 samples, `(num_samples, *data_shape)`; images in [0, 1].

        Raises:
            ValueError: If `num_samples` is no integer > 0 or labels do not fit.
        """
        rows = self._rows(num_samples, seed, labels, context)
        return self.sample_rows(*rows, mean=mean)

    def sample_rows(
        self,
        seed: Any,
        labels: Any = None,
        context: Any = None,
        *,
        mean: bool | None = None,
    ) -> Rows:
        """One sample per seed, each independent of the rows around it.

        Args:
            seed: int32 `(batch,)`.
            labels: Integers, `(batch,)`, for a class-conditional model.
            context: None: a VAE takes none.
            mean: As in `sample`.

        Returns:
            float32 samples, `(batch, *data_shape)`; images in [0, 1].
        """
        if not isinstance(mean, bool | None):
            raise TypeError(f"mean must be True, False or None, received {mean!r}.")
        static = {"mean": self.samples_mean if mean is None else mean}
        rows = {"seed": seed, "labels": labels, "context": context}
        return self.run(self._sample_rows, static=static, **rows)

    def _sample_rows(
        self, seed: tf.Tensor, labels: tf.Tensor | None = None, *, mean: bool = True
    ) -> tf.Tensor:
        if mean:
            return self._generate(self._noise(seed), labels)
        z = self.prior.from_noise(self._noise(seed))
        raw = networks.apply(self.decoder, z, labels)
        noise = random.normal(seed, self.data_shape, DRAW_STREAM)
        drawn = self.likelihood.draw(raw, noise)
        return ops.clip(drawn, 0.0, 1.0) if self.unit_interval else drawn

    def _generate(self, noise: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        return self._decode(self.prior.from_noise(noise), labels)
