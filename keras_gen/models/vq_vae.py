"""VQVAE: an autoencoder with a code, an integer, at each of many places."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from .. import networks
from ..capabilities import Encodes
from ..distributions import Gaussian, Likelihood
from ..engine import parts
from ..engine.batches import ExampleSource
from ..games import PatchGame
from ..model import GenerativeModel, Turn
from ..networks.quantizers import Quantizer, VectorQuantizer, usage
from ..perceptual import FeatureLoss, Terms
from ..random import RowNoise
from ..rows import Rows
from ..serialization import register
from ..specs import Codes, Spec, of_shape
from ..validation import check_type

RESTART_STREAM = 0
UNIT_SCALE, DEFAULT_SCALE = 0.1, 0.5  # of values in [0, 1], of standardized values
TERMS = ("loss", "reconstruction_nll", "commitment", "usage", "perplexity")


@register
class VQVAE(Encodes, GenerativeModel):
    """Compresses examples to codes on a grid, and decodes them.

    The encoder makes a vector for each place of the grid, which a quantizer replaces by
    one of finitely many. Gradients pass straight through the quantizer. The loss is
    -log p(x | codes) in nats, and the commitment loss of the quantizer.

    The model does not generate by itself. `Latent(model, prior)` trains a prior over
    the codes: an `Autoregressive` transformer, which reads them in raster order, or a
    `PixelAutoregressive` PixelCNN. Both can be conditional, have exact probabilities of
    codes, and complete images.

    Args:
        encoder: A Functional or Sequential model from examples to vectors
            `(batch, *places, width)`, with one to three axes of places, such as that of
            `networks.spatial_autoencoder`.
        decoder: A model from vectors to the raw parameters of the likelihood,
            `(batch, ..., channels * likelihood.values_per_channel)`.
        quantizer: The quantizer: a `networks.VectorQuantizer`, which learns a codebook,
            or a `networks.FiniteScalarQuantizer`. The default is `VectorQuantizer()`
            with 512 codes.
        likelihood: p(x | codes). The default is `Gaussian(0.1)` for values in [0, 1],
            and otherwise `Gaussian(0.5)` of standardized channels.
        perceptual: A `FeatureLoss` that is added to the loss, for values in [0, 1].
        adversarial: A `PatchGame` of reconstructions against examples, for values in
            [0, 1]. The players are then "autoencoder" and "discriminator".
        inputs: The spec of the examples. None derives it from the encoder's input.
        seed: Seed of the training noise. None draws a seed.
        **kwargs: `name` and `dtype`, for Keras.

    The terms `usage` and `perplexity` are the share of codes that occur in a batch, and
    exp(entropy) of their frequencies.

    Raises:
        TypeError: If a network is not a built Functional or Sequential model.
        ValueError: If the shapes of the networks do not fit each other or the
            quantizer, if they take a condition, or if the decoder's outputs are
            squashed. `fit` of an array raises it if a codebook is larger than the
            number of vectors of the data. The length of a stream is not known.

    References:
        van den Oord, Vinyals and Kavukcuoglu, "Neural discrete representation
        learning", 2017, eq. 3; Esser, Rombach and Ommer, "Taming transformers for
        high-resolution image synthesis", 2021 (`perceptual` and `adversarial`); see the
        quantizers.

    Example:
        >>> pair = kg.networks.spatial_autoencoder((8, 8, 1), 4, channels=(8,))
        >>> model = kg.VQVAE(*pair, kg.networks.VectorQuantizer(16), seed=0)
        >>> model.latent
        Codes(dims=(4, 4), num_codes=16)
        >>> model.compile("adam")
        >>> x = np.random.default_rng(0).random((16, 8, 8, 1), np.float32)
        >>> history = model.fit(x, verbose=0)
        >>> model.encode(x).shape, model.reconstruct(x).shape
        ((16, 4, 4), (16, 8, 8, 1))
    """

    arguments = ("encoder", "decoder", "quantizer", "likelihood", "perceptual")
    arguments += ("adversarial", "inputs")
    latent: Codes

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        quantizer: Quantizer | None = None,
        *,
        likelihood: Likelihood | None = None,
        perceptual: FeatureLoss | None = None,
        adversarial: PatchGame | None = None,
        inputs: Spec | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        quantizer = VectorQuantizer() if quantizer is None else quantizer
        check_type(quantizer, Quantizer, "quantizer")
        check_type(likelihood, Likelihood | None, "likelihood")
        check_type(perceptual, FeatureLoss | None, "perceptual")
        check_type(adversarial, PatchGame | None, "adversarial")
        shape = networks.input_shape(encoder, "encoder")
        is_unit = likelihood is not None and likelihood.unit_interval is True
        inputs = inputs or of_shape(shape, is_unit=is_unit)
        if likelihood is None:
            likelihood = Gaussian(UNIT_SCALE if inputs.is_unit else DEFAULT_SCALE)
        likelihood = likelihood.for_inputs(inputs)
        how = {"squashes": likelihood.squashes, "is_unit": inputs.is_unit}
        shapes = inputs.network_shape, likelihood.raw_shape(inputs)
        networks.check_pair(encoder, decoder, *shapes, **how)
        if networks.condition_shape(encoder=encoder, decoder=decoder) is not None:
            raise ValueError(
                "VQVAE takes no condition: encoder and decoder must have one input. "
                "Pass a conditional prior to Latent instead."
            )
        width = networks.output_shape(encoder, "encoder")
        if not 2 <= len(width) <= 4:
            raise ValueError(
                "encoder must output a vector at each of many places, (batch, *places, "
                f"width) with one to three axes of places, received {width}. "
                "networks.spatial_autoencoder builds such a pair."
            )
        if not quantizer.built:
            quantizer.build((None, *width))
        for judge in (perceptual, adversarial):
            if judge is not None:
                judge.check(inputs)
        latent = Codes(quantizer.dims(width), quantizer.num_codes)
        specs: dict[str, Any] = {"latent": latent, "term_names": TERMS}
        if adversarial is not None:
            specs["players"] = adversarial.players(encoder, decoder, quantizer)
        super().__init__(inputs, **specs, seed=seed, **kwargs)
        self.encoder, self.decoder = encoder, decoder
        self.quantizer, self.likelihood = quantizer, likelihood
        self.perceptual, self.adversarial = perceptual, adversarial
        self._most_rows = 0  # of the data of a call of `fit`

    def _prepare(self, x: Any, y: Any) -> None:
        """Finds scales, and checks that the data are enough for the codebook."""
        super()._prepare(x, y)
        if isinstance(x, ExampleSource):
            rows = x.num_rows(shuffled=True)
        elif isinstance(x, np.ndarray):
            rows = len(x)
        else:
            return
        rows = self._most_rows = max(self._most_rows, rows)
        places = self.latent.size // self.quantizer.levels
        if self.quantizer.has_codebook and rows * places < self.latent.num_codes:
            raise ValueError(
                f"num_codes must be at most {rows * places}, the number of vectors of "
                f"{rows} examples with {places} places each, received "
                f"{self.latent.num_codes}."
            )

    # training

    def loss_terms(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """`loss`, its parts `reconstruction_nll` and `commitment`, and use of codes.

        With further losses also `features`, or the terms of `turns`.
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
        """The autoencoder's move, then the discriminator's; see `VAE.turns`."""
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
        """Loss terms, examples as networks see them, and their reconstructions."""
        del condition
        x, quantizer = self.scale.inward(x), self.quantizer
        z = networks.apply(self.encoder, x, training=training)
        made = quantizer.quantized(z)
        raw = networks.apply(self.decoder, made.values, training=training)
        nats = self._log_probability(x, raw)
        if training and quantizer.num_draws:
            seeds = tf.convert_to_tensor(noise.seeds)
            first = noise._replace(seeds=parts.first_of_batch(seeds))
            drawn = first.uniform((quantizer.num_draws,), RESTART_STREAM)[0]
            quantizer.follow(z, made.codes, drawn)
        share, perplexity = usage(quantizer.counts(made.codes))
        nll: tf.Tensor = -ops.mean(nats)
        commitment: tf.Tensor = ops.mean(made.commitment)
        terms = {"loss": nll + commitment, "reconstruction_nll": nll}
        terms |= {"commitment": commitment, "usage": share, "perplexity": perplexity}
        seen = self.likelihood.mean(raw)
        if self.perceptual is not None:
            terms = self.perceptual.added(terms, x, seen)
        return terms, x, seen

    def _log_probability(self, x: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Log p(x | codes) in units of the data, `(batch,)`, for raw values."""
        likelihood = self.likelihood.on(self.scale)
        nats = likelihood.log_prob(x, raw, len(self.inputs.shape))
        return nats - self.scale.log_volume(x)

    def _output(
        self, x: tf.Tensor, condition: tf.Tensor | None, *, training: bool
    ) -> tf.Tensor:
        """Reconstructions, as in `reconstruct`."""
        del condition
        z = networks.apply(self.encoder, self.scale.inward(x), training=training)
        vectors = self.quantizer.quantized(z).values
        raw = networks.apply(self.decoder, vectors, training=training)
        return self.scale.outward(self.likelihood.mean(raw))

    # codes

    def encode(self, x: Rows, *, condition: Any = None) -> Rows:
        """Encodes examples as codes, int32 `(batch, *latent.shape)`.

        Args:
            x: Examples, `(batch, *inputs.shape)`. Images are uint8 or in [0, 1].
            condition: None: the model is unconditional.
        """
        return self._rows.run(self._encode, self._given(condition, x=(x, self.inputs)))

    def decode(self, z: Rows, *, condition: Any = None) -> Rows:
        """Decodes codes to the mean of p(x | codes).

        Args:
            z: Codes, integers `(batch, *latent.shape)` in [0, num_codes).
            condition: None: the model is unconditional.

        Returns:
            Examples, `(batch, *inputs.shape)`. Images are in [0, 1].

        Raises:
            ValueError: If codes are outside the codebook.
        """
        return self._rows.run(self._decode, self._given(condition, z=(z, self.latent)))

    def log_likelihood(self, x: Rows, z: Rows, *, condition: Any = None) -> Rows:
        """Log p(x | codes) in nats, in units of the data, `(batch,)`.

        Args:
            x: Examples, `(batch, *inputs.shape)`. Images are uint8 or in [0, 1].
            z: The codes of each, `(batch, *latent.shape)`.
            condition: None: the model is unconditional.
        """
        given = self._given(condition, x=(x, self.inputs), z=(z, self.latent))
        return self._rows.run(self._code_log_likelihood, given)

    def _encode(self, x: tf.Tensor) -> tf.Tensor:
        z = networks.apply(self.encoder, self.scale.inward(x))
        return self.quantizer.encode(z)

    def _decode(self, z: tf.Tensor) -> tf.Tensor:
        raw = networks.apply(self.decoder, self.quantizer.decode(z))
        return self.scale.outward(self.likelihood.mean(raw))

    def _code_log_likelihood(self, x: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        raw = networks.apply(self.decoder, self.quantizer.decode(z))
        return self._log_probability(self.scale.inward(x), raw)
