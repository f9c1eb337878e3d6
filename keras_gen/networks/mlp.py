"""Dense networks for data of any shape."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from .structure import functional

GATED = "gated"


def mlp(
    input_shape: Any,
    output_shape: Sequence[int],
    *,
    units: Sequence[int],
    activation: str = "relu",
    num_classes: int | None = None,
    name: str = "mlp",
) -> keras.Model:
    """A dense network from a tensor of one shape to a tensor of another.

    Args:
        input_shape: Shape of one input, which is flattened, or a spec of the inputs.
        output_shape: Shape of one raw output.
        units: Widths of the hidden layers.
        activation: Activation of the hidden layers. "gated" means a linear layer times
            a layer of sigmoids.
        num_classes: If given, one-hot labels are a second input, joined to the first.
        name: Name of the model.

    Example:
        >>> network = kg.networks.mlp((8, 8, 1), (3,), units=(16,))
        >>> network.input_shape, network.output_shape
        ((None, 8, 8, 1), (None, 3))
    """
    input_shape = seen_shape(input_shape)
    inputs = [keras.Input(input_shape, name="x")]
    y = layers.Flatten()(inputs[0]) if len(input_shape) > 1 else inputs[0]
    y = join_labels(y, inputs, num_classes)
    for width in units:
        y = hidden(y, width, activation)
    y = layers.Dense(math.prod(output_shape))(y)
    if len(output_shape) > 1:
        y = layers.Reshape(tuple(output_shape))(y)
    return functional(inputs, y, name=name)


def hidden(y: keras.KerasTensor, width: int, activation: str) -> keras.KerasTensor:
    """A hidden dense layer of `mlp`.

    References:
        Dauphin et al., "Language modeling with gated convolutional networks", 2017, eq.
        1 ("gated").
    """
    if activation != GATED:
        return layers.Dense(width, activation=activation)(y)
    gate = layers.Dense(width, activation="sigmoid")(y)
    return layers.Multiply()([layers.Dense(width)(y), gate])


def mlp_autoencoder(
    data_shape: Any,
    latent_dim: int,
    *,
    units: Sequence[int] = (256,),
    activation: str = "relu",
) -> tuple[keras.Model, keras.Model]:
    """Encoder and decoder for `Autoencoder`.

    Args:
        data_shape: Shape of one example, or a spec of the data.
        latent_dim: Size of the code.
        units: Widths of the encoder's hidden layers. The decoder mirrors them.
        activation: Activation of the hidden layers, as in `mlp`.

    Returns:
        `(encoder, decoder)`: examples to codes `(batch, latent_dim)`, and codes to
        raw values `(batch, *data_shape)`.

    Example:
        >>> encoder, decoder = kg.networks.mlp_autoencoder((8, 8, 1), 2, units=(16,))
        >>> encoder.output_shape, decoder.output_shape
        ((None, 2), (None, 8, 8, 1))
    """
    shape = seen_shape(data_shape)
    return _pair(shape, shape, latent_dim, latent_dim, units, activation, None)


def mlp_vae(
    data_shape: Any,
    latent_dim: int,
    *,
    units: Sequence[int] = (400,),
    activation: str = "relu",
    values_per_channel: int = 1,
    num_classes: int | None = None,
    context_size: int = 0,
) -> tuple[keras.Model, keras.Model]:
    """Encoder and decoder for `VAE`.

    Args:
        data_shape: Shape of one example, or a spec of the data.
        latent_dim: Size of the latent vector.
        units: Widths of the encoder's hidden layers. The decoder mirrors them.
        activation: Activation of the hidden layers, as in `mlp`.
        values_per_channel: Raw values per channel, an attribute of the likelihood. For
            a spec of columns, `raw_shape` is used instead.
        num_classes: If given, both networks take one-hot labels.
        context_size: Further outputs of the encoder, for another posterior than the
            default.

    Returns:
        `(encoder, decoder)`: examples to mean and log variance,
        `(batch, 2 * latent_dim + context_size)`, and latent vectors to raw values.

    Example:
        >>> from keras_gen import specs
        >>> table = specs.Columns([specs.Numeric("a"), specs.Category("b", ["x", "y"])])
        >>> encoder, decoder = mlp_vae(table, 2, units=(8,))
        >>> encoder.input_shape, decoder.output_shape
        ((None, 3), (None, 4))
    """
    *axes, channels = shape = seen_shape(data_shape)
    raw_shape = getattr(data_shape, "raw_shape", (*axes, channels * values_per_channel))
    return _pair(
        shape,
        raw_shape,
        latent_dim,
        2 * latent_dim + context_size,
        units,
        activation,
        num_classes,
    )


def seen_shape(data: Any) -> tuple[int, ...]:
    """The shape of one example as networks see it, from a spec or a shape."""
    return tuple(getattr(data, "network_shape", data))


def join_labels(
    y: keras.KerasTensor, inputs: list[keras.KerasTensor], num_classes: int | None
) -> keras.KerasTensor:
    """Appends an input of one-hot labels and joins it to the features `y`."""
    if num_classes is None:
        return y
    inputs.append(keras.Input((num_classes,), name="labels"))
    return layers.Concatenate()([y, inputs[-1]])


def _pair(
    data_shape: tuple[int, ...],
    raw_shape: tuple[int, ...],
    latent_dim: int,
    code_size: int,
    units: Sequence[int],
    activation: str,
    num_classes: int | None,
) -> tuple[keras.Model, keras.Model]:
    shared = {"activation": activation, "num_classes": num_classes}
    encoder = mlp(data_shape, (code_size,), units=units, name="encoder", **shared)
    decoder = mlp(
        (latent_dim,), raw_shape, units=tuple(units)[::-1], name="decoder", **shared
    )
    return encoder, decoder
