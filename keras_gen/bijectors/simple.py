"""Planar and radial flows."""

import abc
import math
from typing import Any

import keras
import tensorflow as tf

from ..serialization import register
from ..validation import check_type
from .lazy import Bijector, LazyBijector

SOFTPLUS_OF_1 = math.log(math.expm1(1))


class Simple(LazyBijector):
    """The base of planar and radial flows of vectors.

    Args:
        seed: Seed of the initial weights.
        **kwargs: `name` and `dtype`, for Keras.
    """

    def __init__(self, *, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_type(seed, int, "seed")
        self.seed = seed

    def prepare(
        self, data_shape: tuple[int, ...], context_size: int = 0
    ) -> tuple[int, ...]:
        """Makes the weights; see `LazyBijector`."""
        if len(data_shape) != 1:
            raise ValueError(
                f"{type(self).__name__} requires vectors, received examples of shape "
                f"{data_shape}. Put Flatten before it."
            )
        self._make(data_shape, context_size)
        return data_shape

    @abc.abstractmethod
    def _make(self, shape: tuple[int, ...], context_size: int) -> None:
        """Makes the weights for vectors of this shape."""

    def _normal(self, shape: tuple[int, ...], name: str, stddev: float) -> Any:
        start = keras.initializers.RandomNormal(stddev=stddev, seed=self.seed)
        return self.add_weight(shape=shape, initializer=start, name=name)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "seed": self.seed}


@register
class Planar(Simple):
    """`z = x + u tanh(w . x + b)`, invertible because w . u > -1.

    The direction to data solves one monotone equation per example by bisection.

    Args:
        conditional: Whether w, u and b depend on the context, linearly. They begin as
            without it.
        seed: Seed of the initial weights.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Rezende and Mohamed, "Variational inference with normalizing flows", 2015,
        eq. 10 to 12 and appendix A.1.

    Example:
        >>> layers = [kg.bijectors.Planar(seed=i) for i in range(4)]
        >>> model = kg.Flow(layers, (2,), seed=0)
        >>> model.log_prob(np.zeros((3, 2))).shape
        (3,)
    """

    def __init__(
        self, *, conditional: bool = False, seed: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        if not isinstance(conditional, bool):
            raise TypeError(
                f"conditional must be True or False, received {conditional!r}."
            )
        self.conditional = conditional

    def _make(self, shape: tuple[int, ...], context_size: int) -> None:
        self.w = self._normal(shape, "w", 1 / math.sqrt(shape[0]))
        self.u = self._normal(shape, "u", 0.1)
        self.b = self.add_weight(shape=(), initializer="zeros", name="b")
        if self.conditional and not context_size:
            raise ValueError(
                "Planar(conditional=True) requires a context, received context_size=0."
            )
        if self.conditional:
            kernel = (context_size, 2 * shape[0] + 1)
            self.of_context = self.add_weight(kernel, "zeros", name="of_context")

    def bijector(self, context: tf.Tensor | None = None) -> Bijector:
        """The flow; see `LazyBijector`."""
        from .tfp import PlanarMap, tfb

        w, u, b = self.w.value, self.u.value, self.b.value
        if self.conditional:
            moved = tf.matmul(context, self.of_context.value)
            size = w.shape[0]
            w, u = w + moved[:, :size], u + moved[:, size:-1]
            b = b + moved[:, -1:]
        inner = tf.reduce_sum(w * u, axis=-1, keepdims=True)
        least = tf.math.softplus(inner + SOFTPLUS_OF_1) - 1  # > -1, and 0 at 0
        square = tf.reduce_sum(w * w, axis=-1, keepdims=True)
        square = tf.maximum(square, keras.config.epsilon())
        u = u + (least - inner) * w / square
        return tfb.Invert(PlanarMap(w, u, b))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "conditional": self.conditional}


@register
class Radial(Simple):
    """`z = x + beta (x - center) / (alpha + |x - center|)`.

    Args:
        seed: Seed of the initial weights.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Rezende and Mohamed, "Variational inference with normalizing flows", 2015,
        eq. 14 and appendix A.2.

    Example:
        >>> layers = [kg.bijectors.Radial(seed=i) for i in range(4)]
        >>> model = kg.Flow(layers, (2,), seed=0)
        >>> model.log_prob(np.zeros((3, 2))).shape
        (3,)
    """

    def _make(self, shape: tuple[int, ...], context_size: int) -> None:
        del context_size
        self.center = self._normal(shape, "center", 1.0)
        self.raw_alpha = self.add_weight(shape=(), initializer="zeros", name="alpha")
        self.raw_beta = self.add_weight(shape=(), initializer="zeros", name="beta")

    def bijector(self, context: tf.Tensor | None = None) -> Bijector:
        """The flow; see `LazyBijector`."""
        from .tfp import RadialMap, tfb

        alpha = tf.math.softplus(self.raw_alpha.value)
        beta = tf.math.softplus(self.raw_beta.value) - alpha  # > -alpha
        return tfb.Invert(RadialMap(self.center.value, alpha, beta))
