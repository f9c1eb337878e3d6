"""Statistics of a minibatch, for discriminators that have to see diversity."""

import math
from typing import Any

import tensorflow as tf
from keras import layers, ops

from ..serialization import register
from ..validation import Shape, check_positive

EPSILON = 1e-8  # keeps the gradient finite where all examples are equal


@register
class MinibatchStandardDeviation(layers.Layer):
    """Appends a channel that says how much the examples of a group differ.

    The standard deviation over the group of each feature, averaged over all features
    and positions, is one more channel of every example in the group. A group is
    `group_size` consecutive examples; a batch that `group_size` does not divide is
    one group.

    Args:
        group_size: Examples in a group.
        **kwargs: `name`, `dtype` and `trainable`, for Keras.

    References:
        Karras et al., "Progressive growing of GANs", ICLR 2018, section 3.
    """

    def __init__(self, group_size: int = 4, **kwargs: Any) -> None:
        check_positive(group_size, "group_size", integer=True)
        super().__init__(**kwargs)
        self.group_size = group_size

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """`(batch, ..., channels)` to `(batch, ..., channels + 1)`."""
        rows = ops.shape(x)[0]
        size = ops.where(rows % self.group_size == 0, self.group_size, rows)
        groups = ops.reshape(
            ops.cast(x, "float32"), (rows // size, size, math.prod(x.shape[1:]))
        )
        deviations = ops.sqrt(ops.var(groups, axis=1, keepdims=True) + EPSILON)
        mean = ops.mean(deviations, axis=2, keepdims=True)
        column = ops.reshape(
            mean * ops.ones_like(groups[:, :, :1]), (-1,) + (1,) * (len(x.shape) - 1)
        )
        channel = ops.cast(column, x.dtype) * ops.ones_like(x[..., :1])
        return ops.concatenate([x, channel], axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape with one more channel."""
        return (*input_shape[:-1], input_shape[-1] + 1)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "group_size": self.group_size}
