"""Networks that see a noisy example and its noise level.

Inputs are the noisy examples, the noise level `(batch, 1)`, which is a quarter of
log(sigma / alpha) and lies in [-2, 2], and, if the network is class-conditional, one-hot
labels, all zeros where the class is not to be known.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from ..serialization import register


@register
class LevelEmbedding(layers.Layer):
    """Sines and cosines of a noise level, at frequencies from slow to fast.

    Args:
        size: Values of the embedding, even.
        slowest: Lowest frequency, in turns per unit of the noise level.
        fastest: Highest frequency.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Vaswani et al., "Attention is all you need", 2017, section 3.5.
    """

    def __init__(
        self, size: int = 64, slowest: float = 0.02, fastest: float = 4.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if size < 2 or size % 2:
            raise ValueError(f"size must be even and at least 2, received {size!r}.")
        self.size, self.slowest, self.fastest = size, slowest, fastest

    def call(self, level: Any) -> Any:
        """`(batch, 1)` to `(batch, size)`."""
        turns = np.geomspace(self.slowest, self.fastest, self.size // 2)
        angles = level * ops.cast(2 * math.pi * turns, level.dtype)
        return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """One value per sine and cosine."""
        return (*input_shape[:-1], self.size)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("size", "slowest", "fastest")
        return {**super().get_config(), **{n: getattr(self, n) for n in names}}


def mlp_denoiser(
    data_shape: Sequence[int],
    *,
    units: Sequence[int] = (128, 128, 128),
    activation: str = "silu",
    num_classes: int | None = None,
) -> keras.Model:
    """Dense layers, each of which is told the noise level and the class.

    Args:
        data_shape: Shape of one example.
        units: Widths of the hidden layers.
        activation: Activation of the hidden layers.
        num_classes: Number of classes if the network is class-conditional.

    Returns:
        Noisy examples, noise levels and perhaps labels to raw values
        `(batch, *data_shape)`.
    """
    inputs, condition = denoiser_inputs(data_shape, num_classes, 64, activation)
    y = inputs[0] if len(data_shape) == 1 else layers.Flatten()(inputs[0])
    for width in units:
        y = layers.Dense(width)(y) + layers.Dense(width)(condition)
        y = layers.Activation(activation)(y)
    y = layers.Dense(math.prod(data_shape), kernel_initializer="zeros")(y)
    y = y if len(data_shape) == 1 else layers.Reshape(tuple(data_shape))(y)
    return keras.Model(inputs, y, name="denoiser")


def denoiser_inputs(
    data_shape: Sequence[int], num_classes: int | None, width: int, activation: str
) -> tuple[list[keras.KerasTensor], keras.KerasTensor]:
    """The inputs of a denoiser, and a vector of what it is told.

    Args:
        data_shape: Shape of one example.
        num_classes: Number of classes, or None.
        width: Size of the vector.
        activation: Its activation.
    """
    inputs = [keras.Input(tuple(data_shape), name="x"), keras.Input((1,), name="level")]
    known = layers.Dense(width)(LevelEmbedding()(inputs[1]))
    if num_classes is not None:
        inputs.append(keras.Input((num_classes,), name="labels"))
        known = known + layers.Dense(width, use_bias=False)(inputs[2])
    return inputs, layers.Activation(activation)(known)
