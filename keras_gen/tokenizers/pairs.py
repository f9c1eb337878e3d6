"""BytePairTokenizer: tokens of several bytes, learned from a text."""

import dataclasses
import functools
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..extras import package
from ..reading import Text, chunks_of, name_of
from ..serialization import value
from ..validation import check_count, check_type
from .tokenizer import Tokenizer, to_utf8

if TYPE_CHECKING:
    import tokenizers

# Texts with every byte that UTF-8 uses
PROBE = "".join(map(chr, (*range(0x800), *range(0x800, 0xD800, 0x400), 0xE000, 0xFFFF)))
PROBE += "".join(map(chr, range(0x10000, 0x110000, 0x8000)))


@value
class BytePairTokenizer(Tokenizer):
    """Byte-level byte-pair encoding: frequent sequences of bytes are one token.

    It requires the package `tokenizers` (`pip install keras-gen[text]`). It has no
    TensorFlow operations.

    Attributes:
        json: The tokenizer in the package's format, such as GPT-2's `tokenizer.json`.

    Raises:
        ValueError: If `json` is not such a tokenizer, or loses part of a text.
        ImportError: If the package is missing.

    References:
        Sennrich, Haddow and Birch, "Neural machine translation of rare words with
        subword units", ACL 2016. Radford et al., "Language models are unsupervised
        multitask learners", 2019 (on bytes).

    Example:
        >>> text = "the cat and the hat " * 10
        >>> tokenizer = kg.tokenizers.BytePairTokenizer.train(text, 260)
        >>> tokenizer.decode(tokenizer.encode("the hat"))
        'the hat'
        >>> len(tokenizer.encode("the hat")) < 7
        True
    """

    json: str = dataclasses.field(repr=False)

    def __post_init__(self) -> None:
        check_type(self.json, str, "json")
        numbers = self._tokenizer.get_vocab().values()
        if sorted(numbers) != list(range(len(numbers))):
            raise ValueError(
                "json must number its tokens from 0 without gaps, received a tokenizer "
                "with gaps."
            )
        if self.decode(self.encode(PROBE)) != PROBE:
            raise ValueError(
                "json must be a byte-level tokenizer, received one for which "
                "decode(encode(text)) differs from the text."
            )

    @classmethod
    def train(cls, text: Text, vocabulary_size: int) -> "BytePairTokenizer":
        """Learns the most frequent pairs of a text.

        Args:
            text: A text, the `pathlib.Path` of a file, or an iterable of texts.
            vocabulary_size: Largest number of tokens, >= 256. Fewer tokens are learned
                from a text with fewer pairs.

        Raises:
            ValueError: If `vocabulary_size` is too small, or the text is empty or not
                UTF-8.
            ImportError: If the package `tokenizers` is missing.
        """
        check_count(vocabulary_size, "vocabulary_size", least=256)
        tokenizers = package("tokenizers", "BytePairTokenizer")
        from tokenizers import decoders, models, pre_tokenizers, trainers

        parts = filter(None, chunks_of(text))
        if (first := next(parts, None)) is None:
            raise ValueError(f"{name_of(text)} is empty: it holds no characters.")
        tokenizer = tokenizers.Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary_size,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(itertools.chain([first], parts), trainer)
        return cls(tokenizer.to_str())

    @property
    def vocabulary_size(self) -> int:
        """Number of tokens."""
        return self._tokenizer.get_vocab_size()

    @functools.cached_property
    def _tokenizer(self) -> "tokenizers.Tokenizer":
        tokenizers = package("tokenizers", "BytePairTokenizer")
        try:
            return tokenizers.Tokenizer.from_str(self.json)
        except Exception as error:  # the package raises a bare Exception
            raise ValueError(
                f"json must be a tokenizer of the package tokenizers: {error}."
            ) from None

    def encode_flat(  # noqa: D102
        self, texts: Sequence[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        for i, text in enumerate(texts):
            to_utf8(text, i)
        encodings = self._tokenizer.encode_batch_fast(
            list(texts), add_special_tokens=False
        )
        ids = [np.array(encoding.ids, np.int32) for encoding in encodings]
        return np.concatenate(ids), np.array([len(row) for row in ids])

    def _decode(self, tokens: np.ndarray) -> str:
        return self._tokenizer.decode(tokens.tolist(), skip_special_tokens=False)
