"""Linear, planar and radial maps, and changes of shape."""

import tensorflow as tf
import tensorflow_probability as tfp

tfb = tfp.bijectors
HALVINGS = 64


class ConstantVolume(tfb.Bijector):
    """The base of bijectors with a constant log-determinant.

    Args:
        event_ndims: Rank of one event.
        log_det: Log of the absolute determinant of the forward map.
        name: Name of the operations.
    """

    def __init__(self, event_ndims: int, log_det: tf.Tensor | float, name: str) -> None:
        super().__init__(
            forward_min_event_ndims=event_ndims, is_constant_jacobian=True, name=name
        )
        self._log_det = log_det

    def _forward_log_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        return tf.cast(self._log_det, x.dtype)


class Unsqueeze(ConstantVolume):
    """Forward: `(h, w, 4 c)` to `(2 h, 2 w, c)`. Each pixel becomes a 2x2 block.

    For series, `(n, 2 c)` to `(2 n, c)`.

    Args:
        axes: 2 for images, 1 for series.
    """

    def __init__(self, axes: int) -> None:
        super().__init__(axes + 1, 0.0, "unsqueeze")
        self._axes = axes

    def _forward(self, x: tf.Tensor) -> tf.Tensor:
        if self._axes == 2:
            return tf.nn.depth_to_space(x, 2)
        return tf.reshape(x, (-1, *self._forward_event_shape(x.shape[1:])))

    def _inverse(self, y: tf.Tensor) -> tf.Tensor:
        if self._axes == 2:
            return tf.nn.space_to_depth(y, 2)
        return tf.reshape(y, (-1, *self._inverse_event_shape(y.shape[1:])))

    def _forward_event_shape(self, shape: tf.TensorShape) -> tf.TensorShape:
        *sides, channels = shape
        return tf.TensorShape([2 * n for n in sides] + [channels // 2**self._axes])

    def _inverse_event_shape(self, shape: tf.TensorShape) -> tf.TensorShape:
        *sides, channels = shape
        return tf.TensorShape([n // 2 for n in sides] + [channels * 2**self._axes])


class LinearMap(ConstantVolume):
    """Multiplies the last axis by a matrix with known inverse.

    Args:
        matrix: `(d, d)`: forward is `x @ matrix`.
        inverse: Its inverse.
        log_det: Log of the absolute determinant, a scalar.
        event_ndims: Rank of one event. Its first axes are positions.
        positions: Number of positions that share the matrix.
    """

    def __init__(
        self,
        matrix: tf.Tensor,
        inverse: tf.Tensor,
        log_det: tf.Tensor,
        event_ndims: int,
        positions: int,
    ) -> None:
        super().__init__(event_ndims, positions * log_det, "linear_map")
        self._maps = {"forward": matrix, "inverse": inverse}

    def _forward(self, x: tf.Tensor) -> tf.Tensor:
        return tf.tensordot(x, self._maps["forward"], 1)

    def _inverse(self, y: tf.Tensor) -> tf.Tensor:
        return tf.tensordot(y, self._maps["inverse"], 1)


class Rescale(ConstantVolume):
    """Forward: `mean + exp(log_scale) * x`, the same at all positions.

    `tfb.Scale` sums a constant over an axis, which the LiteRT converter folds to its
    first value.

    Args:
        mean: One value per value of the last axis.
        log_scale: As many.
        event_ndims: Rank of one event. Its first axes are positions.
        positions: Number of positions that share the scales.
    """

    def __init__(
        self, mean: tf.Tensor, log_scale: tf.Tensor, event_ndims: int, positions: int
    ) -> None:
        super().__init__(event_ndims, positions * tf.reduce_sum(log_scale), "rescale")
        self._mean, self._log_scale = mean, log_scale

    def _forward(self, x: tf.Tensor) -> tf.Tensor:
        return self._mean + tf.exp(self._log_scale) * x

    def _inverse(self, y: tf.Tensor) -> tf.Tensor:
        return (y - self._mean) * tf.exp(-self._log_scale)


class PlanarMap(tfb.Bijector):
    """Forward: `x + u tanh(w . x + b)` of vectors, with w . u > -1.

    Args:
        w: `(values,)`, or `(batch, values)` for a map of each row.
        u: As `w`.
        b: A scalar, or `(batch, 1)`.
    """

    def __init__(self, w: tf.Tensor, u: tf.Tensor, b: tf.Tensor) -> None:
        super().__init__(forward_min_event_ndims=1, name="planar")
        self._w, self._u, self._b = w, u, b

    def _forward(self, x: tf.Tensor) -> tf.Tensor:
        return x + self._u * tf.tanh(self._along(x) + self._b)

    def _inverse(self, y: tf.Tensor) -> tf.Tensor:
        slope, goal = self._slope(), self._along(y)

        def halve(low: tf.Tensor, high: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            middle = (low + high) / 2
            below = middle + slope * tf.tanh(middle + self._b) < goal
            return tf.where(below, middle, low), tf.where(below, high, middle)

        bracket = goal - tf.abs(slope), goal + tf.abs(slope)
        low, high = tf.while_loop(
            lambda *_: True, halve, bracket, maximum_iterations=HALVINGS
        )
        along = tf.stop_gradient((low + high) / 2)
        bend = tf.tanh(along + self._b)
        excess = along + slope * bend - goal  # its derivatives are those of the root
        rise = tf.stop_gradient(1 + slope * (1 - bend**2))
        along -= (excess - tf.stop_gradient(excess)) / rise
        return y - self._u * tf.tanh(along + self._b)

    def _forward_log_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        slope = self._slope()
        bend = 1 - tf.tanh(self._along(x) + self._b) ** 2
        return tf.math.log1p(slope * bend)[..., 0]

    def _slope(self) -> tf.Tensor:
        return tf.reduce_sum(self._w * self._u, axis=-1, keepdims=True)

    def _along(self, x: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(x * self._w, axis=-1, keepdims=True)


class RadialMap(tfb.Bijector):
    """Forward: `x + beta (x - center) / (alpha + |x - center|)`, beta > -alpha."""

    def __init__(self, center: tf.Tensor, alpha: tf.Tensor, beta: tf.Tensor) -> None:
        super().__init__(forward_min_event_ndims=1, name="radial")
        self._center, self._alpha, self._beta = center, alpha, beta

    def _forward(self, x: tf.Tensor) -> tf.Tensor:
        offset = x - self._center
        return x + self._beta * offset / (self._alpha + _length(offset))

    def _inverse(self, y: tf.Tensor) -> tf.Tensor:
        offset = y - self._center
        after = _length(offset)
        half = (self._alpha + self._beta - after) / 2
        before = tf.sqrt(half**2 + self._alpha * after) - half
        return self._center + offset / (1 + self._beta / (self._alpha + before))

    def _forward_log_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        share = 1 / (self._alpha + _length(x - self._center))[..., 0]
        across = (x.shape[-1] - 1) * tf.math.log1p(self._beta * share)
        return across + tf.math.log1p(self._beta * self._alpha * share**2)


def _length(x: tf.Tensor) -> tf.Tensor:
    """Euclidean length over the last axis, which is kept. Its gradient at 0 is 0."""
    square = tf.reduce_sum(x * x, axis=-1, keepdims=True)
    positive = square > 0
    return tf.where(positive, tf.sqrt(tf.where(positive, square, 1)), 0)
