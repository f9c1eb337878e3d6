"""Noise schedules: how much of an example and of noise there is at each time.

At time t in [0, 1] the noisy example is `alpha(t) * x + sigma(t) * noise`: clean at 0,
(almost) noise at 1.
"""

import abc
import math

import tensorflow as tf

from .serialization import value
from .validation import check_positive


class Schedule(abc.ABC):
    """alpha and sigma of time, by the log of the signal-to-noise ratio.

    A subclass gives `log_snr` and its inverse `time`, and `alpha` and `sigma` unless
    they preserve the variance, alpha**2 + sigma**2 = 1.

    Attributes:
        straight: Whether Heun's straight lines run in x / (alpha + sigma), as flow
            matching has them, instead of in x / alpha, which grows without bound
            where the example vanishes.
    """

    straight = True

    @abc.abstractmethod
    def log_snr(self, t: tf.Tensor) -> tf.Tensor:
        """log(alpha**2 / sigma**2), strictly decreasing in t."""

    @abc.abstractmethod
    def time(self, log_snr: tf.Tensor) -> tf.Tensor:
        """The time of a log signal-to-noise ratio: the inverse of `log_snr`."""

    def alpha(self, t: tf.Tensor) -> tf.Tensor:
        """Scale of the example."""
        return tf.exp(0.5 * tf.math.log_sigmoid(self.log_snr(t)))

    def sigma(self, t: tf.Tensor) -> tf.Tensor:
        """Scale of the noise."""
        return tf.exp(0.5 * tf.math.log_sigmoid(-self.log_snr(t)))


@value
class Linear(Schedule):
    """Variance preserving, with a noise rate that grows linearly, as DDPM has it.

    Attributes:
        beta_min: Rate beta at t = 0, > 0.
        beta_max: Rate at t = 1, above `beta_min`.

    References:
        Ho, Jain and Abbeel, "Denoising diffusion probabilistic models", 2020; in
        continuous time Song et al., "Score-based generative modeling through stochastic
        differential equations", 2021, eq. 32.
    """

    beta_min: float = 0.1
    beta_max: float = 20.0

    def __post_init__(self) -> None:
        check_positive(self.beta_min, "beta_min")
        check_positive(self.beta_max, "beta_max")
        if self.beta_max <= self.beta_min:
            raise ValueError(
                f"beta_max must be above beta_min, received {self.beta_max}."
            )

    def log_snr(self, t: tf.Tensor) -> tf.Tensor:
        """See `Schedule`."""
        integral = t * (self.beta_min + 0.5 * t * (self.beta_max - self.beta_min))
        return -tf.math.log(tf.math.expm1(integral))

    def time(self, log_snr: tf.Tensor) -> tf.Tensor:
        """See `Schedule`."""
        integral = tf.math.softplus(-log_snr)
        growth = self.beta_max - self.beta_min
        root = tf.sqrt(self.beta_min**2 + 2 * growth * integral)
        return 2 * integral / (self.beta_min + root)


@value
class Cosine(Schedule):
    """Variance preserving, a quarter of a circle: alpha is the cosine of time.

    Attributes:
        shift: Divides alpha / sigma everywhere, > 0: above 1 for images of more than
            64x64 pixels, whose neighbours give away what noise hides.
        limit: Largest absolute log signal-to-noise ratio, > 0.

    References:
        Nichol and Dhariwal, "Improved denoising diffusion probabilistic models", 2021;
        Hoogeboom, Heek and Salimans, "Simple diffusion", 2023 (shift).
    """

    shift: float = 1.0
    limit: float = 15.0

    def __post_init__(self) -> None:
        check_positive(self.shift, "shift")
        check_positive(self.limit, "limit")

    def log_snr(self, t: tf.Tensor) -> tf.Tensor:
        """See `Schedule`."""
        low, high = self._angles()
        return -2 * tf.math.log(self.shift * tf.tan(low + t * (high - low)))

    def time(self, log_snr: tf.Tensor) -> tf.Tensor:
        """See `Schedule`."""
        low, high = self._angles()
        angle = tf.atan(tf.exp(-0.5 * log_snr) / self.shift)
        return (angle - low) / (high - low)

    def _angles(self) -> tuple[float, float]:
        """Where the quarter begins and ends, so that the limits are kept."""
        ends = math.exp(-0.5 * self.limit), math.exp(0.5 * self.limit)
        low, high = (math.atan(end / self.shift) for end in ends)
        return low, high


@value
class VarianceExploding(Schedule):
    """Variance exploding: alpha is 1, log sigma grows linearly, as EDM has it.

    Attributes:
        sigma_min: sigma at t = 0, > 0.
        sigma_max: sigma at t = 1, above `sigma_min`.

    References:
        Karras, Aittala, Aila and Laine, "Elucidating the design space of
        diffusion-based generative models", 2022.
    """

    sigma_min: float = 0.002
    sigma_max: float = 80.0
    straight = False

    def __post_init__(self) -> None:
        check_positive(self.sigma_min, "sigma_min")
        check_positive(self.sigma_max, "sigma_max")
        if self.sigma_max <= self.sigma_min:
            raise ValueError(
                f"sigma_max must be above sigma_min, received {self.sigma_max}."
            )

    def log_snr(self, t: tf.Tensor) -> tf.Tensor:
        """See `Schedule`."""
        return -2 * (
            math.log(self.sigma_min) + t * math.log(self.sigma_max / self.sigma_min)
        )

    def time(self, log_snr: tf.Tensor) -> tf.Tensor:
        """See `Schedule`."""
        past_min = -0.5 * log_snr - math.log(self.sigma_min)
        return past_min / math.log(self.sigma_max / self.sigma_min)

    def alpha(self, t: tf.Tensor) -> tf.Tensor:
        """1."""
        return tf.ones_like(t)

    def sigma(self, t: tf.Tensor) -> tf.Tensor:
        """See `Schedule`."""
        return tf.exp(-0.5 * self.log_snr(t))


@value
class RectifiedFlow(Schedule):
    """A straight line from the example to noise: flow matching.

    References:
        Lipman, Chen, Ben-Hamu, Nickel and Le, "Flow matching for generative modeling",
        2023; Liu, Gong and Liu, "Flow straight and fast", 2023.
    """

    def log_snr(self, t: tf.Tensor) -> tf.Tensor:
        """See `Schedule`."""
        return 2 * (tf.math.log1p(-t) - tf.math.log(t))

    def time(self, log_snr: tf.Tensor) -> tf.Tensor:
        """See `Schedule`."""
        return tf.sigmoid(-0.5 * log_snr)

    def alpha(self, t: tf.Tensor) -> tf.Tensor:
        """1 minus the time."""
        return 1 - t

    def sigma(self, t: tf.Tensor) -> tf.Tensor:
        """The time."""
        return t
