"""What all that continue texts share: prompts, lengths, compiled loops."""

import abc
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ..threads import num_threads
from ..tokens import PAD, TakesTokens, from_rows, is_texts
from ..validation import check_positive

if TYPE_CHECKING:
    from ..networks import TokenNetwork

TOKENS_PER_CALL = 2**13
LONGEST = 2**24  # tokens that one call writes
SHORTEST = 8  # tokens that a prompt is at least filled up to
Prompts = str | Sequence[str] | Sequence[Sequence[int]] | np.ndarray


class TakesPrompts(TakesTokens, abc.ABC):
    """Has a network that tells the next token.

    Attributes:
        network: The network over tokens.
        length: Number of tokens of `sample`, and of what an artifact takes and gives.
        end_token: The token that ends a text by itself, or None.
    """

    network: "TokenNetwork"
    length: int
    end_token: int | None = None

    @abc.abstractmethod
    def _told(
        self, seed: tf.Tensor | None, labels: tf.Tensor | None
    ) -> tf.Tensor | None:
        """What the network is told besides the tokens, `(batch, condition_size)`."""

    def tokens_of(self, texts: Prompts) -> np.ndarray:
        """int32 tokens `(batch, length)` of texts, or of tokens as they are.

        Raises:
            ValueError: If there are texts and no tokenizer, or tokens out of range.
        """
        return self.check_array([texts] if isinstance(texts, str) else texts, "prompt")

    def texts_of(self, tokens: np.ndarray) -> list[str]:
        """Texts of rows of tokens, -1 behind the last, without an end that is last."""
        rows = [row[row != PAD] for row in tokens]
        rows = [row[:-1] if self._is_ended(row) else row for row in rows]
        return self.tokenizer.decode_batch(from_rows(rows))

    def _is_ended(self, tokens: Sequence[int]) -> bool:
        return (
            self.end_token is not None
            and len(tokens) > 0
            and tokens[-1] == self.end_token
        )

    def _tokens_of_one(self, prompt: str | Sequence[int]) -> np.ndarray:
        """int32 tokens `(n,)` of one text, or of tokens as they are.

        Raises:
            ValueError: If it is neither, or does not fit the model.
        """
        if not isinstance(prompt, str):
            if is_texts(prompt) or np.ndim(prompt) != 1:
                raise ValueError(
                    f"prompt must be one text or a row of tokens, received {prompt!r}."
                )
            prompt = [list(prompt)]
        tokens = self.tokens_of(prompt)[0]
        return tokens[tokens != PAD]

    def _label_of_one(self, label: Any) -> np.ndarray | None:
        """One label as int32 `(1,)`, or None.

        Raises:
            ValueError: If it is missing, unwanted or out of range.
        """
        return self._check_array("labels", None if label is None else [label], {})

    def _cached(self, key: Any, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, compiled once."""
        options = {"autograph": False, "jit_compile": self.compiles_loops or None}
        return self.traced_once(key, lambda: tf.function(function, **options))

    def _length(self, max_new_tokens: int | None) -> int:
        max_new_tokens = self.length if max_new_tokens is None else max_new_tokens
        check_positive(max_new_tokens, "max_new_tokens", integer=True)
        if max_new_tokens > LONGEST:
            raise ValueError(
                f"max_new_tokens must be at most {LONGEST}, received {max_new_tokens}."
            )
        return max_new_tokens

    def _capacity(self, max_new_tokens: int) -> int:
        """The tokens that a compiled loop can write: few numbers, a loop for each."""
        return (
            self.length
            if max_new_tokens <= self.length
            else _power_of_two(max_new_tokens)
        )

    @property
    def compiles_loops(self) -> bool:
        """Whether XLA compiles loops over tokens, which are many small operations."""
        return not tf.distribute.has_strategy()

    def uses_xla(self, num_rows: int, rows: int | None = None) -> bool:
        """No: all positions at once are few large operations."""
        del num_rows, rows
        return False

    def _rows_per_call(self, num_rows: int) -> int:
        """Few at a time: threads gain more with a call each than within its calls."""
        most = max(1, TOKENS_PER_CALL // self.length)
        return min(most, -(-num_rows // num_threads()))


def to_few_lengths(prompt: np.ndarray) -> np.ndarray:
    """Prompts filled up to one of few lengths: each is compiled anew."""
    length = max(SHORTEST, _power_of_two(prompt.shape[1]))
    return np.pad(prompt, [(0, 0), (0, length - prompt.shape[1])], constant_values=PAD)


def stop_rows(tokens: Sequence[int] | None, rows: int) -> np.ndarray:
    """Tokens that end a text for each row, int32 `(rows, n)`, -1 for none."""
    tokens = np.array(tokens or (), np.int32)
    missing = _power_of_two(len(tokens)) - len(tokens)
    tokens = np.pad(tokens, (0, missing), constant_values=PAD)
    return np.tile(tokens, (rows, 1))


def _power_of_two(number: int) -> int:
    """The next one."""
    return 2 ** max(number - 1, 0).bit_length()
