"""Distributions of a pixel's values, drawn by the inverse of cumulative sums.

A pixel has one or more channels with grey levels as values. Each value is drawn from
one uniform number, with operators that every exported artifact supports.
"""

import abc
import math

import tensorflow as tf
from keras import ops

from ..serialization import value
from ..validation import check_count

MIN_LOG_SCALE = -7.0  # on the scale [-1, 1] of all levels


class PixelDistribution(abc.ABC):
    """p(values of a pixel), from the raw output of a network at that pixel.

    Attributes:
        levels: Number of grey levels. x in [0, 1] means level x * (levels - 1).

    Example:
        >>> distribution = kg.Categorical(levels=4)
        >>> distribution.nearest(tf.constant([0.1, 0.4, 0.9])).numpy()
        array([0.    , 0.3333, 1.    ], dtype=float32)
    """

    levels: int

    @abc.abstractmethod
    def raw_size(self, channels: int) -> int:
        """Number of raw values for a pixel with this many channels."""

    @abc.abstractmethod
    def log_prob(self, x: tf.Tensor, raw: tf.Tensor, event_rank: int) -> tf.Tensor:
        """Log of the probability of the grey levels of `x`, in nats.

        Args:
            x: Examples in [0, 1], `(..., channels)`.
            raw: Raw values, `(..., raw_size(channels))`.
            event_rank: Number of last axes of `x` to sum over.

        Returns:
            Nats, with the leading axes.
        """

    @abc.abstractmethod
    def from_uniform(
        self, uniform: tf.Tensor, raw: tf.Tensor, temperature: tf.Tensor | float = 1.0
    ) -> tf.Tensor:
        """Draws values: the lowest levels with cumulative probability >= `uniform`.

        Args:
            uniform: Numbers in (0, 1), `(batch, channels)`.
            raw: Raw values, `(batch, raw_size(channels))`.
            temperature: > 0, a number or `(batch, 1)`. Below 1, likely values become
                more likely.

        Returns:
            Values in [0, 1], `(batch, channels)`.
        """

    def nearest(self, x: tf.Tensor) -> tf.Tensor:
        """Rounds examples in [0, 1] to the nearest grey levels."""
        return ops.round(x * (self.levels - 1.0)) / (self.levels - 1.0)


@value
class Categorical(PixelDistribution):
    """A free probability for each level, with independent channels.

    Attributes:
        levels: Number of grey levels, >= 2.

    References:
        van den Oord, Kalchbrenner and Kavukcuoglu, "Pixel recurrent neural networks",
        2016, section 3.3.

    Example:
        >>> distribution = kg.Categorical(levels=4)
        >>> distribution.raw_size(channels=3)
        12
        >>> log_prob = distribution.log_prob(tf.ones((1, 1)), tf.zeros((1, 4)), 1)
        >>> round(float(log_prob[0]), 4)  # -log(4)
        -1.3863
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
        """As in the base class. The temperature divides the logits."""
        probabilities = tf.nn.softmax(self._by_level(raw / temperature), axis=-1)
        return _lowest_level(ops.cumsum(probabilities, axis=-1)[..., :-1], uniform)

    def _by_level(self, raw: tf.Tensor) -> tf.Tensor:
        shape = (-1, *raw.shape[1:-1], raw.shape[-1] // self.levels, self.levels)
        return ops.reshape(raw, shape)


@value
class DiscretizedLogisticMixture(PixelDistribution):
    """A mixture of logistic densities, integrated over cells of equal size.

    One component is chosen for all channels of a pixel, and the mean of a channel
    depends linearly on the previous channels. The first and the last cell include the
    tails, so that the probabilities sum to one. Raw values of 0 spread the components
    over all levels: equal components would stay equal in training.

    Attributes:
        components: Number of logistics.
        levels: Number of grey levels, >= 2.

    References:
        Salimans et al., "PixelCNN++", 2017, eq. 1 to 3.

    Example:
        >>> distribution = kg.DiscretizedLogisticMixture(components=5)
        >>> distribution.raw_size(channels=1)  # a logit, a mean and a scale each
        15
        >>> network = kg.networks.pixel_made((4, 4, 1), units=(16,), raw_size=15)
        >>> model = kg.PixelAutoregressive(network, distribution)
    """

    components: int = 5
    levels: int = 256

    def __post_init__(self) -> None:
        check_count(self.components, "components")
        check_count(self.levels, "levels", least=2)

    def raw_size(self, channels: int) -> int:
        """Per component: a logit, means, scales, and a coefficient per pair."""
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
        """As in the base class. A channel is drawn given the previous ones.

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
        """Log weights of the components, and a function for each channel.

        The function takes the values of the previous channels, `(..., 1)` on [-1, 1],
        and returns means and scales of the components, `(..., components)`.
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

    Args:
        x: Middles of cells.
        location: Centre of the logistic.
        scale: Its scale, > 0.
        half: Half the width of a cell.
        ends: Middles of the first and the last cell, which include the tails.

    References:
        Salimans et al., "PixelCNN++", 2017, eq. 2.
    """
    is_end = x < ends[0] + half, x > ends[1] - half
    return log_between(x - half, x + half, location, scale, is_end)


def log_between(
    lower: tf.Tensor,
    upper: tf.Tensor,
    location: tf.Tensor,
    scale: tf.Tensor,
    is_end: tuple[tf.Tensor | bool, tf.Tensor | bool],
) -> tf.Tensor:
    """Log of a logistic's probability between two numbers.

    With the logistic function s, s(a) - s(b) = s(a) s(-b) (1 - exp(b - a)) keeps all
    digits. 1 - exp(-d) = 2 t / (1 + t) with t = tanh(d / 2).

    Args:
        lower: The lower number.
        upper: The upper number.
        location: Centre of the logistic.
        scale: Its scale, > 0.
        is_end: Whether the tail below `lower`, and that above `upper`, are included.
    """
    up_to = ops.log_sigmoid((upper - location) / scale)
    from_there = ops.log_sigmoid(-(lower - location) / scale)
    t = ops.tanh(0.5 * (upper - lower) / scale)
    inside = up_to + from_there + ops.log(2.0 * t / (1.0 + t))
    is_first, is_last = (ops.convert_to_tensor(end) for end in is_end)
    above = ops.where(is_last, from_there, inside)
    below = ops.where(is_first, up_to, above)
    return ops.where(is_first & is_last, 0.0, below)


def _lowest_level(below: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """Values in [0, 1] from the cumulative probabilities, without the last one.

    Args:
        below: `(batch, channels, levels - 1)`.
        uniform: `(batch, channels)`.
    """
    passed = ops.cast(below < uniform[..., None], below.dtype)
    return ops.sum(passed, axis=-1) / below.shape[-1]
