"""Parameterizations: what the output of a denoising network means.

A network F sees the scaled noisy example and gives the denoised one as

    D(x) = c_skip * x + c_out * F(c_in * x)

with coefficients that depend on the noise level. Epsilon, velocity and the others are
choices of `c_skip` and `c_out`, and the training target of F follows from them.

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
        lowest: Log signal-to-noise ratio below which the denoised example has much
            larger errors than the network's output, so that solvers must take short
            steps; or None.

    Example:
        >>> isinstance(kg.parameterizations.V(), kg.parameterizations.Parameterization)
        True
    """

    lowest: ClassVar[float | None] = None

    @abc.abstractmethod
    def skip_and_out(
        self, alpha: tf.Tensor, sigma: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns `c_skip` and `c_out` at a noise level."""

    def c_in(self, alpha: tf.Tensor, sigma: tf.Tensor) -> tf.Tensor:
        """The factor of the noisy example in the network's input; 1 by default."""
        del sigma
        return tf.ones_like(alpha)

    def predict_x0(
        self, x: tf.Tensor, output: tf.Tensor, alpha: tf.Tensor, sigma: tf.Tensor
    ) -> tf.Tensor:
        """The denoised example.

        Args:
            x: The noisy example.
            output: The output of the network.
            alpha: Scale of the example in `x`.
            sigma: Scale of the noise in `x`.
        """
        skip, out = self.skip_and_out(alpha, sigma)
        return skip * x + out * output

    def target(
        self, x: tf.Tensor, noise: tf.Tensor, alpha: tf.Tensor, sigma: tf.Tensor
    ) -> tf.Tensor:
        """The output that recovers the example `x` from `alpha * x + sigma * noise`.

        Its squared error times `c_out ** 2` is that of the denoised example.
        """
        skip, out = self.skip_and_out(alpha, sigma)
        return ((1 - skip * alpha) * x - skip * sigma * noise) / out


@value
class Epsilon(Parameterization):
    """The output is the noise.

    An error of the output is multiplied by sigma / alpha in the denoised example. If
    the first step of a grid is long below a log signal-to-noise ratio of -8, as with
    `Uniform` and `Cosine`, the grid begins at -8 instead.

    References:
        Ho, Jain and Abbeel, "Denoising diffusion probabilistic models", 2020, eq. 11.
        Lu et al., "DPM-Solver++", 2022, section 4 and appendix (for `Cosine`, they
        begin at -10.2).

    Example:
        >>> noisy = 0.8 * tf.constant([2.0]) + 0.6 * tf.constant([-1.0])
        >>> x = kg.parameterizations.Epsilon().predict_x0(
        ...     noisy, tf.constant([-1.0]), tf.constant(0.8), tf.constant(0.6)
        ... )
        >>> round(float(x[0]), 5)
        2.0
    """

    lowest: ClassVar[float | None] = -8.0

    def skip_and_out(
        self, alpha: tf.Tensor, sigma: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Parameterization`."""
        return 1 / alpha, -sigma / alpha


@value
class X0(Parameterization):
    """The output is the denoised example itself: x0.

    Example:
        >>> noisy, output = tf.constant([1.0]), tf.constant([2.0])
        >>> alpha, sigma = tf.constant(0.8), tf.constant(0.6)
        >>> x = kg.parameterizations.X0().predict_x0(noisy, output, alpha, sigma)
        >>> float(x[0])
        2.0
    """

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

    Example:
        >>> x, noise = tf.constant([2.0]), tf.constant([-1.0])
        >>> alpha, sigma = tf.constant(0.8), tf.constant(0.6)
        >>> v = kg.parameterizations.V().target(x, noise, alpha, sigma)
        >>> round(float(v[0]), 5)  # 0.8 * -1 - 0.6 * 2
        -2.0
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

    Example:
        >>> x, noise = tf.constant([2.0]), tf.constant([-1.0])
        >>> alpha, sigma = tf.constant(0.75), tf.constant(0.25)
        >>> v = kg.parameterizations.Velocity().target(x, noise, alpha, sigma)
        >>> round(float(v[0]), 5)  # -1 - 2
        -3.0
    """

    def skip_and_out(
        self, alpha: tf.Tensor, sigma: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Parameterization`."""
        return 1 / (alpha + sigma), -sigma / (alpha + sigma)


@value
class Preconditioned(Parameterization):
    """Inputs and targets have variance 1 at every noise level.

    Attributes:
        deviation: Standard deviation of the data, > 0: 0.5 for images in [-1, 1].

    References:
        Karras, Aittala, Aila and Laine, "Elucidating the design space of
        diffusion-based generative models", 2022, table 1; with any alpha.

    Example:
        >>> edm = kg.parameterizations.Preconditioned(deviation=0.5)
        >>> c_in = edm.c_in(tf.constant(1.0), tf.constant(1.2))
        >>> round(float(c_in), 5)  # 1 / sqrt(0.5**2 + 1.2**2)
        0.76923
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
