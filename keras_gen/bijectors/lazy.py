"""Bijectors that own their weights and are made at each call."""

import abc
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Bijector = Any
"""A `tensorflow_probability` bijector. Forward is from latent values to data."""


class LazyBijector(keras.layers.Layer, abc.ABC):
    """The weights of a bijector. `bijector` makes a new TFP bijector at each call.

    A TFP bijector caches results and hides its variables from Keras. A bijector that
    lives for a single call avoids both. Bijectors without weights still share a cache,
    so each input must be a new tensor, such as `tf.identity(x)`. In a list, the first
    bijector is next to the data.

    A subclass returns its constructor's arguments in `get_config`, makes its weights in
    `prepare` and returns the bijector in `bijector`. It computes in float32 (or
    float64), under mixed precision too, since errors of a likelihood add up over the
    values.

    Args:
        **kwargs: `name`, `dtype` and `trainable`, for Keras.

    Example:
        >>> layer = kg.bijectors.ActNorm()
        >>> layer.prepare((2,))
        (2,)
        >>> layer.initialize(np.array([[0.0, 5.0], [2.0, 5.0], [4.0, 5.0]]))
        >>> layer(tf.constant([[2.0, 5.0]])).numpy()
        array([[0., 0.]], dtype=float32)
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
            data_shape: Shape of one example.
            context_size: Number of values of the context, or 0 without context.

        Returns:
            Shape of one latent value.

        Raises:
            ValueError: If the shape does not fit.
        """

    @abc.abstractmethod
    def bijector(self, context: tf.Tensor | None = None) -> Bijector:
        """The TFP bijector with the current weights.

        Args:
            context: float `(batch, context_size)`, or None.
        """

    def initialize(self, x: np.ndarray, context: np.ndarray | None = None) -> None:
        """Initializes weights from data before training; does nothing by default.

        Args:
            x: Examples, `(n, *data_shape)`.
            context: Their context, `(n, context_size)`, or None.
        """
        del x, context

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """Maps data to latent values."""
        return self.bijector(context).inverse(tf.identity(x))
