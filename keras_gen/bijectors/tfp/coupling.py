"""Coupling of two parts of the values."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

tfb = tfp.bijectors
Bijector = Any
"""A bijector of TFP."""


def once(function: Callable[[tf.Tensor], Any]) -> Callable[[tf.Tensor], Any]:
    """Caches the last result, which value and log-determinant share."""
    last: list[Any] = [None, None]

    def call(x: tf.Tensor) -> Any:
        if last[0] is not x:
            last[:] = x, function(x)
        return last[1]

    return call


class SplitCoupling(tfb.Bijector):
    """Transforms the last values of the last axis, given the first.

    Args:
        num_kept: Number of first values (or channels), which are unchanged.
        conditioned: A function from the first values to an elementwise bijector of the
            rest.
        event_ndims: Rank of one event.
    """

    def __init__(
        self,
        num_kept: int,
        conditioned: Callable[[tf.Tensor], Bijector],
        event_ndims: int,
    ) -> None:
        super().__init__(forward_min_event_ndims=event_ndims, name="split_coupling")
        self._num_kept, self._conditioned = num_kept, conditioned
        self._event_ndims = event_ndims
        self._parts = once(self._split)

    def _forward(self, x: tf.Tensor) -> tf.Tensor:
        kept, rest, bijector = self._parts(x)
        return tf.concat([kept, bijector.forward(rest)], axis=-1)

    def _inverse(self, y: tf.Tensor) -> tf.Tensor:
        kept, rest, bijector = self._parts(y)
        return tf.concat([kept, bijector.inverse(rest)], axis=-1)

    def _forward_log_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        _, rest, bijector = self._parts(x)
        return bijector.forward_log_det_jacobian(rest, self._event_ndims)

    def _inverse_log_det_jacobian(self, y: tf.Tensor) -> tf.Tensor:
        _, rest, bijector = self._parts(y)
        return bijector.inverse_log_det_jacobian(rest, self._event_ndims)

    def _split(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, Bijector]:
        kept, rest = x[..., : self._num_kept], x[..., self._num_kept :]
        return kept, rest, self._conditioned(kept)
