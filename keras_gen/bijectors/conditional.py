"""Bijectors with parameters from a network on part of an example."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from ..networks.made import StepwiseMade, made, spread_bias
from ..serialization import deserialize, register, serialize
from ..validation import check_sizes, check_type
from .elementwise import Affine, Elementwise
from .lazy import Bijector, LazyBijector

CURES = {  # by the rank of one example
    1: "Use Autoregressive for a single value",
    2: "Put Flatten before it",
    3: "Put Squeeze before it",
    4: "Put Flatten before it",
}
CONVOLUTIONS = {1: layers.Conv1D, 2: layers.Conv2D, 3: layers.Conv3D}


class Conditional(LazyBijector):
    """The base of coupling and autoregressive layers: a transform and a network.

    Args:
        transform: The bijector of single values. The default is `Affine()`.
        units: Widths of the network's hidden layers.
        activation: Activation of the hidden layers.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If `transform` is not an elementwise bijector.
        ValueError: If `units` are not integers > 0, or if the activation is unknown.
    """

    def __init__(
        self,
        transform: Elementwise | None = None,
        *,
        units: Sequence[int] = (64, 64),
        activation: str = "relu",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_type(transform, Elementwise | None, "transform")
        check_sizes(units, "units", empty=True)
        keras.activations.get(activation)
        self.transform = transform or Affine()
        self.units, self.activation = tuple(units), activation

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("transform", "units", "activation")
        config = serialize({name: getattr(self, name) for name in names})
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Conditional":
        """Rebuilds the layer from `get_config`."""
        return cls(**deserialize(config))

    def parameters(
        self, x: tf.Tensor, context: tf.Tensor | None, values: int
    ) -> tf.Tensor:
        """The network's output per value, `(..., values, num_parameters)`."""
        x = x if context is None else tf.concat([x, context], axis=-1)
        raw = self.network(x)
        shape = (-1, *raw.shape[1:-1], values, self.transform.num_parameters)
        return tf.reshape(raw, shape)


@register
class Coupling(Conditional):
    """Transforms one half of the values, given the other half.

    The halves of vectors are the first and the last values. The halves of series,
    images and clips are the first and the last channels. If their number is odd, the
    middle one is in the first half.

    Args:
        transform: The bijector of single values: `Additive()` makes NICE, `Affine()`
            RealNVP and Glow, `RationalQuadraticSpline()` a neural spline flow.
        swap: Whether the first half is transformed given the last half.
        units: Widths of the hidden layers, or channels of convolutions except for
            vectors.
        activation: Activation of the hidden layers.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Dinh et al., "NICE", 2014; Dinh et al., "Density estimation using Real NVP",
        2017, eq. 7 and 8.

    Example:
        >>> layer = kg.bijectors.Coupling(kg.bijectors.Affine(), units=(8,))
        >>> layer.prepare((4,))
        (4,)
        >>> x = tf.constant([[1.0, 2.0, 3.0, 4.0]])
        >>> layer(x).numpy()  # starts as the identity
        array([[1., 2., 3., 4.]], dtype=float32)
    """

    def __init__(
        self,
        transform: Elementwise | None = None,
        *,
        swap: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(transform, **kwargs)
        self.swap = swap

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "swap": self.swap}

    def prepare(
        self, data_shape: tuple[int, ...], context_size: int = 0
    ) -> tuple[int, ...]:
        """Makes the network; see `LazyBijector`."""
        size = data_shape[-1]
        if len(data_shape) not in CURES:
            raise ValueError(
                "Coupling requires vectors, series (length, channels), images (height, "
                "width, channels) or clips (frames, height, width, channels), received "
                f"examples of shape {data_shape}. Put Flatten before it."
            )
        if size < 2:
            cure = CURES[len(data_shape)]
            raise ValueError(
                "Coupling requires at least 2 values (or channels) to split, received "
                f"shape {data_shape}. {cure}."
            )
        halves = size - size // 2, size // 2
        self._sizes = kept, moved = halves[::-1] if self.swap else halves
        self.network = conditioner(
            (*data_shape[:-1], kept + context_size),
            moved * self.transform.num_parameters,
            units=self.units,
            activation=self.activation,
            dtype=self.dtype_policy,
        )
        self._event_ndims = len(data_shape)
        return data_shape

    def bijector(self, context: tf.Tensor | None = None) -> Bijector:
        """The coupling; see `LazyBijector`."""
        from .tfp import SplitCoupling, tfb

        def conditioned(kept: tf.Tensor) -> Bijector:
            spread = _spread(context, kept)
            return self.transform(self.parameters(kept, spread, self._sizes[1]))

        coupling = SplitCoupling(self._sizes[0], conditioned, self._event_ndims)
        if not self.swap:
            return coupling
        reverse = tfb.Permute(list(range(sum(self._sizes)))[::-1], axis=-1)
        return tfb.Chain([reverse, coupling, reverse], name="swapped")


@register
class Autoregressive(Conditional):
    """Transforms each value given the previous values.

    The direction from data to latent values is one pass of the network. The other
    direction is a loop over the values. `inverse` exchanges the two.

    Args:
        transform: The bijector of single values: `Affine()` makes MAF.
        inverse: Whether sampling is the fast direction: IAF.
        units: Widths of the hidden layers.
        activation: Activation of the hidden layers.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Papamakarios, Pavlakou and Murray, "Masked autoregressive flow for density
        estimation", 2017, section 3; Kingma et al., "Improving variational inference
        with inverse autoregressive flow", 2016.

    Example:
        >>> layer = kg.bijectors.Autoregressive(units=(8,))
        >>> model = kg.Flow([layer], (3,), seed=0)
        >>> x = np.array([[1.0, 2.0, 3.0]])
        >>> bool(np.allclose(model.decode(model.encode(x)), x, atol=1e-5))
        True
    """

    def __init__(
        self,
        transform: Elementwise | None = None,
        *,
        inverse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(transform, **kwargs)
        self.inverse = inverse

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "inverse": self.inverse}

    def prepare(
        self, data_shape: tuple[int, ...], context_size: int = 0
    ) -> tuple[int, ...]:
        """Makes the network; see `LazyBijector`."""
        if len(data_shape) != 1:
            raise ValueError(
                "Autoregressive requires vectors, received examples of shape "
                f"{data_shape}. Put Flatten before it."
            )
        self._size = data_shape[0]
        self.network = made(
            self._size,
            self.transform.num_parameters,
            units=self.units,
            activation=self.activation,
            context_size=context_size,
            dtype=self.dtype_policy,
        )
        return data_shape

    def bijector(self, context: tf.Tensor | None = None) -> Bijector:
        """The flow; see `LazyBijector`."""
        from .tfp import AutoregressiveMap, tfb

        flow = AutoregressiveMap(
            self._size,
            lambda y: self.transform(self.parameters(y, context, self._size)),
            lambda: StepwiseMade(self.network, self._size),
            context,
            self.transform,
        )
        return tfb.Invert(flow) if self.inverse else flow


def conditioner(
    input_shape: tuple[int, ...],
    outputs: int,
    *,
    units: Sequence[int],
    activation: str,
    dtype: Any,
) -> keras.Model:
    """Dense layers for vectors, otherwise convolutions with kernels of 3, 1 and 3.

    The last layer starts at 0.
    """
    axes = len(input_shape) - 1
    x = y = keras.Input(input_shape, name="x", dtype=dtype.compute_dtype)

    def layer(width: int, side: int, **options: Any) -> Any:
        options["dtype"] = dtype
        if axes:
            return CONVOLUTIONS[axes](width, side, padding="same", **options)
        return layers.Dense(width, **options)

    for i, width in enumerate(units):
        side = 3 if axes and i == 0 else 1
        bias = spread_bias(side**axes * y.shape[-1])
        y = layer(width, side, activation=activation, bias_initializer=bias)(y)
    y = layer(outputs, 3, kernel_initializer="zeros")(y)
    return keras.Model(x, y, name="conditioner")


def _spread(context: tf.Tensor | None, x: tf.Tensor) -> tf.Tensor | None:
    """The context at each position of `x`."""
    if context is None or len(x.shape) == 2:
        return context
    size = context.shape[-1]
    context = tf.reshape(context, (-1, *([1] * (len(x.shape) - 2)), size))
    return context + tf.zeros_like(x[..., :1])
