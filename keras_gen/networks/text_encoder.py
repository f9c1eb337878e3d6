"""Networks that encode a whole text, forwards and backwards."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from keras import layers, ops

from ..serialization import deserialize, register, serialize
from ..tokens import PAD
from ..validation import check_positive, check_sizes
from .recurrence import Recurrent


@register
class TextEncoder(layers.Layer):
    """A network from tokens to the mean and the log variance of a latent vector.

    It reads token by token, in a loop that every artifact supports. Padding has no
    effect.

    Args:
        vocabulary_size: Number of tokens.
        latent_dim: Size of the latent vector.
        forward: Recurrent layers that read from the first token to the last.
        backward: Recurrent layers that read from the last token to the first.
        width: Channels of a token.
        condition_size: Size of the condition, which is added at every position; or 0.
        **kwargs: `name` and `dtype`, for Keras.

    Example:
        >>> forward = [kg.networks.Recurrent(8)]
        >>> encoder = kg.networks.TextEncoder(5, 2, forward, width=4)
        >>> encoder(tf.constant([[0, 1, -1], [2, 3, 4]])).shape
        TensorShape([2, 4])
    """

    def __init__(
        self,
        vocabulary_size: int,
        latent_dim: int,
        forward: Sequence[Recurrent],
        backward: Sequence[Recurrent] = (),
        *,
        width: int,
        condition_size: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if condition_size != 0:
            check_positive(condition_size, "condition_size", integer=True)
        sizes = {"vocabulary_size": vocabulary_size, "latent_dim": latent_dim}
        for name, size in {**sizes, "width": width}.items():
            check_positive(size, name, integer=True)
        self.vocabulary_size, self.latent_dim = vocabulary_size, latent_dim
        self.forward, self.backward, self.width = list(forward), list(backward), width
        self.condition_size = condition_size
        options = {"dtype": self.dtype_policy}
        self.embedding = layers.Embedding(vocabulary_size, width, **options)
        self.embedding.build((None, None))
        if condition_size:
            self.entry = layers.Dense(width, use_bias=False, **options)
            self.entry.build((None, condition_size))
        for blocks in (self.forward, self.backward):
            shape = (None, None, width)
            for block in blocks:
                if not block.built:  # a reloaded block is built
                    block.build(shape)
                shape = block.compute_output_shape(shape)
        self.head = layers.Dense(2 * latent_dim, **options)
        units = (block.units for block in (*self.forward, *self.backward))
        self.head.build((None, sum(units)))
        self.built = True

    def call(
        self, tokens: Any, condition: Any = None, *, training: bool = False
    ) -> tf.Tensor:
        """Mean and log variance, concatenated, float32 `(batch, 2 * latent_dim)`.

        Args:
            tokens: int32 `(batch, length)`, -1 after the last token of a row.
            condition: `(batch, condition_size)`, if there is one.
            training: Has no effect.
        """
        del training
        entered = None if condition is None else self.entry(condition)
        states = self._read(tokens, entered, self.forward, step=1)
        if self.backward:
            states += self._read(tokens, entered, self.backward, step=-1)
        read = ops.concatenate([state[0] for state in states], axis=-1)
        return ops.cast(self.head(read), "float32")

    def _read(
        self,
        tokens: tf.Tensor,
        entered: tf.Tensor | None,
        blocks: Sequence[Recurrent],
        *,
        step: int,
    ) -> list[Any]:
        """The state of each layer after all tokens."""
        is_pad = tokens == PAD
        count = tf.reduce_max(tf.reduce_sum(tf.cast(~is_pad, tf.int32), axis=1))

        def body(i: tf.Tensor, states: list[Any]) -> tuple[tf.Tensor, list[Any]]:
            place = i if step > 0 else count - 1 - i
            token, skip = (tf.gather(t, place, axis=1) for t in (tokens, is_pad))
            x, after = self.embedding(tf.maximum(token, 0)), []
            x = x if entered is None else x + entered
            for block, state in zip(blocks, states, strict=True):
                x, new = block.step(x, state, place)
                pairs = zip(state, new, strict=True)
                after.append(tuple(tf.where(skip[:, None], *pair) for pair in pairs))
            return i + 1, after

        start = [block.start(tf.shape(tokens)[0]) for block in blocks]
        return tf.while_loop(
            lambda i, _: i < count,
            body,
            (tf.constant(0), start),
            maximum_iterations=tokens.shape[1],
        )[1]

    def compute_output_shape(
        self, input_shape: tuple, condition_shape: tuple | None = None
    ) -> tuple:
        """Two values per latent dimension."""
        del condition_shape
        return (input_shape[0], 2 * self.latent_dim)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("vocabulary_size", "latent_dim", "forward", "backward", "width")
        names += ("condition_size",)
        own = serialize({name: getattr(self, name) for name in names})
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "TextEncoder":
        """Rebuilds the network from `get_config`."""
        return cls(**deserialize(config))


def text_encoder(
    vocabulary_size: int,
    latent_dim: int,
    *,
    width: int = 64,
    units: Sequence[int] = (128,),
    cell: str = "lstm",
    bidirectional: bool = True,
    condition_size: int = 0,
) -> TextEncoder:
    """LSTM or GRU layers that encode a text as mean and log variance.

    Args:
        vocabulary_size: Number of tokens.
        latent_dim: Size of the latent vector.
        width: Channels of a token.
        units: Units of each layer.
        cell: "lstm" or "gru".
        bidirectional: Whether as many layers read from the last token to the first.
        condition_size: Size of a condition, such as the number of classes; or 0.

    Raises:
        ValueError: If a size is not an integer > 0, or if the cell is unknown.

    Example:
        >>> encoder = kg.networks.text_encoder(5, 2, width=4, units=(8,))
        >>> encoder(tf.constant([[0, 1, -1]])).shape
        TensorShape([1, 4])
    """
    check_sizes(units, "units")

    forward, backward = ([Recurrent(n, cell=cell) for n in units] for _ in "ab")
    read_back = backward if bidirectional else ()
    how = {"width": width, "condition_size": condition_size}
    return TextEncoder(vocabulary_size, latent_dim, forward, read_back, **how)
