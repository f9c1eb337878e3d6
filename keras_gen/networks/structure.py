"""What a model has to know of a network: shapes, labels, raw outputs."""

import keras
import tensorflow as tf
from keras import ops

SQUASHING = ("sigmoid", "softmax", "tanh", "hardsigmoid")
SHAPING = (
    keras.layers.Reshape,
    keras.layers.Flatten,
    keras.layers.Permute,
    keras.layers.Cropping1D,
    keras.layers.Cropping2D,
)


def apply(
    network: keras.Model,
    x: tf.Tensor,
    labels: tf.Tensor | None = None,
    *,
    training: bool = False,
) -> tf.Tensor:
    """Calls a network, with one-hot labels as second input if it takes them.

    Args:
        network: A Functional or Sequential model.
        x: Values, `(batch, ...)`.
        labels: int32 `(batch,)`, for a class-conditional network.
        training: Whether dropout and batch statistics are on.

    Returns:
        float32 output, whatever the network's dtype policy; a list of several.
    """
    if len(network.inputs) == 2:
        x = [x, one_hot(labels, network.inputs[1].shape[-1])]
    output = network(x, training=training)
    return keras.tree.map_structure(lambda y: ops.cast(y, "float32"), output)


def one_hot(labels: tf.Tensor, num_classes: int) -> tf.Tensor:
    """float32 `(batch, num_classes)` of int32 labels `(batch,)`.

    `tf.one_hot` would lose its ones to the scales of int8 artifacts.
    """
    labels = tf.expand_dims(tf.cast(labels, tf.int32), -1)
    return tf.where(tf.equal(labels, tf.range(num_classes)), 1.0, 0.0)


def input_shape(network: keras.Model, name: str) -> tuple[int, ...]:
    """Shape of one value that enters `network`.

    Raises:
        TypeError: If the network is no built Functional or Sequential model.
        ValueError: If it has another number of inputs than 1 or 2, or open axes.
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
            f"{name} must take the value, and one-hot labels if it is conditional; "
            f"received a model of {len(inputs)} inputs."
        )
    return _fixed(inputs[0].shape[1:], name, "input")


def output_shape(network: keras.Model, name: str) -> tuple[int, ...]:
    """Shape of one value that leaves `network`."""
    if len(network.outputs) != 1:
        raise ValueError(f"{name} must have one output, has {len(network.outputs)}.")
    return _fixed(network.outputs[0].shape[1:], name, "output")


def num_classes(**networks: keras.Model) -> int | None:
    """The number of classes that the networks take, None if unconditional.

    Raises:
        ValueError: If the networks disagree.
    """
    counts = {
        name: network.inputs[1].shape[-1]
        for name, network in networks.items()
        if len(network.inputs) == 2
    }
    if len(set(counts.values())) > 1:
        raise ValueError(f"networks differ in their number of classes: {counts}.")
    return next(iter(counts.values()), None)


def check_raw_output(network: keras.Model, name: str) -> None:
    """Raises ValueError if the last layer squashes what a model squashes itself."""
    activation = last_activation(network)
    if activation in SQUASHING:
        raise ValueError(
            f"{name} must return raw values (logits): the model applies the link "
            f"itself. Its last layer has the activation {activation}; leave it out."
        )


def last_activation(network: keras.Model) -> str:
    """Name of what the first output went through last, such as "tanh" or "dense"."""
    operation = _last_operation(network)
    activation = getattr(operation, "activation", None) or operation
    name = getattr(activation, "__name__", type(activation).__name__)
    return name.lower().replace("_", "")


def _last_operation(network: keras.Model) -> keras.Operation:
    """The operation that computes the output, before any mere change of shape."""
    tensor = network.outputs[0]
    while True:
        operation, node_index, _ = tensor._keras_history
        if getattr(operation, "outputs", None):
            tensor = operation.outputs[0]
        elif isinstance(operation, SHAPING):
            tensor = operation._inbound_nodes[node_index].input_tensors[0]
        else:
            return operation


def _fixed(shape: tuple, name: str, side: str) -> tuple[int, ...]:
    if any(size is None for size in shape):
        raise ValueError(f"{name} must have a fixed {side} shape, received {shape}.")
    return tuple(shape)


def check_pair(
    encoder: keras.Model,
    decoder: keras.Model,
    *,
    statistics: int = 1,
    values_per_channel: int = 1,
) -> None:
    """Raises unless an encoder and a decoder fit each other.

    Args:
        encoder: Examples to `(batch, statistics * latent_dim)`.
        decoder: `(batch, latent_dim)` to raw values, `values_per_channel` for each
            channel of the data.
        statistics: Values that the encoder gives per latent dimension.
        values_per_channel: Values that the decoder gives per channel.

    Raises:
        TypeError: If one is no built Functional or Sequential model.
        ValueError: If a shape does not fit, or the decoder's output is squashed.
    """
    data_shape = input_shape(encoder, "encoder")
    latent = input_shape(decoder, "decoder")
    if len(latent) != 1:
        raise ValueError(f"decoder must take (batch, latent_dim), takes {latent}.")
    code = output_shape(encoder, "encoder")
    if code != (statistics * latent[0],):
        meaning = "mean and log variance, 2 *" if statistics == 2 else "the code,"
        builders = "mlp_vae and conv_vae" if statistics == 2 else "mlp_autoencoder"
        raise ValueError(
            f"encoder must output {meaning} latent_dim values, (batch, "
            f"{statistics * latent[0]}) for this decoder; received (batch, "
            f"{', '.join(map(str, code))}). networks.{builders} build such a pair."
        )
    expected = (*data_shape[:-1], data_shape[-1] * values_per_channel)
    output = output_shape(decoder, "decoder")
    if output != expected:
        raise ValueError(
            f"decoder must output {expected}, {values_per_channel} raw values per "
            f"channel of the data {data_shape}; received {output}."
        )
    check_raw_output(decoder, "decoder")
