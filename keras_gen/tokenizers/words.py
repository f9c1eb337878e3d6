"""WordTokenizer: one token per word, punctuation mark or line break."""

import dataclasses
import functools
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ..reading import Text, chunks_of, name_of
from ..serialization import value
from ..validation import check_count, check_type
from .tokenizer import GraphTokenizer

# The same ranges for Python's `re` and TensorFlow's RE2, whose \w differ.
LETTER = (
    "0-9A-Za-z_",
    "\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u1fff",
    "\u200c\u200d\u2c00-\u2dff\u2e80-\u2fff\u3040-\ud7ff",
    "\uf900-\ufdff\ufe70-\ufefc\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uffdc",
    "\U00010000-\U0001efff\U00020000-\U0010ffff",
)
LETTERS = f"[{''.join(LETTER)}]+"
WORD = f" ?{LETTERS}(?:['’]{LETTERS})*"
MARK = f" ?[^ \t\n\r\f\v{''.join(LETTER)}]"
PATTERN = f"{WORD}|{MARK}|[ \t\n\r\f\v]"
LINE_BREAK, UNKNOWN = "\n", ("\ufffd", " \ufffd")
SEPARATOR = b"\xff"  # in no text of UTF-8
BUCKETS = 2**62


@value
class WordTokenizer(GraphTokenizer):
    """One token per word or punctuation mark, with the space before it.

    A word is a sequence of letters and digits, perhaps with apostrophes inside. White
    space that is not one space before a word or a mark is a token per character. All
    other words and marks become an unknown token, which decodes to U+FFFD. Decoding
    therefore gives back the text except for unknown words. It is for languages that
    separate words by spaces.

    Tokens 0 and 1 are an unknown word without and with a space before it.

    Attributes:
        words: The known words, marks and white space, each once.

    Raises:
        ValueError: If a word is given twice, is not one word, mark or white space, or
            holds half a surrogate pair.

    Example:
        >>> tokenizer = WordTokenizer.train("the cat, the hat", vocabulary_size=8)
        >>> tokenizer.decode(tokenizer.encode("the dog, the cat"))
        'the �, the cat'
    """

    words: Sequence[str] = dataclasses.field(repr=False)

    def __post_init__(self) -> None:
        words = tuple(self.words)
        object.__setattr__(self, "words", words)
        for word in words:
            check_type(word, str, "words")
            if _pieces(word) != [word] or not _is_utf8(word):
                raise ValueError(
                    f"words must hold words, marks and white space, received {word!r}."
                )
            if word in UNKNOWN:
                raise ValueError(
                    f"words must not hold {word!r}, which stands for unknown words."
                )
        if len(self._numbers) < len(words) + len(UNKNOWN):
            word, count = Counter(words).most_common(1)[0]
            raise ValueError(
                f"words must hold each word once, received {word!r} {count} times."
            )

    @classmethod
    def train(cls, text: Text, vocabulary_size: int) -> "WordTokenizer":
        """Takes the most frequent words of a text, and the line break.

        Args:
            text: A text, the `pathlib.Path` of a file, or an iterable of texts.
            vocabulary_size: Largest number of tokens, >= 4.

        Raises:
            ValueError: If `vocabulary_size` is too small, or the text is empty or not
                UTF-8.
        """
        check_count(vocabulary_size, "vocabulary_size", least=4)
        counts: Counter[str] = Counter()
        for chunk in chunks_of(text):
            counts.update(_pieces(chunk))
        if not counts:
            raise ValueError(f"{name_of(text)} is empty: it holds no words.")
        for other in (*UNKNOWN, LINE_BREAK):
            counts.pop(other, None)
        known = filter(_is_utf8, counts)
        ranked = sorted(known, key=lambda word: (-counts[word], word))
        most = vocabulary_size - len(UNKNOWN) - 1
        return cls((LINE_BREAK, *ranked[:most]))

    @property
    def vocabulary_size(self) -> int:
        """Number of words and of the two unknown tokens."""
        return len(self.words) + len(UNKNOWN)

    @functools.cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: i for i, word in enumerate((*UNKNOWN, *self.words))}

    def encode_flat(  # noqa: D102
        self, texts: Sequence[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        found = [_pieces(text) for text in texts]
        number = self._numbers.get
        tokens = [number(p, int(p[0] == " ")) for pieces in found for p in pieces]
        return np.array(tokens, np.int32), np.array([len(pieces) for pieces in found])

    def _decode(self, tokens: np.ndarray) -> str:
        words = (*UNKNOWN, *self.words)
        return "".join(words[token] for token in tokens.tolist())

    @functools.cached_property
    def _table(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Hashes in order, and the word and the token of each."""
        words = np.array(self._symbols(), object)
        hashes = _hashes(tf.constant(words)).numpy()
        order = np.argsort(hashes)
        return hashes[order], words[order], order.astype(np.int32)

    def _encode_graph(
        self, texts: tf.Tensor, length: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.init_scope():
            hashes, words, numbers = self._table
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="strict")
        cut = tf.strings.regex_replace(texts, f"({PATTERN})", rb"\1" + SEPARATOR)
        pieces = tf.strings.split(cut, SEPARATOR)[:, :-1]
        flat = pieces.flat_values
        places = tf.searchsorted(hashes, _hashes(flat))
        places = tf.minimum(places, len(hashes) - 1)
        is_known = tf.gather(tf.constant(words), places) == flat
        unknown = tf.cast(tf.strings.substr(flat, 0, 1) == " ", tf.int32)
        tokens = tf.where(is_known, tf.gather(numbers, places), unknown)
        rows = pieces.with_flat_values(tokens)
        counts = tf.cast(rows.row_lengths(), tf.int32)
        return rows.to_tensor(shape=(None, length)), counts

    def _symbols(self) -> list[bytes]:
        return [word.encode() for word in (*UNKNOWN, *self.words)]


_pieces = re.compile(PATTERN).findall


def _is_utf8(word: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in word)


def _hashes(words: tf.Tensor) -> tf.Tensor:
    return tf.strings.to_hash_bucket_fast(words, BUCKETS)
