"""Checks of the networks of GANs and diffusion models."""

from typing import Any

import keras

from ..objectives.packing import packed_shape
from . import reach
from .structure import check_raw_output, input_shape, output_shape


def check_players(
    generator: keras.Model,
    discriminator: keras.Model,
    head_size: int | None,
    *,
    is_unit: bool = True,
    packing: int = 1,
) -> None:
    """Raises unless a generator and a discriminator fit each other.

    Args:
        generator: A model from noise, and one-hot labels if it is conditional, to
            examples.
        discriminator: A model from examples, and one-hot labels if it is conditional,
            to logits `(batch, 1)`, or `[logits, (batch, head_size)]` with a head.
        head_size: Width of the second output, or None.
        is_unit: Whether examples are in [0, 1], and generated ones in [-1, 1].
            Otherwise generated ones have mean 0 and standard deviation 1.
        packing: Number of examples that the discriminator takes together.

    Raises:
        TypeError: If one is not a built Functional or Sequential model.
        ValueError: If a shape does not fit, if the generator cannot reach all examples,
            if the discriminator's output is squashed, or if only one of them uses
            labels.
    """
    noise = input_shape(generator, "generator")
    if len(noise) != 1:
        raise ValueError(
            f"generator must take (batch, noise_dim), received one that takes {noise}."
        )
    data_shape = input_shape(discriminator, "discriminator")
    made = output_shape(generator, "generator")
    if packed_shape(made, packing) != data_shape:
        of = "" if packing == 1 else f"a pack of {packing} of which are "
        hint = "" if packing == 1 else f" Build both networks with packing={packing}."
        raise ValueError(
            f"generator must output {of}the discriminator's inputs, {data_shape}, "
            f"received one with output {made}.{hint}"
        )
    suits = reach.pictures if is_unit else reach.logits
    for low, high in reach.out_of_reach(generator, [suits]):
        received = f"outputs that are always {reach.described(low, high)}"
        if is_unit:
            raise ValueError(
                "generator must output images in [-1, 1], as tanh does, received one "
                f"with {received}."
            )
        raise ValueError(
            "generator must return values of any size and sign, since the model "
            f"standardizes examples, received a network with {received}. Remove its "
            "last activation."
        )
    _check_outputs(discriminator, head_size)
    _check_labels(generator, discriminator, head_size)


def _check_outputs(discriminator: keras.Model, head_size: int | None) -> None:
    widths = [tuple(output.shape[1:]) for output in discriminator.outputs]
    expected = [(1,)] if head_size is None else [(1,), (head_size,)]
    if widths != expected:
        head = "" if head_size is None else f" and a head of width {head_size}"
        raise ValueError(
            f"discriminator must output one logit per example, (batch, 1){head}, "
            f"received outputs {[('batch', *width) for width in widths]}."
        )
    for i in range(len(widths)):
        check_raw_output(discriminator, "discriminator", output=i)


def _check_labels(
    generator: keras.Model, discriminator: keras.Model, head_size: int | None
) -> None:
    takes = [len(network.inputs) == 2 for network in (generator, discriminator)]
    if head_size is not None and takes[1]:
        raise ValueError(
            "discriminator must take examples alone if it has an auxiliary head for "
            "the labels, received one with two inputs."
        )
    if head_size is None and takes[0] != takes[1]:
        with_labels = "generator" if takes[0] else "discriminator"
        raise ValueError(
            f"both networks or neither must take labels, received labels in "
            f"{with_labels} only. Build a conditional pair with num_classes."
        )


def check_denoiser(network: keras.Model, *, restores: bool = False) -> dict[str, Any]:
    """Checks a denoiser, and returns what it takes.

    It returns the `shape` of its examples; that of its `condition`, None for an
    unconditional denoiser; and whether the condition `is_text`, of `vocabulary_size`
    tokens, which is None if no layer like `TextReader` says so.

    Args:
        network: A model from noisy examples, noise levels and perhaps a condition to
            values in the shape of the examples.
        restores: Whether its last input must be a second example.

    Raises:
        TypeError: If it is not a built Functional or Sequential model.
        ValueError: If its inputs or its output do not fit.
    """
    inputs = getattr(network, "inputs", None)
    if not isinstance(network, keras.Model) or not inputs:
        raise TypeError(
            "network must be a Functional model such as networks.unet((28, 28, 1)), "
            f"received {network!r}."
        )
    shapes = [tuple(value.shape[1:]) for value in inputs]
    last = shapes[-1:] if restores else []
    known = shapes[2 : len(shapes) - len(last)]
    fits = shapes[1:2] == [(1,)] and last in ([], shapes[:1])
    if not fits or len(known) > 1 or any(None in shape for shape in known):
        raise ValueError(
            "network must take noisy examples, noise levels (batch, 1), one-hot labels "
            f"or another condition, such as tokens, if it is conditional"
            f"{', and corrupted examples' * restores}, received inputs of shapes "
            f"{shapes}."
        )
    shape, output = shapes[0], output_shape(network, "network")
    if None in shape or output != shape:
        raise ValueError(
            f"network must return the shape of its examples, {shape}, received one "
            f"that returns {output}."
        )
    is_text = bool(known) and keras.backend.is_int_dtype(inputs[2].dtype)
    sizes = (getattr(layer, "vocabulary_size", None) for layer in network.layers)
    return {
        "shape": shape,
        "condition": known[0] if known else None,
        "is_text": is_text,
        "vocabulary_size": next((n for n in sizes if n), None) if is_text else None,
    }
