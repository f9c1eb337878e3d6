"""Variational autoencoder, with or without a condition."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from .. import networks, random
from ..capabilities import (
    Bounds,
    Encodes,
    Generates,
    ImportanceSampling,
    check_mask,
)
from ..distributions import (
    ApproximatePosterior,
    Bernoulli,
    Distribution,
    Encoded,
    Gaussian,
    LearnedGaussian,
    Likelihood,
    MixedColumns,
    NormalPosterior,
    Prior,
    StandardNormal,
)
from ..engine.examples import first_rows
from ..games import LatentGame, PatchGame
from ..latents import Posterior, flat
from ..model import GenerativeModel, Turn
from ..objectives import ELBO
from ..objectives.aggregate import Draws
from ..objectives.corruption import Corruption, StochasticBinarization
from ..objectives.evidence import Evidence, Objective, evidence_terms
from ..perceptual import FeatureLoss, Terms
from ..random import RowNoise, row_seeds
from ..rows import Rows
from ..serialization import register, serialize
from ..specs import SEEDS, Columns, Latents, Noise, Spec, condition_of_shape, of_shape
from ..validation import check_count, check_type, num_rows

OBSERVATION_STREAM, DRAW_STREAM = 1, 2  # the noise of z is 0
FIRST_ROWS = 1000
DEFAULT_SCALE = 0.5  # of standardized values
READ_AGAIN = (np.ndarray, tf.data.Dataset, keras.utils.PyDataset)  # no generators


@register
class VAE(Generates, Encodes, Bounds, GenerativeModel):
    """A latent-variable model p(z) p(x | z) trained with an encoder q(z | x).

    With networks of two inputs (value, condition) it is conditional: p(x | z, c).

    Args:
        encoder: A Functional or Sequential model from examples to the mean and log
            variance of q(z | x), concatenated, `(batch, 2 * latent_dim)`, or
            `(batch, height, width, 2 * channels)` for a spatial latent.
        decoder: A model from latent values to the raw parameters of the likelihood,
            `(batch, ..., channels * likelihood.values_per_channel)`.
        likelihood: p(x | z). The default is `Bernoulli()` for values in [0, 1] and
            `MixedColumns()` for tables. Otherwise it is `LearnedGaussian()` if the
            decoder returns two values per channel, or `Gaussian(0.5)` of standardized
            columns.
        prior: p(z). The default is standard normal. `VampPrior()`, and of `bijectors`
            `LearnedMixture(10)` and `FlowPrior(...)`, are trained with the model.
        posterior: q(z | x). The default is independent normal values. With a
            `TwoLevelPosterior`, and a `TwoLevelPrior`, the model is a hierarchical VAE.
            The encoder then has further outputs, after means and log variances.
        objective: The objective. The default is `ELBO()`.
        observation: Draws the example that the model explains, such as
            `StochasticBinarization()`, in training and in all bounds.
        perceptual: A `FeatureLoss` that is added to the loss, for values in [0, 1].
        adversarial: A `PatchGame` of reconstructions against examples, for values in
            [0, 1], or a `LatentGame` of latent values against draws of the prior. The
            players are then "autoencoder" and "discriminator".
        inputs: The spec of the examples. None derives it from the encoder's input.
        condition: The spec of the networks' second input. None means class labels if it
            is a vector.
        seed: Seed of the training noise. None draws a seed.
        **kwargs: `name` and `dtype`, for Keras.

    `sample` draws z from p(z). It then draws x from p(x | z) for vectors and series
    that are Gaussian, discrete or binary (`fit` saw only 0 and 1, or the observation is
    `StochasticBinarization()`). For images, and for grey vectors under `Bernoulli`, it
    returns the mean of p(x | z). Set `samples_mean` or the argument `mean` to change
    this. `generate` and `decode` return means.

    Columns and channels of any size are standardized inside. Bounds are in units of the
    data.

    Raises:
        TypeError: If a network is not a built Functional or Sequential model.
        ValueError: If the shapes of the networks do not fit each other, or if the
            decoder's outputs are squashed, as by a final sigmoid or relu.

    References:
        Kingma and Welling, "Auto-encoding variational Bayes", 2013; Sohn et al.,
        "Learning structured output representation", 2015 (conditional); Rombach et al.,
        "High-resolution image synthesis with latent diffusion models", 2022, appendix G
        (`perceptual` and `adversarial`, with a small `beta` and a spatial latent).

    Example:
        >>> import keras_gen as kg
        >>> encoder, decoder = kg.networks.mlp_vae((8, 8, 1), 2, units=(16,))
        >>> model = kg.VAE(encoder, decoder, seed=0)
        >>> model.sample(3, seed=7).shape
        (3, 8, 8, 1)
    """

    arguments = ("encoder", "decoder", "likelihood", "prior", "objective")
    arguments += ("observation", "perceptual", "adversarial", "inputs", "condition")

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        *,
        likelihood: Likelihood | None = None,
        prior: Prior | None = None,
        posterior: ApproximatePosterior | None = None,
        objective: Objective | None = None,
        observation: Corruption | None = None,
        perceptual: FeatureLoss | None = None,
        adversarial: PatchGame | LatentGame | None = None,
        inputs: Spec | None = None,
        condition: Spec | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_type(likelihood, Likelihood | None, "likelihood")
        check_type(prior, Prior | None, "prior")
        check_type(posterior, ApproximatePosterior | None, "posterior")
        check_type(objective, Objective | None, "objective")
        check_type(observation, Corruption | None, "observation")
        check_type(perceptual, FeatureLoss | None, "perceptual")
        check_type(adversarial, PatchGame | LatentGame | None, "adversarial")
        shape = networks.input_shape(encoder, "encoder")
        is_unit = likelihood is not None and likelihood.unit_interval is True
        latent = Latents(networks.input_shape(decoder, "decoder"))
        inputs = inputs or of_shape(shape, is_unit=is_unit)
        if likelihood is None:
            likelihood = _likelihood(inputs, networks.output_shape(decoder, "decoder"))
        likelihood = likelihood.for_inputs(inputs)
        if observation is not None and inputs.has_levels:
            raise ValueError(
                "observation must be None for tables with integers or categories, "
                f"received {observation}."
            )
        approximation = posterior or NormalPosterior()
        size, further = approximation.prepare(latent.shape), approximation.context_size
        networks.check_pair(
            encoder,
            decoder,
            inputs.network_shape,
            likelihood.raw_shape(inputs),
            statistics=2,
            code=None if approximation.is_normal else (size, further),
            squashes=likelihood.squashes,
            is_unit=inputs.is_unit,
        )
        shape = networks.condition_shape(encoder=encoder, decoder=decoder)
        if condition is None and shape is not None:
            condition = condition_of_shape(shape)
        if perceptual is not None:
            perceptual.check(inputs)
        objective, prior = objective or ELBO(), prior or StandardNormal()
        specs: dict[str, Any] = {"condition": condition, "latent": latent}
        specs["term_names"] = objective.term_names
        if adversarial is not None:
            adversarial.check(latent if adversarial.judges_latents else inputs)
            trained = encoder, decoder, prior, approximation
            specs["players"] = adversarial.players(*trained)
        super().__init__(inputs, **specs, seed=seed, **kwargs)
        self.encoder, self.decoder = encoder, decoder
        self.likelihood = likelihood
        self.prior, self.approximation = prior, approximation
        if prior.needs_encoder:
            _check_plain(inputs, condition, approximation)
            shape, how = inputs.network_shape, {"is_unit": inputs.is_unit, "size": size}
            prior.join(shape, self._pseudo_posterior, **how)
        prior.prepare(latent.size)
        self.objective, self.observation = objective, observation
        self.perceptual, self.adversarial = perceptual, adversarial
        self._samples_mean: bool | None = None  # None decides from the data
        self._posterior = Posterior(self)
        self._posterior.check(objective)

    @property
    def samples_mean(self) -> bool:
        """Whether `sample` and exports return means of p(x | z); can be set."""
        if self._samples_mean is not None:
            return self._samples_mean
        if self.inputs.is_unit and len(self.inputs.shape) > 2:
            return True
        if not isinstance(self.likelihood, Bernoulli):
            return False
        return not isinstance(self.observation, StochasticBinarization)

    @samples_mean.setter
    def samples_mean(self, chosen: bool) -> None:
        self._samples_mean = bool(chosen)

    @property
    def draws_levels(self) -> bool:
        """Whether samples are draws of levels, which rounding can change."""
        draws_levels = self.likelihood.has_levels and not self.samples_mean
        return self.inputs.has_levels or draws_levels

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, and whether samples are means."""
        own = {"samples_mean": self._samples_mean}
        if not self.approximation.is_normal:
            own |= serialize({"posterior": self.approximation})
        return super().get_config() | own

    @classmethod
    def from_config(cls, config: dict[str, Any], *args: Any) -> "VAE":
        """Rebuilds the model from `get_config`."""
        config = dict(config)
        chosen = config.pop("samples_mean", None)
        model = super().from_config(config, *args)
        model._samples_mean = chosen
        return model

    def _prepare(self, x: Any, y: Any) -> None:
        """Finds scales, and whether vectors are binary, as samples then are."""
        super()._prepare(x, y)
        is_grey = isinstance(self.likelihood, Bernoulli)
        is_open = is_grey and self._samples_mean is None and self.samples_mean
        if is_open and len(self.inputs.shape) < 3 and isinstance(x, READ_AGAIN):
            seen, _ = first_rows(self, x, y, FIRST_ROWS)
            if bool(tf.reduce_all((seen == 0) | (seen == 1))):
                self.samples_mean = False
        if self.prior.needs_data:
            rows = max(FIRST_ROWS, self.prior.num_examples)
            seen, labels = first_rows(self, x, y, rows)
            seen = self.scale.inward(seen)
            encoded = self._statistics(seen, self._known(labels))
            noise = RowNoise(row_seeds(0, len(seen)))
            self.prior.initialize(seen, self._posterior.draws(encoded, noise))

    @property
    def noise(self) -> Noise:
        """The noise of the prior."""
        return Noise((self.prior.noise_size(self.latent.size),))

    # training

    def loss_terms(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """`loss`, `elbo` for every objective, `reconstruction_nll` and `kl`.

        With further losses also their terms, or the terms of `turns`.
        """
        if self.adversarial is not None:
            return super().loss_terms(x, condition, noise, training=training)
        terms, _, _ = self._reconstructed(x, condition, noise, training=training)
        return terms

    def turns(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> Iterator[Turn]:
        """The autoencoder's move, then the discriminator's, if there is one.

        The terms are those of `loss_terms`, `adversarial` (the discriminator's
        judgement of reconstructions or latent values) and `discriminator_loss`, and for
        a `PatchGame` its `adaptive_weight`.
        """
        given = x, condition, noise
        if self.adversarial is None:
            yield from super().turns(*given, training=training)
        else:
            yield from self.adversarial.turns(self, given, training=training)

    def _reconstructed(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> tuple[Terms, tf.Tensor, tf.Tensor]:
        """Loss terms, and what a game compares: real values and those that are made.

        These are what the model explains and a reconstruction of each, or draws of the
        prior and of q(z | x).
        """
        x, raws, game = self._observe(x, noise), [], self.adversarial
        judges_latents = game is not None and game.judges_latents
        epsilon = self._posterior.noise(noise, self.objective.num_samples)
        how = {"training": training, "keep": raws.append}
        evidence = self._evidence(x, condition, epsilon, **how)
        if judges_latents or self.objective.needs_prior:
            evidence = self._posterior.with_prior(evidence, noise)
        step = self._counts["steps"] if training else None
        terms = evidence_terms(evidence, self.objective, step)
        x, made = self.scale.inward(x), self.likelihood.mean(raws[0][0])
        if self.perceptual is not None:
            terms = self.perceptual.added(terms, x, made)
        if judges_latents:
            draws = cast(Draws, evidence.draws)
            return terms, cast(tf.Tensor, draws.prior), draws.z[0]
        return terms, x, made

    def observe(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """The data that the model explains: `x`, or one observation of each example.

        Args:
            x: Examples, `(batch, *inputs.shape)`.
            seed: int32 `(batch,)`, seeds of the observations.
        """
        return self._observe(x, RowNoise(seed))

    def _observe(self, x: tf.Tensor, noise: RowNoise) -> tf.Tensor:
        if self.observation is None:
            return x
        return self.observation.apply(x, noise, OBSERVATION_STREAM)

    def _evidence(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        epsilon: tf.Tensor,
        **how: Any,
    ) -> Evidence:
        known = self._known(condition)
        x = self.scale.inward(x)
        return self._posterior.evidence(x, known, epsilon, **how)

    def _statistics(
        self, x: tf.Tensor, known: tf.Tensor | None = None, *, training: bool = False
    ) -> Encoded:
        """The encoder's outputs for examples on the networks' scale."""
        raw = networks.apply(self.encoder, x, known, training=training)
        further, context = self.approximation.context_size, None
        if further:
            raw, context = ops.split(raw, [raw.shape[-1] - further], axis=-1)
        mean, log_var = ops.split(raw, 2, axis=-1)
        return Encoded(mean, ops.exp(0.5 * log_var), context)

    def _pseudo_posterior(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Means and standard deviations of the encoder, `(n, values)`."""
        return flat(self._statistics(x))[:2]

    def _log_likelihood(
        self,
        x: tf.Tensor,
        z: tf.Tensor,
        known: tf.Tensor | None,
        *,
        training: bool = False,
        keep: Callable[[tf.Tensor], None] | None = None,
    ) -> tf.Tensor:
        """Log p(x | z) in units of the data, `(samples, batch)`.

        `keep` takes the decoder's raw values, `(samples, batch, ...)`.
        """
        num_samples = z.shape[0]
        flat = ops.reshape(z, (-1, *self.latent.shape))
        tiled = None if known is None else _tiled(known, num_samples)
        raw = networks.apply(self.decoder, flat, tiled, training=training)
        raw = ops.reshape(raw, (num_samples, -1, *raw.shape[1:]))
        if keep is not None:
            keep(raw)
        likelihood = self.likelihood.on(self.scale)
        nats = likelihood.log_prob(x, raw, len(self.inputs.shape))
        return nats - self.scale.log_volume(x)

    def _output(
        self, x: tf.Tensor, condition: tf.Tensor | None, *, training: bool
    ) -> tf.Tensor:
        """Reconstructions, as in `reconstruct`."""
        known = self._known(condition)
        encoded = self._statistics(self.scale.inward(x), known, training=training)
        z = self._posterior.center(encoded)
        raw = networks.apply(self.decoder, z, known, training=training)
        return self._outward(self.likelihood.mean(raw), condition)

    # encoding and bounds

    def encode(self, x: Rows, *, condition: Any = None) -> Rows:
        """Encodes as the mean of q(z | x); see `Encodes.encode`.

        For another posterior than the default, latent values are those without noise.
        """
        return self._rows.run(self._encode, self._given(condition, x=(x, self.inputs)))

    def decode(self, z: Rows, *, condition: Any = None) -> Rows:
        """Decodes to the mean of p(x | z); see `Encodes.decode`."""
        return self._rows.run(self._decode, self._given(condition, z=(z, self.latent)))

    def posterior(
        self, x: tf.Tensor, condition: tf.Tensor | None = None
    ) -> Distribution:
        """q(z | x) as a TFP distribution.

        Args:
            x: Examples, `(batch, *inputs.shape)`, as `loss_terms` sees them.
            condition: Rows of the model's `condition` spec.

        Returns:
            Normal with batch shape `(batch, latent_dim)`.

        Raises:
            ValueError: If the model has another posterior than the default.
        """
        return self._posterior.distribution(
            self.scale.inward(x), self._known(condition)
        )

    def active_units(
        self, x: Any, *, condition: Any = None, threshold: float = 0.01
    ) -> int:
        """Number of latent dimensions that carry information about the data.

        A dimension is active if the variance over `x` of its posterior mean
        exceeds the threshold (Burda et al. 2015, section 5.2).

        Args:
            x: Examples, `(n, *inputs.shape)`, at least a few hundred.
            condition: Rows of the model's `condition` spec, one per example.
            threshold: Smallest variance of an active dimension.
        """
        means = np.asarray(self.encode(x, condition=condition), np.float64)
        return int((means.var(axis=0) > threshold).sum())

    def elbo(
        self, x: Rows, *, condition: Any = None, seed: int = 0, noise: Any = None
    ) -> Rows:
        """Evidence lower bound of log p(x); see `Bounds.elbo`."""
        return self._posterior.elbo(x, condition, seed, noise)

    def importance_sampling(
        self, x: Rows, num_samples: int, *, condition: Any = None, seed: int = 0
    ) -> ImportanceSampling:
        """See `Bounds.importance_sampling`."""
        return self._posterior.importance_sampling(x, num_samples, condition, seed)

    def inpaint(
        self,
        x: Rows,
        mask: Any,
        *,
        condition: Any = None,
        seed: int | None = None,
        num_steps: int = 100,
        mean: bool | None = None,
    ) -> np.ndarray:
        """Draws the values of a mask, given the others; see `Inpaints.inpaint`.

        A chain alternates between z, proposed by the encoder, and the unknown values,
        drawn from p(x | z). Proposals are accepted or rejected such that the chain
        converges to the model's p(unknown | known), whatever the encoder is
        (Metropolis within Gibbs).

        Args:
            x: Examples, `(batch, *inputs.shape)`.
            mask: 1 (or True) for values to fill in, 0 for values to keep.
            condition: As in `Inpaints.inpaint`.
            seed: As in `Inpaints.inpaint`.
            num_steps: Steps of the chain, > 0.
            mean: True fills in the mean of p(x | z), where z is a draw and every
                proposal is accepted. None means `samples_mean`.

        Returns:
            `(batch, *inputs.shape)`. Kept values are those of `x`.

        Raises:
            ValueError: If an argument does not fit.

        References:
            Rezende, Mohamed and Wierstra, "Stochastic backpropagation", 2014, appendix
            F; Mattei and Frellsen, "Leveraging the exact likelihood of deep latent
            variable models", 2018, algorithm 1.
        """
        check_count(num_steps, "num_steps")
        check_type(mean, bool | None, "mean")
        rows = num_rows(x)
        if self.condition is not None:
            condition = self.condition.for_all(condition, rows)
        seeds = random.row_seeds(seed, rows)
        masks = check_mask(mask, self.inputs, rows), Noise(self.inputs.shape)
        given = self._given(
            condition, x=(x, self.inputs), mask=masks, seed=(seeds, SEEDS)
        )
        static = {"num_steps": num_steps}
        static["mean"] = self.samples_mean if mean is None else mean
        return self._rows.run(self._inpaint, given, static=static)

    def _inpaint(
        self,
        x: tf.Tensor,
        mask: tf.Tensor,
        seed: tf.Tensor,
        condition: tf.Tensor | None = None,
        *,
        num_steps: int,
        mean: bool,
    ) -> tf.Tensor:
        known, is_new = self._known(condition), mask > 0

        def redraw(x: tf.Tensor, z: tf.Tensor, noise: RowNoise) -> tf.Tensor:
            drawn = self._drawn(z, condition, noise, mean=mean)
            return tf.where(is_new, tf.cast(drawn, x.dtype), x)

        prior = self._sample_rows(seed, condition, mean=mean)
        start = tf.where(is_new, tf.cast(prior, x.dtype), x)
        how = {"num_steps": num_steps, "is_exact": not mean}
        return self._posterior.filled(start, known, seed, redraw, **how)

    def _drawn(
        self, z: tf.Tensor, condition: tf.Tensor | None, noise: RowNoise, *, mean: bool
    ) -> tf.Tensor:
        """A draw from p(x | z), or its mean, in units of the data."""
        z = ops.reshape(z, (-1, *self.latent.shape))
        raw = networks.apply(self.decoder, z, self._known(condition))
        if mean:
            return self._outward(self.likelihood.mean(raw), condition)
        shape = self.likelihood.noise_shape(self.inputs)
        fresh = noise.normal(shape, DRAW_STREAM)
        made = self.likelihood.on(self.scale).draw(raw, fresh)
        return self._outward(made, condition)

    def log_likelihood(self, x: Rows, z: Rows, *, condition: Any = None) -> Rows:
        """Log p(x | z) in nats, in units of the data, `(batch,)`.

        Args:
            x: Examples, `(batch, *inputs.shape)`. Images are uint8 or in [0, 1].
            z: A latent vector for each, `(batch, *latent.shape)`.
            condition: Rows of the model's `condition` spec, one per example.
        """
        given = self._given(condition, x=(x, self.inputs), z=(z, self.latent))
        return self._rows.run(self._one_log_likelihood, given)

    def _one_log_likelihood(
        self, x: tf.Tensor, z: tf.Tensor, condition: tf.Tensor | None = None
    ) -> tf.Tensor:
        known, x = self._known(condition), self.scale.inward(x)
        return self._log_likelihood(x, z[None], known)[0]

    def _encode(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        encoded = self._statistics(self.scale.inward(x), self._known(condition))
        return self._posterior.center(encoded)

    def _decode(self, z: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        raw = networks.apply(self.decoder, z, self._known(condition))
        return self._outward(self.likelihood.mean(raw), condition)

    # sampling

    def generate(self, noise: Rows, *, condition: Any = None) -> Rows:
        """The mean of p(x | z) for the z of the noise; see `Generates.generate`."""
        given = self._given(condition, noise=(noise, self.noise))
        return self._rows.run(self._generate, given)

    def sample_rows(
        self, seed: Rows, *, condition: Any = None, mean: bool | None = None
    ) -> Rows:
        """Draws one sample per seed, independent of the other rows.

        Args:
            seed: int32 `(batch,)`.
            condition: Rows of the model's `condition` spec, one per sample.
            mean: True returns the mean of p(x | z) for each z, False draws from
                p(x | z). None means `samples_mean`.

        Returns:
            Samples, `(batch, *inputs.shape)`. Images are in [0, 1].
        """
        if not isinstance(mean, bool | None):
            raise TypeError(f"mean must be True, False or None, received {mean!r}.")
        static = {"mean": self.samples_mean if mean is None else mean}
        given = self._given(condition, seed=(seed, SEEDS))
        return self._rows.run(self._sample_rows, given, static=static)

    def _sample_rows(
        self,
        seed: tf.Tensor,
        condition: tf.Tensor | None = None,
        *,
        mean: bool = True,
    ) -> tf.Tensor:
        z = self._latent_of(random.normal(seed, self.noise.shape))
        return self._drawn(z, condition, RowNoise(seed), mean=mean)

    def _generate(
        self, noise: tf.Tensor, condition: tf.Tensor | None = None
    ) -> tf.Tensor:
        return self._decode(self._latent_of(noise), condition)

    def _latent_of(self, noise: tf.Tensor) -> tf.Tensor:
        """Latent values from noise, as the decoder takes them."""
        return ops.reshape(self.prior.from_noise(noise), (-1, *self.latent.shape))


def _check_plain(
    inputs: Spec, condition: Spec | None, posterior: ApproximatePosterior
) -> None:
    """Raises ValueError unless a VampPrior can have pseudo-inputs."""
    if condition is not None or inputs.has_levels:
        kind = inputs if condition is None else f"the condition {condition}"
        raise ValueError(
            "VampPrior is for models of numbers without a condition, received prior="
            f"VampPrior for {kind}."
        )
    if not posterior.suits_pseudo_inputs:
        raise ValueError(
            "VampPrior requires q(z | x) with a density everywhere, as normal ones "
            f"have, received posterior={type(posterior).__name__}."
        )


def _likelihood(inputs: Spec, output: tuple[int, ...]) -> Likelihood:
    """The default likelihood of the data."""
    if isinstance(inputs, Columns):
        return MixedColumns()
    if inputs.is_unit:
        return Bernoulli()
    has_scales = output[-1] == 2 * inputs.shape[-1]
    return LearnedGaussian() if has_scales else Gaussian(DEFAULT_SCALE)


def _tiled(rows: tf.Tensor, times: int) -> tf.Tensor:
    return tf.tile(rows, [times, *[1] * (rows.shape.rank - 1)])
