"""Inputs, heads and checks of generators and discriminators."""

from collections.abc import Callable, Sequence

import keras
from keras import layers

from ..validation import check_positive

Dense = Callable[..., keras.Layer]


def noise_inputs(
    noise_dim: int, num_classes: int | None
) -> tuple[list[keras.KerasTensor], keras.KerasTensor]:
    """The inputs of a generator, and their features.

    Args:
        noise_dim: Size of the noise.
        num_classes: If given, one-hot labels are a second input. Their embedding has
            the noise's size and a tenth of its scale, and is joined to the noise. With
            the same scale, convolutional generators draw one image per class.

    Returns:
        `(inputs, features)`. Features are `(batch, noise_dim)`, or twice as many.
    """
    check_positive(noise_dim, "noise_dim", integer=True)
    inputs = [keras.Input((noise_dim,), name="noise")]
    if num_classes is None:
        return inputs, inputs[0]
    check_positive(num_classes, "num_classes", integer=True)
    inputs.append(keras.Input((num_classes,), name="labels"))
    embedding = layers.Dense(
        noise_dim,
        use_bias=False,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.1),
        name="class_embedding",
    )(inputs[1])
    return inputs, layers.Concatenate()([inputs[0], embedding])


def discriminator(
    x: keras.KerasTensor,
    features: keras.KerasTensor,
    *,
    num_classes: int | None,
    auxiliary_outputs: int,
    packing: int = 1,
    dense: Dense = layers.Dense,
) -> keras.Model:
    """A discriminator from its features.

    Args:
        x: The input of examples.
        features: Features of the examples, `(batch, features)`.
        num_classes: If given and there are no auxiliary outputs, one-hot labels are a
            second input for `projection_logit`.
        auxiliary_outputs: If > 0, the number of raw values of a second output.
        packing: Number of examples of the input, and of their labels.
        dense: Makes the dense layers of the heads.

    Returns:
        A model from examples (and labels) to raw logits `(batch, 1)`, or to
        `[logits, auxiliary]`.
    """
    if auxiliary_outputs:
        check_positive(auxiliary_outputs, "auxiliary_outputs", integer=True)
        auxiliary = dense(auxiliary_outputs, name="auxiliary")(features)
        outputs = [dense(1, name="logit")(features), auxiliary]
        return keras.Model(x, outputs, name="discriminator")
    if num_classes is None:
        return keras.Model(x, dense(1, name="logit")(features), name="discriminator")
    labels = keras.Input((packing * num_classes,), name="labels")
    logit = projection_logit(features, labels, dense=dense)
    return keras.Model([x, labels], logit, name="discriminator")


def projection_logit(
    features: keras.KerasTensor,
    labels: keras.KerasTensor,
    *,
    dense: Dense = layers.Dense,
) -> keras.KerasTensor:
    """`psi(phi) + <V y, phi>`: a linear head plus a product with the class embedding.

    Args:
        features: phi, `(batch, features)`.
        labels: One-hot y, `(batch, num_classes)`.
        dense: Makes the dense layers psi and V.

    Returns:
        Raw logits, `(batch, 1)`.

    References:
        Miyato and Koyama, "cGANs with projection discriminator", ICLR 2018, eq. 3.
    """
    logit = dense(1, name="psi")(features)
    width = features.shape[-1]
    embedding = dense(width, use_bias=False, name="class_embedding")(labels)
    return layers.Add(name="logit")([logit, layers.Dot(axes=1)([embedding, features])])


def check_choice(value: str | None, choices: Sequence[str | None], name: str) -> None:
    """Raises ValueError unless `value` is one of `choices`."""
    if value not in choices:
        expected = ", ".join(map(repr, choices))
        raise ValueError(f"{name} must be one of {expected}, received {value!r}.")
