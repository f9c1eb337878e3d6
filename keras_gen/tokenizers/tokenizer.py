"""Tokenizer: the base of all tokenizers."""

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
        row: Index of the text.
        position: Position of the character in this text, from 0.

    Example:
        >>> try:
        ...     kg.tokenizers.CharacterTokenizer("abc").encode("abd")
        ... except kg.tokenizers.UnknownCharacter as error:
        ...     error.position
        2
    """

    def __init__(self, character: str, row: int, position: int, reason: str) -> None:
        self.row, self.position = row, position
        self._problem = f"the character {character!r} (U+{ord(character):04X}) {reason}"
        super().__init__(f"text holds at position {position} {self._problem}")

    def at(self, place: str) -> ValueError:
        """The same error with another description of the place."""
        return ValueError(f"{place} holds {self._problem}")


class Tokenizer(abc.ABC):
    """Converts text to tokens, integers in [0, vocabulary_size), and back.

    Batches are int32 `(batch, length)`, with padding of -1 at the end of a row. A
    subclass defines `vocabulary_size`, `encode_flat` and `_decode`.

    Example:
        >>> tokenizer = kg.tokenizers.ByteTokenizer()
        >>> tokens = tokenizer.encode_batch(["Hi", "Hello"])
        >>> tokens[0]
        array([ 72, 105,  -1,  -1,  -1], dtype=int32)
        >>> tokenizer.decode_batch(tokens)
        ['Hi', 'Hello']
    """

    has_graph = False  # whether it is a `GraphTokenizer`
    get_config: Callable[[], dict[str, Any]]  # by which Keras saves it

    @property
    @abc.abstractmethod
    def vocabulary_size(self) -> int:
        """Number of tokens."""

    def vocabulary(self) -> dict[str, Any]:
        """The vocabulary as JSON values, for programs in other languages."""
        return {"tokenizer": type(self).__name__, **self.get_config()}

    def encode(self, text: str) -> np.ndarray:
        """The tokens of a text.

        Returns:
            int32 `(n,)`; `(0,)` for an empty text.

        Raises:
            UnknownCharacter: If the text holds a character that has no token.
        """
        check_type(text, str, "text")
        return self.encode_flat([text])[0]

    def decode(self, tokens: np.ndarray) -> str:
        """The text of tokens.

        Args:
            tokens: Integers in [0, vocabulary_size), `(n,)`. -1 at the end is ignored.

        Raises:
            ValueError: If tokens are out of range, or if padding is before a token.
        """
        tokens = np.asarray(tokens)
        return self._decode_row(tokens, "tokens")

    def encode_batch(
        self, texts: Sequence[str], length: int | None = None, *, name: str = "texts"
    ) -> np.ndarray:
        """The tokens of several texts, padded with -1 at the end.

        Args:
            texts: The texts, at least one.
            length: Tokens per row. None takes that of the longest text.
            name: The name of `texts` in an error.

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
                f"{name}[{longest}] must have at most {length} tokens (length), "
                f"received {counts[longest]}. Shorten it or increase length."
            )
        return padded(tokens, counts, length)

    def decode_batch(self, tokens: np.ndarray) -> list[str]:
        """The texts of rows of tokens.

        Args:
            tokens: Integers in [0, vocabulary_size), `(batch, length)`, padded with -1
                at the end.

        Raises:
            ValueError: If tokens are out of range, or if padding is before a token.
        """
        tokens = np.asarray(tokens)
        if tokens.ndim != 2:
            raise ValueError(
                f"tokens must have shape (batch, length), received {tokens.shape}."
            )
        return [self._decode_row(row, f"tokens[{i}]") for i, row in enumerate(tokens)]

    @abc.abstractmethod
    def encode_flat(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The concatenated tokens of several texts.

        Returns:
            int32 `(n,)`, and the number of tokens of each text, `(len(texts),)`.

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
                f"{name} must be in [0, {self.vocabulary_size}), with padding of -1 at "
                f"the end only, received {tokens[wrong[0]]} at position {wrong[0]}."
            )
        return self._decode(tokens)


class GraphTokenizer(Tokenizer):
    """A tokenizer with TensorFlow operations, which a SavedModel can hold.

    Example:
        >>> tokenizer = kg.tokenizers.CharacterTokenizer("abc")
        >>> tokenizer.encode_graph(tf.constant(["cab", "a"]), length=3).numpy()
        array([[ 2,  0,  1],
               [ 0, -1, -1]], dtype=int32)
    """

    has_graph = True

    def encode_graph(self, texts: tf.Tensor, length: int) -> tf.Tensor:
        """`encode_batch` as TensorFlow operations.

        Args:
            texts: UTF-8 strings, `(batch,)`.
            length: Tokens per row.

        Returns:
            int32 `(batch, length)`, padded with -1 at the end.

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
        """`decode_batch` as TensorFlow operations.

        Args:
            tokens: int32 in [0, vocabulary_size), `(batch, n)`, padded with -1.

        Returns:
            UTF-8 strings, `(batch,)`.

        Raises:
            tf.errors.InvalidArgumentError: When it runs, if tokens are out of range or
                if padding is before a token.
        """
        size = self.vocabulary_size
        is_padding = tf.equal(tokens, PAD)
        in_range = is_padding | ((tokens >= 0) & (tokens < size))
        at_end = is_padding[:, 1:] | ~is_padding[:, :-1]
        message = f"tokens must be in [0, {size}), with padding of -1 at the end only"
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
        """int32 tokens, `(batch, length)`, truncated and padded, and their counts."""

    @abc.abstractmethod
    def _symbols(self) -> list[bytes]:
        """The bytes of each token."""


def to_utf8(text: str, row: int) -> bytes:
    """The bytes of a text. Raises UnknownCharacter for half a surrogate pair."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise UnknownCharacter(
            text[error.start],
            row,
            error.start,
            "which is half a surrogate pair and not a character of UTF-8.",
        ) from None
