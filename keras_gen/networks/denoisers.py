"""Networks that see a noisy example and its noise level.

The inputs are the noisy examples `x`, the noise level `level` `(batch, 1)`, and one-hot
`labels` if the network is class-conditional. The noise level is a quarter of
log(sigma / alpha), in [-2, 2]. Labels of all zeros mean that the class is unknown.
Instead of labels, a network of images can take the tokens of a `text`. All padding
means that the text is unknown. It can take one more input, an image `condition` of the
same size.
"""

import math
from collections.abc import Sequence

import keras
from keras import layers

from ..validation import check_count, check_positive, check_sizes, check_type
from .embeddings import FourierEmbedding, LevelEmbedding
from .heads import check_choice
from .text_reader import TextReader

Text = tuple[keras.KerasTensor, keras.KerasTensor]  # its vectors and its tokens
EMBEDDINGS = {"sinusoidal": LevelEmbedding, "fourier": FourierEmbedding}


def mlp_denoiser(
    data_shape: Sequence[int],
    *,
    units: Sequence[int] = (128, 128, 128),
    activation: str = "silu",
    embedding: str = "sinusoidal",
    num_classes: int | None = None,
) -> keras.Model:
    """Dense layers, each conditioned on the noise level and the class.

    Args:
        data_shape: Shape of one example.
        units: Widths of the hidden layers.
        activation: Activation of the hidden layers.
        embedding: See `denoiser_inputs`.
        num_classes: Number of classes if the network is class-conditional.

    Returns:
        A model from noisy examples, noise levels and perhaps labels to raw values
        `(batch, *data_shape)`, which start at 0.

    Raises:
        ValueError: If a size is not an integer > 0, or if the embedding is unknown.

    Example:
        >>> network = kg.networks.mlp_denoiser((2,), units=(8,), num_classes=3)
        >>> model = kg.Diffusion(network, seed=0)
        >>> model.sample(4, condition=[0, 1, 2, 0], num_steps=4, seed=7).shape
        (4, 2)
    """
    check_sizes(units, "units")
    inputs, known, _ = denoiser_inputs(
        data_shape, 64, activation, embedding=embedding, num_classes=num_classes
    )
    y = inputs[0] if len(data_shape) == 1 else layers.Flatten()(inputs[0])
    for width in units:
        y = layers.Dense(width)(y) + layers.Dense(width, use_bias=False)(known)
        y = layers.Activation(activation)(y)
    y = layers.Dense(math.prod(data_shape), kernel_initializer="zeros")(y)
    y = y if len(data_shape) == 1 else layers.Reshape(tuple(data_shape))(y)
    return keras.Model(inputs, y, name="denoiser")


def denoiser_inputs(
    data_shape: Sequence[int],
    width: int,
    activation: str,
    *,
    embedding: str = "sinusoidal",
    num_classes: int | None = None,
    condition_channels: int = 0,
    text: TextReader | None = None,
) -> tuple[list[keras.KerasTensor], keras.KerasTensor, Text | None]:
    """The inputs of a denoiser, and what they say besides the example.

    Args:
        data_shape: Shape of one example.
        width: Size of the vector.
        activation: Activation of the vector.
        embedding: Embedding of the noise level: "sinusoidal" (`LevelEmbedding`) or
            "fourier" (`FourierEmbedding`).
        num_classes: Number of classes, or None. The class term has no bias, so that
            labels of zeros add nothing.
        condition_channels: Channels of a condition of the same sides, or 0 without one.
        text: Reads tokens, which are an input then. The term of the whole text has no
            bias.

    Returns:
        The inputs `[x, level, labels or text, condition]`, without unused ones; a
        vector of the noise level and the class or the whole text, `(batch, width)`; and
        the vectors of the text with its tokens, or None.

    Raises:
        TypeError: If `text` is not a `TextReader`.
        ValueError: If a size is not an integer > 0, if the embedding is unknown, or if
            there are both labels and a text.
    """
    check_type(text, TextReader | None, "text")
    if text is not None and num_classes is not None:
        raise ValueError(
            "a network takes labels or a text, received num_classes="
            f"{num_classes} and text. Leave one out."
        )
    check_sizes(data_shape, "data_shape")
    check_choice(embedding, tuple(EMBEDDINGS), "embedding")
    inputs = [keras.Input(tuple(data_shape), name="x"), keras.Input((1,), name="level")]
    known = layers.Dense(width, activation=activation)(
        EMBEDDINGS[embedding](width)(inputs[1])
    )
    known = layers.Dense(width)(known)
    if num_classes is not None:
        check_positive(num_classes, "num_classes", integer=True)
        inputs.append(keras.Input((num_classes,), name="labels"))
        known = known + layers.Dense(width, use_bias=False)(inputs[-1])
    read = None
    if text is not None:
        tokens = keras.Input((text.length,), dtype="int32", name="text")
        inputs.append(tokens)
        read = text(tokens), tokens
        known = known + layers.Dense(width, use_bias=False)(read[0][:, 0])
    if condition_channels:
        check_count(condition_channels, "condition_channels")
        shape = (*data_shape[:-1], condition_channels)
        inputs.append(keras.Input(shape, name="condition"))
    return inputs, layers.Activation(activation)(known), read


def with_condition(
    inputs: Sequence[keras.KerasTensor], condition_channels: int
) -> keras.KerasTensor:
    """The input of the first layer: `x`, concatenated with the condition."""
    if not condition_channels:
        return inputs[0]
    return layers.Concatenate()([inputs[0], inputs[-1]])
