"""The training of a denoiser: the distribution and weight of noise levels."""

import abc

import tensorflow as tf

from ..engine import parts
from ..schedules import Schedule
from ..serialization import value
from ..validation import check_finite, check_positive

EDGE = 1e-5  # smallest distance of a time from the ends, where targets lose precision


class Weighting(abc.ABC):
    """The weight of the squared error at each noise level.

    Example:
        >>> weighting = kg.MinSNR(gamma=5.0)
        >>> isinstance(weighting, kg.objectives.Weighting)
        True
    """

    @abc.abstractmethod
    def __call__(self, log_snr: tf.Tensor, c_out: tf.Tensor) -> tf.Tensor:
        """The factor of the squared error of the network's output.

        Args:
            log_snr: Log signal-to-noise ratios.
            c_out: The parameterization's factor of the output at these levels.
        """


@value
class UniformWeighting(Weighting):
    """Weights all errors of the network's output equally.

    These are errors of the noise for `Epsilon`, as in DDPM, and of the velocity for
    `Velocity`. With `Preconditioned`, it is the weighting of EDM.

    Example:
        >>> log_snr, c_out = tf.constant([-3.0, 3.0]), tf.constant([2.0, 0.5])
        >>> kg.UniformWeighting()(log_snr, c_out).numpy()
        array([1., 1.], dtype=float32)
    """

    def __call__(self, log_snr: tf.Tensor, c_out: tf.Tensor) -> tf.Tensor:
        """1."""
        del c_out
        return tf.ones_like(log_snr)


@value
class MinSNR(Weighting):
    """Weights the example's error by the signal-to-noise ratio, at most `gamma`.

    Attributes:
        gamma: Largest weight, > 0.

    References:
        Hang et al., "Efficient diffusion training via min-SNR weighting strategy",
        2023.

    Example:
        >>> log_snr = tf.math.log([1.0, 100.0])
        >>> weight = kg.MinSNR(gamma=5.0)(log_snr, tf.ones(2))
        >>> [round(float(w), 4) for w in weight]
        [1.0, 5.0]
    """

    gamma: float = 5.0

    def __post_init__(self) -> None:
        check_positive(self.gamma, "gamma")

    def __call__(self, log_snr: tf.Tensor, c_out: tf.Tensor) -> tf.Tensor:
        """See `Weighting`."""
        return tf.minimum(tf.exp(log_snr), self.gamma) * c_out**2


@value
class SigmoidWeighting(Weighting):
    """Weights the noise's error by a sigmoid of the noise level.

    Attributes:
        bias: Log signal-to-noise ratio at which the weight is one half.

    References:
        Kingma and Gao, "Understanding diffusion objectives as the ELBO with simple data
        augmentation", 2023; Hoogeboom et al., "Simpler diffusion", 2024.

    Example:
        >>> network = kg.networks.mlp_denoiser((2,), units=(8,))
        >>> model = kg.Diffusion(network, weighting=kg.SigmoidWeighting(bias=-1.0))
    """

    bias: float = 0.0

    def __post_init__(self) -> None:
        check_finite(self.bias, "bias")

    def __call__(self, log_snr: tf.Tensor, c_out: tf.Tensor) -> tf.Tensor:
        """See `Weighting`."""
        return tf.sigmoid(self.bias - log_snr) * tf.exp(log_snr) * c_out**2


@value
class VelocityWeighting(Weighting):
    """Weights the velocity's error equally, whatever the network's output is.

    With `X0`, the network gives the example, which is simpler than the noise if the
    values of an example are many and depend on each other, and the loss is that of flow
    matching.

    Attributes:
        highest: Largest weight of the example's error, > 0. It is reached at little
            noise.

    References:
        Li and He, "Back to basics: let denoising generative models denoise", 2025,
        table 1 (example as output, velocity in the loss).

    Example:
        >>> weight = kg.VelocityWeighting()(tf.constant([0.0]), tf.ones(1))
        >>> float(weight[0])  # 1 / 0.5 ** 2, half signal and half noise
        4.0
    """

    highest: float = 400.0

    def __post_init__(self) -> None:
        check_positive(self.highest, "highest")

    def __call__(self, log_snr: tf.Tensor, c_out: tf.Tensor) -> tf.Tensor:
        """See `Weighting`."""
        of_example = (1 + tf.exp(log_snr / 2)) ** 2
        return tf.minimum(of_example, self.highest) * c_out**2


class Times(abc.ABC):
    """The distribution of noise levels in training.

    Attributes:
        stratified: Whether the examples of a batch are evenly spread over the
            distribution, with a random offset. The loss then varies less.

    References:
        Kingma, Salimans, Poole and Ho, "Variational diffusion models", 2021, appendix
        I.1 (low-discrepancy sampler).

    Example:
        >>> times = kg.UniformTimes(stratified=False)
        >>> u = tf.constant([0.2, 0.9])
        >>> times(u, kg.schedules.Cosine()).numpy()
        array([0.2, 0.9], dtype=float32)
    """

    stratified: bool

    @abc.abstractmethod
    def times(self, u: tf.Tensor, schedule: Schedule) -> tf.Tensor:
        """Maps uniform numbers in (0, 1) to times in [0, 1], increasing."""

    def __call__(self, u: tf.Tensor, schedule: Schedule) -> tf.Tensor:
        """The times of a batch.

        Args:
            u: Uniform numbers in (0, 1), `(batch,)`, or this replica's part of them.
            schedule: The noise schedule.
        """
        if self.stratified:
            rows = tf.range(tf.shape(u)[0]) + parts.first_row(u)
            share = rows / tf.maximum(parts.batch_rows(u), 1)
            u = (parts.first_of_batch(u) + tf.cast(share, u.dtype)) % 1
        return self.times(tf.clip_by_value(u, EDGE, 1 - EDGE), schedule)


@value
class UniformTimes(Times):
    """Times are uniform in [0, 1].

    Attributes:
        stratified: See `Times`.

    Example:
        >>> t = kg.UniformTimes()(tf.fill((4,), 0.1), kg.schedules.Cosine())
        >>> np.sort(t.numpy())  # evenly spread
        array([0.1 , 0.35, 0.6 , 0.85], dtype=float32)
    """

    stratified: bool = True

    def times(self, u: tf.Tensor, schedule: Schedule) -> tf.Tensor:
        """Returns the uniform numbers themselves."""
        del schedule
        return u


@value
class LogNormalLevels(Times):
    """log(sigma / alpha) is normally distributed.

    Attributes:
        mean: Mean of log(sigma / alpha).
        deviation: Standard deviation of log(sigma / alpha), > 0.
        stratified: See `Times`.

    References:
        Karras, Aittala, Aila and Laine, "Elucidating the design space of
        diffusion-based generative models", 2022, table 1.

    Example:
        >>> schedule = kg.schedules.VarianceExploding()
        >>> median = kg.LogNormalLevels(mean=-1.2).times(tf.constant([0.5]), schedule)
        >>> round(float(tf.math.log(schedule.sigma(median))[0]), 3)
        -1.2
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
    """The logit of time is normally distributed, so most times are in the middle.

    Attributes:
        mean: Mean of the logit.
        deviation: Standard deviation of the logit, > 0.
        stratified: See `Times`.

    References:
        Esser et al., "Scaling rectified flow transformers for high-resolution image
        synthesis", 2024, section 3.1.

    Example:
        >>> times = kg.LogitNormalTimes(mean=0.0)
        >>> t = times.times(tf.constant([0.1, 0.5, 0.9]), kg.schedules.RectifiedFlow())
        >>> [round(float(value), 2) for value in t]
        [0.22, 0.5, 0.78]
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
