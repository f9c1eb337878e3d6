"""Latent: an autoencoder with a model of its latent values as prior."""

import hashlib
import math
import types
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf

from .. import random
from ..capabilities import (
    Completes,
    CompletesImages,
    Encodes,
    Generates,
    Scores,
    check_how,
    check_mask,
    to_complete,
)
from ..distributions import Prior
from ..engine import parts
from ..engine.examples import (
    check_examples,
    check_validation,
    first_rows,
    is_stream,
)
from ..engine.loop import Recent
from ..limits import FINITE_NUMBER, POSITIVE
from ..model import GenerativeModel
from ..random import batch_noise
from ..rows import Rows
from ..samplers import Sampling
from ..serialization import register
from ..specs import SEEDS, Codes, Floats, Latents, Noise, Numbers, Spec, Tokens
from ..validation import check_count, check_type, num_rows

ENCODED = 2  # number of sets of examples with cached codes
CODE_STREAM = 7  # of the noise of a step; priors draw from others
FIRST_ROWS = 10_000  # from which a prior finds scales
READ_AGAIN = (tf.data.Dataset, keras.utils.PyDataset)


@register
class Latent(Generates, Encodes, GenerativeModel):
    """An autoencoder, and a prior that generates its latent values.

    The autoencoder is trained before and does not change. `compile` sets the prior's
    optimizer, and `fit` trains the prior on the latent values, which are computed once
    for arrays. For a model with a posterior q(z | x), such as `VAE`, `fit` computes the
    mean and deviation once and draws z in each step, so that the prior learns what
    q(z | x) gives over all examples. Samples are decoded samples of the prior. One
    artifact holds both.

    Examples are a VQ-VAE with a transformer over its codes, latent diffusion, a VAE
    with a flow as its prior, and an autoencoder with a density of its codes.

    Args:
        autoencoder: A model that encodes and decodes, such as `VAE`, with a `latent` of
            `specs.Latents` or `specs.Codes`.
        prior: A model that generates latent values: its `inputs` are the autoencoder's
            `latent`. The prior of codes is an `Autoregressive` model with one token per
            code, which reads them row by row, or a `PixelAutoregressive` model with one
            grey level per code. A known distribution such as
            `GaussianMixture.fitted(codes, 10)` is a prior without training.
        seed: Seed of the training noise. None takes the prior's.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If the autoencoder does not encode, or the prior does not generate.
        ValueError: If the prior does not take the autoencoder's latent values.

    References:
        van den Oord, Vinyals and Kavukcuoglu, "Neural discrete representation
        learning", 2017 (codes); Rombach et al., "High-resolution image synthesis with
        latent diffusion models", 2022 (diffusion); Ghosh et al., "From variational to
        deterministic autoencoders", 2020 (densities of codes).

    Example:
        >>> import numpy as np
        >>> import keras_gen as kg
        >>> pair = kg.networks.mlp_autoencoder((8, 8, 1), 2, units=(16,))
        >>> autoencoder = kg.Autoencoder(*pair, seed=0)
        >>> flow = kg.Flow(kg.bijectors.real_nvp(2, units=(8,)), autoencoder.latent)
        >>> model = kg.Latent(autoencoder, flow)
        >>> model.compile("adam")
        >>> x = np.random.default_rng(0).random((16, 8, 8, 1), np.float32)
        >>> history = model.fit(x, verbose=0)
        >>> model.sample(3, seed=7).shape
        (3, 8, 8, 1)
    """

    arguments = ("autoencoder", "prior")

    def __new__(cls, *args: Any, **kwargs: Any) -> "Latent":
        """Chooses the class that offers what the two parts can do together."""
        parts = dict(zip(("autoencoder", "prior"), args, strict=False)) | kwargs
        chosen: Any = cls
        if cls is Latent:
            chosen = _kind_of(parts.get("autoencoder"), parts.get("prior"))
        return super().__new__(chosen, *args, **kwargs)

    def __init__(
        self,
        autoencoder: keras.Model,
        prior: keras.Model | Prior,
        *,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_type(autoencoder, GenerativeModel, "autoencoder")
        check_type(prior, GenerativeModel | Prior, "prior")
        if not isinstance(autoencoder, Encodes) or autoencoder.latent is None:
            raise TypeError(
                "autoencoder must encode and decode, as VAE and Autoencoder do, "
                f"received a {type(autoencoder).__name__}."
            )
        if isinstance(prior, Prior):
            prior = KnownPrior(prior, autoencoder.latent)
        if not isinstance(prior, Generates | Completes):
            raise TypeError(
                "prior must generate, as Flow, Diffusion and Autoregressive do, "
                f"received a {type(prior).__name__}."
            )
        if autoencoder.condition is not None:
            raise ValueError(
                "autoencoder must be unconditional. Pass a conditional prior instead."
            )
        family = getattr(autoencoder, "approximation", None)
        if family is not None and not family.is_normal:
            raise ValueError(
                "autoencoder must have a normal q(z | x), received one with posterior="
                f"{type(family).__name__}. Train it with its own prior instead."
            )
        link = link_of(autoencoder.latent, prior)
        seed = prior.seed if seed is None else seed
        specs = {"condition": prior.condition, "latent": autoencoder.latent}
        super().__init__(autoencoder.inputs, **specs, seed=seed, **kwargs)
        self.autoencoder, self.prior = autoencoder, prior
        self._link, self._encoded = link, Recent(ENCODED)
        statistics = 2 if hasattr(autoencoder, "posterior") else 1
        self._encoded_as = _Encoded.of(prior, statistics)
        self._players, self._averages = prior._players, []  # the prior's training
        self._terms, self._counts = prior._terms, prior._counts
        self._first_non_finite = prior._first_non_finite
        self._classes_seen = prior._classes_seen

    @property
    def use_ema(self) -> bool:
        """Whether the prior samples from its moving average; can be set."""
        return self.prior.use_ema

    @use_ema.setter
    def use_ema(self, chosen: bool) -> None:
        self.prior.use_ema = chosen
        self._rows.forget()

    @property
    def is_guided(self) -> bool:
        """Whether samples can be guided: the prior was trained for guidance."""
        return getattr(self.prior, "is_guided", False)

    @property
    def can_generate(self) -> bool:
        """Whether the prior is ready to generate."""
        return getattr(self.prior, "can_generate", True)

    @property
    def draws_levels(self) -> bool:
        """Whether the prior draws codes, which rounding can change."""
        return isinstance(self.latent, Codes)

    # training of the prior

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """The prior's variables. The autoencoder is not trained."""
        return self.prior.trainable_variables

    @property
    def trainable_weights(self) -> list[keras.Variable]:
        """See `trainable_variables`."""
        return self.prior.trainable_weights

    def compile(self, *args: Any, **options: Any) -> None:
        """Sets the prior's optimizer. The arguments are those of its `compile`."""
        self.prior.compile(*args, **options)
        requested = self.prior._loop.requested
        self._loop.requested = dict(requested)
        how: dict[str, Any] = self._loop.resolved(**requested)
        how = {**how, "optimizer": self.prior.optimizer, "auto_scale_loss": False}
        keras.Model.compile(self, **how)

    def get_compile_config(self) -> Any:
        """The configuration from which `compile_from_config` continues training."""
        return self.prior.get_compile_config()

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """One update of the prior on latent values."""
        return self.prior.train_step(self._drawn(data, self._counts["steps"]))

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """The prior's loss terms on held-out latent values."""
        rows = parts.total(tf.identity(self._terms.rows.variables[0].value))
        return self.prior.test_step(self._drawn(data, -1 - tf.cast(rows, tf.int32)))

    def _drawn(self, data: Any, step: Any) -> Any:
        """A batch as the prior takes it: latent values, drawn if there is a law."""
        if self._encoded_as.statistics == 1:
            return data
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        noise = batch_noise(self.seed, x, tf.identity(step))
        noise = noise.normal(self.prior.inputs.shape, CODE_STREAM)
        mean, stddev = tf.split(tf.cast(x, tf.float32), 2, axis=-1)
        z = mean + stddev * noise
        return keras.utils.pack_x_y_sample_weight(z, y, weights)

    def loss_terms(self, x: Any, condition: Any, noise: Any, *, training: bool) -> Any:
        """The prior's loss terms, with latent values as its examples."""
        return self.prior.loss_terms(x, condition, noise, training=training)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        *args: Any,
        validation_data: Any = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Encodes the examples, and trains the prior on their latent values.

        Latent values of arrays, or their mean and deviation, are computed once and kept
        for the next call. Those of a stream are computed batch by batch.

        Args:
            x: Examples of the autoencoder: an array, or a stream of batches of `x` or
                `(x, condition)`.
            y: The condition of the prior, if it is conditional.
            *args: As in `GenerativeModel.fit`.
            validation_data: As in `GenerativeModel.fit`.
            **kwargs: As in `GenerativeModel.fit`.

        Returns:
            Keras' history, one list per loss term of the prior.

        Raises:
            ValueError: As `GenerativeModel.fit`.
        """
        x, y = check_examples(self, x, y, name="x")
        validation_data = check_validation(self, validation_data)
        if validation_data is not None:
            is_pair = isinstance(validation_data, tuple)
            held_out, condition = (
                validation_data if is_pair else (validation_data, None)
            )
            held_out = self._latent_values(held_out)
            validation_data = (held_out, condition) if is_pair else held_out
        z = self._latent_values(x)
        return super().fit(z, y, *args, validation_data=validation_data, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        """The prior's loss terms on the latent values of held-out examples."""
        if x is None:  # called by `fit`
            return super().evaluate(x, y, **kwargs)
        x, y = check_examples(self, x, y, name="x")
        return super().evaluate(self._latent_values(x), y, **kwargs)

    def _takes(self) -> Any:
        """The object that takes the examples of a step: the prior, after encoding."""
        return self._encoded_as

    def _get_ready(self, x: Any, y: Any) -> None:
        x, y = check_examples(self, x, y, name="x")
        super()._get_ready(self._latent_values(x), y)

    def _prepare(self, x: Any, y: Any) -> None:
        is_generator = is_stream(x) and not isinstance(x, READ_AGAIN)
        if self._encoded_as.statistics == 1 or is_generator:
            self.prior._prepare(x, y)
            return
        drawn = self._drawn(first_rows(self._encoded_as, x, y, FIRST_ROWS), 0)
        z, condition, _ = keras.utils.unpack_x_y_sample_weight(drawn)
        self.prior._prepare(z.numpy(), None if condition is None else condition.numpy())

    def _latent_values(self, x: Any) -> Any:
        """Latent values of an array or a stream, as the prior takes them."""
        if isinstance(x, tf.data.Dataset):
            return x.map(tf.autograph.experimental.do_not_convert(self._encoded_batch))
        if isinstance(x, keras.utils.PyDataset):
            return EncodedBatches(x, self._encoded_arrays)
        if is_stream(x):
            return (self._encoded_arrays(batch) for batch in x)
        x = np.asarray(x)
        key = _digest([x, *self.autoencoder.get_weights()])
        return self._encoded.find(key, lambda: self._values_of(x))

    def _values_of(self, x: Any) -> Any:
        if self._encoded_as.statistics == 1:
            return self._link.inward(self.autoencoder.encode(x))
        return self._rows.run(self._statistics, {"x": (x, self.inputs)})

    def _statistics(self, x: tf.Tensor) -> tf.Tensor:
        """Mean and deviation of q(z | x) as the prior sees z, side by side."""
        law = self.autoencoder.posterior(x)
        both = [self._link.inward(part) for part in (law.mean(), law.stddev())]
        return tf.concat(both, axis=-1)

    def _encoded_batch(self, *batch: Any) -> Any:
        x, *condition = batch
        z = self._values_of(x)
        return (z, *condition) if condition else z

    def _encoded_arrays(self, batch: Any) -> Any:
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        z = self._values_of(np.asarray(x))
        return (z,) if y is None else (z, y)

    # latent values, and samples

    def encode(self, x: Rows, *, condition: Any = None) -> Rows:
        """Encodes by the autoencoder. The condition has no effect."""
        del condition
        return self.autoencoder.encode(x)

    def decode(self, z: Rows, *, condition: Any = None) -> Rows:
        """Decodes by the autoencoder. The condition has no effect."""
        del condition
        return self.autoencoder.decode(z)

    def reconstruct(self, x: Rows, *, condition: Any = None) -> Rows:
        """Reconstructs by the autoencoder. The condition has no effect."""
        del condition
        return self.autoencoder.reconstruct(x)

    @property
    def noise(self) -> Noise:
        """The prior's noise; one number per code."""
        if isinstance(self.prior, Completes):
            return Noise((self.latent.size,))
        return self.prior.noise

    def generate(self, noise: Rows, *, condition: Any = None, **how: Any) -> Rows:
        """Decodes the prior's sample for noise; see `Generates.generate`.

        Args:
            noise: Noise of the prior, `(batch, *noise.shape)`.
            condition: Rows of the model's `condition` spec, one per sample.
            **how: Further arguments of the prior's `generate`, such as
                `guidance_scale`, one number or `(batch,)`.
        """
        is_writer = isinstance(self.prior, Completes)
        takes = _from_noise if is_writer else self.prior.generate
        check_how(how, takes, self, "generate")
        rows, static = _rows_of(how)
        given = self._given(condition, noise=(noise, self.noise), **rows)
        return self._rows.run(self._generate, given, static=static)

    def sample(
        self,
        num_samples: int,
        *,
        condition: Any = None,
        seed: int | None = None,
        **how: Any,
    ) -> np.ndarray:
        """Draws samples of the prior, and decodes them.

        Args:
            num_samples: Number of samples.
            condition: Rows of the model's `condition` spec, one per sample, or one for
                all.
            seed: Seed of the samples. None draws a seed.
            **how: Further arguments of the prior's `sample`: `num_steps`, `solver`,
                `grid`, `sampling` and `guidance_scale` of `Diffusion`, `mean` of `VAE`,
                and `temperature` of `Autoregressive`, one number > 0 or
                `(num_samples,)`.

        Returns:
            Samples, `(num_samples, *inputs.shape)`. Images are in [0, 1].

        Raises:
            TypeError: If the prior does not take an argument.
            ValueError: If an argument does not fit.
        """
        return super().sample(num_samples, condition=condition, seed=seed, **how)

    def sample_rows(self, seed: Rows, *, condition: Any = None, **how: Any) -> Rows:
        """Draws one sample per seed; see `Generates.sample_rows`.

        Args:
            seed: int32 `(batch,)`.
            condition: Rows of the model's `condition` spec, one per sample.
            **how: As in `sample`.
        """
        rows, static = _rows_of(self._for_rows(**how))
        temperature = static.pop("temperature", None)
        if temperature is not None:
            number = tf.shape(seed)[0] if tf.is_tensor(seed) else len(seed)
            rows["temperature"] = _for_all(temperature, number), Numbers(POSITIVE)
        elif "temperature" in rows:
            rows["temperature"] = rows["temperature"][0], Numbers(POSITIVE)
        given = self._given(condition, seed=(seed, SEEDS), **rows)
        return self._rows.run(self._sample_rows, given, static=static)

    def _for_rows(self, **how: Any) -> dict[str, Any]:
        """Arguments of the prior's `sample` as those of its `sample_rows`."""
        own = getattr(self.prior, "_for_rows", None)
        if isinstance(self.prior, Completes):
            own = _tempered
        check_how(how, own or self.prior.sample_rows, self)
        return own(**how) if own else how

    def _sample_rows(
        self, seed: tf.Tensor, condition: tf.Tensor | None = None, **how: Any
    ) -> tf.Tensor:
        if isinstance(self.prior, Completes):
            noise = random.normal(seed, self.noise.shape)
            z = self.prior._writer.from_noise(noise, condition, **how)
            return self.autoencoder.decode(self._link.outward(z))
        z = self.prior.sample_rows(seed, condition=condition, **how)
        return self.autoencoder.decode(self._link.outward(z))

    def _generate(
        self, noise: tf.Tensor, condition: tf.Tensor | None = None, **how: Any
    ) -> tf.Tensor:
        if isinstance(self.prior, Completes):
            z = self.prior._writer.from_noise(noise, condition)
        else:
            z = self.prior.generate(noise, condition=condition, **how)
        return self.autoencoder.decode(self._link.outward(z))


@register
class LatentDensity(Latent):
    """A `Latent` of an autoencoder and a prior with densities. It bounds log p(x).

    `Latent(autoencoder, prior)` makes one by itself.

    Example:
        >>> vae = kg.VAE(*kg.networks.mlp_vae((8, 8, 1), 2, units=(16,)))
        >>> flow = kg.Flow(kg.bijectors.real_nvp(2, units=(8,)), vae.latent)
        >>> model = kg.Latent(vae, flow)
        >>> isinstance(model, kg.models.LatentDensity)
        True
        >>> model.log_prob(np.zeros((3, 8, 8, 1))).shape
        (3,)
    """

    is_exact = False

    def log_prob(self, x: Rows, *, condition: Any = None, seed: int = 0) -> Rows:
        """A lower bound of log p(x), from one sample of the latent values.

        For a VAE it is log p(x | z) + log p(z) - log q(z | x) with the prior's p(z), on
        average at most log p(x). For codes it is log p(x | c) + log p(c).

        Args:
            x: Examples, `(batch, *inputs.shape)`. Images are uint8 or in [0, 1].
            condition: Rows of the model's `condition` spec, one per example.
            seed: Seed of the latent values that are drawn.

        Returns:
            Nats, float32 `(batch,)`.
        """
        seeds = random.seeds_for(seed, x), SEEDS
        given = self._given(condition, x=(x, self.inputs), seed=seeds)
        return self._rows.run(self._log_prob, given)

    def prior_log_prob(self, z: Rows, *, condition: Any = None) -> Rows:
        """Log p(z) of latent values under the prior.

        Args:
            z: Latent values, `(batch, *latent.shape)`, such as codes.
            condition: Rows of the model's `condition` spec, one per row.

        Returns:
            Nats, float32 `(batch,)`. Probabilities of codes sum to one.
        """
        given = self._given(condition, z=(z, self.latent))
        return self._rows.run(self._prior_log_prob, given)

    def bits_per_dim(
        self, x: Rows, *, condition: Any = None, seed: int = 0, levels: int = 256
    ) -> Rows:
        """Bits per value of images or clips, from above: see `log_prob`.

        The observation p(x | z) is the autoencoder's `likelihood`. If it is a density,
        such as `Gaussian(0.1)`, the probability of a grey level is its density at the
        level over the number of levels, which is right if the density changes little
        from level to level.

        Args:
            x: Examples, `(batch, *inputs.shape)`, uint8 or in [0, 1].
            condition: Rows of the model's `condition` spec, one per example.
            seed: Seed of the latent values that are drawn.
            levels: Number of grey levels of the data, for a density.

        Returns:
            float32 `(batch,)`; log2(levels) if all levels are equally likely.

        Raises:
            ValueError: If examples are not in [0, 1].
        """
        log_prob = self.log_prob(x, condition=condition, seed=seed)
        return self._bits(log_prob, levels)

    def _bits(self, log_prob: Rows, levels: int = 256) -> Rows:
        """Bits per value of a bound of the log-likelihood."""
        if not self.inputs.is_unit:
            raise ValueError(
                f"bits_per_dim requires examples in [0, 1], received {self.inputs}."
            )
        check_count(levels, "levels", least=2)
        bits = self.inputs.bits(-log_prob)
        likelihood = getattr(self.autoencoder, "likelihood", None)
        is_density = likelihood is not None and not likelihood.has_levels
        return bits + math.log2(levels) if is_density else bits

    def _log_prob(
        self, x: tf.Tensor, seed: tf.Tensor, condition: tf.Tensor | None = None
    ) -> tf.Tensor:
        autoencoder, entropy = self.autoencoder, 0.0
        if hasattr(autoencoder, "posterior"):
            posterior = autoencoder.posterior(x)
            noise = random.normal(seed, self.latent.shape)
            z = posterior.mean() + posterior.stddev() * noise
            log_q = tf.reshape(posterior.log_prob(z), (tf.shape(z)[0], -1))
            entropy = -tf.reduce_sum(log_q, axis=1)
        else:
            z = autoencoder.encode(x)
        likelihood = autoencoder.log_likelihood(x, z)
        return likelihood + self._prior_log_prob(z, condition) + entropy

    def _prior_log_prob(
        self, z: tf.Tensor, condition: tf.Tensor | None = None
    ) -> tf.Tensor:
        return self.prior.log_prob(self._link.inward(z), condition=condition)


@register
class LatentCompletion(Latent):
    """A `Latent` whose prior draws codes in order. It completes images.

    `complete_image` keeps the codes of the kept rows, and the prior draws the remaining
    codes. The kept rows are returned as the autoencoder reconstructs them.
    `Latent(autoencoder, prior)` makes one by itself.
    """

    complete_image = CompletesImages.complete_image

    def complete_image_rows(
        self,
        x: Rows,
        kept: Any,
        seed: Any,
        temperature: Any,
        *,
        condition: Any = None,
    ) -> Rows:
        """`complete_image` with one value of each argument per row, `(batch,)`."""
        given = self._given(condition, **to_complete(self, x, kept, seed, temperature))
        return self._rows.run(self._complete, given)

    def _complete(
        self,
        x: tf.Tensor,
        kept: tf.Tensor,
        seed: tf.Tensor,
        temperature: tf.Tensor,
        condition: tf.Tensor | None = None,
    ) -> tf.Tensor:
        z = self._link.inward(self.autoencoder.encode(x))
        rows = self.latent.shape[0]
        kept = kept * rows // self.inputs.shape[0]
        how = {"condition": condition}
        if isinstance(self.prior, Completes):
            how |= {"known": z, "kept": kept * (self.latent.size // rows)}
            noise = random.normal(seed, self.noise.shape)
            z = self.prior._writer.from_noise(noise, temperature=temperature, **how)
        else:
            z = self.prior.complete_image_rows(z, kept, seed, temperature, **how)
        return self.autoencoder.decode(self._link.outward(z))


@register
class LatentEditing(Latent):
    """A `Latent` whose prior is a diffusion of latent values on a grid. It edits.

    `Latent(autoencoder, prior)` makes one by itself.

    Example:
        >>> import keras_gen as kg
        >>> how = {"channels": (8,), "blocks": 0, "statistics": 2}
        >>> vae = kg.VAE(*kg.networks.spatial_autoencoder((16, 16, 1), 2, **how))
        >>> network = kg.networks.dit((8, 8, 2), patch=4, width=16, depth=1)
        >>> model = kg.Latent(vae, kg.Diffusion(network, inputs=vae.latent))
        >>> x = np.zeros((3, 16, 16, 1), np.float32)
        >>> model.image_to_image(x, 0.5, seed=7).shape
        (3, 16, 16, 1)
        >>> mask = np.zeros((16, 16))
        >>> mask[:8] = 1  # the upper half is new
        >>> bool((model.inpaint(x, mask, seed=7)[:, 8:] == 0).all())
        True
    """

    def inpaint(
        self,
        x: Any,
        mask: Any,
        *,
        condition: Any = None,
        seed: int | None = None,
        guidance_scale: Any = None,
        sampling: Sampling | None = None,
    ) -> np.ndarray:
        """Draws the values of a mask, given the others; see `Inpaints.inpaint`.

        The prior draws all latent values whose share of the example has a value to fill
        in. For the encoder, those values are the mean of the kept ones, so that what
        is under the mask has no effect. Kept values are pasted into the result.

        Args:
            x: Examples, `(batch, *inputs.shape)`.
            mask: 1 (or True) for values to fill in, 0 for values to keep.
            condition: As in `Inpaints.inpaint`.
            seed: As in `Inpaints.inpaint`.
            guidance_scale: Numbers, `(batch,)`, or one number for all; see `sample`.
            sampling: Solver, grid and number of steps; by default those of the prior.

        Returns:
            `(batch, *inputs.shape)`. Kept values are those of `x`.

        Raises:
            ValueError: If an argument does not fit.

        References:
            Rombach et al., "High-resolution image synthesis with latent diffusion
            models", 2022, section 4.5; see `Diffusion.inpaint`.
        """
        is_new = check_mask(mask, self.inputs, num_rows(x)) > 0
        x = tf.constant(self.inputs.check(np.asarray(x), "x"))
        x = self.inputs.as_input(x).numpy()
        z = self.encode(_covered(x, is_new, self.inputs))
        places = _places(is_new, self.latent.shape)
        how = {"guidance_scale": guidance_scale, "sampling": sampling}
        how |= {"condition": condition, "seed": seed}
        z = cast(Any, self.prior).inpaint(z, places, **how)
        return np.where(is_new, self.decode(z), x)

    def image_to_image(
        self,
        x: Rows,
        strength: float,
        *,
        condition: Any = None,
        seed: int | None = None,
        guidance_scale: Any = None,
        sampling: Sampling | None = None,
    ) -> np.ndarray:
        """Changes examples: adds noise to their latent values and removes it again.

        Args:
            x: Examples, `(batch, *inputs.shape)`.
            strength: Share of the steps to run, in [0, 1]. The larger it is, the less
                remains of `x`. 0 runs none and returns `reconstruct(x)`; above 0, at
                least one runs.
            condition: Rows of the model's `condition` spec, one per example, or one
                for all.
            seed: Seed of the noise. None draws a seed.
            guidance_scale: Numbers, `(batch,)`, or one number for all; see `sample`.
            sampling: Solver, grid and number of steps; by default those of the prior.

        Returns:
            `(batch, *inputs.shape)`.

        Raises:
            ValueError: If an argument does not fit.

        References:
            Meng et al., "SDEdit: Guided image synthesis and editing with stochastic
            differential equations", 2022, algorithm 1.
        """
        how = {"guidance_scale": guidance_scale, "sampling": sampling}
        how |= {"condition": condition, "seed": seed}
        z = cast(Any, self.prior).image_to_image(self.encode(x), strength, **how)
        return np.asarray(self.decode(z))


_JOINED: dict[tuple[type[Latent], ...], type[Latent]] = {}


def joined(*kinds: type[Latent]) -> type[Latent]:
    """The class of a `Latent` of several kinds: with the methods of all of them.

    It derives from `Latent` alone, so that no model has more than five own bases, and
    is a virtual subclass of each kind: `isinstance(model, LatentDensity)` is true of a
    `LatentEditingDensity`. A file holds its name.

    Args:
        *kinds: Classes that derive from `Latent` alone. Their methods do not call
            `super()`, and no two of them define the same name.

    Raises:
        ValueError: If two kinds define the same name.
    """
    if len(kinds) < 2:
        return kinds[0] if kinds else Latent
    if kinds in _JOINED:
        return _JOINED[kinds]
    words = " and ".join(f"a `{kind.__name__}`" for kind in kinds)
    members: dict[str, Any] = {"__module__": __name__}
    members["__doc__"] = f"A `Latent` that is {words}."
    for kind in kinds:
        own = {
            k: v for k, v in vars(kind).items() if k[:2] != "__" and k != "_abc_impl"
        }
        if again := members.keys() & own.keys():
            names = ", ".join(sorted(again))
            raise ValueError(f"kinds must not share {names}, received {words}.")
        members |= own
    parts = [kind.__name__.removeprefix(Latent.__name__) for kind in kinds]
    name = "".join([Latent.__name__, *parts])
    made: Any = types.new_class(
        name, (Latent,), exec_body=lambda own: own.update(members)
    )
    for kind in kinds:
        kind.register(made)
    _JOINED[kinds] = register(made)
    return _JOINED[kinds]


LatentCompletionDensity = joined(LatentCompletion, LatentDensity)
LatentEditingDensity = joined(LatentEditing, LatentDensity)


@register
class KnownPrior(Generates, Scores, GenerativeModel):
    """A known distribution of latent vectors, as a model without training.

    Args:
        distribution: The distribution.
        inputs: The spec of latent values. The distribution sees values of any shape as
            vectors.
        seed: Has no effect.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If `distribution` is not a `Prior`, or if latent values are codes.
        ValueError: If the distribution has another dimension.

    Example:
        >>> import keras_gen as kg
        >>> pair = kg.networks.mlp_autoencoder((8, 8, 1), 2, units=(16,))
        >>> model = kg.Latent(kg.Autoencoder(*pair), kg.StandardNormal())
        >>> model.prior.sample(3, seed=0).shape
        (3, 2)
    """

    arguments = ("distribution", "inputs")

    def __init__(
        self,
        distribution: Prior,
        inputs: Spec,
        *,
        seed: int | None = 0,
        **kwargs: Any,
    ) -> None:
        check_type(distribution, Prior, "distribution")
        check_type(inputs, Latents, "inputs")
        super().__init__(inputs, seed=seed, **kwargs)
        self.distribution = distribution
        self._noise = Noise((distribution.noise_size(inputs.size),))

    @property
    def noise(self) -> Noise:
        """The random numbers from which the distribution draws one sample."""
        return self._noise

    def generate(self, noise: Rows, *, condition: Any = None) -> Rows:
        """Maps noise to samples; see `Generates.generate`."""
        given = self._given(condition, noise=(noise, self.noise))
        return self._rows.run(self._generate, given)

    def sample_rows(self, seed: Any, *, condition: Any = None) -> Rows:
        """Draws one sample per seed; see `Generates.sample_rows`."""
        given = self._given(condition, seed=(seed, SEEDS))
        return self._rows.run(self._sample_rows, given)

    def log_prob(self, x: Rows, *, condition: Any = None) -> Rows:
        """Log density of the distribution; see `Scores.log_prob`."""
        given = self._given(condition, x=(x, self.inputs))
        return self._rows.run(self._log_prob, given)

    def _sample_rows(self, seed: tf.Tensor) -> tf.Tensor:
        return self._generate(random.normal(seed, self.noise.shape))

    def _generate(self, noise: tf.Tensor) -> tf.Tensor:
        z = self.distribution.from_noise(noise)
        return tf.reshape(z, (-1, *self.inputs.shape))

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        return self.distribution.log_prob(tf.reshape(x, (-1, self.inputs.size)))


@dataclass(frozen=True)
class _Encoded:
    """What the prior is trained on: latent values, or their mean and deviation."""

    name: str
    inputs: Spec
    condition: Spec | None
    statistics: int

    @classmethod
    def of(cls, prior: Any, statistics: int) -> "_Encoded":
        inputs = prior.inputs
        if statistics > 1:
            *places, last = inputs.shape
            inputs = Latents((*places, statistics * last))
        return cls(prior.name, inputs, prior.condition, statistics)


class EncodedBatches(keras.utils.PyDataset):
    """The batches of a `PyDataset`, encoded when they are read."""

    def __init__(
        self, batches: keras.utils.PyDataset, encode: Callable[[Any], Any]
    ) -> None:
        super().__init__()
        self._batches, self._encode = batches, encode

    def __len__(self) -> int:
        return len(cast(Sized, self._batches))

    def __getitem__(self, index: int) -> Any:
        return self._encode(self._batches[index])

    def on_epoch_end(self) -> None:
        """Calls `on_epoch_end` of the batches."""
        self._batches.on_epoch_end()


class Link:
    """Reshapes latent values for the prior, and back.

    Args:
        latent: Spec of the autoencoder's latent values.
        inputs: Spec of the prior's examples.
        levels: Number of codes if the prior takes codes as grey levels, otherwise 0.
    """

    def __init__(self, latent: Spec, inputs: Spec, levels: int = 0) -> None:
        self._latent, self._inputs = latent.shape, inputs.shape
        self._top = levels - 1

    def inward(self, z: Any) -> Any:
        """Reshapes latent values for the prior."""
        if self._top > 0:
            z = _as(z, "float32") / self._top
        return _reshaped(z, self._inputs)

    def outward(self, z: Any) -> Any:
        """Reshapes the prior's values for the autoencoder."""
        if self._top > 0:
            z = _as(tf.round(z * self._top), "int32")
        return _reshaped(z, self._latent)


def _kind_of(autoencoder: Any, prior: Any) -> type[Latent]:
    """The class that offers what an autoencoder and a prior can do together."""
    scores = isinstance(prior, Scores | Prior)
    scores = scores and hasattr(autoencoder, "log_likelihood")
    kinds: list[type[Latent]] = []
    latent = getattr(autoencoder, "latent", None)
    if isinstance(prior, Completes | CompletesImages):
        kinds.append(LatentCompletion)
    elif hasattr(prior, "image_to_image") and isinstance(latent, Latents):
        rank = len(latent.shape)
        if rank > 1 and rank == len(autoencoder.inputs.shape):
            kinds.append(LatentEditing)
    if scores:
        kinds.append(LatentDensity)
    return joined(*kinds)


def _covered(x: np.ndarray, is_new: np.ndarray, inputs: Spec) -> np.ndarray:
    """Examples with the mean of the kept values of each channel in place of others.

    Args:
        x: Examples, `(batch, *inputs.shape)`.
        is_new: Which values are not kept, in their shape.
        inputs: Their spec.
    """
    axes = tuple(range(1, x.ndim - 1))
    count = (~is_new).sum(axes, keepdims=True)
    total = np.where(is_new, 0, x).sum(axes, keepdims=True)
    safe = inputs.limit.safe  # where nothing is kept
    mean = np.where(count, total / np.maximum(count, 1), safe)
    return np.where(is_new, mean, x).astype(x.dtype)


def _places(is_new: np.ndarray, latent: tuple[int, ...]) -> np.ndarray:
    """Which latent values have a new value within their share of an example.

    Args:
        is_new: Which values are new, `(batch, *sides, channels)`.
        latent: Shape of the latent values, `(*places, channels)`.

    Returns:
        bool `(batch, *latent)`.
    """
    found: Any = is_new.any(axis=-1)
    for axis, number in enumerate(latent[:-1], start=1):
        side = found.shape[axis]
        starts = np.arange(number) * side // number
        ends = -(-np.arange(1, number + 1) * side // number)
        found = np.stack(
            [
                found.take(range(start, end), axis).any(axis)
                for start, end in zip(starts, ends, strict=True)
            ],
            axis,
        )
    return np.broadcast_to(found[..., np.newaxis], (len(found), *latent))


def _rows_of(how: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments with a number for each row, with their specs, and the others."""
    rows = {k: (v, Numbers(FINITE_NUMBER)) for k, v in how.items() if np.ndim(v)}
    return rows, {k: v for k, v in how.items() if k not in rows}


def _digest(arrays: Sequence[np.ndarray]) -> bytes:
    """A digest of the contents, shapes and dtypes of arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype.str} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


def _tempered(*, temperature: Any = None) -> dict[str, Any]:
    """What `sample` takes if the prior is of tokens."""
    return {} if temperature is None else {"temperature": temperature}


def _from_noise(noise: Any, *, condition: Any = None) -> None:
    """What `generate` takes if the prior is of tokens."""


def _for_all(values: Any, rows: Any) -> Any:
    """One number for each row."""
    if np.ndim(values):
        return values
    if tf.is_tensor(rows):
        return tf.fill([rows], float(values))
    return np.full(rows, values, np.float32)


def _as(z: Any, dtype: str) -> Any:
    return tf.cast(z, dtype) if tf.is_tensor(z) else np.asarray(z, dtype)


def _reshaped(z: Any, shape: tuple[int, ...]) -> Any:
    reshape = tf.reshape if tf.is_tensor(z) else np.reshape
    return reshape(z, (-1, *shape))


def link_of(latent: Spec, prior: Any) -> Link:
    """The link between latent values and a prior.

    Raises:
        ValueError: If the prior does not take such latent values.
    """
    inputs = prior.inputs
    if isinstance(latent, Codes):
        number = latent.num_codes
        fits = isinstance(inputs, Tokens) and isinstance(prior, Completes)
        fits = fits and inputs.vocabulary_size == number
        if fits and prior.length == latent.size:
            return Link(latent, inputs)
        if isinstance(prior, CompletesImages) and not isinstance(prior, Encodes):
            grey = (*latent.shape, 1) if len(latent.shape) == 2 else latent.shape
            levels = cast(Any, prior).distribution.levels
            if levels == number and inputs.shape == grey:
                return Link(latent, inputs, number)
        raise ValueError(
            f"prior must be an Autoregressive model of {number} tokens and "
            f"length={latent.size}, one per code of {latent}, or a PixelAutoregressive "
            f"model of shape {latent.shape} with {number} grey levels; received a "
            f"{type(prior).__name__} of {inputs}."
        )
    is_float = isinstance(latent, Latents) and isinstance(inputs, Floats)
    if is_float and inputs.shape == latent.shape and not inputs.is_unit:
        return Link(latent, inputs)
    raise ValueError(
        f"prior must take the autoencoder's latent values, {latent}, received a prior "
        f"of {inputs}. Build it with inputs=autoencoder.latent."
    )
