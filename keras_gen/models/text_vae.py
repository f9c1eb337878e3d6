"""Variational autoencoder of sentences."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from .. import networks, random
from ..capabilities import (
    Bounds,
    Completes,
    Encodes,
    ImportanceSampling,
    Prompts,
    between,
)
from ..distributions import Distribution, Encoded, NormalPosterior, StandardNormal
from ..latents import Posterior
from ..model import GenerativeModel
from ..objectives import ELBO
from ..objectives.evidence import Evidence, Objective, evidence_terms
from ..random import RowNoise
from ..rows import Rows
from ..samplers import completion
from ..serialization import register
from ..specs import Classes, Latents, Tokens
from ..tokenizers import Tokenizer
from ..tokens import check_end, check_tokenizer, is_texts
from ..validation import check_positive, check_share, check_type
from ..writing import Choices, Writer

DEFAULT_LENGTH = 64
WORD_STREAM = 2  # the latent vector draws from 0
LATENT_STREAM = -1  # tokens draw from their positions
ROWS_PER_SAMPLING = 4


@register
class TextVAE(Completes, Encodes, Bounds, GenerativeModel):
    """A latent-variable model of sentences with a decoder that predicts token by token.

    A decoder that sees all previous tokens can ignore the latent vector. It learns to
    use it if some tokens are hidden (`word_dropout`), if the weight of the KL term
    grows slowly (`warmup_steps`), or if part of the KL term is free (`free_bits`).

    If both networks take classes besides, the model is conditioned on them: q(z | x, y)
    and p(x | z, y), with the same p(z) for all classes.

    Sentences are texts if the model has a tokenizer, or int32 tokens `(batch, length)`
    with `end_token` after each sentence and -1 after that. Texts are returned as texts,
    without the end token.

    Args:
        encoder: A model from tokens to the mean and log variance of q(z | x),
            concatenated, `(batch, 2 * latent_dim)`, as from `networks.text_encoder`.
            With `condition_size`, or a second input, it also takes one-hot classes.
        decoder: A network over tokens with `condition_size=latent_dim`, or `latent_dim`
            plus the number of classes, as from `networks.recurrent` and
            `networks.causal_transformer`.
        tokenizer: The tokenizer of texts, saved with the model. None if data are
            tokens.
        objective: The objective. The default is `ELBO()`.
        word_dropout: Share of previous tokens that are hidden from the decoder in
            training, in [0, 1). The start token replaces them.
        length: Largest number of tokens of a sentence, its end token included. None
            means the decoder's context, or 64.
        end_token: The token, or its character, that ends a sentence. None means a line
            break if there is a tokenizer, and no end token otherwise.
        seed: Seed of the training noise. None draws a seed.
        **kwargs: `name`, `dtype` and `trainable`, for Keras.

    Raises:
        TypeError: If a network is not a layer, or if the decoder is not a network over
            tokens.
        ValueError: If the networks or the tokenizer do not fit each other, or if the
            tokenizer has no token for a line break.

    References:
        Bowman et al., "Generating sentences from a continuous space", 2016.

    Example:
        >>> import keras_gen as kg
        >>> encoder = kg.networks.text_encoder(9, 2, width=4, units=(6,))
        >>> how = {"width": 4, "units": (6,), "condition_size": 2}
        >>> decoder = kg.networks.recurrent(9, **how)
        >>> model = kg.TextVAE(encoder, decoder, length=8, seed=0)
        >>> model.encode([[1, 2, 3]]).shape
        (1, 2)
    """

    arguments = ("encoder", "decoder", "tokenizer", "objective", "word_dropout")
    arguments += ("length", "end_token")

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: networks.TokenNetwork,
        tokenizer: Tokenizer | None = None,
        *,
        objective: Objective | None = None,
        word_dropout: float = 0.3,
        length: int | None = None,
        end_token: int | str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_type(encoder, keras.layers.Layer, "encoder")
        check_type(decoder, networks.TokenNetwork, "decoder")
        check_type(tokenizer, Tokenizer | None, "tokenizer")
        check_type(objective, Objective | None, "objective")
        check_share(word_dropout, "word_dropout")
        length = decoder.context or DEFAULT_LENGTH if length is None else length
        check_positive(length, "length", integer=True)
        size = decoder.vocabulary_size
        check_tokenizer(tokenizer, size)
        classes = _num_classes(encoder)
        _check_networks(encoder, decoder, length, classes)
        end_token = "\n" if end_token is None and tokenizer is not None else end_token
        end_token = check_end(end_token, size, tokenizer)
        self.prompts = Tokens(size, length, tokenizer)
        how = {"end_token": end_token, "are_sentences": True}
        sentences = Tokens(size, length, tokenizer, **how)
        latent = Latents((decoder.condition_size - classes,))
        objective = objective or ELBO()
        specs: dict[str, Any] = {"latent": latent, "term_names": objective.term_names}
        specs["condition"] = Classes(classes) if classes else None
        super().__init__(sentences, **specs, seed=seed, **kwargs)
        self.encoder, self.decoder = encoder, decoder
        self.objective, self.prior = objective, StandardNormal()
        self.approximation = NormalPosterior()
        self.word_dropout, self.length, self.end_token = word_dropout, length, end_token
        self._posterior = Posterior(self, ROWS_PER_SAMPLING)
        self._writer = Writer(self, decoder, self._rows, self._condition_of, latent)

    # training

    def loss_terms(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """`loss`, `elbo`, `reconstruction_nll` and `kl`, nats per sentence."""
        hidden = self._hidden(x, noise) if training else None
        epsilon = self._posterior.noise(noise, self.objective.num_samples)
        how = {"training": training, "hidden": hidden}
        evidence = self._evidence(x, condition, epsilon, **how)
        if self.objective.needs_prior:
            evidence = self._posterior.with_prior(evidence, noise)
        step = self._counts["steps"] if training else None
        return evidence_terms(evidence, self.objective, step)

    def _hidden(self, x: tf.Tensor, noise: RowNoise) -> tf.Tensor:
        """Which previous tokens are hidden, bool in the shape of `x`."""
        uniform = noise.uniform((self.length,), WORD_STREAM)
        return uniform[:, : tf.shape(x)[1]] < self.word_dropout

    def observe(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """The data that the model explains: the sentences themselves."""
        del seed
        return x

    def _evidence(
        self, x: tf.Tensor, condition: tf.Tensor | None, epsilon: tf.Tensor, **how: Any
    ) -> Evidence:
        return self._posterior.evidence(x, self._known(condition), epsilon, **how)

    def _statistics(
        self, x: tf.Tensor, known: tf.Tensor | None = None, *, training: bool = False
    ) -> Encoded:
        if known is None:
            found = self.encoder(x, training=training)
        elif _has_inputs(self.encoder):
            found = self.encoder([x, known], training=training)
        else:
            found = self.encoder(x, known, training=training)
        mean, log_var = ops.split(found, 2, axis=-1)
        return Encoded(mean, ops.exp(0.5 * log_var))

    def _log_likelihood(
        self,
        x: tf.Tensor,
        z: tf.Tensor,
        known: tf.Tensor | None = None,
        *,
        training: bool = False,
        hidden: tf.Tensor | None = None,
    ) -> tf.Tensor:
        num_samples = z.shape[0]
        flat = ops.reshape(z, (-1, *self.latent.shape))
        if known is not None:
            flat = tf.concat([flat, tf.tile(known, [num_samples, 1])], axis=-1)
        tiled = tf.tile(x, [num_samples, 1])
        if not (training or self.decoder.reads_at_once(x.shape[1])):
            log_prob = completion.log_prob(self.decoder, tiled, flat)
            return tf.reshape(log_prob, (num_samples, -1))
        before = self._writer.before(x)
        if hidden is not None:
            before = tf.where(hidden, self.decoder.vocabulary_size, before)
        before = tf.tile(before, [num_samples, 1])
        logits = self.decoder(before, flat, training=training)
        log_probs = completion.token_log_prob(logits, tiled)
        return tf.reshape(tf.reduce_sum(log_probs, axis=1), (num_samples, -1))

    def _output(
        self, x: tf.Tensor, condition: tf.Tensor | None, *, training: bool
    ) -> tf.Tensor:
        """Tokens of the likeliest sentences, as in `reconstruct`."""
        del training
        return self._decode(self._encode(x, condition), condition)

    # codes and bounds

    def encode(self, x: Any, *, condition: Any = None) -> Any:
        """Encodes sentences as the mean of q(z | x); see `Encodes.encode`."""
        given = self._given(condition, x=(x, self.inputs))
        return self._rows.run(self._encode, given, rows=self._reading(x))

    def decode(self, z: Rows, *, condition: Any = None) -> Any:
        """Decodes each latent vector by the likeliest token at each position.

        Args:
            z: Latent vectors, `(batch, latent_dim)`.
            condition: Classes, one per vector, of a conditional model.

        Returns:
            A list of texts, or `decode_tokens(z)` for a tensor or a model without a
            tokenizer.
        """
        tokens = self.decode_tokens(z, condition=condition)
        is_text = self.tokenizer is not None and not tf.is_tensor(z)
        return self._writer.texts_of(np.asarray(tokens)) if is_text else tokens

    def decode_tokens(self, z: Rows, *, condition: Any = None) -> Rows:
        """Tokens of `decode`: int32 `(batch, length)`, -1 after the end token."""
        given = self._given(condition, z=(z, self.latent))
        how = {"xla": self._writer.compiles_loops, "rows": self._reading(z)}
        return self._rows.run(self._decode, given, **how)

    def reconstruct(self, x: Any, *, condition: Any = None) -> Any:
        """Decodes the codes of sentences: `decode(encode(x))`.

        Args:
            x: Sentences.
            condition: Classes, one per sentence, of a conditional model.

        Returns:
            As many sentences, as texts or tokens like `x`.
        """
        z = self.encode(x, condition=condition)
        tokens = self.decode_tokens(z, condition=condition)
        return self._writer.texts_of(tokens) if is_texts(x) else tokens

    def interpolate(self, a: Any, b: Any, steps: int, *, condition: Any = None) -> Any:
        """Decodes points on the straight line between the codes of two sentences.

        Args:
            a: Sentences at the start.
            b: As many sentences at the end.
            steps: Points per line, both ends included, >= 2.
            condition: Classes, one per line, of a conditional model.

        Returns:
            A list of `steps` texts for each line, or int32 `(batch, steps, length)`.

        Raises:
            ValueError: If `steps` < 2, or if `a` and `b` differ in length.
        """
        z = between(self, a, b, steps, condition=condition)
        if condition is not None:
            condition = np.repeat(condition, steps, axis=0)
        flat = z.reshape((-1, *self.latent.shape))
        tokens = self.decode_tokens(flat, condition=condition)
        if not is_texts(a):
            return tokens.reshape((-1, steps, self.length))
        texts = self._writer.texts_of(tokens)
        return [texts[i : i + steps] for i in range(0, len(texts), steps)]

    def posterior(
        self, x: tf.Tensor, condition: tf.Tensor | None = None
    ) -> Distribution:
        """q(z | x) for tokens as a TFP distribution; see `VAE.posterior`."""
        return self._posterior.distribution(x, self._known(condition))

    def active_units(
        self, x: Any, *, condition: Any = None, threshold: float = 0.01
    ) -> int:
        """Number of active latent dimensions; see `VAE.active_units`."""
        means = np.asarray(self.encode(x, condition=condition), np.float64)
        return int((means.var(axis=0) > threshold).sum())

    def elbo(
        self, x: Any, *, condition: Any = None, seed: int = 0, noise: Any = None
    ) -> Any:
        """Evidence lower bound of log p(x); see `Bounds.elbo`."""
        return self._posterior.elbo(x, condition, seed, noise)

    def importance_sampling(
        self, x: Any, num_samples: int, *, condition: Any = None, seed: int = 0
    ) -> ImportanceSampling:
        """See `Bounds.importance_sampling`."""
        how = (num_samples, condition, seed)
        return self._posterior.importance_sampling(x, *how)

    def _reading(self, x: Any) -> int | None:
        return None if tf.is_tensor(x) else self._writer.rows_per_call(len(x))

    def _encode(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        return self._statistics(x, self._known(condition)).mean

    def _decode(self, z: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        return self._writer.likeliest(self._condition_of(None, condition, z))

    # writing

    def complete(
        self,
        prompt: Prompts,
        max_new_tokens: int | None = None,
        *,
        condition: Any = None,
        z: Any = None,
        seed: int | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        repetition_penalty: float | None = None,
        stop_tokens: Any = None,
    ) -> Any:
        """Continues the beginnings of sentences, up to their end.

        Args:
            prompt: As in `Completes.complete`.
            max_new_tokens: As in `Completes.complete`.
            condition: As in `Completes.complete`.
            z: Latent vectors of the sentences, `(batch, latent_dim)`. None draws them
                from the prior with the seed.
            seed: As in `Completes.complete`.
            temperature: As in `Completes.complete`.
            top_k: As in `Completes.complete`.
            top_p: As in `Completes.complete`.
            repetition_penalty: As in `Completes.complete`.
            stop_tokens: Tokens, or characters, that end a sentence. None means
                `end_token`.

        Returns:
            Beginning and continuation, as text or tokens like `prompt`.

        Raises:
            ValueError: If an argument is out of its range or does not fit the model.
        """
        how = Choices(temperature, top_k, top_p, repetition_penalty)
        return self._writer.complete(
            prompt, max_new_tokens, seed, stop_tokens, how, condition, z
        )

    def _condition_of(
        self,
        seed: tf.Tensor | None,
        condition: tf.Tensor | None = None,
        z: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """What the decoder gets besides tokens: latent vectors, and one-hot classes.

        Latent vectors are `z` if given, otherwise drawn from the seeds, or 0.
        """
        known = self._known(condition)
        drawn: Any = z
        if z is None and seed is not None:
            size = self.prior.noise_size(self.latent.size)
            drawn = self.prior.from_noise(random.normal(seed, (size,), LATENT_STREAM))
        elif z is None:
            rows = 1 if known is None else tf.shape(known)[0]
            drawn = tf.zeros((rows, *self.latent.shape))
        return drawn if known is None else tf.concat([drawn, known], axis=-1)


def _check_networks(
    encoder: keras.layers.Layer,
    decoder: networks.TokenNetwork,
    length: int,
    classes: int,
) -> None:
    """Raises ValueError unless an encoder and a decoder fit each other."""
    latent_dim = decoder.condition_size - classes
    if latent_dim < 1:
        plus = " plus the number of classes" if classes else ""
        raise ValueError(
            f"decoder must have condition_size > {classes}, the size of z{plus}, "
            f"received {decoder.condition_size}."
        )
    if not decoder.has_positions(length):
        raise ValueError(
            f"length must be <= {decoder.context}, the number of the decoder's learned "
            f"positions, received {length}."
        )
    given: list[Any] = [(None, length), *([(None, classes)] if classes else [])]
    given = [given] if _has_inputs(encoder) else given
    received = tuple(encoder.compute_output_shape(*given))[1:]
    if received != (2 * latent_dim,):
        raise ValueError(
            "encoder must output mean and log variance, 2 * latent_dim values, (batch, "
            f"{2 * latent_dim}) for this decoder, received (batch, "
            f"{', '.join(map(str, received))})."
        )
    if getattr(encoder, "outputs", None):  # the outputs of a layer are not known
        networks.check_posterior(encoder)
    sizes = encoder, decoder
    counts = [getattr(n, "vocabulary_size", decoder.vocabulary_size) for n in sizes]
    if counts[0] != counts[1]:
        raise ValueError(
            "encoder and decoder must have the same number of tokens, received "
            f"{counts[0]} and {counts[1]}."
        )


def _has_inputs(encoder: keras.layers.Layer) -> bool:
    """Whether an encoder is a model of tokens and classes, given as a list."""
    return len(getattr(encoder, "inputs", None) or []) == 2


def _num_classes(encoder: keras.layers.Layer) -> int:
    """The classes that an encoder takes besides tokens, or 0."""
    if _has_inputs(encoder):
        return int(encoder.inputs[1].shape[-1])
    return int(getattr(encoder, "condition_size", 0))
