"""ByteTokenizer: one token per byte of UTF-8."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ..serialization import value
from .tokenizer import GraphTokenizer, to_utf8


@value
class ByteTokenizer(GraphTokenizer):
    """One token per byte of UTF-8, so that any text has tokens.

    Bytes that are not UTF-8 decode to U+FFFD.

    Example:
        >>> ByteTokenizer().encode("é")
        array([195, 169], dtype=int32)
    """

    @property
    def vocabulary_size(self) -> int:
        """256."""
        return 256

    def encode_flat(  # noqa: D102
        self, texts: Sequence[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        encoded = [to_utf8(text, i) for i, text in enumerate(texts)]
        tokens = np.frombuffer(b"".join(encoded), np.uint8).astype(np.int32)
        return tokens, np.array([len(text) for text in encoded])

    def _decode(self, tokens: np.ndarray) -> str:
        return tokens.astype(np.uint8).tobytes().decode(errors="replace")

    def decode_graph(self, tokens: tf.Tensor) -> tf.Tensor:  # noqa: D102
        texts = super().decode_graph(tokens)
        return tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")

    def _encode_graph(
        self, texts: tf.Tensor, length: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        tokens = tf.io.decode_raw(texts, tf.uint8, fixed_length=length)
        return tf.cast(tokens, tf.int32), tf.strings.length(texts)

    def _symbols(self) -> list[bytes]:
        return [bytes([i]) for i in range(256)]
