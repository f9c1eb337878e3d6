"""Statistics of a minibatch, which show a discriminator the diversity."""

import math
from typing import Any

import tensorflow as tf
from keras import layers, ops

from ..serialization import register
from ..validation import Shape, check_positive

EPSILON = 1e-8  # keeps the gradient finite if all examples are equal


@register
class MinibatchStandardDeviation(layers.Layer):
    """Appends a channel with the standard deviation within a group of examples.

    The standard deviation over the group of each feature, averaged over all features
    and positions, is one more channel of every example in the group. A group is
    `group_size` consecutive examples. The whole batch is one group if `group_size` does
    not divide it.

    Args:
        group_size: Examples in a group.
        **kwargs: `name`, `dtype` and `trainable`, for Keras.

    References:
        Karras et al., "Progressive growing of GANs", ICLR 2018, section 3.

    Example:
        >>> layer = kg.networks.MinibatchStandardDeviation(group_size=2)
        >>> y = layer(tf.constant([[1.0], [3.0], [5.0], [5.0]]))
        >>> np.abs(y[:, 1].numpy().round(3))  # the second group has no diversity
        array([1., 1., 0., 0.], dtype=float32)
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
