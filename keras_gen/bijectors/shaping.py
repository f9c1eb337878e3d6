"""Bijectors that change the shape of events or the range of values."""

from typing import Any

import numpy as np
import tensorflow as tf

from ..serialization import register
from .chain import Chain
from .lazy import Bijector, LazyBijector


@register
class Squeeze(LazyBijector):
    """Converts each 2x2 block of pixels to four channels, or two points in time to two.

    Args:
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Dinh et al., "Density estimation using Real NVP", 2017, section 3.6.

    Example:
        >>> layer = kg.bijectors.Squeeze()
        >>> layer.prepare((4, 4, 1))
        (2, 2, 4)
    """

    def prepare(
        self, data_shape: tuple[int, ...], context_size: int = 0
    ) -> tuple[int, ...]:
        """Checks the sides; see `LazyBijector`."""
        if len(data_shape) not in (2, 3):
            first = "Put Flatten after it, or use" if len(data_shape) == 1 else "Use"
            raise ValueError(
                "Squeeze requires images (height, width, channels) or series (length, "
                "channels), and so do glow and multi_scale_real_nvp, received examples "
                f"of shape {data_shape}. {first} real_nvp for other examples."
            )
        *sides, channels = data_shape
        odd = [side for side in sides if side % 2]
        if odd:
            near = " or ".join(str(odd[0] + step) for step in (-1, 1) if odd[0] + step)
            raise ValueError(
                f"Squeeze requires even sides, received shape {data_shape}. The even "
                f"sides nearest to {odd[0]} are {near}."
            )
        self._axes = len(sides)
        return (*(side // 2 for side in sides), 2**self._axes * channels)

    def bijector(self, context: tf.Tensor | None = None) -> Bijector:
        """The rearrangement; see `LazyBijector`."""
        from .tfp import Unsqueeze

        return Unsqueeze(self._axes)


@register
class Flatten(LazyBijector):
    """Flattens a series, an image or a clip to a vector.

    Args:
        **kwargs: `name` and `dtype`, for Keras.

    Example:
        >>> layer = kg.bijectors.Flatten()
        >>> layer.prepare((4, 4, 1))
        (16,)
    """

    def prepare(
        self, data_shape: tuple[int, ...], context_size: int = 0
    ) -> tuple[int, ...]:
        """Keeps the shape; see `LazyBijector`."""
        self._data_shape = tuple(data_shape)
        return (int(np.prod(data_shape)),)

    def bijector(self, context: tf.Tensor | None = None) -> Bijector:
        """The change of shape; see `LazyBijector`."""
        from .tfp import tfb

        size = int(np.prod(self._data_shape))
        return tfb.Reshape(self._data_shape, event_shape_in=(size,))


@register
class Logit(LazyBijector):
    """Maps [0, 1] to the real line: `logit(margin + (1 - 2 margin) x)`.

    Args:
        margin: Distance from 0 and 1, in [0, 0.5). Above 0, both ends stay finite.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Dinh et al., "Density estimation using Real NVP", 2017, section 4.1.

    Example:
        >>> layer = kg.bijectors.Logit(margin=0.05)
        >>> layer.prepare((3,))
        (3,)
        >>> layer(tf.constant([[0.0, 0.5, 1.0]])).numpy()
        array([[-2.9444,  0.    ,  2.9444]], dtype=float32)
    """

    reads_units = True

    def __init__(self, margin: float = 0.05, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        is_number = isinstance(margin, int | float | np.number)
        if not is_number or isinstance(margin, bool) or not 0 <= margin < 0.5:
            raise ValueError(f"margin must be in [0, 0.5), received {margin!r}.")
        self.margin = margin

    def prepare(
        self, data_shape: tuple[int, ...], context_size: int = 0
    ) -> tuple[int, ...]:
        """Keeps the shape; see `LazyBijector`."""
        return data_shape

    def bijector(self, context: tf.Tensor | None = None) -> Bijector:
        """The inverse of the logit; see `LazyBijector`."""
        from .tfp import tfb

        free = tf.constant(1 - 2 * self.margin, self.variable_dtype)
        margin = tf.constant(self.margin, self.variable_dtype)
        parts = [tfb.Scale(1 / free), tfb.Shift(-margin), tfb.Sigmoid()]
        return tfb.Chain(parts, name="logit")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "margin": self.margin}


@register
class MultiscaleSplit(Chain):
    """Applies bijectors to the last half of the channels, and keeps the first half.

    A flow of several scales is `[Squeeze(), ..., MultiscaleSplit([Squeeze(), ...])]`.
    The last half is reshaped back after the bijectors, so that the shape is the same.

    Args:
        bijectors: The bijectors of the last half. The first one is next to the data.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Dinh et al., "Density estimation using Real NVP", 2017, section 3.6.

    Example:
        >>> inner = [kg.bijectors.Squeeze(), kg.bijectors.ActNorm()]
        >>> bijectors = [kg.bijectors.Squeeze(), kg.bijectors.MultiscaleSplit(inner)]
        >>> kg.bijectors.Chain(bijectors).prepare((8, 8, 1))
        (4, 4, 4)
    """

    def prepare(
        self, data_shape: tuple[int, ...], context_size: int = 0
    ) -> tuple[int, ...]:
        """Prepares the inner bijectors; see `LazyBijector`."""
        size = data_shape[-1]
        if size < 2:
            raise ValueError(
                "MultiscaleSplit requires at least 2 channels to split, received shape "
                f"{data_shape}."
            )
        self._num_kept, self._event_ndims = size - size // 2, len(data_shape)
        inner = (*data_shape[:-1], size // 2)
        self._shapes = inner, super().prepare(inner, context_size)
        return data_shape

    def bijector(self, context: tf.Tensor | None = None) -> Bijector:
        """The concatenation of both halves; see `LazyBijector`."""
        from .tfp import SplitCoupling, tfb

        inner, latent = self._shapes
        reshape = tfb.Reshape(latent, event_shape_in=inner)
        rest = tfb.Chain([super().bijector(context), reshape], name="part")
        return SplitCoupling(self._num_kept, lambda _: rest, self._event_ndims)

    def initialize(self, x: np.ndarray, context: np.ndarray | None = None) -> None:
        """Initializes the inner bijectors; see `LazyBijector`."""
        super().initialize(x[..., self._num_kept :], context)
