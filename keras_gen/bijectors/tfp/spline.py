"""Rational-quadratic splines."""

import math
from itertools import accumulate

import tensorflow as tf
import tensorflow_probability as tfp

from .coupling import once

tfb = tfp.bijectors


class Spline(tfb.Bijector):
    """A monotone rational-quadratic spline on [-bound, bound], the identity outside.

    The bin is found by comparisons: `tf.searchsorted`, which TFP's spline uses, has no
    builtin operator in LiteRT. Bins are the first axis, so that sums over them run on
    whole vector registers. Widths and heights are one tensor, because time grows with
    the number of operations. Equation numbers are those of Durkan et al., "Neural
    spline flows", 2019.

    Args:
        logits: Logits of the widths and heights of the bins, `(bins, 2, ...)`.
        slopes: Slopes at the inner knots before softplus, `(bins - 1, ...)`. 0 means
            slope 1, the slope of both ends.
        bound: Half the width of the interval.
        smallest: Smallest share of a bin, and smallest slope.
    """

    def __init__(
        self, logits: tf.Tensor, slopes: tf.Tensor, *, bound: float, smallest: float
    ) -> None:
        super().__init__(forward_min_event_ndims=0, name="spline")
        powers = tf.exp(logits - tf.stop_gradient(tf.reduce_max(logits, axis=0)))
        free = 1 - logits.shape[0] * smallest  # tf.nn.softmax would transpose
        shares = smallest + free * powers / tf.reduce_sum(powers, axis=0)
        sizes = 2 * bound * shares
        first = tf.fill(tf.shape(sizes[0]), tf.constant(-bound, sizes.dtype))
        corners = tf.stack(list(accumulate(tf.unstack(sizes)[:-1], initial=first)))
        none = tf.zeros_like(slopes[:1])
        ends = [tf.concat(parts, 0) for parts in ((none, slopes), (slopes, none))]
        self._knots = corners[1:, 0], corners[1:, 1]
        self._bins = tf.concat([corners, sizes, tf.stack(ends, 1)], axis=1)
        self._bound, self._smallest = bound, smallest
        self._forth, self._back = once(self._go_forth), once(self._go_back)

    def _forward(self, x: tf.Tensor) -> tf.Tensor:
        return self._forth(x)[0]

    def _forward_log_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        return self._forth(x)[1]

    def _inverse(self, y: tf.Tensor) -> tf.Tensor:
        return self._back(y)[0]

    def _inverse_log_det_jacobian(self, y: tf.Tensor) -> tf.Tensor:
        return -self._back(y)[1]

    def _go_forth(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Value and log of the slope: eq. 4 and 5."""
        outside, x0, y0, width, height, *slopes = self._bin(x, self._knots[0])
        share = _inside(outside, tf.clip_by_value((x - x0) / width, 0.0, 1.0))
        chord, first = height / width, slopes[0]
        below, log_slope = _below_and_log_slope(share, chord, *slopes)
        inner = chord * share**2 + first * share * (1 - share)
        y = tf.where(outside, x, y0 + height * inner / below)
        return y, _inside(outside, log_slope)

    def _go_back(self, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The inverse, and log of the slope there: the root of eq. 6 to 8.

        With `rise` as a share of the height, and after division by the height, b is
        `tilt + 2 chord rise` and b² - 4 a c is the sum of squares under the root. This
        avoids differences of large numbers, even for steep ends.
        """
        outside, x0, y0, width, height, *slopes = self._bin(y, self._knots[1])
        chord, (first, last) = height / width, slopes
        rise = _inside(outside, tf.clip_by_value((y - y0) / height, 0.0, 1.0))
        tilt, bow = first * (1 - rise) - last * rise, 4 * chord**2 * rise * (1 - rise)
        root = tf.sqrt(tilt**2 + bow)
        rest = tf.where(tilt < 0, bow / (root - tf.minimum(tilt, 0.0)), tilt + root)
        share = 2 * chord * rise / (2 * chord * rise + rest)
        _, log_slope = _below_and_log_slope(share, chord, *slopes)
        x = tf.where(outside, y, x0 + share * width)
        return x, _inside(outside, log_slope)

    def _bin(self, value: tf.Tensor, knots: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Whether a value is outside, and its bin: corner, width, height, slopes."""
        outside = tf.abs(value) >= self._bound
        above = tf.cast(value >= knots, value.dtype)
        ones = tf.ones_like(above[:1])
        is_bin = tf.concat([ones, above], 0) - tf.concat([above, 0 * ones], 0)
        picked = tf.reduce_sum(self._bins * is_bin[:, tf.newaxis], axis=0)
        to_one = math.log(math.expm1(1 - self._smallest))
        slopes = tf.math.softplus(picked[4:] + to_one) + self._smallest
        return outside, *tf.unstack(picked[:4]), *tf.unstack(slopes, 2)


def _inside(outside: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    """The value, or 0 outside, in its dtype: a graph takes that of the first one."""
    return tf.where(outside, tf.constant(0, value.dtype), value)


def _below_and_log_slope(
    share: tf.Tensor, chord: tf.Tensor, first: tf.Tensor, last: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The denominator of eq. 4 at a share of the bin, and the log of eq. 5."""
    both = share * (1 - share)
    below = chord + (last + first - 2 * chord) * both
    above = last * share**2 + 2 * chord * both + first * (1 - share) ** 2
    return below, 2 * tf.math.log(chord / below) + tf.math.log(above)
