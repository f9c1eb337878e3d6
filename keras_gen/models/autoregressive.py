"""Autoregressive models of tokens."""

from typing import Any

import tensorflow as tf

from .. import networks
from ..capabilities import Completes, Scores
from ..engine import parts
from ..model import GenerativeModel
from ..random import RowNoise
from ..samplers import completion
from ..serialization import register_as
from ..tokenizers import Tokenizer
from ..tokens import PAD, check_end, check_tokenizer
from ..validation import check_positive, check_type

DEFAULT_LENGTH = 64


@register_as("LanguageModel")  # a bijector is called Autoregressive
class Autoregressive(Completes, Scores, GenerativeModel):
    """A language model: p(tokens) is the product of p(token | tokens before).

    The first token is predicted from a start, so that a text of any length has an
    exact likelihood.

    Args:
        network: A network over tokens, such as `networks.causal_transformer` and
            `networks.recurrent` build.
        tokenizer: What makes tokens of texts, saved with the model; None for tokens
            alone.
        length: Number of tokens that `sample` draws and that an artifact takes and
            gives; None means the network's context, or 64.
        end: The token, or its character, that ends a text, and is left out of texts
            that come back; None means that texts have no end.
        seed: Seed of the training noise; None draws one.
        **kwargs: `name`, `dtype` and `trainable`, for Keras.

    Raises:
        ValueError: If the tokenizer has another vocabulary than the network, or `end`
            is not in it.
    """

    arguments = ("network", "tokenizer", "length", "end")

    def __init__(
        self,
        network: networks.TokenNetwork,
        tokenizer: Tokenizer | None = None,
        *,
        length: int | None = None,
        end: int | str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_type(network, networks.TokenNetwork, "network")
        check_type(tokenizer, Tokenizer | None, "tokenizer")
        length = network.context or DEFAULT_LENGTH if length is None else length
        check_positive(length, "length", integer=True)
        super().__init__(
            data_shape=(length,),
            unit_interval=False,
            num_classes=network.condition_size or None,
            term_names=["loss"],
            seed=seed,
            **kwargs,
        )
        self.network, self.tokenizer, self.length = network, tokenizer, length
        self.vocabulary_size = network.vocabulary_size
        check_tokenizer(tokenizer, self.vocabulary_size)
        self.end = check_end(end, self.vocabulary_size, tokenizer)

    def loss_terms(
        self,
        x: tf.Tensor,
        labels: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """`loss`: minus the mean log-likelihood of a token, nats."""
        del noise
        total = tf.reduce_sum(self._token_log_probs(x, labels, training=training))
        return {"loss": -total / tf.maximum(_num_tokens(x), 1.0)}

    def _output(
        self, x: tf.Tensor, labels: tf.Tensor | None, *, training: bool
    ) -> tf.Tensor:
        """`log_prob`."""
        del training
        return self._log_prob(x, labels)

    def batch_weight(self, x: tf.Tensor) -> tf.Tensor:
        """The number of tokens."""
        return parts.counted(_num_tokens(x))

    def token_log_probs(self, x: Any, labels: Any = None) -> Any:
        """Log-likelihood of each token given those before it, nats.

        Args:
            x: Texts, or int32 tokens `(batch, length)`, -1 behind the last.
            labels: Integers, `(batch,)`, for a class-conditional model.

        Returns:
            float32 `(batch, length)`, 0 behind the last token.
        """
        x = x if tf.is_tensor(x) else self.tokens_of(x)
        rows = None
        if not tf.is_tensor(x):
            rows = self.rows_of_logits(x.shape[1], self._rows_per_call(len(x)))
        return self.run(self._token_log_probs, rows=rows, x=x, labels=labels)

    def _token_log_probs(
        self,
        x: tf.Tensor,
        labels: tf.Tensor | None = None,
        *,
        training: bool = False,
    ) -> tf.Tensor:
        if not self.network.has_positions(x.shape[1]):
            raise ValueError(
                f"x has {x.shape[1]} tokens, and the network {self.network.context} "
                "learned positions: cut it into windows of at most so many tokens, or "
                "use rotary positions."
            )
        condition = self._told(None, labels)
        logits = self.network(self._before(x), condition, training=training)
        return completion.token_log_prob(logits, x)

    def _log_prob(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        if self.network.reads_at_once(x.shape[1]):
            return tf.reduce_sum(self._token_log_probs(x, labels), axis=1)
        return completion.log_prob(self.network, x, self._told(None, labels))

    def _told(
        self, seed: tf.Tensor | None, labels: tf.Tensor | None
    ) -> tf.Tensor | None:
        del seed
        return None if labels is None else networks.one_hot(labels, self.num_classes)


def _num_tokens(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(x != PAD, tf.float32))
