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
