"""A history of generated examples, from which discriminators see some again."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from keras import layers, ops

from ..random import RowNoise
from ..serialization import register
from ..validation import check_count


@register
class History(layers.Layer):
    """The last generated examples, some of which take the place of new ones.

    Until it is full, it stores each new example and returns it. Then half of a batch,
    drawn at random, is exchanged for stored ones. Its state is saved with the model.

    Args:
        size: Number of examples, >= 0. 0 stores none.
        shape: Shape of an example.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Shrivastava et al., "Learning from simulated and unsupervised images through
        adversarial training", CVPR 2017, section 2.3.
    """

    def __init__(self, size: int, shape: Sequence[int], **kwargs: Any) -> None:
        check_count(size, "history_size", least=0)
        super().__init__(trainable=False, **kwargs)
        self.size, self.shape = size, tuple(shape)
        if size:
            how: dict[str, Any] = {"trainable": False, "initializer": "zeros"}
            how |= {"aggregation": "only_first_replica", "dtype": "float32"}
            self.stored = self.add_weight((size, *self.shape), name="stored", **how)
            self.filled = self.add_weight((), name="filled", **how)
        self.built = True

    def mixed(self, x: tf.Tensor, noise: RowNoise, draw: int) -> tf.Tensor:
        """A batch in which stored examples take the place of some.

        Args:
            x: New examples, `(batch, *shape)`, which are stored.
            noise: Noise of the batch.
            draw: Number of the first of two draws of the noise.
        """
        if not self.size:
            return x
        rows = tf.shape(x)[0]
        number, one = tf.range(rows), (1,) * len(self.shape)
        filled = ops.cast(self.filled.value, "int32")
        is_full = filled >= self.size
        order = tf.argsort(noise.uniform((self.size,), draw)[0])
        place = tf.gather(order, tf.minimum(number, self.size - 1))
        place = tf.where(is_full, place, tf.minimum(filled + number, self.size - 1))
        is_chosen = noise.uniform((), draw + 1) < 0.5
        is_stored = tf.where(is_full, is_chosen, filled + number < self.size)
        is_stored &= number < self.size  # places of one batch are distinct
        mask = tf.reshape(is_stored, (-1, *one))
        stored = self.stored.value
        old = tf.gather(stored, place)
        at, count = place[:, None], tf.shape(stored)
        new = tf.scatter_nd(at, tf.where(mask, x, 0.0), count)
        is_new = tf.scatter_nd(at, tf.cast(is_stored, "int32"), (self.size,)) > 0
        self.stored.assign(tf.where(tf.reshape(is_new, (-1, *one)), new, stored))
        self.filled.assign(ops.cast(tf.minimum(filled + rows, self.size), "float32"))
        return tf.where(mask & is_full, old, x)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "size": self.size, "shape": self.shape}
