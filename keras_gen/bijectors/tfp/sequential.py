"""Autoregressive bijector."""

from collections.abc import Callable

import tensorflow as tf
import tensorflow_probability as tfp

from ...networks.made import StepwiseMade
from .coupling import Bijector, once

tfb = tfp.bijectors


class AutoregressiveMap(tfb.Bijector):
    """Transforms each value of a vector by a bijector of the previous values.

    The inverse is one call of a masked network, and forward is a loop over the values,
    as in `tfb.MaskedAutoregressiveFlow`, which calls the whole network each time.

    Args:
        size: Number of values.
        conditioned: A function from the vector to an elementwise bijector of its
            values.
        stepwise: The network of `conditioned`, value by value.
        context: The network's context, `(batch, context_size)`, or None.
        transform: A function from a value's outputs, `(rows, 1, outputs)`, to its
            bijector.
    """

    def __init__(
        self,
        size: int,
        conditioned: Callable[[tf.Tensor], Bijector],
        stepwise: Callable[[], StepwiseMade],
        context: tf.Tensor | None,
        transform: Callable[[tf.Tensor], Bijector],
    ) -> None:
        super().__init__(forward_min_event_ndims=1, name="autoregressive")
        self._size, self._context, self._transform = size, context, transform
        self._conditioned, self._stepwise = once(conditioned), stepwise

    def _inverse(self, y: tf.Tensor) -> tf.Tensor:
        return self._conditioned(y).inverse(y)

    def _inverse_log_det_jacobian(self, y: tf.Tensor) -> tf.Tensor:
        return self._conditioned(y).inverse_log_det_jacobian(y, 1)

    def _forward(self, x: tf.Tensor) -> tf.Tensor:
        network = self._stepwise()

        def step(
            i: int | tf.Tensor, sums: tf.Tensor, y: tf.Tensor
        ) -> tuple[int | tf.Tensor, tf.Tensor, tf.Tensor]:
            """Value `i` of `y`, which is 0 from there on."""
            parameters = network.outputs(sums, i)[:, tf.newaxis]
            value = self._transform(parameters).forward(x[:, i, tf.newaxis])
            y += value * tf.one_hot(i, self._size, dtype=y.dtype)
            return i + 1, network.add(sums, i, value), y

        first = step(0, network.start(self._context), tf.zeros_like(x))
        if self._size == 1:  # XLA has no gradient of a loop without iterations
            return first[-1]
        rest = {"maximum_iterations": self._size - 1}
        return tf.while_loop(lambda *_: True, step, first, **rest)[-1]
