"""Calls and checks of networks: shapes, labels, raw outputs."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from ..objectives.packing import unpacked_shape
from ..validation import Shape
from . import reach
from .reach import Suits


def apply(
    network: keras.Model,
    x: tf.Tensor,
    known: tf.Tensor | None = None,
    *,
    training: bool = False,
) -> tf.Tensor:
    """Calls a network, with a condition as second input if it takes one.

    Args:
        network: A Functional or Sequential model.
        x: Values, `(batch, ...)`.
        known: The condition of a conditional network, such as one-hot labels.
        training: Whether dropout and batch statistics are on.

    Returns:
        float32 output, whatever the network's dtype policy; a list of several.
    """
    values: list[Any] = [x]
    if len(network.inputs) == 2:
        values.append(known)
    return apply_all(network, values, training=training)


def apply_all(
    network: keras.Model, values: Sequence[tf.Tensor], *, training: bool = False
) -> tf.Tensor:
    """Calls a network with one value for each of `network.inputs`.

    The values get the structure with which the network was built, such as a list or a
    dict, since Keras warns of another structure.

    Returns:
        float32 output, whatever the network's dtype policy; a list of several.
    """
    if isinstance(network, keras.Sequential):
        packed = values[0]
    else:
        packed = keras.tree.pack_sequence_as(network.input, list(values))
    output = network(packed, training=training)
    return keras.tree.map_structure(lambda y: ops.cast(y, "float32"), output)


def functional(
    inputs: Sequence[keras.KerasTensor], output: keras.KerasTensor, name: str
) -> keras.Model:
    """A model of one or more inputs. A single input is not wrapped in a list."""
    return keras.Model(inputs[0] if len(inputs) == 1 else inputs, output, name=name)


def one_hot(labels: tf.Tensor, num_classes: int) -> tf.Tensor:
    """Converts int32 labels `(batch,)` to float32 `(batch, num_classes)`.

    `tf.one_hot` would lose its ones in int8 artifacts.

    Example:
        >>> kg.networks.one_hot(tf.constant([2, 0]), 3).numpy()
        array([[0., 0., 1.],
               [1., 0., 0.]], dtype=float32)
    """
    labels = tf.expand_dims(tf.cast(labels, tf.int32), -1)
    return tf.where(tf.equal(labels, tf.range(num_classes)), 1.0, 0.0)


def input_shape(network: keras.Model, name: str) -> tuple[int, ...]:
    """Shape of one input of `network`.

    Raises:
        TypeError: If the network is not a built Functional or Sequential model.
        ValueError: If it does not have 1 or 2 inputs, or if axes are None.
    """
    inputs = getattr(network, "inputs", None)
    if not isinstance(network, keras.Model) or not inputs:
        raise TypeError(
            f"{name} must be a Functional or Sequential model with a keras.Input, "
            f"received {network!r}. Wrap a layer: "
            "keras.Sequential([keras.Input(shape), layer])."
        )
    if len(inputs) > 2:
        raise ValueError(
            f"{name} must take the value, and one-hot labels if it is conditional, "
            f"received a model of {len(inputs)} inputs."
        )
    return _fixed(inputs[0].shape[1:], name, "input")


def output_shape(network: keras.Model, name: str) -> tuple[int, ...]:
    """Shape of one output of `network`."""
    if len(network.outputs) != 1:
        raise ValueError(
            f"{name} must have one output, received {len(network.outputs)}."
        )
    return _fixed(network.outputs[0].shape[1:], name, "output")


def condition_shape(
    *, packing: Mapping[str, int] | None = None, **networks: keras.Model
) -> tuple[int, ...] | None:
    """Shape of the condition, the networks' second input, or None without one.

    Args:
        packing: For networks that take several conditions together, their number.
        **networks: The networks by name.

    Raises:
        ValueError: If the networks disagree.
    """
    shapes = {
        name: unpacked_shape(
            tuple(network.inputs[1].shape[1:]), (packing or {}).get(name, 1)
        )
        for name, network in networks.items()
        if len(network.inputs) == 2
    }
    if len(set(shapes.values())) > 1:
        raise ValueError(
            f"networks must take the same condition, received shapes {shapes}."
        )
    return next(iter(shapes.values()), None)


def check_raw_output(
    network: keras.Model,
    name: str,
    suits: Sequence[Suits] = (reach.logits,),
    *,
    output: int = 0,
) -> None:
    """Raises ValueError if the network squashes outputs that a model squashes itself.

    Args:
        network: A Functional or Sequential model.
        name: The name of the network in an error.
        suits: For each equal part of the output's last axis, a function that says
            whether a range of values is suitable; see `reach`.
        output: Number of the output.
    """
    for low, high in reach.out_of_reach(network, suits, output=output):
        raise ValueError(
            f"{name} must return raw values (logits), since the model applies the link "
            "itself, received a network with outputs that are always "
            f"{reach.described(low, high)}. Remove its last activation."
        )


def _fixed(shape: tuple, name: str, side: str) -> tuple[int, ...]:
    if any(size is None for size in shape):
        raise ValueError(f"{name} must have a fixed {side} shape, received {shape}.")
    return tuple(shape)


def check_pair(
    encoder: keras.Model,
    decoder: keras.Model,
    data_shape: Shape,
    raw_shape: tuple[int, ...],
    *,
    statistics: int = 1,
    code: tuple[int, int] | None = None,
    squashes: Sequence[bool] = (True,),
    is_unit: bool = True,
) -> None:
    """Raises unless an encoder and a decoder fit each other.

    Args:
        encoder: A model from examples to `(batch, ..., statistics * latent_dim)`.
        decoder: A model from `(batch, ..., latent_dim)` to raw values.
        data_shape: Shape of one example as networks see it.
        raw_shape: Shape of the raw values of one example.
        statistics: Encoder outputs per latent dimension: 1 for a code, 2 for mean and
            log variance.
        code: For another posterior than independent normal values, the number of means
            (and log variances), and that of further outputs.
        squashes: For each equal part of the raw values, whether a sigmoid or softplus
            follows.
        is_unit: Whether the data are in [0, 1].

    Raises:
        TypeError: If one is not a built Functional or Sequential model.
        ValueError: If a shape does not fit, if the decoder's output is squashed, or if
            a variance cannot become small.
    """
    received = input_shape(encoder, "encoder")
    if received != data_shape:
        raise ValueError(
            f"encoder must take examples as networks see them, {data_shape}, received "
            f"one that takes {received}."
        )
    latent = input_shape(decoder, "decoder")
    received = output_shape(encoder, "encoder")
    expected = (*latent[:-1], statistics * latent[-1])
    if code is not None:
        means, further = code
        if received != (2 * means + further,):
            raise ValueError(
                f"encoder must output {means} means, {means} log variances and "
                f"{further} further values for this posterior, (batch, "
                f"{2 * means + further}), received (batch, "
                f"{', '.join(map(str, received))})."
            )
    elif received != expected:
        meaning = "mean and log variance, 2 *" if statistics == 2 else "the code,"
        builders = "mlp_vae and conv_vae" if statistics == 2 else "mlp_autoencoder"
        raise ValueError(
            f"encoder must output {meaning} latent_dim values, (batch, "
            f"{', '.join(map(str, expected))}) for this decoder, received (batch, "
            f"{', '.join(map(str, received))}). networks.{builders} build such a pair."
        )
    output = output_shape(decoder, "decoder")
    if output != raw_shape:
        per_channel, rest = divmod(raw_shape[-1], data_shape[-1])
        each = "the raw values" if rest else f"{per_channel} raw values per channel"
        width = data_shape[-1]
        is_table = len(output) == len(data_shape) == 1 and width < output[0] < 2 * width
        hint = " If the networks are of a table, pass inputs=spec." * is_table
        raise ValueError(
            f"decoder must output {raw_shape}, {each} of the data {data_shape}, "
            f"received {output}.{hint}"
        )
    free = reach.anything if is_unit else reach.unbounded
    suits = [reach.logits if is_squashed else free for is_squashed in squashes]
    check_raw_output(decoder, "decoder", suits)
    if statistics == 2:
        check_posterior(encoder, None if code is None else 2 * code[0])


def check_posterior(encoder: keras.Model, values: int | None = None) -> None:
    """Raises ValueError unless means can have both signs and variances be small.

    Args:
        encoder: A Functional or Sequential model.
        values: Number of means and log variances, the first outputs. None means all.
    """
    suits = [reach.both_signs, reach.negative]
    for low, high in reach.out_of_reach(encoder, suits, values=values):
        raise ValueError(
            "encoder must return means and log variances, which can be negative, "
            "received a network with some outputs that are always "
            f"{reach.described(low, high)}. Remove its last activation."
        )
