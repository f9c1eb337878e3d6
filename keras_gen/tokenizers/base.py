"""Tokenizer: what characters, bytes and pairs of bytes share."""

import abc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..tokens import PAD, padded
from ..validation import check_count, check_positive, check_type


class UnknownCharacter(ValueError):
    """A text holds a character that has no token.

    Attributes:
        row: Which of the texts holds it.
        position: Its place in this text, from 0.
    """

    def __init__(self, character: str, row: int, position: int, reason: str) -> None:
        self.row, self.position = row, position
        self._problem = f"the character {character!r} (U+{ord(character):04X}) {reason}"
        super().__init__(f"text holds at position {position} {self._problem}")

    def at(self, place: str) -> ValueError:
        """The same error with another name of the place."""
        return ValueError(f"{place} holds {self._problem}")


class Tokenizer(abc.ABC):
    """Text to tokens, integers in [0, vocabulary_size), and back.

    In batches, int32 `(batch, length)`, -1 is padding at the end of a row. A subclass
    says how many tokens there are, and writes `encode_flat` and `_decode`.
    """

    has_graph = False  # whether it is a `GraphTokenizer`
    get_config: Callable[[], dict[str, Any]]  # by which Keras saves it

    @property
    @abc.abstractmethod
    def vocabulary_size(self) -> int:
        """Number of tokens."""

    def vocabulary(self) -> dict[str, Any]:
        """What a program in another language needs to do the same, for JSON."""
        return {"tokenizer": type(self).__name__, **self.get_config()}

    def encode(self, text: str) -> np.ndarray:
        """The tokens of a text.

        Returns:
            int32 `(n,)`, `(0,)` of an empty text.

        Raises:
            UnknownCharacter: If the text holds a character that has no token.
        """
        check_type(text, str, "text")
        return self.encode_flat([text])[0]

    def decode(self, tokens: np.ndarray) -> str:
        """The text of tokens.

        Args:
            tokens: Integers in [0, vocabulary_size), `(n,)`; -1 at the end is left out.

        Raises:
            ValueError: If tokens are out of range, or padding stands before a token.
        """
        tokens = np.asarray(tokens)
        return self._decode_row(tokens, "tokens")

    def encode_batch(
        self, texts: Sequence[str], length: int | None = None, *, name: str = "texts"
    ) -> np.ndarray:
        """The tokens of several texts, padded at the end by -1.

        Args:
            texts: The texts, at least one.
            length: Tokens per row; that of the longest text for None.
            name: What to call `texts` in an error.

        Returns:
            int32 `(batch, length)`.

        Raises:
            ValueError: If a text has more than `length` tokens or a character without
                a token.
        """
        if isinstance(texts, str) or not len(texts):
            raise ValueError(f"{name} must be a list of texts, received {texts!r}.")
        for i, text in enumerate(texts):
            check_type(text, str, f"{name}[{i}]")
        try:
            tokens, counts = self.encode_flat(texts)
        except UnknownCharacter as error:
            place = f"{name}[{error.row}], position {error.position},"
            raise error.at(place) from None
        longest = int(np.argmax(counts))
        length = max(1, int(counts[longest])) if length is None else length
        check_count(length, "length")
        if counts[longest] > length:
            raise ValueError(
                f"{name}[{longest}] has {counts[longest]} tokens, more than length "
                f"{length}: shorten it or raise length."
            )
        return padded(tokens, counts, length)

    def decode_batch(self, tokens: np.ndarray) -> list[str]:
        """The texts of rows of tokens.

        Args:
            tokens: Integers in [0, vocabulary_size), `(batch, length)`, padded at the
                end by -1.

        Raises:
            ValueError: If tokens are out of range, or padding stands before a token.
        """
        tokens = np.asarray(tokens)
        if tokens.ndim != 2:
            raise ValueError(
                f"tokens must have shape (batch, length), received {tokens.shape}."
            )
        return [self._decode_row(row, f"tokens[{i}]") for i, row in enumerate(tokens)]

    @abc.abstractmethod
    def encode_flat(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The tokens of several texts one after the other.

        Returns:
            int32 `(n,)`, and how many of them each text has, `(len(texts),)`.

        Raises:
            UnknownCharacter: If a text holds a character that has no token.
        """

    @abc.abstractmethod
    def _decode(self, tokens: np.ndarray) -> str:
        """The text of tokens `(n,)` that are in range."""

    def _decode_row(self, tokens: np.ndarray, name: str) -> str:
        if tokens.ndim != 1 or (tokens.size and tokens.dtype.kind not in "iu"):
            raise ValueError(
                f"{name} must be integers of shape (n,), received {tokens.dtype} "
                f"{tokens.shape}."
            )
        tokens = tokens.astype(np.int64)
        tokens = tokens[: np.max(np.flatnonzero(tokens != PAD), initial=-1) + 1]
        wrong = np.flatnonzero((tokens < 0) | (tokens >= self.vocabulary_size))
        if len(wrong):
            raise ValueError(
                f"{name} must lie in [0, {self.vocabulary_size}), padding of -1 at the "
                f"end only; received {tokens[wrong[0]]} at position {wrong[0]}."
            )
        return self._decode(tokens)


class GraphTokenizer(Tokenizer):
    """A tokenizer that a SavedModel can hold, as operations of TensorFlow."""

    has_graph = True

    def encode_graph(self, texts: tf.Tensor, length: int) -> tf.Tensor:
        """`encode_batch` as operations of TensorFlow.

        Args:
            texts: UTF-8 strings, `(batch,)`.
            length: Tokens per row.

        Returns:
            int32 `(batch, length)`, padded at the end by -1.

        Raises:
            tf.errors.InvalidArgumentError: When it runs, if a text has more tokens than
                `length` or a character without a token.
        """
        check_positive(length, "length", integer=True)
        tokens, counts = self._encode_graph(texts, length)
        longest = tf.reduce_max(tf.concat([counts, [0]], axis=0))
        fits = tf.debugging.assert_less_equal(
            longest, length, f"a text has more than {length} tokens"
        )
        with tf.control_dependencies([fits] if fits is not None else []):
            within = tf.range(length) < counts[:, tf.newaxis]
            return tf.where(within, tokens, PAD)

    def decode_graph(self, tokens: tf.Tensor) -> tf.Tensor:
        """`decode_batch` as operations of TensorFlow.

        Args:
            tokens: int32 in [0, vocabulary_size), `(batch, n)`, padded by -1.

        Returns:
            UTF-8 strings, `(batch,)`.

        Raises:
            tf.errors.InvalidArgumentError: When it runs, if tokens are out of range or
                padding stands before a token.
        """
        size = self.vocabulary_size
        is_padding = tf.equal(tokens, PAD)
        in_range = is_padding | ((tokens >= 0) & (tokens < size))
        at_end = is_padding[:, 1:] | ~is_padding[:, :-1]
        message = f"tokens must lie in [0, {size}), padding of -1 at the end only"
        checks = [
            tf.debugging.Assert(tf.reduce_all(condition), [message])
            for condition in (in_range, at_end)
        ]
        with tf.control_dependencies([check for check in checks if check is not None]):
            tokens = tf.where(is_padding, size, tokens)
        symbols = tf.constant([*self._symbols(), b""])
        return tf.strings.reduce_join(tf.gather(symbols, tokens), axis=-1)

    @abc.abstractmethod
    def _encode_graph(
        self, texts: tf.Tensor, length: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """int32 tokens, `(batch, length)`, cut and filled up; all tokens' counts."""

    @abc.abstractmethod
    def _symbols(self) -> list[bytes]:
        """What each token stands for."""


def to_utf8(text: str, row: int) -> bytes:
    """The bytes of a text; raises UnknownCharacter for half a surrogate pair."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise UnknownCharacter(
            text[error.start],
            row,
            error.start,
            "which is half a surrogate pair, no character of UTF-8.",
        ) from None
