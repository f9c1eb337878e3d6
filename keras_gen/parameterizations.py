"""From what a network gives to the denoised example.

A network F sees the scaled noisy example and gives the denoised one as

    D(x) = c_skip * x + c_out * F(c_in * x)

with coefficients of the noise level: epsilon, velocity and the others are values of
`c_skip` and `c_out`. What F is trained on follows from them.

References:
    Karras, Aittala, Aila and Laine, "Elucidating the design space of diffusion-based
    generative models", 2022, eq. 7.
"""

import abc
from typing import ClassVar

import tensorflow as tf

from .serialization import value
from .validation import check_positive


class Parameterization(abc.ABC):
    """The meaning of a network's output.

    Attributes:
        lowest: Log signal-to-noise ratio below which errors of the network are much
            larger in the denoised example, so that solvers take short steps; or None.
    """

    lowest: ClassVar[float | None] = None

    @abc.abstractmethod
    def skip_and_out(
        self, alpha: tf.Tensor, sigma: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """`c_skip` and `c_out` at a noise level."""

    def c_in(self, alpha: tf.Tensor, sigma: tf.Tensor) -> tf.Tensor:
        """What the noisy example is multiplied by before the network; here 1."""
        del sigma
        return tf.ones_like(alpha)

    def predict_x0(
        self, x: tf.Tensor, output: tf.Tensor, alpha: tf.Tensor, sigma: tf.Tensor
    ) -> tf.Tensor:
        """The denoised example.

        Args:
            x: The noisy example.
            output: What the network gave.
            alpha: Scale of the example in `x`.
            sigma: Scale of the noise in `x`.
        """
        skip, out = self.skip_and_out(alpha, sigma)
        return skip * x + out * output

    def target(
        self, x: tf.Tensor, noise: tf.Tensor, alpha: tf.Tensor, sigma: tf.Tensor
    ) -> tf.Tensor:
        """The output that gives back the example `x` from `alpha * x + sigma * noise`.

        Its squared error times `c_out ** 2` is that of the denoised example.
        """
        skip, out = self.skip_and_out(alpha, sigma)
        return ((1 - skip * alpha) * x - skip * sigma * noise) / out


@value
class Epsilon(Parameterization):
    """The output is the noise.

    An error of the output is multiplied by sigma / alpha in the denoised example: where
    the first step of a grid would be long below a log signal-to-noise ratio of -8, as
    of `Uniform` with `Cosine`, the grid begins there.

    References:
        Ho, Jain and Abbeel, "Denoising diffusion probabilistic models", 2020, eq. 11.
        Lu et al., "DPM-Solver++", 2022, section 4 and appendix (for `Cosine`, they
        begin at -10.2).
    """

    lowest: ClassVar[float | None] = -8.0

    def skip_and_out(
        self, alpha: tf.Tensor, sigma: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Parameterization`."""
        return 1 / alpha, -sigma / alpha


@value
class X0(Parameterization):
    """The output is the denoised example itself: x0."""

    def skip_and_out(
        self, alpha: tf.Tensor, sigma: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Parameterization`."""
        return tf.zeros_like(sigma), tf.ones_like(alpha)


@value
class V(Parameterization):
    """The output is v = alpha * noise - sigma * x.

    References:
        Salimans and Ho, "Progressive distillation for fast sampling of diffusion
        models", 2022, section 4.
    """

    def skip_and_out(
        self, alpha: tf.Tensor, sigma: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Parameterization`."""
        power = alpha**2 + sigma**2
        return alpha / power, -sigma / power


@value
class Velocity(Parameterization):
    """The output is noise - x: the velocity of flow matching, from example to noise.

    References:
        Lipman, Chen, Ben-Hamu, Nickel and Le, "Flow matching for generative modeling",
        2023.
    """

    def skip_and_out(
        self, alpha: tf.Tensor, sigma: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Parameterization`."""
        return 1 / (alpha + sigma), -sigma / (alpha + sigma)


@value
class Preconditioned(Parameterization):
    """Inputs and targets of variance 1 at every noise level.

    Attributes:
        deviation: Standard deviation of the data, > 0: 0.5 for images in [-1, 1].

    References:
        Karras, Aittala, Aila and Laine, "Elucidating the design space of
        diffusion-based generative models", 2022, table 1; with any alpha.
    """

    deviation: float = 0.5

    def __post_init__(self) -> None:
        check_positive(self.deviation, "deviation")

    def skip_and_out(
        self, alpha: tf.Tensor, sigma: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Parameterization`."""
        variance = self._variance(alpha, sigma)
        skip = alpha * self.deviation**2 / variance
        return skip, sigma * self.deviation / tf.sqrt(variance)

    def c_in(self, alpha: tf.Tensor, sigma: tf.Tensor) -> tf.Tensor:
        """1 over the standard deviation of the noisy example."""
        return tf.math.rsqrt(self._variance(alpha, sigma))

    def _variance(self, alpha: tf.Tensor, sigma: tf.Tensor) -> tf.Tensor:
        return (alpha * self.deviation) ** 2 + sigma**2
