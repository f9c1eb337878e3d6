"""CharacterTokenizer: one token per character of an alphabet."""

import functools
from collections import Counter
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ..reading import Text, chunks_of, name_of
from ..serialization import value
from ..validation import check_type
from .tokenizer import GraphTokenizer, UnknownCharacter

UTF32 = "utf-32-le"


@value
class CharacterTokenizer(GraphTokenizer):
    """One token per character (a Unicode code point), numbered as in the alphabet.

    Attributes:
        alphabet: The characters, each once.
        unknown: A character of the alphabet that replaces all characters that the
            alphabet lacks. None rejects them.

    Raises:
        ValueError: If the alphabet is empty or holds a character twice, or if `unknown`
            is not in it.

    Example:
        >>> CharacterTokenizer("abc").encode("cab")
        array([2, 0, 1], dtype=int32)
    """

    alphabet: str
    unknown: str | None = None

    def __post_init__(self) -> None:
        check_type(self.alphabet, str, "alphabet")
        if not self.alphabet:
            raise ValueError("alphabet must hold a character, received an empty one.")
        most, count = Counter(self.alphabet).most_common(1)[0]
        if count > 1:
            raise ValueError(
                f"alphabet must hold each character once, received {most!r} {count} "
                "times."
            )
        if any("\ud800" <= c <= "\udfff" for c in self.alphabet):
            raise ValueError("alphabet must not hold halves of surrogate pairs.")
        check_type(self.unknown, str | None, "unknown")
        if self.unknown is not None and self.unknown not in list(self.alphabet):
            raise ValueError(
                f"unknown must be a character of the alphabet, received "
                f"{self.unknown!r}."
            )

    @classmethod
    def from_text(cls, text: Text, unknown: str | None = None) -> "CharacterTokenizer":
        """Makes a tokenizer of the characters of a text, ordered by code point.

        Args:
            text: A text, the `pathlib.Path` of a file, or an iterable of texts.
            unknown: As in the constructor. It is added to the characters of the text.

        Raises:
            ValueError: If the text is empty or not UTF-8.

        Example:
            >>> CharacterTokenizer.from_text("banana").alphabet
            'abn'
        """
        check_type(unknown, str | None, "unknown")
        characters = set(unknown or "")
        for chunk in chunks_of(text):
            characters.update(chunk)
        if not characters:
            raise ValueError(f"{name_of(text)} is empty: it holds no characters.")
        return cls("".join(sorted(characters)), unknown)

    @property
    def vocabulary_size(self) -> int:
        """Number of characters."""
        return len(self.alphabet)

    @functools.cached_property
    def _table(self) -> np.ndarray:
        """Tokens by code point, int32; -1 means no token. The last is for all above."""
        codes = _code_points(self.alphabet)
        unknown = -1 if self.unknown is None else self.alphabet.index(self.unknown)
        table = np.full(codes.max() + 2, unknown, np.int32)
        table[codes] = np.arange(len(codes))
        return table

    def encode_flat(  # noqa: D102
        self, texts: Sequence[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        codes = _code_points("".join(texts))
        tokens = self._table[np.minimum(codes, len(self._table) - 1)]
        counts = np.array([len(text) for text in texts])
        if tokens.min(initial=0) < 0:
            self._refuse(texts, counts, int(np.argmin(tokens)))
        return tokens, counts

    def _refuse(self, texts: Sequence[str], counts: np.ndarray, place: int) -> None:
        row = int(np.searchsorted(np.cumsum(counts), place, side="right"))
        position = place - int(counts[:row].sum())
        raise UnknownCharacter(
            texts[row][position],
            row,
            position,
            f"that the alphabet of {len(self.alphabet)} characters lacks. Add it to "
            "the alphabet, pass a replacement as unknown, or use ByteTokenizer.",
        )

    def _decode(self, tokens: np.ndarray) -> str:
        codes = _code_points(self.alphabet)[tokens]
        return codes.tobytes().decode(UTF32)

    def _encode_graph(
        self, texts: tf.Tensor, length: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        codes = tf.strings.unicode_decode(texts, "UTF-8", errors="strict")
        flat = codes.flat_values
        tokens = tf.gather(self._table, tf.minimum(flat, len(self._table) - 1))
        if self.unknown is None:
            message = "a text holds characters that the alphabet lacks, code points"
            unknown = tf.boolean_mask(flat, tokens < 0)
            check = tf.debugging.Assert(tf.reduce_all(tokens >= 0), [message, unknown])
            with tf.control_dependencies([] if check is None else [check]):
                tokens = tf.identity(tokens)
        rows = codes.with_flat_values(tokens)
        counts = tf.cast(codes.row_lengths(), tf.int32)
        return rows.to_tensor(shape=(None, length)), counts

    def _symbols(self) -> list[bytes]:
        return [character.encode() for character in self.alphabet]


def _code_points(text: str) -> np.ndarray:
    """int32 `(characters,)`."""
    return np.frombuffer(text.encode(UTF32, "surrogatepass"), np.int32)
