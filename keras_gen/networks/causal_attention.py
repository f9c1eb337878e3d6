"""Causal attention, and its cache for one position at a time."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from ..serialization import register
from ..validation import Shape, check_positive
from .transformer import attend


@register
class CausalSelfAttention(layers.Layer):
    """Attention of each position to the last `context` positions, itself included.

    Rotary positions rotate queries and keys by angles that grow with the position, so
    that their product depends on the distance only.

    Args:
        heads: Number of heads, a divisor of the channels.
        kv_heads: Number of heads of keys and values, a divisor of `heads`. Fewer heads
            make it grouped-query attention. None means `heads`.
        context: Number of positions to attend to.
        rotary: Whether positions are rotary. Otherwise the layer has no positions.
        depth: Number of blocks. The output layer starts smaller by sqrt(2 * depth).
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Vaswani et al., "Attention is all you need", 2017, section 3.2; Su et al.,
        "RoFormer", 2021, eq. 15; Ainslie et al., "GQA", 2023; Radford et al.,
        "Language models are unsupervised multitask learners", 2019, section 2.3.

    Example:
        >>> layer = kg.networks.CausalSelfAttention(heads=2, context=8)
        >>> x = np.random.default_rng(0).normal(size=(1, 5, 16)).astype("float32")
        >>> first = layer(x)[:, :3]
        >>> x[:, 3:] = 0  # later positions have no effect on earlier ones
        >>> bool(np.allclose(layer(x)[:, :3], first, atol=1e-6))
        True
    """

    def __init__(
        self,
        heads: int = 4,
        *,
        kv_heads: int | None = None,
        context: int = 64,
        rotary: bool = True,
        depth: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, count in {"heads": heads, "context": context}.items():
            check_positive(count, name, integer=True)
        self.heads, self.kv_heads = heads, heads if kv_heads is None else kv_heads
        check_positive(self.kv_heads, "kv_heads", integer=True)
        if heads % self.kv_heads:
            raise ValueError(
                f"kv_heads must divide the {heads} heads, received {self.kv_heads}."
            )
        self.context, self.rotary, self.depth = context, rotary, depth

    def build(self, input_shape: Shape) -> None:
        """Builds the dense layers for `(batch, positions, channels)`.

        Raises:
            ValueError: If the heads do not divide the channels, or rotary heads have
                an odd size.
        """
        channels = input_shape[-1]
        self.size, rest = divmod(channels, self.heads)
        if rest or (self.rotary and self.size % 2):
            odd = "" if rest else ", and rotary heads must have an even size"
            raise ValueError(
                f"heads must divide the {channels} channels{odd}, received "
                f"{self.heads}."
            )
        scale = 1 / math.sqrt(2 * self.depth)
        joint = (self.heads + 2 * self.kv_heads) * self.size
        self.joint = layers.Dense(joint, use_bias=False, dtype=self.dtype_policy)
        self.out = layers.Dense(
            channels,
            use_bias=False,
            kernel_initializer=scaled_glorot(scale),
            dtype=self.dtype_policy,
        )
        self.joint.build(input_shape)
        self.out.build(input_shape)
        self.turns = 1e4 ** -np.linspace(0, 1, self.size // 2, endpoint=False)

    def call(self, x: Any) -> Any:
        """`(batch, positions, channels)` to the same shape."""
        positions = np.arange(x.shape[1])
        distance = positions[:, None] - positions
        seen = (distance >= 0) & (distance < self.context)
        angles = self._angles(ops.cast(positions, "float32"))
        return self.out(self._read(*self._project(x, angles), seen))

    def start(self, rows: Any) -> tuple[Any, Any]:
        """An empty cache: keys and values, `(rows, kv_heads, context, size)`."""
        shape = (rows, self.kv_heads, self.context, self.size)
        empty = tf.zeros(shape, self.compute_dtype)
        return empty, empty

    def step(
        self, x: Any, cache: tuple[Any, Any], position: Any
    ) -> tuple[Any, tuple[Any, Any]]:
        """One position, `(batch, channels)`, and the cache with it.

        Position i is in slot i modulo `context`. The overwritten position is no longer
        read.
        """
        angles = self._angles(tf.cast(position, tf.float32)[tf.newaxis])
        queries, *new = self._project(x[:, None], angles)
        slots = tf.range(self.context)
        here = tf.equal(slots, position % self.context)[:, None]
        cache = tuple(tf.where(here, n, old) for n, old in zip(new, cache, strict=True))
        read = self._read(queries, *cache, (slots <= position)[None])
        return self.out(read[:, 0]), cache

    def _angles(self, positions: Any) -> list[Any]:
        """Cosines and sines, `(positions, size / 2)`."""
        angles = positions[:, None] * ops.cast(self.turns, "float32")
        return [
            ops.cast(wave(angles), self.compute_dtype) for wave in (ops.cos, ops.sin)
        ]

    def _project(self, x: Any, angles: list[Any]) -> tuple[Any, Any, Any]:
        """Queries, keys and values, `(batch, heads, positions, size)`."""
        heads = (self.heads, self.kv_heads, self.kv_heads)
        joint = ops.reshape(self.joint(x), (-1, x.shape[1], sum(heads), self.size))
        joint = ops.transpose(joint, (0, 2, 1, 3))
        queries, keys, values = ops.split(joint, np.cumsum(heads[:2]).tolist(), axis=1)
        if self.rotary:
            queries, keys = _turned(queries, *angles), _turned(keys, *angles)
        return queries * (1 / math.sqrt(self.size)), keys, values

    def _read(self, queries: Any, keys: Any, values: Any, seen: Any) -> Any:
        """The attention output of queries, `(batch, positions, heads * size)`.

        Queries that share keys and values are stacked along the positions.
        """
        length, group = queries.shape[2], self.heads // self.kv_heads
        queries = ops.reshape(queries, (-1, self.kv_heads, group * length, self.size))
        read = attend(queries, keys, values, ops.tile(seen, (group, 1)))
        read = ops.reshape(read, (-1, self.heads, length, self.size))
        read = ops.transpose(read, (0, 2, 1, 3))
        return ops.reshape(read, (-1, length, self.heads * self.size))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("heads", "kv_heads", "context", "rotary", "depth")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def scaled_glorot(scale: float) -> keras.initializers.Initializer:
    """Glorot's uniform initializer times `scale`."""
    return keras.initializers.VarianceScaling(scale**2, "fan_avg", "uniform")


def _turned(x: Any, cosine: Any, sine: Any) -> Any:
    """Rotates pairs of the first and the second half of the channels by an angle."""
    first, second = ops.split(x, 2, axis=-1)
    turned = [first * cosine - second * sine, first * sine + second * cosine]
    return ops.concatenate(turned, axis=-1)
