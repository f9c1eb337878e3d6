"""KerasHubTokenizer: a tokenizer of KerasHub."""

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from ..extras import package
from ..serialization import register
from ..validation import check_type
from .tokenizer import Tokenizer, to_utf8

if TYPE_CHECKING:
    import keras_hub


@register
class KerasHubTokenizer(Tokenizer):
    """A tokenizer of KerasHub, such as the one of a preset.

    It requires the package `keras_hub` (`pip install keras-gen[hub]`). It has no
    TensorFlow operations, so artifacts take and return tokens. Its vocabulary is saved
    with the model.

    Args:
        layer: A `keras_hub.tokenizers.Tokenizer` that returns integers in rows of any
            length: `dtype="int32"`, `sequence_length=None`, which are the defaults.

    Raises:
        ImportError: If KerasHub is missing.
        TypeError: If `layer` is not a tokenizer of KerasHub.
        ValueError: If it returns strings, or rows of a fixed length.

    Example:
        >>> import keras_hub  # doctest: +SKIP
        >>> layer = keras_hub.tokenizers.ByteTokenizer(  # doctest: +SKIP
        ...     lowercase=False
        ... )
        >>> KerasHubTokenizer(layer).encode("Hi")  # doctest: +SKIP
        array([ 72, 105], dtype=int32)
    """

    def __init__(self, layer: "keras_hub.tokenizers.Tokenizer") -> None:
        hub = package("keras_hub", "KerasHubTokenizer")
        check_type(layer, hub.tokenizers.Tokenizer, "layer")
        if not keras.backend.is_int_dtype(layer.compute_dtype):
            raise ValueError(
                f"layer must return integers, received one of {layer.compute_dtype}. "
                'Make it with dtype="int32".'
            )
        if getattr(layer, "sequence_length", None) is not None:
            raise ValueError(
                f"layer must not pad rows, received one with sequence_length="
                f"{layer.sequence_length}. Make it with sequence_length=None."
            )
        self.layer = layer

    @property
    def vocabulary_size(self) -> int:
        """Number of tokens."""
        return int(self.layer.vocabulary_size())

    def encode_flat(  # noqa: D102
        self, texts: Sequence[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        for i, text in enumerate(texts):
            to_utf8(text, i)
        rows = [np.asarray(self.layer.tokenize(text), np.int32) for text in texts]
        for text, row in zip(texts, rows, strict=True):
            if row.min(initial=0) < 0:
                raise ValueError(
                    f"text must be covered by the tokens of {self.layer.name}, "
                    f"received {text!r}."
                )
        return np.concatenate(rows), np.array([len(row) for row in rows])

    def _decode(self, tokens: np.ndarray) -> str:
        if not len(tokens):
            return ""
        text = self.layer.detokenize(tokens.tolist())
        text = text.numpy() if hasattr(text, "numpy") else text
        return text.decode(errors="replace") if isinstance(text, bytes) else str(text)

    def get_config(self) -> dict[str, Any]:
        """The layer's configuration and its vocabulary, which KerasHub leaves out."""
        saved = keras.saving.serialize_keras_object(self.layer)
        own = {**saved["config"], **_vocabulary_of(self.layer)}
        return {"layer": {**saved, "config": own}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "KerasHubTokenizer":
        """Rebuilds the tokenizer from `get_config`.

        Raises:
            ImportError: If KerasHub is missing.
        """
        package("keras_hub", "KerasHubTokenizer")  # registers its classes
        saved, own = config["layer"], dict(config["layer"]["config"])
        if isinstance(own.get("proto"), str):
            own["proto"] = base64.b64decode(own["proto"])
        layer = keras.saving.deserialize_keras_object({**saved, "config": own})
        return cls(layer)


def _vocabulary_of(layer: "keras_hub.tokenizers.Tokenizer") -> dict[str, Any]:
    """Arguments of the constructor that KerasHub saves as files."""
    kinds = package("keras_hub", "KerasHubTokenizer").tokenizers
    if isinstance(layer, kinds.BytePairTokenizer):
        merges = [str(merge) for merge in layer.merges]
        return {"vocabulary": dict(layer.vocabulary), "merges": merges}
    if isinstance(layer, kinds.WordPieceTokenizer):
        return {"vocabulary": [str(token) for token in layer.get_vocabulary()]}
    if isinstance(layer, kinds.SentencePieceTokenizer):
        return {"proto": base64.b64encode(layer.proto).decode()}
    return {}
