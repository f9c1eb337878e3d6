"""Bijectors that change the shape of events or the range of values."""

from typing import Any

import numpy as np
import tensorflow as tf

from ..serialization import register
from .base import Bijector, LazyBijector
from .chain import Chain


@register
class Squeeze(LazyBijector):
    """Makes four channels of each 2x2 block of pixels, on the latent side.

    References:
        Dinh et al., "Density estimation using Real NVP", 2017, section 3.6.
    """

    def prepare(
        self, data_shape: tuple[int, ...], context_size: int = 0
    ) -> tuple[int, ...]:
        """Checks the sides; see `LazyBijector`."""
        if len(data_shape) != 3:
            raise ValueError(
                "Squeeze needs images (height, width, channels), received events of "
                f"shape {data_shape}: Flatten comes after it."
            )
        height, width, channels = data_shape
        odd = [side for side in (height, width) if side % 2]
        if odd:
            near = " or ".join(str(odd[0] + step) for step in (-1, 1) if odd[0] + step)
            raise ValueError(
                f"Squeeze needs images of even sides, received shape {data_shape}: "
                f"the sides nearest to {odd[0]} are {near}."
            )
        return height // 2, width // 2, 4 * channels

    def bijector(self, context: tf.Tensor | None = None) -> Bijector:
        """The rearrangement; see `LazyBijector`."""
        from .tfp import Unsqueeze

        return Unsqueeze()


@register
class Flatten(LazyBijector):
    """Makes a vector of a series, an image or a clip, on the latent side."""

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
    """Spreads [0, 1] over the real line: `logit(margin + (1 - 2 margin) x)`.

    Attributes:
        margin: Distance kept from 0 and 1, in [0, 0.5): above 0, both ends stay finite.

    References:
        Dinh et al., "Density estimation using Real NVP", 2017, section 4.1.
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
    """Bijectors of the last half of the channels only: the first half is finished.

    A flow of several scales is `[Squeeze(), ..., MultiscaleSplit([Squeeze(), ...])]`.
    What is squeezed inside comes out unsqueezed, so that events keep their shape.

    Args:
        bijectors: What happens to the last half, the first one next to the data.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Dinh et al., "Density estimation using Real NVP", 2017, section 3.6.
    """

    def prepare(
        self, data_shape: tuple[int, ...], context_size: int = 0
    ) -> tuple[int, ...]:
        """Prepares the inner bijectors; see `LazyBijector`."""
        size = data_shape[-1]
        if size < 2:
            raise ValueError(
                "MultiscaleSplit needs at least 2 channels to split, received shape "
                f"{data_shape}."
            )
        self._num_kept, self._event_ndims = size - size // 2, len(data_shape)
        inner = (*data_shape[:-1], size // 2)
        self._shapes = inner, super().prepare(inner, context_size)
        return data_shape

    def bijector(self, context: tf.Tensor | None = None) -> Bijector:
        """Both halves side by side; see `LazyBijector`."""
        from .tfp import SplitCoupling, tfb

        inner, latent = self._shapes
        reshape = tfb.Reshape(latent, event_shape_in=inner)
        rest = tfb.Chain([super().bijector(context), reshape], name="part")
        return SplitCoupling(self._num_kept, lambda _: rest, self._event_ndims)

    def initialize(self, x: np.ndarray, context: np.ndarray | None = None) -> None:
        """Initializes the inner bijectors; see `LazyBijector`."""
        super().initialize(x[..., self._num_kept :], context)
