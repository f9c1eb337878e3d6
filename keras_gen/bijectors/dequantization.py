"""Dequantization: noise that makes grey values continuous."""

import abc
import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from ..random import RowNoise
from ..serialization import deserialize, register, serialize
from ..validation import check_type
from .chain import Chain
from .lazy import LazyBijector
from .shaping import Logit

NOISE_STREAM = 0
EDGE = 2.0**-24  # 1 - EDGE is the float32 number before 1


class Dequantization(keras.layers.Layer, abc.ABC):
    """Spreads each of `levels` grey values over a cell of width 1 / levels.

    The grey value k / (levels - 1) fills the cell from k / levels to (k + 1) / levels,
    so that the cells cover [0, 1].

    Args:
        levels: Number of grey values, >= 2: 256 for 8-bit images.
        **kwargs: `name` and `dtype`, for Keras.

    Example:
        >>> dequantization = kg.bijectors.UniformDequantization(levels=4)
        >>> grey = tf.constant([0.0, 1 / 3, 2 / 3, 1.0])
        >>> dequantization.middle(grey).numpy()
        array([0.125, 0.375, 0.625, 0.875], dtype=float32)
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
        """Draws points in the cells of grey values.

        Args:
            x: Grey values, float32 `(batch, *data_shape)` in [0, 1].
            noise: The batch's random numbers.
            context: float `(batch, context_size)`, or None.

        Returns:
            Points in (0, 1), and the log of their density within the cell of volume 1,
            nats, `(batch,)`.
        """

    def middle(self, x: tf.Tensor) -> tf.Tensor:
        """The middle of a grey value's cell; the same linear map for other values."""
        return (x * (self.levels - 1) + 0.5) / self.levels

    def grey(self, y: tf.Tensor) -> tf.Tensor:
        """The inverse of `middle`, clipped to [0, 1]."""
        x = (y * self.levels - 0.5) / (self.levels - 1)
        return tf.clip_by_value(x, 0.0, 1.0)

    def spread(self, x: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """The point at the share `u`, in (0, 1), of each grey value's cell."""
        y = (tf.round(x * (self.levels - 1)) + u) / self.levels
        return tf.clip_by_value(y, EDGE, 1 - EDGE)

    def log_cell(self, data_shape: Sequence[int]) -> float:
        """Log of the volume of an example's cell."""
        return -math.prod(data_shape) * math.log(self.levels)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "levels": self.levels}


@register
class UniformDequantization(Dequantization):
    """Draws points uniformly in the cell.

    Args:
        levels: Number of grey values, >= 2: 256 for 8-bit images.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Theis, van den Oord and Bethge, "A note on the evaluation of generative models",
        2016, section 3.1.

    Example:
        >>> model = kg.Flow(
        ...     [kg.bijectors.Logit(), kg.bijectors.Flatten(), kg.bijectors.ActNorm()],
        ...     (2, 2, 1),
        ...     dequantization=kg.bijectors.UniformDequantization(256),
        ... )
        >>> model.bits_per_dim(np.full((3, 2, 2, 1), 128, np.uint8)).shape
        (3,)
    """

    def draw(
        self, x: tf.Tensor, noise: RowNoise, context: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Dequantization`."""
        u = noise.uniform(x.shape[1:], NOISE_STREAM)
        return self.spread(x, u), tf.zeros(tf.shape(x)[0])


@register
class VariationalDequantization(Dequantization):
    """Draws points in the cell from a learned flow, for a tighter bound.

    Args:
        bijectors: The flow of the logit of the point within its cell, with the grey
            values as context. The first bijector is next to the point.
        levels: Number of grey values, >= 2.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Ho, Chen, Srinivas, Duan and Abbeel, "Flow++", 2019, section 3.1.

    Example:
        >>> noise = [kg.bijectors.Autoregressive(units=(8,))]
        >>> model = kg.Flow(
        ...     [kg.bijectors.Logit(), kg.bijectors.Flatten(), kg.bijectors.ActNorm()],
        ...     (2, 2, 1),
        ...     dequantization=kg.bijectors.VariationalDequantization(noise),
        ... )
        >>> model.bits_per_dim(np.full((3, 2, 2, 1), 128, np.uint8)).shape
        (3,)
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
            raise ValueError(
                f"bijectors must keep the shape ({self._size},), received ones that "
                f"change it to {shape}."
            )

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
