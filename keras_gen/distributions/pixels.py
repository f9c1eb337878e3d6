"""Distributions of a pixel's values, drawn by the inverse of their sums.

A pixel has one or more channels, whose values are grey levels. One uniform number per
value decides the draw, with operators that every exported artifact has.
"""

import abc
import math

import tensorflow as tf
from keras import ops

from ..serialization import value
from ..validation import check_count

MIN_LOG_SCALE = -7.0  # of the range [-1, 1] of all levels


class PixelDistribution(abc.ABC):
    """p(values of a pixel), from the raw output of a network at that pixel.

    Attributes:
        levels: Number of grey levels; x in [0, 1] means level x * (levels - 1).
    """

    levels: int

    @abc.abstractmethod
    def raw_size(self, channels: int) -> int:
        """Number of raw values that a pixel of so many channels takes."""

    @abc.abstractmethod
    def log_prob(self, x: tf.Tensor, raw: tf.Tensor, event_rank: int) -> tf.Tensor:
        """Log of the probability of the grey levels of `x`, in nats.

        Args:
            x: Examples in [0, 1], `(..., channels)`.
            raw: Raw values, `(..., raw_size(channels))`.
            event_rank: Number of axes of `x` to sum over, the last ones.

        Returns:
            Nats, with the leading axes.
        """

    @abc.abstractmethod
    def from_uniform(
        self, uniform: tf.Tensor, raw: tf.Tensor, temperature: tf.Tensor | float = 1.0
    ) -> tf.Tensor:
        """Values of pixels: the lowest levels whose probability sums reach `uniform`.

        Args:
            uniform: Numbers in (0, 1), `(batch, channels)`.
            raw: Raw values, `(batch, raw_size(channels))`.
            temperature: > 0, a number or `(batch, 1)`: below 1, likely values become
                more likely.

        Returns:
            Values in [0, 1], `(batch, channels)`.
        """

    def nearest(self, x: tf.Tensor) -> tf.Tensor:
        """Examples in [0, 1], each value moved to the nearest grey level."""
        return ops.round(x * (self.levels - 1.0)) / (self.levels - 1.0)


@value
class Categorical(PixelDistribution):
    """A free probability for each level, channels independent of each other.

    Attributes:
        levels: Number of grey levels, at least 2.

    References:
        van den Oord, Kalchbrenner and Kavukcuoglu, "Pixel recurrent neural networks",
        2016, section 3.3.
    """

    levels: int = 256

    def __post_init__(self) -> None:
        check_count(self.levels, "levels", least=2)

    def raw_size(self, channels: int) -> int:
        """One logit per level."""
        return channels * self.levels

    def log_prob(self, x: tf.Tensor, raw: tf.Tensor, event_rank: int) -> tf.Tensor:
        """Log-softmax of the logits at the levels of `x`; see the base class."""
        level = ops.cast(ops.round(x * (self.levels - 1.0)), "int32")
        log_probs = tf.nn.log_softmax(self._by_level(raw), axis=-1)
        chosen = ops.one_hot(level, self.levels, dtype=log_probs.dtype)
        axes = tuple(range(-event_rank - 1, 0))
        return ops.sum(chosen * log_probs, axis=axes)

    def from_uniform(
        self, uniform: tf.Tensor, raw: tf.Tensor, temperature: tf.Tensor | float = 1.0
    ) -> tf.Tensor:
        """As in the base class; the temperature divides the logits."""
        probabilities = tf.nn.softmax(self._by_level(raw / temperature), axis=-1)
        return _lowest_level(ops.cumsum(probabilities, axis=-1)[..., :-1], uniform)

    def _by_level(self, raw: tf.Tensor) -> tf.Tensor:
        shape = (-1, *raw.shape[1:-1], raw.shape[-1] // self.levels, self.levels)
        return ops.reshape(raw, shape)


@value
class DiscretizedLogisticMixture(PixelDistribution):
    """A mixture of logistic densities over cells of equal size.

    One component is chosen for all channels of a pixel, and the mean of a channel
    depends linearly on the channels before it. The first and the last cell take the
    tails, so that the levels sum to one. Raw values of 0 lay the components side by
    side over all levels: if they were alike, they would stay so in training.

    Attributes:
        components: Number of logistics.
        levels: Number of grey levels, at least 2.

    References:
        Salimans et al., "PixelCNN++", 2017, eq. 1 to 3.
    """

    components: int = 5
    levels: int = 256

    def __post_init__(self) -> None:
        check_count(self.components, "components")
        check_count(self.levels, "levels", least=2)

    def raw_size(self, channels: int) -> int:
        """Per component a logit, means, scales, and a coefficient per pair."""
        return self.components * (1 + 2 * channels + channels * (channels - 1) // 2)

    def log_prob(self, x: tf.Tensor, raw: tf.Tensor, event_rank: int) -> tf.Tensor:
        """See the base class."""
        values = ops.split(2.0 * self.nearest(x) - 1.0, x.shape[-1], axis=-1)
        log_joint, laws = self._laws(raw, x.shape[-1])
        for i, law in enumerate(laws):
            log_joint = log_joint + self._log_cell(values[i], *law(values[:i]))
        axes = tuple(range(1 - event_rank, 0))
        return ops.sum(ops.logsumexp(log_joint, axis=-1), axis=axes)

    def from_uniform(
        self, uniform: tf.Tensor, raw: tf.Tensor, temperature: tf.Tensor | float = 1.0
    ) -> tf.Tensor:
        """As in the base class; a channel is drawn given those before it.

        The temperature divides the logits of the mixture and multiplies the scales.
        """
        top = self.levels - 1
        cell_ends = (2.0 * ops.arange(top, dtype=raw.dtype) + 1.0) / top - 1.0
        log_joint, laws = self._laws(raw, uniform.shape[-1])
        log_joint, drawn = log_joint / temperature, []
        for i, law in enumerate(laws):
            mean, scale = law(drawn)
            scale = scale * temperature
            z = (cell_ends[:, None] - mean[:, None]) / scale[:, None]
            weights = tf.nn.softmax(log_joint, axis=-1)[:, None]
            below = ops.sum(weights * ops.sigmoid(z), axis=-1)
            level = _lowest_level(below[:, None], uniform[:, i : i + 1])
            drawn.append(2.0 * level - 1.0)
            log_joint = log_joint + self._log_cell(drawn[-1], mean, scale)
        return (ops.concatenate(drawn, axis=-1) + 1.0) / 2.0

    def _laws(self, raw: tf.Tensor, channels: int) -> tuple[tf.Tensor, list]:
        """Log weights of the components, and of each channel its law.

        The law of a channel takes the values of those before it, `(..., 1)` on [-1, 1],
        and gives means and scales of the components, `(..., components)`.
        """
        size = self.raw_size(channels) // self.components
        parts = ops.split(raw, size, axis=-1)
        means, log_scales = parts[1 : 1 + channels], parts[1 + channels :]
        coefficients = [ops.tanh(part) for part in log_scales[channels:]]
        count = self.components
        centres = (2.0 * ops.arange(count, dtype=raw.dtype) + 1.0) / count - 1.0

        def law(i: int, before: list[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            first, mean = i * (i - 1) // 2, centres + means[i]
            for j, known in enumerate(before):  # eq. 3
                mean = mean + coefficients[first + j] * known
            log_scale = log_scales[i] - math.log(count)
            return mean, ops.exp(ops.maximum(log_scale, MIN_LOG_SCALE))

        laws = [lambda before, i=i: law(i, before) for i in range(channels)]
        return tf.nn.log_softmax(parts[0], axis=-1), laws

    def _log_cell(self, x: tf.Tensor, mean: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
        return log_cell(x, mean, scale, 1.0 / (self.levels - 1), (-1.0, 1.0))


def log_cell(
    x: tf.Tensor,
    location: tf.Tensor,
    scale: tf.Tensor,
    half: tf.Tensor | float,
    ends: tuple[tf.Tensor | float, tf.Tensor | float],
) -> tf.Tensor:
    """Log of a logistic's probability of the cell around `x` (eq. 2).

    s(a) - s(b) = s(a) s(-b) (1 - exp(b - a)), with the logistic function s, loses no
    digits, and 1 - exp(-d) = 2 t / (1 + t) with t = tanh(d / 2).

    Args:
        x: Middles of cells.
        location: Centre of the logistic.
        scale: Its scale, > 0.
        half: Half the width of a cell.
        ends: Middles of the first and the last cell, which take the tails.

    References:
        Salimans et al., "PixelCNN++", 2017, eq. 2.
    """
    up_to = ops.log_sigmoid((x + half - location) / scale)
    from_there = ops.log_sigmoid(-(x - half - location) / scale)
    t = ops.tanh(half / scale)
    inside = up_to + from_there + ops.log(2.0 * t / (1.0 + t))
    is_first, is_last = x < ends[0] + half, x > ends[1] - half
    upper = ops.where(is_last, from_there, inside)
    lower = ops.where(is_first, up_to, upper)
    return ops.where(is_first & is_last, 0.0, lower)


def _lowest_level(below: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """Values in [0, 1] from the probabilities of levels up to each but the last.

    Args:
        below: `(batch, channels, levels - 1)`.
        uniform: `(batch, channels)`.
    """
    passed = ops.cast(below < uniform[..., None], below.dtype)
    return ops.sum(passed, axis=-1) / below.shape[-1]
