"""A text as the condition of a network: vectors that other positions attend to."""

from typing import Any

import keras
from keras import layers, ops

from ..serialization import register
from ..validation import check_count
from .embeddings import PositionEmbedding
from .normalization import LayerNormalization
from .transformer import MultiHeadSelfAttention, seen_of


@register
class TextReader(layers.Layer):
    """A small transformer from tokens to vectors, for cross-attention.

    The first vector, before those of the tokens, stands for the whole text. It is there
    for an empty text too, which has no other. Padding has no effect.

    Args:
        vocabulary_size: Number of tokens.
        length: Tokens per row.
        width: Channels of each vector, a multiple of 4 and of `heads`.
        depth: Number of blocks.
        heads: Heads of the attention.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        ValueError: If a size is not an integer > 0, or does not fit another.

    References:
        Vaswani et al., "Attention is all you need", 2017; for images as in Rombach et
        al., "High-resolution image synthesis with latent diffusion models", CVPR 2022,
        section 4.3.1.

    Example:
        >>> reader = kg.networks.TextReader(9, length=3, width=8, depth=1, heads=2)
        >>> reader(tf.constant([[1, 2, -1], [-1, -1, -1]])).shape
        TensorShape([2, 4, 8])
        >>> how = {"patch": 4, "width": 16, "depth": 1}
        >>> model = kg.Diffusion(kg.networks.dit((8, 8, 1), text=reader, **how))
        >>> model.condition.length
        3
    """

    loses_by_xla = True

    def __init__(
        self,
        vocabulary_size: int,
        length: int,
        *,
        width: int = 64,
        depth: int = 2,
        heads: int = 4,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size, self.length = vocabulary_size, length
        self.width, self.depth, self.heads = width, depth, heads
        for name in self._sizes:
            check_count(getattr(self, name), name)
        options: dict[str, Any] = {"dtype": self.dtype_policy}
        unit = keras.initializers.RandomNormal(stddev=1.0)  # of the size of positions
        self.embedding = layers.Embedding(vocabulary_size, width, unit, **options)
        self.embedding.build((None, length))
        self.positions = PositionEmbedding(length, **options)
        self.positions.build((None, length, width))
        self.whole = self.add_weight((1, 1, width), unit, name="whole")
        self.blocks = [
            _Block(heads, name=f"block_{i}", **options) for i in range(depth)
        ]
        self.norm = LayerNormalization(**options)
        for layer in (*self.blocks, self.norm):
            layer.build((None, 1 + length, width))
        self.built = True

    _sizes = ("vocabulary_size", "length", "width", "depth", "heads")

    def call(self, tokens: Any) -> Any:
        """Vectors of the text and of each token.

        Args:
            tokens: int32 `(batch, length)`, -1 after the last token of a row.

        Returns:
            `(batch, 1 + length, width)`. Those of padding have no meaning.
        """
        x = self.positions(self.embedding(ops.maximum(tokens, 0)))
        whole = ops.cast(self.whole, x.dtype) + ops.zeros_like(x[:, :1])
        return self.read(ops.concatenate([whole, x], axis=1), tokens)

    def read(self, x: Any, tokens: Any) -> Any:
        """The blocks: vectors to vectors, `(batch, 1 + length, width)`.

        Args:
            x: Vectors of the text and of each token.
            tokens: As in `call`. Those of padding are not seen.
        """
        seen = seen_of(tokens)
        for block in self.blocks:
            x = block(x, seen)
        return self.norm(x)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """One vector more than tokens."""
        return (input_shape[0], 1 + input_shape[1], self.width)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), **{n: getattr(self, n) for n in self._sizes}}


class _Block(layers.Layer):
    """Attention, then a dense network at each position, with residual connections."""

    def __init__(self, heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads

    def build(self, input_shape: tuple) -> None:
        width = input_shape[-1]
        options: dict[str, Any] = {"dtype": self.dtype_policy}
        self.norms = [LayerNormalization(**options) for _ in "ab"]
        self.attention = MultiHeadSelfAttention(self.heads, **options)
        self.hidden = layers.Dense(4 * width, activation="gelu", **options)
        self.out = layers.Dense(width, **options)
        for layer in (*self.norms, self.attention, self.hidden):
            layer.build(input_shape)
        self.out.build((*input_shape[:-1], 4 * width))
        self.built = True

    def call(self, x: Any, seen: Any) -> Any:
        x = x + self.attention(self.norms[0](x), seen)
        return x + self.out(self.hidden(self.norms[1](x)))
