"""Constant tables that all functions of a model share."""

import weakref
from typing import Any

import numpy as np
import tensorflow as tf

_TABLES: weakref.WeakValueDictionary[Any, tf.Tensor] = weakref.WeakValueDictionary()


def table(values: Any, dtype: Any = "float32") -> tf.Tensor:
    """A constant that a graph captures, instead of a copy in each of its functions.

    Equal tables are shared while one of them is in use. TensorFlow still copies tables
    of up to 128 numbers.

    Args:
        values: Numbers, array-like.
        dtype: Their dtype.
    """
    values = np.asarray(values, tf.as_dtype(dtype).as_numpy_dtype)
    key = values.tobytes(), values.shape, values.dtype.name
    found = _TABLES.get(key)
    if found is None:
        with tf.init_scope():
            found = _TABLES[key] = tf.constant(values)
    return found


def rows_of(values: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
    """Rows of a table of constants that stay exact in every artifact.

    The LiteRT converter rounds large tables of float32 that `tf.gather` reads to 8
    bits, with one scale for the whole table, as if they were weights. It leaves their
    bits alone. No gradient flows to the table.

    Args:
        values: The table, `(rows, ...)`.
        place: Rows to read, integers of any shape.
    """
    if values.dtype != tf.float32:
        return tf.gather(values, place)
    return tf.bitcast(tf.gather(tf.bitcast(values, tf.int32), place), tf.float32)
