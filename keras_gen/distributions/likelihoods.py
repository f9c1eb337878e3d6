"""Likelihoods: p(x | z) from the raw values of a decoder."""

import abc
from typing import Any

import tensorflow as tf
from keras import ops

from ..random import normal_to_uniform
from ..serialization import value
from ..validation import check_positive, decided
from .pixels import PixelDistribution
from .tfp import Distribution, normal, tfd

MIN_LOGISTIC_SCALE = 0.1  # in units of a level


class Likelihood(abc.ABC):
    """p(x | z) of every value of an example, from the decoder's raw output.

    Attributes:
        values_per_channel: Raw decoder values per channel of the data.
        unit_interval: Whether examples must be in [0, 1]. None decides from the model's
            data.
        has_levels: Whether draws are levels, which rounding can change.

    Example:
        >>> likelihood = kg.Gaussian(scale=0.1)
        >>> raw = tf.zeros((1, 2))
        >>> likelihood.mean(raw).numpy()  # a sigmoid keeps means in [0, 1]
        array([[0.5, 0.5]], dtype=float32)
    """

    values_per_channel = 1
    unit_interval: bool | None = True
    has_levels = False

    @property
    def squashes_mean(self) -> bool:
        """Whether the mean is in [0, 1], which is the default before data are known."""
        return self.unit_interval is not False

    def for_inputs(self, inputs: Any) -> "Likelihood":
        """The likelihood for a model's data.

        Args:
            inputs: The spec of the data.

        Raises:
            ValueError: If the likelihood requires data in [0, 1] and they are not, or
                if the data have integers or categories.
        """
        if inputs.has_levels:
            raise ValueError(
                "likelihood must be MixedColumns() for tables with integers or "
                f"categories, received {self}."
            )
        return decided(self, is_unit=inputs.is_unit, name="likelihood")

    def on(self, scale: Any) -> "Likelihood":
        """The likelihood of values on a network's scale; unchanged by default."""
        del scale
        return self

    def raw_shape(self, inputs: Any) -> tuple[int, ...]:
        """Shape of a decoder's raw output for one example of a spec."""
        *axes, channels = inputs.network_shape
        return (*axes, channels * self.values_per_channel)

    def noise_shape(self, inputs: Any) -> tuple[int, ...]:
        """Shape of the noise of `draw` for one example of a spec."""
        return inputs.shape

    @property
    def squashes(self) -> tuple[bool, ...]:
        """Whether each raw value of a channel passes through a sigmoid or softplus.

        The decoder must not bound such a value. By default these are all values.
        """
        return (True,) * self.values_per_channel

    @abc.abstractmethod
    def distribution(self, raw: tf.Tensor) -> Distribution:
        """TFP distribution with one independent event per value of the example.

        Args:
            raw: Decoder output, `(..., channels * values_per_channel)`.
        """

    @abc.abstractmethod
    def mean(self, raw: tf.Tensor) -> tf.Tensor:
        """The mean of p(x | z) for a decoder output, `(..., channels)`."""

    def draw(self, raw: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Draws from p(x | z) with given noise, by default through its quantiles.

        Args:
            raw: Decoder output, `(..., channels * values_per_channel)`.
            noise: Standard normal, one number per value, `(..., channels)`.

        Returns:
            Values of the data, `(..., channels)`.

        Raises:
            NotImplementedError: If TFP has no quantiles of the distribution.
        """
        return self.distribution(raw).quantile(normal_to_uniform(noise))

    def log_prob(self, x: tf.Tensor, raw: tf.Tensor, event_rank: int) -> tf.Tensor:
        """Log p(x | z) in nats, summed over the last `event_rank` axes.

        Args:
            x: Examples, broadcast against the parameters.
            raw: Decoder output, `(..., channels * values_per_channel)`.
            event_rank: Number of axes of one example.

        Returns:
            Nats, with the leading axes.
        """
        axes = tuple(range(-event_rank, 0))
        return ops.sum(self.distribution(raw).log_prob(x), axis=axes)


@value
class Bernoulli(Likelihood, PixelDistribution):
    """Independent Bernoulli values. The network returns logits.

    Grey values in [0, 1] count as probabilities of 1: the negative log-likelihood is
    then the binary cross-entropy.

    Example:
        >>> likelihood = kg.Bernoulli()
        >>> x, raw = tf.constant([[1.0, 0.0]]), tf.zeros((1, 2))
        >>> round(float(likelihood.log_prob(x, raw, event_rank=1)[0]), 4)  # -2 log(2)
        -1.3863
    """

    levels = 2
    has_levels = True

    def draw(self, raw: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """0 or 1, `(..., channels)`."""
        return self.from_uniform(normal_to_uniform(noise), raw)

    def raw_size(self, channels: int) -> int:
        """One logit per value."""
        return channels

    def from_uniform(
        self, uniform: tf.Tensor, raw: tf.Tensor, temperature: tf.Tensor | float = 1.0
    ) -> tf.Tensor:
        """1 where `uniform` exceeds the probability of 0, and 0 elsewhere."""
        return ops.cast(ops.sigmoid(-raw / temperature) < uniform, raw.dtype)

    def distribution(self, raw: tf.Tensor) -> Distribution:
        """`Bernoulli(logits=raw)`."""
        return tfd().Bernoulli(logits=raw, dtype=raw.dtype)

    def mean(self, raw: tf.Tensor) -> tf.Tensor:
        """The probability of 1, in (0, 1)."""
        return ops.sigmoid(raw)


@value
class Gaussian(Likelihood):
    """Independent normal values with one fixed standard deviation.

    Attributes:
        scale: Standard deviation, > 0, in units of the data, or relative to the
            column's standard deviation for columns that a model standardizes.
        unit_interval: Whether a sigmoid keeps the mean in [0, 1]. False is for columns
            of any size. None decides from the data.

    Example:
        >>> networks = kg.networks.mlp_vae((8, 8, 1), 2, units=(16,))
        >>> model = kg.VAE(*networks, likelihood=kg.Gaussian(scale=0.1))
        >>> model.decode(np.zeros((3, 2))).shape
        (3, 8, 8, 1)
    """

    scale: float = 0.1
    unit_interval: bool | None = None

    def __post_init__(self) -> None:
        check_positive(self.scale, "scale")

    @property
    def squashes(self) -> tuple[bool, ...]:
        """Whether the mean passes through a sigmoid."""
        return (self.squashes_mean,)

    def draw(self, raw: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """`mean(raw) + scale * noise`, which may be outside [0, 1]."""
        return self.mean(raw) + self.scale * noise

    def distribution(self, raw: tf.Tensor) -> Distribution:
        """`Normal(mean(raw), scale)`."""
        return normal(self.mean(raw), self.scale)

    def mean(self, raw: tf.Tensor) -> tf.Tensor:
        """The mean, in (0, 1) if `unit_interval`."""
        return ops.sigmoid(raw) if self.squashes_mean else raw


@value
class LearnedGaussian(Likelihood):
    """Independent normal values with mean and scale from the decoder.

    Attributes:
        min_scale: Lower bound of the standard deviation, > 0, which keeps the density
            finite on constant pixels.
        unit_interval: Whether a sigmoid keeps the mean in [0, 1]. False is for columns
            of any size. None decides from the data.

    Example:
        >>> networks = kg.networks.mlp_vae((4,), 2, units=(16,), values_per_channel=2)
        >>> model = kg.VAE(*networks, likelihood=kg.LearnedGaussian())
        >>> model.sample(3, seed=7).shape
        (3, 4)
    """

    min_scale: float = 0.01
    unit_interval: bool | None = None
    values_per_channel = 2

    def __post_init__(self) -> None:
        check_positive(self.min_scale, "min_scale")

    @property
    def squashes(self) -> tuple[bool, ...]:
        """Whether the mean passes through a sigmoid; the scale has a softplus."""
        return (self.squashes_mean, True)

    def distribution(self, raw: tf.Tensor) -> Distribution:
        """`Normal(mean(raw), min_scale + softplus(second half of raw))`."""
        return normal(self.mean(raw), self._scale(raw))

    def draw(self, raw: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """The mean plus `noise` times the scale, which may be outside [0, 1]."""
        return self.mean(raw) + self._scale(raw) * noise

    def mean(self, raw: tf.Tensor) -> tf.Tensor:
        """The mean, in (0, 1) if `unit_interval`."""
        mean, _ = ops.split(raw, 2, axis=-1)
        return ops.sigmoid(mean) if self.squashes_mean else mean

    def _scale(self, raw: tf.Tensor) -> tf.Tensor:
        _, raw_scale = ops.split(raw, 2, axis=-1)
        return self.min_scale + ops.softplus(raw_scale)


@value
class DiscretizedLogistic(Likelihood):
    """Probabilities of grey levels: a logistic density integrated over equal cells.

    The first and the last cell include the tails, so that the probabilities sum to one.

    Attributes:
        levels: Number of grey levels, >= 2. x in [0, 1] means level x * (levels - 1).

    References:
        Kingma et al., "Improved variational inference with inverse autoregressive
        flow", 2016, section 5; Salimans et al., "PixelCNN++", 2017, eq. 2.

    Example:
        >>> likelihood = kg.DiscretizedLogistic(levels=4)
        >>> x = tf.constant([[0.0], [1 / 3], [2 / 3], [1.0]])
        >>> log_probs = likelihood.log_prob(x, tf.zeros((4, 2)), event_rank=1)
        >>> round(float(tf.reduce_sum(tf.exp(log_probs))), 4)
        1.0
    """

    levels: int = 256
    values_per_channel = 2
    has_levels = True

    def __post_init__(self) -> None:
        check_positive(self.levels - 1, "levels - 1", integer=True)

    @property
    def squashes(self) -> tuple[bool, ...]:
        """False for the centre, True for the scale, which has a softplus."""
        return (False, True)

    def distribution(self, raw: tf.Tensor) -> Distribution:
        """A quantized logistic on the levels 0, 1, ..., levels - 1."""
        location, scale = self._in_levels(raw)
        # TFP's cell of level k is (k - 1, k]. Half a level moves its centre to k.
        logistic = tfd().Logistic(location - 0.5, scale)
        top = self.levels - 1.0
        return tfd().QuantizedDistribution(logistic, low=0.0, high=top)

    def draw(self, raw: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """The level nearest to a draw of the logistic, divided by levels - 1."""
        location, scale = self._in_levels(raw)
        uniform = ops.clip(normal_to_uniform(noise), 1e-7, 1.0 - 1e-7)
        drawn = location + scale * (ops.log(uniform) - ops.log(1.0 - uniform))
        top = self.levels - 1.0
        return ops.clip(ops.round(drawn), 0.0, top) / top

    def _in_levels(self, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Centre and scale of the logistic, in levels."""
        location, raw_scale = ops.split(raw, 2, axis=-1)
        top = self.levels - 1.0
        scale = MIN_LOGISTIC_SCALE + top * ops.softplus(raw_scale)
        return location * top, scale

    def mean(self, raw: tf.Tensor) -> tf.Tensor:
        """The centre of the logistic, clipped to [0, 1]."""
        location, _ = ops.split(raw, 2, axis=-1)
        return ops.clip(location, 0.0, 1.0)

    def log_prob(self, x: tf.Tensor, raw: tf.Tensor, event_rank: int) -> tf.Tensor:
        """Log of the probability of the grey levels of `x`, in nats.

        Args:
            x: Examples in [0, 1].
            raw: Decoder output, `(..., channels * 2)`.
            event_rank: Number of axes of one example.

        Returns:
            Nats, with the leading axes.
        """
        return super().log_prob(ops.round(x * (self.levels - 1.0)), raw, event_rank)
