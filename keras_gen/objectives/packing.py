"""Packs: several examples that a discriminator sees together.

References:
    Lin, Khetan, Fanti and Oh, "PacGAN: the power of two samples in generative
    adversarial networks", 2018, section 3.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from keras import ops

from ..validation import Shape


def packed(x: tf.Tensor, packing: int) -> tf.Tensor:
    """Joins consecutive examples along their last axis.

    Args:
        x: Examples, `(packs * packing, ..., channels)`.
        packing: Number of examples of a pack.

    Returns:
        `(packs, ..., packing * channels)`.

    Example:
        >>> from keras_gen.objectives.packing import packed
        >>> packed(tf.constant([[1, 2], [3, 4], [5, 6], [7, 8]]), 2).numpy()
        array([[1, 2, 3, 4],
               [5, 6, 7, 8]], dtype=int32)
    """
    if packing == 1:
        return x
    shape = tuple(x.shape[1:])
    x = ops.moveaxis(ops.reshape(x, (-1, packing, *shape)), 1, -2)
    return ops.reshape(x, (-1, *packed_shape(shape, packing)))


def unpacked(x: tf.Tensor, packing: int) -> tf.Tensor:
    """The examples of packs: the inverse of `packed`."""
    if packing == 1:
        return x
    *sides, channels = x.shape[1:]
    x = ops.reshape(x, (-1, *sides, packing, channels // packing))
    return ops.reshape(ops.moveaxis(x, -2, 1), (-1, *sides, channels // packing))


def packed_shape(shape: Sequence[int], packing: int) -> tuple[int, ...]:
    """Shape of a pack of examples of a shape."""
    return (*shape[:-1], packing * shape[-1])


def unpacked_shape(shape: Shape, packing: int) -> Shape:
    """Shape of the examples of a pack. The shape of other examples stays as it is."""
    width, rest = divmod(shape[-1] or 0, packing)
    return shape if rest else (*shape[:-1], width)


def filled_up(x: Any, packing: int) -> Any:
    """A batch of whole packs: its first rows are repeated after the last one.

    Args:
        x: Rows, `(batch, ...)`, a tensor or an array.
        packing: Number of rows of a pack.
    """
    if packing == 1 or (x.shape[0] or 1) % packing == 0:
        return x
    rows = tf.shape(x)[0]
    whole = (rows + packing - 1) // packing * packing
    return tf.gather(x, tf.range(whole) % rows)
