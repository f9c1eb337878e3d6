"""Bijectors that own their weights and come to life at each call."""

import abc
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Bijector = Any
"""A `tensorflow_probability` bijector; forward leads from the latent side to data."""


class LazyBijector(keras.layers.Layer, abc.ABC):
    """The weights of a bijector, from which `bijector` makes it anew at each call.

    A TFP bijector caches what it has computed and hides its variables from Keras; one
    that lives for a single call does neither. Bijectors without weights share a cache
    all the same: what enters one has to be a tensor of its own, such as
    `tf.identity(x)`. In a list, the first one is next to the data.

    A subclass gives its constructor's arguments in `get_config`, makes its weights in
    `prepare` and returns the bijector in `bijector`. It computes in float32 (float64 if
    asked), under mixed precision too: errors of a likelihood add up over the values.

    Args:
        **kwargs: `name`, `dtype` and `trainable`, for Keras.
    """

    needs_data = False  # whether `initialize` does anything
    reads_units = False  # whether, as the first one, it takes the data's own units

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        wide = self.variable_dtype == "float64"
        self.dtype_policy = "float64" if wide else "float32"

    @abc.abstractmethod
    def prepare(
        self, data_shape: tuple[int, ...], context_size: int = 0
    ) -> tuple[int, ...]:
        """Makes the weights.

        Args:
            data_shape: Shape of one event on the side of the data.
            context_size: Number of values of the context, 0 for none.

        Returns:
            Shape of one event on the latent side.

        Raises:
            ValueError: If the shape does not fit.
        """

    @abc.abstractmethod
    def bijector(self, context: tf.Tensor | None = None) -> Bijector:
        """The TFP bijector with the weights as they are.

        Args:
            context: float `(batch, context_size)`, or None.
        """

    def initialize(self, x: np.ndarray, context: np.ndarray | None = None) -> None:
        """Sets weights from data, before training; here, none.

        Args:
            x: Events on the side of the data, `(n, *data_shape)`.
            context: Their context, `(n, context_size)`, or None.
        """
        del x, context

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """From the side of the data to the latent side."""
        return self.bijector(context).inverse(tf.identity(x))
