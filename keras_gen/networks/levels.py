"""Dense networks of a hierarchical VAE of two levels."""

import math
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import layers

from ..serialization import register
from ..validation import Shape, check_count
from .mlp import hidden, seen_shape

LOWEST, HIGHEST = -6.0, 2.0  # of log variances


class TwoLevels(NamedTuple):
    """The networks of a hierarchical VAE of two levels; see `mlp_two_levels`.

    Attributes:
        encoder: Examples to mean and log variance of q(z2 | x), and a context.
        decoder: z1 and z2, side by side, to raw values.
        posterior: The context and z2 to mean and log variance of q(z1 | x, z2).
        prior: z2 to mean and log variance of p(z1 | z2).

    Example:
        >>> levels = kg.networks.mlp_two_levels((8, 8, 1), (3, 2), units=(16, 16))
        >>> [tuple(tensor.shape) for tensor in levels.posterior.inputs]
        [(None, 16), (None, 2)]
    """

    encoder: keras.Model
    decoder: keras.Model
    posterior: keras.Model
    prior: keras.Model


def mlp_two_levels(
    data_shape: Any,
    latent_dims: tuple[int, int],
    *,
    units: tuple[int, ...] = (300, 300),
    activation: str = "gated",
    values_per_channel: int = 1,
) -> TwoLevels:
    """Dense networks of a `VAE` with `TwoLevelPrior` and `TwoLevelPosterior`.

    Networks of two inputs have the layers of `units`, except the last, for each of the
    inputs, and the last for both together.

    Args:
        data_shape: Shape of one example, or a spec of the data.
        latent_dims: Sizes of z1, next to the data, and of z2.
        units: Widths of the hidden layers.
        activation: Activation of the hidden layers. "gated" means a linear layer times
            a layer of sigmoids.
        values_per_channel: Raw values per channel, an attribute of the likelihood. For
            a spec of columns, `raw_shape` is used instead.

    Raises:
        ValueError: If `units` is empty, or if there are not two sizes.

    References:
        Tomczak and Welling, "VAE with a VampPrior", AISTATS 2018, section 4. Log
        variances are in [-6, 2] there, too.

    Example:
        >>> levels = kg.networks.mlp_two_levels((8, 8, 1), (3, 2), units=(16, 16))
        >>> model = kg.VAE(
        ...     levels.encoder,
        ...     levels.decoder,
        ...     prior=kg.TwoLevelPrior(levels.prior),
        ...     posterior=kg.TwoLevelPosterior(levels.posterior),
        ...     seed=0,
        ... )
        >>> model.sample(4, seed=7).shape
        (4, 8, 8, 1)
    """
    if len(latent_dims) != 2:
        raise ValueError(f"latent_dims must be two sizes, received {latent_dims}.")
    check_count(len(units), "the number of units")
    *axes, channels = shape = seen_shape(data_shape)
    raw_shape = getattr(data_shape, "raw_shape", (*axes, channels * values_per_channel))
    lower, upper = latent_dims
    before, last = units[:-1], units[-1:]

    def through(y: keras.KerasTensor, widths: tuple[int, ...]) -> keras.KerasTensor:
        for width in widths:
            y = hidden(y, width, activation)
        return y

    def together(*parts: keras.KerasTensor) -> keras.KerasTensor:
        joint = layers.Concatenate()([through(part, before) for part in parts])
        return through(joint, last)

    x, z2 = keras.Input(shape, name="x"), keras.Input((upper,), name="z2")
    seen = layers.Flatten()(x) if axes else x
    context = through(seen, before)
    encoded = [_statistics(through(seen, units), upper), context]
    encoder = keras.Model(x, layers.Concatenate()(encoded), name="encoder")

    given = keras.Input(context.shape[1:], name="context")
    joint = layers.Concatenate()([given, through(z2, before)])
    statistics = _statistics(through(joint, last), lower)
    posterior = keras.Model([given, z2], statistics, name="posterior")

    prior = keras.Model(z2, _statistics(through(z2, units), lower), name="prior")

    z = keras.Input((lower + upper,), name="z")
    y = together(Part(0, lower)(z), Part(lower, lower + upper)(z))
    y = layers.Dense(math.prod(raw_shape))(y)
    if axes:
        y = layers.Reshape(tuple(raw_shape))(y)
    decoder = keras.Model(z, y, name="decoder")
    return TwoLevels(encoder, decoder, posterior, prior)


def _statistics(y: keras.KerasTensor, size: int) -> keras.KerasTensor:
    """Means and log variances side by side. Log variances are bounded, and begin at 0.

    The bounds keep a density of few examples from becoming arbitrarily sharp.
    """
    half, center = (HIGHEST - LOWEST) / 2, (HIGHEST + LOWEST) / 2
    start = keras.initializers.Constant(-center / half)
    bounded = layers.Dense(
        size,
        activation="hard_tanh",
        kernel_initializer="zeros",
        bias_initializer=start,
    )(y)
    log_var = layers.Rescaling(half, center)(bounded)
    return layers.Concatenate()([layers.Dense(size)(y), log_var])


@register
class Part(layers.Layer):
    """Some of the values of a vector.

    Args:
        start: Number of the first value.
        stop: Number after the last value.
        **kwargs: `name` and `dtype`, for Keras.

    Example:
        >>> kg.networks.Part(1, 3)(tf.constant([[5.0, 6.0, 7.0, 8.0]])).numpy()
        array([[6., 7.]], dtype=float32)
    """

    def __init__(self, start: int, stop: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start, self.stop = start, stop

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """`(..., values)` to `(..., stop - start)`."""
        return x[..., self.start : self.stop]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape with other values."""
        return (*input_shape[:-1], self.stop - self.start)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "start": self.start, "stop": self.stop}
