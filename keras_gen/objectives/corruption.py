"""Random changes of an example, with the random numbers as an argument.

`draw` names the noise of each object, "normal" or "uniform". A call takes such noise in
the shape of the examples.

References:
    Vincent et al., "Stacked denoising autoencoders", JMLR 2010, section 3.3.
"""

import abc
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import ArrayLike

from ..random import RowNoise, row_seeds
from ..serialization import value
from ..validation import check_count, check_positive


class Corruption(abc.ABC):
    """A random change of an example. `draw` names its kind of noise.

    Example:
        >>> x = np.full((2, 8, 8, 1), 0.5, "float32")
        >>> noisy = kg.objectives.GaussianNoise(0.1).sample(x, seed=0)
        >>> noisy.shape, bool(0.05 < noisy.std() < 0.15)
        ((2, 8, 8, 1), True)
    """

    draw = "uniform"

    @abc.abstractmethod
    def __call__(self, x: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Returns changed examples, from examples and noise of the same shape."""

    def shape_of(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The shape of a corrupted example as users have it; by default `shape`."""
        return tuple(shape)

    def enlarged(self, x: Any, shape: Sequence[int]) -> Any:
        """Corrupted examples in the shape of clean ones, `(batch, *shape)`."""
        del shape
        return x

    def apply(self, x: tf.Tensor, noise: RowNoise, stream: int) -> tf.Tensor:
        """Changes examples with the stream `stream` of a batch's random numbers."""
        drawn = getattr(noise, self.draw)(tuple(x.shape[1:]), stream)
        return self(x, tf.cast(drawn, x.dtype))

    def sample(self, x: ArrayLike, *, seed: int = 0) -> np.ndarray:
        """Changes examples with a seed, for pictures and tests.

        Args:
            x: Float examples, `(batch, ...)`.
            seed: Seed of the change.
        """
        given = tf.convert_to_tensor(x, tf.float32)
        return self.apply(given, RowNoise(row_seeds(seed, len(given))), 0).numpy()


@value
class GaussianNoise(Corruption):
    """Adds N(0, stddev**2) to every value. Images may leave [0, 1].

    Attributes:
        stddev: Standard deviation, > 0, in units of the data.

    Example:
        >>> networks = kg.networks.mlp_autoencoder((8, 8, 1), 2, units=(16,))
        >>> noise = kg.objectives.GaussianNoise(0.5)
        >>> model = kg.Autoencoder(*networks, corruption=noise)
        >>> model.denoising_error(np.zeros((3, 8, 8, 1))).shape
        (3,)
    """

    stddev: float = 0.5
    draw = "normal"

    def __post_init__(self) -> None:
        check_positive(self.stddev, "stddev")

    def __call__(self, x: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """`x + stddev * noise`, for standard normal noise."""
        return x + self.stddev * noise


@value
class Masking(Corruption):
    """Sets a share of the values to zero.

    Attributes:
        rate: Probability of a zero, in (0, 1).

    Example:
        >>> x = np.ones((100, 100), "float32")
        >>> masked = kg.objectives.Masking(0.25).sample(x)
        >>> bool(0.74 < masked.mean() < 0.76)
        True
    """

    rate: float = 0.25

    def __post_init__(self) -> None:
        _check_rate(self.rate)

    def __call__(self, x: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """`x` where the uniform noise is at least `rate`, and 0 elsewhere."""
        return ops.where(noise < self.rate, 0.0, x)


@value
class SaltAndPepper(Corruption):
    """Sets a share of the values to zero or to one, with equal probability.

    Attributes:
        rate: Probability of a change, in (0, 1).

    Example:
        >>> x = np.full((100, 100), 0.5, "float32")
        >>> changed = kg.SaltAndPepper(0.2).sample(x)
        >>> np.unique(changed)
        array([0. , 0.5, 1. ], dtype=float32)
    """

    rate: float = 0.25

    def __post_init__(self) -> None:
        _check_rate(self.rate)

    def __call__(self, x: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """0 for uniform noise below rate / 2, 1 above 1 - rate / 2, otherwise `x`."""
        peppered = ops.where(noise < self.rate / 2, 0.0, x)
        return ops.where(noise > 1 - self.rate / 2, 1.0, peppered)


@value
class RandomShift(Corruption):
    """Shifts each image by whole pixels, vertically and horizontally, filling with 0.

    Attributes:
        pixels: Largest shift in each direction, >= 1. All shifts are equally likely.

    Example:
        >>> x = np.zeros((1, 5, 5, 1), "float32")
        >>> x[0, 2, 2] = 1
        >>> float(kg.RandomShift(2).sample(x).sum())  # moved, not lost
        1.0
    """

    pixels: int = 2

    def __post_init__(self) -> None:
        check_positive(self.pixels, "pixels", integer=True)

    def __call__(self, x: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Shifted images. The first values of the uniform noise decide the shift."""
        _check_images(x, "RandomShift")
        pixels = self.pixels
        shifts = ops.cast(noise[:, 0, :2, 0] * (2 * pixels + 1), "int32") - pixels
        return shifted(x, (shifts[:, 0], shifts[:, 1]), (pixels, pixels))


@value
class LowResolution(Corruption):
    """Replaces each block of pixels by its mean.

    Attributes:
        factor: Side of a block, >= 2. It must divide height and width.

    Example:
        >>> x = np.array([[0, 1], [1, 1]], "float32").reshape((1, 2, 2, 1))
        >>> kg.LowResolution(2).sample(x).ravel()
        array([0.75, 0.75, 0.75, 0.75], dtype=float32)
    """

    factor: int = 2

    def __post_init__(self) -> None:
        check_count(self.factor, "factor", least=2)

    def __call__(self, x: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """The mean of each block, repeated over the block. The noise is not used."""
        del noise
        _check_images(x, "LowResolution")
        _, height, width, _ = x.shape
        if height % self.factor or width % self.factor:
            raise ValueError(
                f"factor must divide height and width, received factor={self.factor} "
                f"and images of {height}x{width}."
            )
        return self._repeated(ops.average_pool(x, self.factor))

    def shape_of(self, shape: Sequence[int]) -> tuple[int, ...]:
        """That of the small image; see `Corruption`."""
        height, width, channels = shape
        return height // self.factor, width // self.factor, channels

    def enlarged(self, x: Any, shape: Sequence[int]) -> Any:
        """Small images, each pixel repeated over its block; see `Corruption`."""
        is_small = tuple(x.shape[1:]) == self.shape_of(shape)
        return self._repeated(x) if is_small else x

    def _repeated(self, x: tf.Tensor) -> tf.Tensor:
        return ops.repeat(ops.repeat(x, self.factor, 1), self.factor, 2)


@value
class StochasticBinarization(Corruption):
    """Draws each value as 0 or 1, with the value as the probability of 1.

    Binary examples are unchanged.

    References:
        Salakhutdinov and Murray, "On the quantitative analysis of deep belief
        networks", 2008; Burda et al. 2015, section 5.1.

    Example:
        >>> x = np.full((100, 100), 0.25, "float32")
        >>> drawn = kg.StochasticBinarization().sample(x)
        >>> np.unique(drawn), bool(0.23 < drawn.mean() < 0.27)
        (array([0., 1.], dtype=float32), True)
    """

    def __call__(self, x: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """1 where the uniform noise is below `x`, and 0 elsewhere."""
        return ops.cast(noise < x, x.dtype)


def shifted(
    x: tf.Tensor, shifts: Sequence[tf.Tensor], limits: Sequence[int]
) -> tf.Tensor:
    """Images shifted up and to the left by whole pixels, filled with 0.

    Args:
        x: Images, `(batch, height, width, channels)`.
        shifts: Shifts up and to the left, each int32 `(batch,)`. Negative values shift
            down and to the right.
        limits: The largest shift in each of the two directions.
    """
    x = ops.pad(x, ((0, 0), *((limit, limit) for limit in limits), (0, 0)))
    # Two tensors: TensorFlow 2.21 loses the new axis of `stack(shifts)[:, i, None]`
    # when it optimizes a graph with a fixed batch.
    for axis, shift, limit in zip((1, 2), shifts, limits, strict=True):
        rows = tf.range(limit, x.shape[axis] - limit) + shift[:, None]
        x = tf.gather(x, rows, axis=axis, batch_dims=1)
    return x


def _check_images(x: tf.Tensor, name: str) -> None:
    if len(x.shape) != 4:
        raise ValueError(
            f"{name} requires images (batch, height, width, channels), received shape "
            f"{tuple(x.shape)}."
        )


def _check_rate(rate: float) -> None:
    check_positive(rate, "rate")
    if rate >= 1:
        raise ValueError(f"rate must be in (0, 1), received {rate}.")
