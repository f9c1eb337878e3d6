"""Random changes of an example, with the random numbers as an argument.

Each object names the noise it wants: `draw` is "normal" or "uniform", and a call
takes that noise in the shape of the examples.

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
    """A random change of an example; `draw` names the noise that it takes."""

    draw = "uniform"

    @abc.abstractmethod
    def __call__(self, x: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Changed examples, from examples and noise of the same shape."""

    def enlarged(self, x: Any, shape: Sequence[int]) -> Any:
        """Corrupted examples in the shape of clean ones, `(batch, *shape)`."""
        del shape
        return x

    def apply(self, x: tf.Tensor, noise: RowNoise, stream: int) -> tf.Tensor:
        """The call with the stream `stream` of a batch's random numbers."""
        drawn = getattr(noise, self.draw)(tuple(x.shape[1:]), stream)
        return self(x, tf.cast(drawn, x.dtype))

    def sample(self, x: ArrayLike, *, seed: int = 0) -> np.ndarray:
        """Changed examples, for pictures and tests of one's own.

        Args:
            x: Float examples, `(batch, ...)`.
            seed: Decides the change.
        """
        given = tf.convert_to_tensor(x, tf.float32)
        return self.apply(given, RowNoise(row_seeds(seed, len(given))), 0).numpy()


@value
class GaussianNoise(Corruption):
    """Adds N(0, stddev**2) to every value; images may leave [0, 1].

    Attributes:
        stddev: Standard deviation, > 0, in units of the data.
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
    """

    rate: float = 0.25

    def __post_init__(self) -> None:
        _check_rate(self.rate)

    def __call__(self, x: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """`x` where the uniform noise is at least `rate`, else 0."""
        return ops.where(noise < self.rate, 0.0, x)


@value
class SaltAndPepper(Corruption):
    """Sets a share of the values to zero or to one, with equal probability.

    Attributes:
        rate: Probability of a change, in (0, 1).
    """

    rate: float = 0.25

    def __post_init__(self) -> None:
        _check_rate(self.rate)

    def __call__(self, x: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """0 below rate / 2 of the uniform noise, 1 above 1 - rate / 2, else `x`."""
        peppered = ops.where(noise < self.rate / 2, 0.0, x)
        return ops.where(noise > 1 - self.rate / 2, 1.0, peppered)


@value
class RandomShift(Corruption):
    """Moves each image by whole pixels, up, down and sideways; zeros come in.

    Attributes:
        pixels: Largest shift in each direction, >= 1; all are equally likely.
    """

    pixels: int = 2

    def __post_init__(self) -> None:
        check_positive(self.pixels, "pixels", integer=True)

    def __call__(self, x: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Shifted images; the first values of the uniform noise decide."""
        _check_images(x, "RandomShift")
        pixels = self.pixels
        shifts = ops.cast(noise[:, 0, :2, 0] * (2 * pixels + 1), "int32") - pixels
        return shifted(x, (shifts[:, 0], shifts[:, 1]), (pixels, pixels))


@value
class LowResolution(Corruption):
    """Replaces each block of pixels by its mean.

    Attributes:
        factor: Side of a block, at least 2; divides height and width.
    """

    factor: int = 2

    def __post_init__(self) -> None:
        check_count(self.factor, "factor", least=2)

    def __call__(self, x: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """The blocks' means, each over its block; the noise does not count."""
        del noise
        _check_images(x, "LowResolution")
        _, height, width, _ = x.shape
        if height % self.factor or width % self.factor:
            raise ValueError(
                f"factor {self.factor} must divide height and width, received images "
                f"of {height}x{width}."
            )
        return self._repeated(ops.average_pool(x, self.factor))

    def enlarged(self, x: Any, shape: Sequence[int]) -> Any:
        """Small images, each pixel repeated over its block; see `Corruption`."""
        small = tuple(side // self.factor for side in shape[:2])
        return self._repeated(x) if tuple(x.shape[1:3]) == small else x

    def _repeated(self, x: tf.Tensor) -> tf.Tensor:
        return ops.repeat(ops.repeat(x, self.factor, 1), self.factor, 2)


@value
class StochasticBinarization(Corruption):
    """Reads each value as the probability of a one and draws it.

    Binary examples stay as they are.

    References:
        Salakhutdinov and Murray, "On the quantitative analysis of deep belief
        networks", 2008; Burda et al. 2015, section 5.1.
    """

    def __call__(self, x: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """1 where the uniform noise lies below `x`, else 0."""
        return ops.cast(noise < x, x.dtype)


def shifted(
    x: tf.Tensor, shifts: Sequence[tf.Tensor], limits: Sequence[int]
) -> tf.Tensor:
    """Images moved up and to the left by whole pixels; zeros come in.

    Args:
        x: Images, `(batch, height, width, channels)`.
        shifts: Upwards and to the left, each int32 `(batch,)`; negative ones are
            downwards and to the right.
        limits: The largest shift in each of the two directions.
    """
    x = ops.pad(x, ((0, 0), *((limit, limit) for limit in limits), (0, 0)))
    # Two tensors: of `stack(shifts)[:, i, None]`, TensorFlow 2.21 loses the new axis
    # when it optimizes a graph whose batch is fixed.
    for axis, shift, limit in zip((1, 2), shifts, limits, strict=True):
        rows = tf.range(limit, x.shape[axis] - limit) + shift[:, None]
        x = tf.gather(x, rows, axis=axis, batch_dims=1)
    return x


def _check_images(x: tf.Tensor, name: str) -> None:
    if len(x.shape) != 4:
        raise ValueError(
            f"{name} needs images (batch, height, width, channels), received shape "
            f"{tuple(x.shape)}."
        )


def _check_rate(rate: float) -> None:
    check_positive(rate, "rate")
    if rate >= 1:
        raise ValueError(f"rate must lie in (0, 1), received {rate}.")
