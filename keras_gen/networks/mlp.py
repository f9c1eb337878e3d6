"""Dense networks for data of any shape."""

import math
from collections.abc import Sequence

import keras
from keras import layers

from .structure import functional


def mlp(
    input_shape: Sequence[int],
    output_shape: Sequence[int],
    *,
    units: Sequence[int],
    activation: str = "relu",
    num_classes: int | None = None,
    name: str = "mlp",
) -> keras.Model:
    """A dense network from a tensor of one shape to a tensor of another.

    Args:
        input_shape: Shape of one input, flattened first.
        output_shape: Shape of one raw output.
        units: Widths of the hidden layers.
        activation: Activation of the hidden layers.
        num_classes: If given, one-hot labels are a second input, joined to the first.
        name: Name of the model.
    """
    inputs = [keras.Input(tuple(input_shape), name="x")]
    y = layers.Flatten()(inputs[0]) if len(input_shape) > 1 else inputs[0]
    y = join_labels(y, inputs, num_classes)
    for width in units:
        y = layers.Dense(width, activation=activation)(y)
    y = layers.Dense(math.prod(output_shape))(y)
    if len(output_shape) > 1:
        y = layers.Reshape(tuple(output_shape))(y)
    return functional(inputs, y, name=name)


def mlp_autoencoder(
    data_shape: Sequence[int],
    latent_dim: int,
    *,
    units: Sequence[int] = (256,),
    activation: str = "relu",
) -> tuple[keras.Model, keras.Model]:
    """Encoder and decoder for `Autoencoder`.

    Args:
        data_shape: Shape of one example.
        latent_dim: Size of the code.
        units: Widths of the encoder's hidden layers; the decoder mirrors them.
        activation: Activation of the hidden layers.

    Returns:
        `(encoder, decoder)`: examples to codes `(batch, latent_dim)`, and codes to
        raw values `(batch, *data_shape)`.
    """
    return _pair(data_shape, latent_dim, latent_dim, 1, units, activation, None)


def mlp_vae(
    data_shape: Sequence[int],
    latent_dim: int,
    *,
    units: Sequence[int] = (400,),
    activation: str = "relu",
    values_per_channel: int = 1,
    num_classes: int | None = None,
) -> tuple[keras.Model, keras.Model]:
    """Encoder and decoder for `VAE`.

    Args:
        data_shape: Shape of one example.
        latent_dim: Size of the latent vector.
        units: Widths of the encoder's hidden layers; the decoder mirrors them.
        activation: Activation of the hidden layers.
        values_per_channel: What the likelihood reads per channel (its attribute).
        num_classes: If given, both networks take one-hot labels.

    Returns:
        `(encoder, decoder)`: examples to mean and log variance,
        `(batch, 2 * latent_dim)`, and latent vectors to raw values.
    """
    statistics = 2 * latent_dim
    return _pair(
        data_shape,
        latent_dim,
        statistics,
        values_per_channel,
        units,
        activation,
        num_classes,
    )


def join_labels(
    y: keras.KerasTensor, inputs: list[keras.KerasTensor], num_classes: int | None
) -> keras.KerasTensor:
    """Appends an input of one-hot labels and joins it to the features `y`."""
    if num_classes is None:
        return y
    inputs.append(keras.Input((num_classes,), name="labels"))
    return layers.Concatenate()([y, inputs[-1]])


def _pair(
    data_shape: Sequence[int],
    latent_dim: int,
    code_size: int,
    values_per_channel: int,
    units: Sequence[int],
    activation: str,
    num_classes: int | None,
) -> tuple[keras.Model, keras.Model]:
    shared = {"activation": activation, "num_classes": num_classes}
    raw_shape = (*data_shape[:-1], data_shape[-1] * values_per_channel)
    encoder = mlp(data_shape, (code_size,), units=units, name="encoder", **shared)
    decoder = mlp(
        (latent_dim,), raw_shape, units=tuple(units)[::-1], name="decoder", **shared
    )
    return encoder, decoder
