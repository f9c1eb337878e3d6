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

MIN_LOGISTIC_SCALE = 0.1  # in levels


class Likelihood(abc.ABC):
    """p(x | z) of every value of an example, from the decoder's raw output.

    Attributes:
        values_per_channel: Raw decoder values per channel of the data.
        unit_interval: Whether examples have to lie in [0, 1]; None for where the data
            of the model lie.
        has_levels: Whether draws are of single levels, so that rounding can change one.
    """

    values_per_channel = 1
    unit_interval: bool | None = True
    has_levels = False

    @property
    def squashes_mean(self) -> bool:
        """Whether a mean is kept in [0, 1]; so it is where no data have decided."""
        return self.unit_interval is not False

    def for_inputs(self, inputs: Any) -> "Likelihood":
        """The likelihood of data in [0, 1], or of data anywhere.

        Args:
            inputs: What the data are, a spec.

        Raises:
            ValueError: If it is one of data in [0, 1], and these lie anywhere; or if
                the data have integers or categories.
        """
        if inputs.has_levels:
            raise ValueError(
                "likelihood must be MixedColumns() for tables with integers or "
                f"categories, received {self}."
            )
        return decided(self, is_unit=inputs.is_unit, name="likelihood")

    def on(self, scale: Any) -> "Likelihood":
        """The likelihood of values that networks see on a scale: here, of any."""
        del scale
        return self

    def raw_shape(self, inputs: Any) -> tuple[int, ...]:
        """Shape of a decoder's raw output for one example of a spec."""
        *axes, channels = inputs.network_shape
        return (*axes, channels * self.values_per_channel)

    @property
    def squashes(self) -> tuple[bool, ...]:
        """Whether a sigmoid or softplus follows on each raw value of a channel.

        The decoder must then not bound that value; by default, it must bound none.
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
        """The example that a decoder output stands for, `(..., channels)`."""

    def draw(self, raw: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """A draw from p(x | z), which the noise decides; here, by its quantiles.

        Args:
            raw: Decoder output, `(..., channels * values_per_channel)`.
            noise: Standard normal, one number per value, `(..., channels)`.

        Returns:
            Values of the data, `(..., channels)`.

        Raises:
            NotImplementedError: If TFP knows no quantiles of the distribution.
        """
        return self.distribution(raw).quantile(normal_to_uniform(noise))

    def log_prob(self, x: tf.Tensor, raw: tf.Tensor, event_rank: int) -> tf.Tensor:
        """Log p(x | z) in nats, summed over the last `event_rank` axes.

        Args:
            x: Examples whose shape broadcasts against the parameters'.
            raw: Decoder output, `(..., channels * values_per_channel)`.
            event_rank: Number of axes of one example.

        Returns:
            Nats, with the leading axes.
        """
        axes = tuple(range(-event_rank, 0))
        return ops.sum(self.distribution(raw).log_prob(x), axis=axes)


@value
class Bernoulli(Likelihood, PixelDistribution):
    """Independent Bernoulli values; the network gives logits.

    Grey values in [0, 1] count as probabilities of a one: minus the log-likelihood
    is then the binary cross-entropy.
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
        """1 where `uniform` exceeds the probability of a zero, else 0."""
        return ops.cast(ops.sigmoid(-raw / temperature) < uniform, raw.dtype)

    def distribution(self, raw: tf.Tensor) -> Distribution:
        """`Bernoulli(logits=raw)`."""
        return tfd().Bernoulli(logits=raw, dtype=raw.dtype)

    def mean(self, raw: tf.Tensor) -> tf.Tensor:
        """The probability of a one, in (0, 1)."""
        return ops.sigmoid(raw)


@value
class Gaussian(Likelihood):
    """Independent normal values with one fixed scale.

    Attributes:
        scale: Standard deviation, > 0, in units of the data; of columns that a model
            standardizes, in deviations.
        unit_interval: Whether a sigmoid keeps the mean in [0, 1]; False leaves it
            free, for columns of any size; None follows the data.
    """

    scale: float = 0.1
    unit_interval: bool | None = None

    def __post_init__(self) -> None:
        check_positive(self.scale, "scale")

    @property
    def squashes(self) -> tuple[bool, ...]:
        """Whether the mean goes through a sigmoid."""
        return (self.squashes_mean,)

    def draw(self, raw: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """`mean(raw) + scale * noise`, on both sides of [0, 1] too."""
        return self.mean(raw) + self.scale * noise

    def distribution(self, raw: tf.Tensor) -> Distribution:
        """`Normal(mean(raw), scale)`."""
        return normal(self.mean(raw), self.scale)

    def mean(self, raw: tf.Tensor) -> tf.Tensor:
        """The mean, in (0, 1) if `unit_interval`."""
        return ops.sigmoid(raw) if self.squashes_mean else raw


@value
class LearnedGaussian(Likelihood):
    """Independent normal values; the decoder gives mean and scale of each.

    Attributes:
        min_scale: Lower bound of the standard deviation, > 0, which keeps the
            density finite on constant pixels.
        unit_interval: Whether a sigmoid keeps the mean in [0, 1]; False leaves it
            free, for columns of any size; None follows the data.
    """

    min_scale: float = 0.01
    unit_interval: bool | None = None
    values_per_channel = 2

    def __post_init__(self) -> None:
        check_positive(self.min_scale, "min_scale")

    @property
    def squashes(self) -> tuple[bool, ...]:
        """Whether the mean goes through a sigmoid; the scale is a softplus."""
        return (self.squashes_mean, True)

    def distribution(self, raw: tf.Tensor) -> Distribution:
        """`Normal(mean(raw), min_scale + softplus(second half of raw))`."""
        return normal(self.mean(raw), self._scale(raw))

    def draw(self, raw: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """`mean(raw)` and so many scales, on both sides of [0, 1] too."""
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
    """Probabilities of 256 grey levels: a logistic density in equal cells.

    The first and the last cell take the tails, so that the levels sum to one.

    Attributes:
        levels: Number of grey levels; x in [0, 1] means level x * (levels - 1).

    References:
        Kingma et al., "Improved variational inference with inverse autoregressive
        flow", 2016, section 5; Salimans et al., "PixelCNN++", 2017, eq. 2.
    """

    levels: int = 256
    values_per_channel = 2
    has_levels = True

    def __post_init__(self) -> None:
        check_positive(self.levels - 1, "levels - 1", integer=True)

    @property
    def squashes(self) -> tuple[bool, ...]:
        """The centre is as it is, the scale a softplus."""
        return (False, True)

    def distribution(self, raw: tf.Tensor) -> Distribution:
        """A quantized logistic on the levels 0, 1, ..., levels - 1."""
        location, scale = self._in_levels(raw)
        # TFP's cell of level k is (k - 1, k]; half a level moves its centre to k.
        logistic = tfd().Logistic(location - 0.5, scale)
        top = self.levels - 1.0
        return tfd().QuantizedDistribution(logistic, low=0.0, high=top)

    def draw(self, raw: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """The level next to a draw of the logistic, over levels - 1."""
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
