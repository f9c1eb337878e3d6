"""What a denoiser is trained on: which noise levels, and how much each counts."""

import abc

import tensorflow as tf

from ..engine import parts
from ..schedules import Schedule
from ..serialization import value
from ..validation import check_finite, check_positive

EDGE = 1e-5  # no time is nearer to the ends, where targets lose their digits


class Weighting(abc.ABC):
    """How much the squared error of the denoised example counts at a noise level."""

    @abc.abstractmethod
    def __call__(self, log_snr: tf.Tensor, c_out: tf.Tensor) -> tf.Tensor:
        """The factor of the squared error of the network's output.

        Args:
            log_snr: Log signal-to-noise ratios.
            c_out: What the parameterization multiplies the output by there.
        """


@value
class UniformWeighting(Weighting):
    """All errors of the output count alike.

    They are errors of the noise for `Epsilon`, as DDPM has it, and of the velocity for
    `Velocity`; `Preconditioned` makes it the weighting of EDM.
    """

    def __call__(self, log_snr: tf.Tensor, c_out: tf.Tensor) -> tf.Tensor:
        """1."""
        del c_out
        return tf.ones_like(log_snr)


@value
class MinSNR(Weighting):
    """The signal-to-noise ratio, but at most `gamma`, times the example's error.

    Attributes:
        gamma: Largest weight, > 0.

    References:
        Hang et al., "Efficient diffusion training via min-SNR weighting strategy",
        2023.
    """

    gamma: float = 5.0

    def __post_init__(self) -> None:
        check_positive(self.gamma, "gamma")

    def __call__(self, log_snr: tf.Tensor, c_out: tf.Tensor) -> tf.Tensor:
        """See `Weighting`."""
        return tf.minimum(tf.exp(log_snr), self.gamma) * c_out**2


@value
class SigmoidWeighting(Weighting):
    """A sigmoid of the noise level times the noise's error.

    Attributes:
        bias: Log signal-to-noise ratio at which the weight is one half.

    References:
        Kingma and Gao, "Understanding diffusion objectives as the ELBO with simple data
        augmentation", 2023; Hoogeboom et al., "Simpler diffusion", 2024.
    """

    bias: float = 0.0

    def __post_init__(self) -> None:
        check_finite(self.bias, "bias")

    def __call__(self, log_snr: tf.Tensor, c_out: tf.Tensor) -> tf.Tensor:
        """See `Weighting`."""
        return tf.sigmoid(self.bias - log_snr) * tf.exp(log_snr) * c_out**2


class Times(abc.ABC):
    """Which noise levels a denoiser is trained on.

    Attributes:
        stratified: Whether the examples of a batch take evenly spread places in the
            distribution, one of them random: the loss varies less.

    References:
        Kingma, Salimans, Poole and Ho, "Variational diffusion models", 2021, appendix
        I.1 (low-discrepancy sampler).
    """

    stratified: bool

    @abc.abstractmethod
    def times(self, u: tf.Tensor, schedule: Schedule) -> tf.Tensor:
        """Times in [0, 1], increasing, of uniform numbers in (0, 1)."""

    def __call__(self, u: tf.Tensor, schedule: Schedule) -> tf.Tensor:
        """The times of a batch.

        Args:
            u: Uniform numbers in (0, 1), `(batch,)`, or of this replica's part.
            schedule: What gives a time its noise level.
        """
        if self.stratified:
            rows = tf.range(tf.shape(u)[0]) + parts.first_row(u)
            share = rows / tf.maximum(parts.batch_rows(u), 1)
            u = (parts.first_of_batch(u) + tf.cast(share, u.dtype)) % 1
        return self.times(tf.clip_by_value(u, EDGE, 1 - EDGE), schedule)


@value
class UniformTimes(Times):
    """All times alike; see `Times`."""

    stratified: bool = True

    def times(self, u: tf.Tensor, schedule: Schedule) -> tf.Tensor:
        """The numbers themselves."""
        del schedule
        return u


@value
class LogNormalLevels(Times):
    """log(sigma / alpha) is normal.

    Attributes:
        mean: Its mean.
        deviation: Its standard deviation, > 0.
        stratified: See `Times`.

    References:
        Karras, Aittala, Aila and Laine, "Elucidating the design space of
        diffusion-based generative models", 2022, table 1.
    """

    mean: float = -1.2
    deviation: float = 1.2
    stratified: bool = True

    def __post_init__(self) -> None:
        check_finite(self.mean, "mean")
        check_positive(self.deviation, "deviation")

    def times(self, u: tf.Tensor, schedule: Schedule) -> tf.Tensor:
        """See `Times`."""
        log_ratio = self.mean + self.deviation * tf.math.ndtri(u)
        return tf.clip_by_value(schedule.time(-2 * log_ratio), EDGE, 1 - EDGE)


@value
class LogitNormalTimes(Times):
    """The logit of time is normal: the middle of the way counts most.

    Attributes:
        mean: Its mean.
        deviation: Its standard deviation, > 0.
        stratified: See `Times`.

    References:
        Esser et al., "Scaling rectified flow transformers for high-resolution image
        synthesis", 2024, section 3.1.
    """

    mean: float = 0.0
    deviation: float = 1.0
    stratified: bool = True

    def __post_init__(self) -> None:
        check_finite(self.mean, "mean")
        check_positive(self.deviation, "deviation")

    def times(self, u: tf.Tensor, schedule: Schedule) -> tf.Tensor:
        """See `Times`."""
        del schedule
        return tf.sigmoid(self.mean + self.deviation * tf.math.ndtri(u))
