"""Networks over tokens, for a whole text or one token at a time."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

from ..serialization import deserialize, register, serialize
from ..validation import check_positive, check_share
from .dropout import Dropout
from .recurrence import Recurrent


@register
class TokenNetwork(layers.Layer):
    """A network from the previous tokens to the logits of the next one.

    `call` takes all tokens at once, `step` one after the other, with the same logits.
    The first input is the start token, `vocabulary_size`.

    Args:
        vocabulary_size: Number of tokens.
        blocks: Causal layers over `(batch, positions, width)`, with `start(rows)` and
            `step(x, state, position)` besides `call`.
        width: Channels of a token.
        context: Number of inputs that have an effect, or None for no limit.
        learned_positions: Whether each of `context` positions has a learned vector.
            `call` then takes at most as many tokens. After them, `step` reads the last
            tokens again.
        condition_size: Size of the condition, which is added at every position; or 0.
        dropout: Dropout rate of the embedding, in [0, 1).
        **kwargs: `name` and `dtype`, for Keras.

    Attributes:
        has_cache: Whether `step` keeps earlier results, so that each position costs the
            same.

    Example:
        >>> blocks = [kg.networks.Recurrent(8)]
        >>> network = kg.networks.TokenNetwork(5, blocks, width=8)
        >>> start = network.vocabulary_size
        >>> logits = network(tf.constant([[start, 0, 1]]))
        >>> logits.shape
        TensorShape([1, 3, 5])
        >>> stepped, state = network.step(tf.constant([start]), network.start(1), 0)
        >>> bool(np.allclose(stepped, logits[:, 0], atol=1e-6))
        True
    """

    has_cache = True

    def __init__(
        self,
        vocabulary_size: int,
        blocks: Sequence[layers.Layer],
        *,
        width: int,
        context: int | None = None,
        learned_positions: bool = False,
        condition_size: int = 0,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, size in {"vocabulary_size": vocabulary_size, "width": width}.items():
            check_positive(size, name, integer=True)
        if condition_size != 0:
            check_positive(condition_size, "condition_size", integer=True)
        check_share(dropout, "dropout")
        self.vocabulary_size, self.width, self.context = vocabulary_size, width, context
        self.learned_positions, self.condition_size = learned_positions, condition_size
        self.blocks, self.dropout = list(blocks), dropout
        self._build_layers()
        self.built = True

    def reads_at_once(self, length: int) -> bool:
        """Whether `call` computes the logits of this many positions, not `step`."""
        is_recurrent = any(isinstance(block, Recurrent) for block in self.blocks)
        return not is_recurrent and self.has_positions(length)

    def has_positions(self, length: int) -> bool:
        """Whether there are positions for this many tokens."""
        return not self.learned_positions or length <= (self.context or 0)

    def call(
        self, before: Any, condition: Any = None, *, training: bool = False
    ) -> tf.Tensor:
        """Logits of the token at each position.

        Args:
            before: The token before each position, int32 `(batch, positions)`. The
                first is `vocabulary_size`.
            condition: `(batch, condition_size)`, if there is one.
            training: Whether dropout is on.

        Returns:
            float32 `(batch, positions, vocabulary_size)`.
        """
        x = self.embedding(before)
        if self.learned_positions:
            x = x + ops.cast(self.table[: before.shape[1]], x.dtype)
        if condition is not None:
            x = x + self.entry(condition)[:, None]
        x = self.drop(x, training=training)
        for block in self.blocks:
            x = block(x, training=training)
        return self._logits(x)

    def start(self, rows: Any) -> list[Any]:
        """The state of `step` before the first position."""
        state = [block.start(rows) for block in self.blocks]
        if self.learned_positions:
            state.append(tf.fill((rows, self.context), self.vocabulary_size))
        return state

    def step(
        self, before: Any, state: list[Any], position: Any, condition: Any = None
    ) -> tuple[tf.Tensor, list[Any]]:
        """Logits of the token at one position, `(batch, vocabulary_size)`.

        Args:
            before: The token before it, int32 `(batch,)`.
            state: The state from `start` or the last step.
            position: Number of the position, from 0, an int32 scalar.
            condition: As in `call`.

        Returns:
            The logits, and the state for the next step.
        """
        if not self.learned_positions:
            return self._step(before, state, position, condition)
        *state, recent = state
        recent = slid(recent, before, position)
        logits, state = tf.cond(
            position >= self.context,
            lambda: (self.call(recent, condition)[:, -1], state),
            lambda: self._step(before, state, position, condition),
        )
        return logits, [*state, recent]

    def _build_layers(self) -> None:
        options: dict[str, Any] = {"dtype": self.dtype_policy}
        shape = (None, None, self.width)
        small = keras.initializers.RandomNormal(stddev=0.02)
        self.embedding = layers.Embedding(
            self.vocabulary_size + 1, self.width, small, **options
        )
        self.embedding.build((None, None))
        if self.learned_positions:
            table = (self.context, self.width)
            self.table = self.add_weight(table, small, name="positions")
        if self.condition_size:
            self.entry = layers.Dense(self.width, use_bias=False, **options)
            self.entry.build((None, self.condition_size))
        self.drop = Dropout(self.dropout, **options)
        for block in self.blocks:
            if not block.built:  # it is built after loading
                block.build(shape)
            shape = block.compute_output_shape(shape)
        self.norm = layers.RMSNormalization(epsilon=1e-5, **options)
        self.head = layers.Dense(
            self.vocabulary_size, kernel_initializer=small, **options
        )
        self.norm.build(shape)
        self.head.build(shape)

    def _step(
        self, before: Any, state: list[Any], position: Any, condition: Any
    ) -> tuple[tf.Tensor, list[Any]]:
        x = self.embedding(before)
        if self.learned_positions:
            x = x + tf.cast(tf.gather(self.table, position), x.dtype)
        if condition is not None:
            x = x + self.entry(condition)
        after = []
        for block, part in zip(self.blocks, state, strict=True):
            x, part = block.step(x, part, position)
            after.append(part)
        logits = self._logits(x[:, None])  # as in `call`: artifacts hold weights once
        return logits[:, 0], after

    def _logits(self, x: Any) -> tf.Tensor:
        return ops.cast(self.head(self.norm(x)), "float32")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("vocabulary_size", "blocks", "width", "context", "learned_positions")
        names += ("condition_size", "dropout")
        own = serialize({name: getattr(self, name) for name in names})
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "TokenNetwork":
        """Rebuilds the network from `get_config`."""
        return cls(**deserialize(config))


def slid(recent: tf.Tensor, before: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
    """Appends a token to the last tokens, and drops the first one if they are full.

    Args:
        recent: int32 `(batch, context)`. The first `position` of them are used.
        before: The next token, int32 `(batch,)`.
        position: Its number, an int32 scalar.
    """
    context = recent.shape[1]
    is_last = tf.equal(tf.range(context), position)
    moved = tf.concat([recent[:, 1:], before[:, None]], axis=1)
    is_full = position >= context
    return tf.where(is_last, before[:, None], tf.where(is_full, moved, recent))
