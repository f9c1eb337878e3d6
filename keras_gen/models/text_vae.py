"""Variational autoencoder of sentences."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from .. import networks
from ..capabilities import EncodesSentences, Variational
from ..distributions import StandardNormal
from ..model import GenerativeModel
from ..objectives import ELBO
from ..objectives.evidence import TERMS, Objective, evidence_terms
from ..random import RowNoise
from ..samplers import completion
from ..serialization import register
from ..tokenizers import Tokenizer
from ..tokens import check_end, check_tokenizer
from ..validation import check_positive, check_share, check_type

DEFAULT_LENGTH = 64
WORD_STREAM = 2  # the latent vector draws from 0


@register
class TextVAE(EncodesSentences, Variational, GenerativeModel):
    """A latent-variable model of sentences, whose decoder predicts token by token.

    A decoder that sees all tokens before needs no latent vector. It learns to use one
    if some of these tokens are hidden, if the price of the latent vector grows slowly
    (`warmup_steps`), or if some of it is free (`free_bits`).

    Args:
        encoder: Tokens to mean and log variance of q(z | x), side by side,
            `(batch, 2 * latent_dim)`, as `networks.text_encoder` builds.
        decoder: A network over tokens with `condition_size=latent_dim`, such as
            `networks.recurrent` and `networks.causal_transformer` build.
        tokenizer: What makes tokens of texts, saved with the model; None for tokens
            alone.
        objective: What is minimised; default `ELBO()`.
        word_dropout: Share of the tokens before that are hidden from the decoder in
            training, in [0, 1): the start stands in their place.
        length: Most tokens of a sentence, its end among them; None means the decoder's
            context, or 64.
        end_token: The token, or its character, that ends a sentence; None means that of
            a line break, and of a model without a tokenizer that sentences have no end.
        seed: Seed of the training noise; None draws one.
        **kwargs: `name`, `dtype` and `trainable`, for Keras.

    Raises:
        TypeError: If a network is no layer, or the decoder no network over tokens.
        ValueError: If the networks or the tokenizer do not fit each other, or the
            tokenizer has no token of its own for a line break.

    References:
        Bowman et al., "Generating sentences from a continuous space", 2016.
    """

    arguments = ("encoder", "decoder", "tokenizer", "objective", "word_dropout")
    arguments += ("length", "end_token")
    rows_per_importance_sampling = 4

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
        check_tokenizer(tokenizer, decoder.vocabulary_size)
        _check_networks(encoder, decoder, length)
        super().__init__(
            data_shape=(length,),
            unit_interval=False,
            num_classes=None,
            term_names=TERMS,
            seed=seed,
            **kwargs,
        )
        self.encoder, self.decoder, self.tokenizer = encoder, decoder, tokenizer
        self.vocabulary_size = decoder.vocabulary_size
        self.objective, self.prior = objective or ELBO(), StandardNormal()
        self.word_dropout, self.length = word_dropout, length
        end_token = "\n" if end_token is None and tokenizer is not None else end_token
        self.end_token = check_end(end_token, self.vocabulary_size, tokenizer)

    @property
    def network(self) -> networks.TokenNetwork:
        """The decoder."""
        return self.decoder

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """`(latent_dim,)`."""
        return (self.decoder.condition_size,)

    def _output(self, x: tf.Tensor, labels: None, *, training: bool) -> tf.Tensor:
        """Tokens of the likeliest sentences, as `reconstruct` gives them."""
        del labels, training
        return self._decode(self._encode(x))

    def loss_terms(
        self,
        x: tf.Tensor,
        labels: None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """`loss`, `elbo`, `reconstruction_nll` and `kl`, nats per sentence."""
        del labels
        hidden = self._hidden(x, noise) if training else None
        epsilon = self._samples(noise, self.objective.num_samples)
        evidence = self._evidence(x, None, epsilon, training=training, hidden=hidden)
        step = self._counts["steps"] if training else None
        return evidence_terms(evidence, self.objective, step)

    def _hidden(self, x: tf.Tensor, noise: RowNoise) -> tf.Tensor:
        """Which of the tokens before each position are hidden, bool like `x`."""
        uniform = noise.uniform((self.length,), WORD_STREAM)
        return uniform[:, : tf.shape(x)[1]] < self.word_dropout

    def _statistics(
        self, x: tf.Tensor, labels: None = None, *, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        del labels
        mean, log_var = ops.split(self.encoder(x, training=training), 2, axis=-1)
        return mean, ops.exp(0.5 * log_var)

    def _log_likelihood(
        self,
        x: tf.Tensor,
        z: tf.Tensor,
        labels: None = None,
        *,
        training: bool = False,
        hidden: tf.Tensor | None = None,
    ) -> tf.Tensor:
        del labels
        num_samples = z.shape[0]
        flat = ops.reshape(z, (-1, *self.latent_shape))
        tiled = tf.tile(x, [num_samples, 1])
        if not (training or self.decoder.reads_at_once(x.shape[1])):
            log_prob = completion.log_prob(self.decoder, tiled, flat)
            return tf.reshape(log_prob, (num_samples, -1))
        before = self._before(x)
        if hidden is not None:
            before = tf.where(hidden, self.vocabulary_size, before)
        before = tf.tile(before, [num_samples, 1])
        logits = self.decoder(before, flat, training=training)
        log_probs = completion.token_log_prob(logits, tiled)
        return tf.reshape(tf.reduce_sum(log_probs, axis=1), (num_samples, -1))


def _check_networks(
    encoder: keras.layers.Layer, decoder: networks.TokenNetwork, length: int
) -> None:
    """Raises ValueError unless an encoder and a decoder fit each other."""
    latent_dim = decoder.condition_size
    if not latent_dim:
        raise ValueError("decoder must have condition_size > 0: it is told z.")
    if not decoder.has_positions(length):
        raise ValueError(
            f"length must be at most {decoder.context}, the decoder's learned "
            f"positions, received {length}."
        )
    received = tuple(encoder.compute_output_shape((None, length)))[1:]
    if received != (2 * latent_dim,):
        raise ValueError(
            "encoder must output mean and log variance, 2 * latent_dim values, (batch, "
            f"{2 * latent_dim}) for this decoder; received (batch, "
            f"{', '.join(map(str, received))})."
        )
    if getattr(encoder, "outputs", None):  # of a layer, nothing is known
        networks.check_posterior(encoder)
    sizes = encoder, decoder
    counts = [getattr(n, "vocabulary_size", decoder.vocabulary_size) for n in sizes]
    if counts[0] != counts[1]:
        raise ValueError(f"encoder has {counts[0]} tokens, the decoder {counts[1]}.")
