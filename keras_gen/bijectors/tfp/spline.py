"""Rational-quadratic splines."""

import tensorflow as tf
import tensorflow_probability as tfp

from .coupling import once

tfb = tfp.bijectors


class Spline(tfb.Bijector):
    """A monotone rational-quadratic spline between knots, the identity outside.

    The bin is found by comparisons: `tf.searchsorted`, as TFP's spline has it, has no
    builtin operator in LiteRT. Equations as numbered by Durkan et al., "Neural spline
    flows", 2019.

    Args:
        knots_x: Where bins begin and end, `(..., bins + 1)`, increasing.
        knots_y: Their values, `(..., bins + 1)`, increasing from and to the same ends.
        slopes: Slopes at the knots, `(..., bins + 1)`, > 0, and 1 at both ends.
    """

    def __init__(
        self, knots_x: tf.Tensor, knots_y: tf.Tensor, slopes: tf.Tensor
    ) -> None:
        super().__init__(forward_min_event_ndims=0, name="spline")
        self.knots_x, self.knots_y, self.slopes = knots_x, knots_y, slopes
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
        outside, x0, y0, *shape = self._bin(x, self.knots_x)
        width, height, *slopes = shape
        share = tf.where(outside, 0.0, (x - x0) / width)
        chord, first, _ = height / width, *slopes
        below, log_slope = _below_and_log_slope(share, chord, *slopes)
        inner = chord * share**2 + first * share * (1 - share)
        y = tf.where(outside, x, y0 + height * inner / below)
        return y, tf.where(outside, 0.0, log_slope)

    def _go_back(self, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The value before, and log of the slope there: eq. 6 to 8."""
        outside, x0, y0, *shape = self._bin(y, self.knots_y)
        width, height, *slopes = shape
        chord, first, last = height / width, *slopes
        rise = tf.where(outside, 0.0, y - y0)
        bend = rise * (last + first - 2 * chord)
        a, b, c = height * (chord - first) + bend, height * first - bend, -chord * rise
        share = 2 * c / (-b - tf.sqrt(b**2 - 4 * a * c))
        _, log_slope = _below_and_log_slope(share, chord, *slopes)
        x = tf.where(outside, y, x0 + share * width)
        return x, tf.where(outside, 0.0, log_slope)

    def _bin(self, value: tf.Tensor, knots: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Whether a value is outside; its bin: corner, width, height, both slopes."""
        outside = (value <= knots[..., 0]) | (value >= knots[..., -1])
        above = tf.cast(value[..., None] >= knots[..., 1:-1], value.dtype)
        ones = tf.ones_like(value[..., None])
        is_bin = tf.concat([ones, above], -1) - tf.concat([above, 0 * ones], -1)

        x, y, slopes = self.knots_x, self.knots_y, self.slopes

        def pick(values: tf.Tensor) -> tf.Tensor:
            return tf.reduce_sum(values * is_bin, axis=-1)

        x0, y0, first = (pick(v[..., :-1]) for v in (x, y, slopes))
        x1, y1, last = (pick(v[..., 1:]) for v in (x, y, slopes))
        return outside, x0, y0, x1 - x0, y1 - y0, first, last


def _below_and_log_slope(
    share: tf.Tensor, chord: tf.Tensor, first: tf.Tensor, last: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The denominator of eq. 4 at a share of the bin, and the log of eq. 5."""
    both = share * (1 - share)
    below = chord + (last + first - 2 * chord) * both
    above = last * share**2 + 2 * chord * both + first * (1 - share) ** 2
    return below, 2 * tf.math.log(chord / below) + tf.math.log(above)
