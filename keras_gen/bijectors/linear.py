"""Linear bijectors: permutations, mixing of values, normalization."""

from typing import Any

import numpy as np
import tensorflow as tf

from ..constants import table
from ..serialization import register
from ..validation import check_type
from .lazy import Bijector, LazyBijector


@register
class Permutation(LazyBijector):
    """Reorders the values, or the channels of an image.

    Args:
        order: "reverse" or "random".
        seed: Decides a random order.
        **kwargs: `name` and `dtype`, for Keras.

    Example:
        >>> layer = kg.bijectors.Permutation("reverse")
        >>> layer.prepare((3,))
        (3,)
        >>> layer(tf.constant([[1.0, 2.0, 3.0]])).numpy()
        array([[3., 2., 1.]], dtype=float32)
    """

    def __init__(self, order: str = "reverse", *, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if order not in ("reverse", "random"):
            raise ValueError(
                f"order must be 'reverse' or 'random', received {order!r}."
            )
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
    triangular factors and a diagonal. It starts as a random rotation. For images it is
    Glow's invertible 1x1 convolution.

    Args:
        seed: Seed of the rotation.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Kingma and Dhariwal, "Glow", 2018, eq. 10 and 11.

    Example:
        >>> layer = kg.bijectors.InvertibleLinear(seed=0)
        >>> layer.prepare((3,))
        (3,)
        >>> matrix, inverse, log_determinant = layer.matrix()
        >>> bool(np.allclose(matrix @ inverse, np.eye(3), atol=1e-5))
        True
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
        factors: Any = lu(np.linalg.qr(draws)[0])  # three, by the defaults of `lu`
        self._permutation, lower, upper = factors
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
        """The matrix from data to latent values, its inverse, and log |determinant|."""
        dtype = self.lower.dtype
        size = len(self._signs)
        below, eye = table(np.tri(size, k=-1), dtype), table(np.eye(size), dtype)
        permutation, signs = table(self._permutation, dtype), table(self._signs, dtype)
        diagonal = tf.exp(self.log_diagonal.value) * signs
        lower = self.lower.value * below
        upper = self.upper.value * tf.transpose(below) / diagonal[:, None]
        matrix = (permutation @ (eye + lower)) @ (diagonal[:, None] * (eye + upper))
        before = tf.transpose(inverse_unit_lower(tf.transpose(upper))) / diagonal
        inverse = before @ (inverse_unit_lower(lower) @ tf.transpose(permutation))
        return matrix, inverse, tf.reduce_sum(self.log_diagonal.value)

    def bijector(self, context: tf.Tensor | None = None) -> Bijector:
        """The map; see `LazyBijector`."""
        from .tfp import LinearMap

        matrix, inverse, log_det = self.matrix()
        shape = self._event_ndims, self._positions
        return LinearMap(inverse, matrix, -log_det, *shape)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "seed": self.seed}


def inverse_unit_lower(lower: tf.Tensor) -> tf.Tensor:
    """Inverse of I + `lower` by products alone, which every artifact supports.

    Inverses of diagonal blocks of 1, 2, 4, ... rows follow from those of half the size:
    [[a, 0], [c, b]] has the inverse [[1/a, 0], [-1/b c 1/a, 1/b]].

    Args:
        lower: `(d, d)`, 0 on and above the diagonal.
    """
    size = lower.shape[0]
    inverse, block = table(np.eye(size), lower.dtype), 1
    while block < size:
        number = np.arange(size) // block
        is_corner = (number[:, None] == number + 1) & (number[:, None] % 2 == 1)
        corner = lower * table(is_corner, lower.dtype)
        inverse -= inverse @ corner @ inverse
        block *= 2
    return inverse


class Rescaling(LazyBijector):
    """The base of `Standardization` and `ActNorm`: a mean and a scale.

    There is one of each per value of a vector, or per channel of an image.
    """

    trains = True
    needs_data = reads_units = True

    def prepare(
        self, data_shape: tuple[int, ...], context_size: int = 0
    ) -> tuple[int, ...]:
        """Makes mean 0 and scale 1; see `LazyBijector`."""
        options = {"initializer": "zeros", "trainable": self.trains}
        self.mean = self.add_weight(shape=data_shape[-1:], name="mean", **options)
        self.log_scale = self.add_weight(
            shape=data_shape[-1:], name="log_scale", **options
        )
        self._shape = len(data_shape), int(np.prod(data_shape[:-1]))
        return data_shape

    def initialize(self, x: np.ndarray, context: np.ndarray | None = None) -> None:
        """Gives the latent values of `x` mean 0 and variance 1.

        Values that vary by less than float32 can resolve count as constant. Their scale
        is 1.
        """
        axes = tuple(range(np.ndim(x) - 1))
        mean = np.mean(x, axis=axes, dtype=np.float64)
        deviation, limits = np.std(x, axis=axes, dtype=np.float64), np.finfo(np.float32)
        varies = deviation > np.maximum(limits.eps * np.abs(mean), limits.tiny)
        scale = np.where(varies, deviation, 1)
        self.mean.assign(mean)
        self.log_scale.assign(np.log(scale))

    def bijector(self, context: tf.Tensor | None = None) -> Bijector:
        """`mean + scale * x`; see `LazyBijector`."""
        from .tfp import Rescale

        return Rescale(self.mean.value, self.log_scale.value, *self._shape)


@register
class Standardization(Rescaling):
    """Standardizes data to mean 0 and variance 1, fixed at initialization.

    Args:
        **kwargs: `name` and `dtype`, for Keras.

    Example:
        >>> layer = kg.bijectors.Standardization()
        >>> layer.prepare((1,))
        (1,)
        >>> layer.initialize(np.array([[0.0], [10.0]]))
        >>> layer(tf.constant([[0.0], [10.0]])).numpy()
        array([[-1.],
               [ 1.]], dtype=float32)
    """

    trains = False


@register
class ActNorm(Rescaling):
    """A learned mean and scale that start with those of the first data.

    Args:
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Kingma and Dhariwal, "Glow", 2018, section 3.1.

    Example:
        >>> model = kg.Flow([kg.bijectors.ActNorm()], (2,), seed=0)
        >>> model.compile()
        >>> x = np.random.default_rng(0).normal(5.0, 2.0, (100, 2))
        >>> history = model.fit(x, verbose=0)  # begins with mean 5 and scale 2
    """
