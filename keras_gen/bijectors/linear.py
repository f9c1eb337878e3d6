"""Linear bijectors: permutations, mixing of values, normalization."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..serialization import register
from ..validation import check_type
from .base import Bijector, LazyBijector

TINY = 1e-6


@register
class Permutation(LazyBijector):
    """Reorders the values, or the channels of an image.

    Args:
        order: "reverse" or "random".
        seed: Decides a random order.
        **kwargs: `name` and `dtype`, for Keras.
    """

    def __init__(self, order: str = "reverse", *, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if order not in ("reverse", "random"):
            raise ValueError(f"order must be 'reverse' or 'random', received {order!r}.")
        check_type(seed, int, "seed")
        self.order, self.seed = order, seed

    def prepare(
        self, data_shape: tuple[int, ...], context_size: int = 0
    ) -> tuple[int, ...]:
        """Chooses the order; see `LazyBijector`."""
        places = np.arange(data_shape[-1])
        shuffled = np.random.default_rng(self.seed).permutation(places)
        self._places = places[::-1] if self.order == "reverse" else shuffled
        return data_shape

    def bijector(self, context: tf.Tensor | None = None) -> Bijector:
        """The permutation; see `LazyBijector`."""
        from .tfp import tfb

        return tfb.Permute(self._places.tolist(), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "order": self.order, "seed": self.seed}


@register
class InvertibleLinear(LazyBijector):
    """Multiplies the values, or the channels of an image, by a learned matrix.

    The matrix is P L (U + diag(s)) with a fixed permutation P, lower and upper
    triangular factors and a diagonal; it starts as a random rotation. On images it is
    Glow's invertible 1x1 convolution.

    Args:
        seed: Decides the rotation.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Kingma and Dhariwal, "Glow", 2018, eq. 10 and 11.
    """

    def __init__(self, *, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_type(seed, int, "seed")
        self.seed = seed

    def prepare(
        self, data_shape: tuple[int, ...], context_size: int = 0
    ) -> tuple[int, ...]:
        """Makes the factors; see `LazyBijector`."""
        from scipy.linalg import lu

        size = data_shape[-1]
        draws = np.random.default_rng(self.seed).normal(size=(size, size))
        self._permutation, lower, upper = lu(np.linalg.qr(draws)[0])
        diagonal = np.diag(upper)
        self._signs = np.sign(diagonal)
        starts = {
            "lower": np.tril(lower, -1),
            "upper": np.triu(upper, 1),
            "log_diagonal": np.log(np.abs(diagonal)),
        }
        for name, start in starts.items():
            weight = self.add_weight(shape=start.shape, name=name)
            weight.assign(start)
            setattr(self, name, weight)
        self._event_ndims = len(data_shape)
        self._positions = int(np.prod(data_shape[:-1]))
        return data_shape

    def matrix(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The matrix of the way to the latent side, its inverse, log |determinant|."""
        dtype = self.lower.dtype
        eye = tf.eye(len(self._signs), dtype=dtype)
        lower = tf.linalg.band_part(self.lower.value, -1, 0)
        lower = lower - tf.linalg.diag(tf.linalg.diag_part(lower)) + eye
        upper = tf.linalg.band_part(self.upper.value, 0, -1)
        diagonal = tf.exp(self.log_diagonal.value) * tf.constant(self._signs, dtype)
        upper = upper - tf.linalg.diag(tf.linalg.diag_part(upper))
        upper += tf.linalg.diag(diagonal)
        permutation = tf.constant(self._permutation, dtype)
        inverse = tf.linalg.triangular_solve(
            upper,
            tf.linalg.triangular_solve(lower, tf.transpose(permutation)),
            lower=False,
        )
        log_det = tf.reduce_sum(self.log_diagonal.value)
        return permutation @ lower @ upper, inverse, log_det

    def bijector(self, context: tf.Tensor | None = None) -> Bijector:
        """The map; see `LazyBijector`."""
        from .tfp import LinearMap

        matrix, inverse, log_det = self.matrix()
        shape = self._event_ndims, self._positions
        return LinearMap(inverse, matrix, -log_det, *shape)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "seed": self.seed}


class Rescaling(LazyBijector):
    """What `Standardization` and `ActivationNormalization` share: mean and scale.

    One of each per value of a vector, or per channel of an image.
    """

    trains = True
    needs_data = True

    def prepare(
        self, data_shape: tuple[int, ...], context_size: int = 0
    ) -> tuple[int, ...]:
        """Makes mean 0 and scale 1; see `LazyBijector`."""
        options = {"initializer": "zeros", "trainable": self.trains}
        self.mean = self.add_weight(shape=data_shape[-1:], name="mean", **options)
        self.log_scale = self.add_weight(
            shape=data_shape[-1:], name="log_scale", **options
        )
        self._positions = int(np.prod(data_shape[:-1]))
        return data_shape

    def initialize(self, x: np.ndarray, context: np.ndarray | None = None) -> None:
        """Makes the latent side of `x` have mean 0 and variance 1."""
        axes = tuple(range(np.ndim(x) - 1))
        self.mean.assign(np.mean(x, axis=axes))
        self.log_scale.assign(np.log(np.maximum(np.std(x, axis=axes), TINY)))

    def bijector(self, context: tf.Tensor | None = None) -> Bijector:
        """`mean + scale * x`; see `LazyBijector`."""
        from .tfp import tfb

        scale = tfb.Scale(log_scale=self.log_scale.value)
        return tfb.Shift(self.mean.value)(scale)


@register
class Standardization(Rescaling):
    """Brings data to mean 0 and variance 1, by figures taken once from data."""

    trains = False


@register
class ActivationNormalization(Rescaling):
    """A learned mean and scale that begin with those of the first data.

    References:
        Kingma and Dhariwal, "Glow", 2018, section 3.1.
    """
