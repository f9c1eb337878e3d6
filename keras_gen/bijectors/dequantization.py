"""From grey values to continuous ones: the noise that makes a density of them."""

import abc
import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from ..random import RowNoise
from ..serialization import deserialize, register, serialize
from ..validation import check_type
from .base import LazyBijector
from .chain import Chain
from .shaping import Logit

NOISE_STREAM = 0
EDGE = 2.0**-24  # 1 - EDGE is the float32 number before 1


class Dequantization(keras.layers.Layer, abc.ABC):
    """Spreads each of `levels` grey values over a cell of width 1 / levels.

    The grey value k / (levels - 1) fills the cell from k / levels to (k + 1) / levels,
    so that all cells together are [0, 1].

    Args:
        levels: Number of grey values, at least 2: 256 for 8-bit images.
        **kwargs: `name` and `dtype`, for Keras.
    """

    def __init__(self, levels: int = 256, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_type(levels, int, "levels")
        if levels < 2:
            raise ValueError(f"levels must be at least 2, received {levels}.")
        self.levels = levels
        self.built = True

    def prepare(self, data_shape: tuple[int, ...], context_size: int = 0) -> None:
        """Makes the weights, if there are any."""

    @abc.abstractmethod
    def draw(
        self, x: tf.Tensor, noise: RowNoise, context: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Points in the cells of grey values.

        Args:
            x: Grey values, float32 `(batch, *data_shape)` in [0, 1].
            noise: The batch's random numbers.
            context: float `(batch, context_size)`, or None.

        Returns:
            Points in (0, 1), and the log of their density within the cell of volume 1,
            nats, `(batch,)`.
        """

    def middle(self, x: tf.Tensor) -> tf.Tensor:
        """The middle of the cell of a grey value, or the same map of any value."""
        return (x * (self.levels - 1) + 0.5) / self.levels

    def grey(self, y: tf.Tensor) -> tf.Tensor:
        """The inverse of `middle`, cut to [0, 1]."""
        x = (y * self.levels - 0.5) / (self.levels - 1)
        return tf.clip_by_value(x, 0.0, 1.0)

    def spread(self, x: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """The point `u` in (0, 1) of the cell of each grey value, within (0, 1)."""
        y = (tf.round(x * (self.levels - 1)) + u) / self.levels
        return tf.clip_by_value(y, EDGE, 1 - EDGE)

    def log_cell(self, data_shape: Sequence[int]) -> float:
        """Log of the volume of the cell of an example."""
        return -math.prod(data_shape) * math.log(self.levels)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "levels": self.levels}


@register
class UniformDequantization(Dequantization):
    """Any point of the cell is as likely as the others.

    References:
        Theis, van den Oord and Bethge, "A note on the evaluation of generative models",
        2016, section 3.1.
    """

    def draw(
        self, x: tf.Tensor, noise: RowNoise, context: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Dequantization`."""
        u = noise.uniform(x.shape[1:], NOISE_STREAM)
        return self.spread(x, u), tf.zeros(tf.shape(x)[0])


@register
class VariationalDequantization(Dequantization):
    """A learned flow says which points of the cell are likely: a tighter bound.

    Args:
        bijectors: The flow of the point within its cell, with the grey values as
            context: the first is next to the point, whose logit it meets.
        levels: Number of grey values, at least 2.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Ho, Chen, Srinivas, Duan and Abbeel, "Flow++", 2019, section 3.1.
    """

    def __init__(
        self, bijectors: Sequence[LazyBijector], levels: int = 256, **kwargs: Any
    ) -> None:
        super().__init__(levels, **kwargs)
        self.bijectors = list(bijectors)
        self.flow = Chain([Logit(margin=0), *bijectors])

    def prepare(self, data_shape: tuple[int, ...], context_size: int = 0) -> None:
        """Makes the weights of the flow."""
        self._size = math.prod(data_shape)
        shape = self.flow.prepare((self._size,), self._size + context_size)
        if math.prod(shape) != self._size:
            raise ValueError(f"bijectors change {self._size} values to shape {shape}.")

    def draw(
        self, x: tf.Tensor, noise: RowNoise, context: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Dequantization`; eq. 12 of the reference."""
        flow = self.flow.bijector(self._context(x, context))
        epsilon = noise.normal((self._size,), NOISE_STREAM)
        epsilon = tf.cast(epsilon, self.flow.variable_dtype)
        u = tf.cast(flow.forward(epsilon), tf.float32)
        log_normal = -0.5 * (epsilon**2 + math.log(2 * math.pi))
        log_density = tf.reduce_sum(log_normal, axis=-1)
        log_density -= flow.forward_log_det_jacobian(epsilon, 1)
        points = self.spread(x, tf.reshape(u, tf.shape(x)))
        return points, tf.cast(log_density, tf.float32)

    def _context(self, x: tf.Tensor, context: tf.Tensor | None) -> tf.Tensor:
        flat = 2 * tf.reshape(x, (-1, self._size)) - 1
        known = flat if context is None else tf.concat([flat, context], axis=-1)
        return tf.cast(known, self.flow.variable_dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), **serialize({"bijectors": self.bijectors})}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "VariationalDequantization":
        """Rebuilds the layer from `get_config`."""
        return cls(**deserialize(config))
