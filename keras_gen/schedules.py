"""Noise schedules: the scale of the example and of the noise at each time.

At time t in [0, 1] the noisy example is `alpha(t) * x + sigma(t) * noise`: clean at 0,
(almost) noise at 1.
"""

import abc
import math

import tensorflow as tf

from .serialization import value
from .validation import check_positive


class Schedule(abc.ABC):
    """alpha and sigma as functions of time, by the log signal-to-noise ratio.

    A subclass defines `log_snr` and its inverse `time`. It also defines `alpha` and
    `sigma`, unless they preserve the variance, alpha**2 + sigma**2 = 1.

    Attributes:
        straight: Whether Heun's straight lines are in x / (alpha + sigma), as in flow
            matching, instead of x / alpha, which grows without bound as alpha goes to
            0.

    Example:
        >>> schedule = kg.schedules.Cosine()
        >>> alpha = schedule.alpha(tf.constant([0.0, 0.5, 1.0]))
        >>> [round(float(a), 2) for a in alpha]
        [1.0, 0.71, 0.0]
    """

    straight = True

    @abc.abstractmethod
    def log_snr(self, t: tf.Tensor) -> tf.Tensor:
        """log(alpha**2 / sigma**2), which decreases strictly in t."""

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
    """Variance preserving, with a linearly growing noise rate, as in DDPM.

    Attributes:
        beta_min: Rate beta at t = 0, > 0.
        beta_max: Rate at t = 1, above `beta_min`.

    References:
        Ho, Jain and Abbeel, "Denoising diffusion probabilistic models", 2020; in
        continuous time Song et al., "Score-based generative modeling through stochastic
        differential equations", 2021, eq. 32.

    Example:
        >>> schedule = kg.schedules.Linear()
        >>> t = schedule.time(schedule.log_snr(tf.constant(0.3)))
        >>> round(float(t), 4)
        0.3
    """

    beta_min: float = 0.1
    beta_max: float = 20.0

    def __post_init__(self) -> None:
        check_positive(self.beta_min, "beta_min")
        check_positive(self.beta_max, "beta_max")
        if self.beta_max <= self.beta_min:
            raise ValueError(
                f"beta_max must be > beta_min ({self.beta_min}), received "
                f"{self.beta_max}."
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
        shift: Divides alpha / sigma everywhere, > 0. Use values above 1 for images of
            more than 64x64 pixels, in which neighbouring pixels average out the noise.
        limit: Largest absolute log signal-to-noise ratio, > 0.

    References:
        Nichol and Dhariwal, "Improved denoising diffusion probabilistic models", 2021;
        Hoogeboom, Heek and Salimans, "Simple diffusion", 2023 (shift).

    Example:
        >>> t = tf.constant(0.5)
        >>> plain, shifted = kg.schedules.Cosine(), kg.schedules.Cosine(shift=2.0)
        >>> round(float(plain.log_snr(t) - shifted.log_snr(t)), 2)  # near 2 log(2)
        1.38
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
        """The first and last angle, at which the limits are reached."""
        ends = math.exp(-0.5 * self.limit), math.exp(0.5 * self.limit)
        low, high = (math.atan(end / self.shift) for end in ends)
        return low, high


@value
class VarianceExploding(Schedule):
    """Variance exploding: alpha is 1 and log sigma grows linearly, as in EDM.

    Attributes:
        sigma_min: sigma at t = 0, > 0.
        sigma_max: sigma at t = 1, above `sigma_min`.

    References:
        Karras, Aittala, Aila and Laine, "Elucidating the design space of
        diffusion-based generative models", 2022.

    Example:
        >>> schedule = kg.schedules.VarianceExploding(sigma_min=0.01, sigma_max=100.0)
        >>> round(float(schedule.sigma(tf.constant(0.5))), 4)
        1.0
    """

    sigma_min: float = 0.002
    sigma_max: float = 80.0
    straight = False

    def __post_init__(self) -> None:
        check_positive(self.sigma_min, "sigma_min")
        check_positive(self.sigma_max, "sigma_max")
        if self.sigma_max <= self.sigma_min:
            raise ValueError(
                f"sigma_max must be > sigma_min ({self.sigma_min}), received "
                f"{self.sigma_max}."
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

    Example:
        >>> schedule, t = kg.schedules.RectifiedFlow(), tf.constant(0.25)
        >>> float(schedule.alpha(t)), float(schedule.sigma(t))
        (0.75, 0.25)
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
