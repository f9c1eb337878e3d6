"""Autoregressive models of tokens."""

from typing import Any

import keras
import tensorflow as tf

from .. import networks
from ..capabilities import Completes, Scores
from ..engine import parts
from ..limits import PAD
from ..model import GenerativeModel
from ..random import RowNoise
from ..samplers import completion
from ..serialization import register_as
from ..specs import Classes, Tokens
from ..tokenizers import Tokenizer
from ..tokens import check_end, check_tokenizer
from ..validation import check_positive, check_type
from ..writing import Writer

DEFAULT_LENGTH = 64


@register_as("LanguageModel")  # a bijector is called Autoregressive
class Autoregressive(Completes, Scores, GenerativeModel):
    """A language model: p(tokens) is the product of p(token | previous tokens).

    The first token is predicted from a start token, so that a text of any length has an
    exact likelihood.

    Args:
        network: A network over tokens from `networks.causal_transformer` or
            `networks.recurrent`, or any Keras model or layer from tokens
            `(batch, positions)` to logits `(batch, positions, vocabulary_size)`. Such a
            model is wrapped in a `networks.LogitsNetwork`: it trains and scores as
            fast, but generates slowly, without a cache. The first token is then
            predicted from token 0; `LogitsNetwork(network, start_token=...)` sets
            another start token.
        tokenizer: The tokenizer of texts, saved with the model. None if data are
            tokens.
        length: Number of tokens of `sample`, and of an artifact's inputs and outputs.
            None means the network's context, or 64.
        end_token: The token, or its character, that ends a text. It is removed from
            returned texts. None means that texts have no end token.
        seed: Seed of the training noise. None draws a seed.
        **kwargs: `name`, `dtype` and `trainable`, for Keras.

    Raises:
        TypeError: If `network` is not a layer.
        ValueError: If tokenizer and network have different vocabularies, if
            `end_token` is not in the vocabulary, or if your own network can see future
            tokens or does not return logits.

    Example:
        >>> import keras_gen as kg
        >>> tokenizer = kg.tokenizers.CharacterTokenizer("abc ")
        >>> network = kg.networks.recurrent(4, width=4, units=(8,))
        >>> model = kg.Autoregressive(network, tokenizer, seed=0)
        >>> len(model.complete("a", 5, seed=0))
        6

        Your own network, with one more id for the start token:

        >>> import keras
        >>> tokens = keras.Input((None,), dtype="int32")
        >>> x = keras.layers.Embedding(5, 8)(tokens)
        >>> x = keras.layers.GRU(8, return_sequences=True)(x)
        >>> own = keras.Model(tokens, keras.layers.Dense(4)(x))
        >>> own = kg.networks.LogitsNetwork(own, start_token=4)
        >>> model = kg.Autoregressive(own, tokenizer, seed=0)
        >>> model.log_prob(["abc"]).shape
        (1,)
    """

    arguments = ("network", "tokenizer", "length", "end_token")

    def __init__(
        self,
        network: keras.Layer,
        tokenizer: Tokenizer | None = None,
        *,
        length: int | None = None,
        end_token: int | str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        if length is not None:
            check_positive(length, "length", integer=True)
        network = networks.as_token_network(network, length)
        check_type(tokenizer, Tokenizer | None, "tokenizer")
        length = network.context or DEFAULT_LENGTH if length is None else length
        size = network.condition_size
        condition = Classes(size) if size else None
        check_tokenizer(tokenizer, network.vocabulary_size)
        end_token = check_end(end_token, network.vocabulary_size, tokenizer)
        self.prompts = Tokens(network.vocabulary_size, length, tokenizer)
        specs = {"condition": condition, "term_names": ["loss"]}
        super().__init__(self.prompts, **specs, seed=seed, **kwargs)
        self.network, self.length, self.end_token = network, length, end_token
        self._writer = Writer(self, network, self._rows, self._condition_of)

    def _condition_of(
        self, seed: tf.Tensor | None, condition: tf.Tensor | None = None
    ) -> tf.Tensor | None:
        """The network's condition, `(batch, condition_size)`."""
        del seed
        return self._known(condition)

    def loss_terms(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        noise: RowNoise,
        *,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """`loss`: the mean negative log-likelihood of a token, nats."""
        del noise
        total = tf.reduce_sum(self._token_log_probs(x, condition, training=training))
        return {"loss": -total / tf.maximum(_num_tokens(x), 1.0)}

    def _weight(self, x: tf.Tensor) -> tf.Tensor:
        """The weight of a batch in means over an epoch: its number of tokens."""
        return parts.counted(_num_tokens(x))

    def log_prob(self, x: Any, *, condition: Any = None) -> Any:
        """Exact log-likelihood of texts, or tokens; see `Scores.log_prob`."""
        return self._scored(self._log_prob, x, condition)

    def token_log_probs(self, x: Any, *, condition: Any = None) -> Any:
        """Log-likelihood of each token given the previous tokens, nats.

        Args:
            x: Texts, or int32 tokens `(batch, length)`, -1 after the last.
            condition: Rows of the model's `condition` spec, one per text.

        Returns:
            float32 `(batch, length)`, 0 after the last token.
        """
        x = [x] if isinstance(x, str) else x
        return self._scored(self._token_log_probs, x, condition)

    def _scored(self, function: Any, x: Any, condition: Any) -> Any:
        rows = None
        if not tf.is_tensor(x):
            x = self.inputs.check(x, "x")
            rows = self._writer.rows_of_logits(x.shape[1], len(x))
        given = self._given(condition, x=(x, self.inputs))
        return self._rows.run(function, given, rows=rows, xla=False)

    def _output(
        self, x: tf.Tensor, condition: tf.Tensor | None, *, training: bool
    ) -> tf.Tensor:
        """`log_prob`."""
        del training
        return self._log_prob(x, condition)

    def _token_log_probs(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None = None,
        *,
        training: bool = False,
    ) -> tf.Tensor:
        if not self.network.has_positions(x.shape[1]):
            raise ValueError(
                f"x must have at most {self.network.context} tokens per row, the "
                f"positions of the network, received {x.shape[1]}. Cut it into "
                "windows, or use a network with more positions or with rotary ones."
            )
        given, before = self._known(condition), self._writer.before(x)
        logits = self.network(before, given, training=training)
        return completion.token_log_prob(logits, x)

    def _log_prob(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        if self.network.reads_at_once(x.shape[1]):
            return tf.reduce_sum(self._token_log_probs(x, condition), axis=1)
        return completion.log_prob(self.network, x, self._known(condition))


def _num_tokens(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(x != PAD, tf.float32))
