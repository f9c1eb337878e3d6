"""Embeddings of a noise level, and of positions."""

import abc
import math
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from ..serialization import register
from ..validation import Shape, check_positive


class _Waves(layers.Layer, abc.ABC):
    """Sines and cosines of a number, at `size // 2` frequencies.

    Angles are computed in float32 under any policy: half precision is too coarse for
    high frequencies.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        check_positive(size, "size", integer=True)
        if size % 2:
            raise ValueError(f"size must be even, received {size}.")
        self.size = size

    @property
    @abc.abstractmethod
    def turns(self) -> Any:
        """Frequencies in turns per unit of the number, `(size // 2,)`."""

    def call(self, level: Any) -> Any:
        """`(batch, 1)` to `(batch, size)`."""
        turns = ops.cast(self.turns, "float32")
        angles = ops.cast(level, "float32") * (2 * math.pi * turns)
        waves = ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)
        return ops.cast(waves, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """One value per sine and cosine."""
        return (*input_shape[:-1], self.size)


@register
class LevelEmbedding(_Waves):
    """Sines and cosines of a noise level, at geometrically spaced frequencies.

    Args:
        size: Values of the embedding, even.
        slowest: Lowest frequency, in turns per unit of the noise level.
        fastest: Highest frequency.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Vaswani et al., "Attention is all you need", 2017, section 3.5.

    Example:
        >>> layer = kg.networks.LevelEmbedding(size=8)
        >>> layer(tf.constant([[0.0], [0.5]])).shape
        TensorShape([2, 8])
    """

    def __init__(
        self, size: int = 64, slowest: float = 0.02, fastest: float = 4.0, **kwargs: Any
    ) -> None:
        super().__init__(size, **kwargs)
        check_positive(slowest, "slowest")
        check_positive(fastest, "fastest")
        self.slowest, self.fastest = slowest, fastest

    @property
    def turns(self) -> np.ndarray:
        """Geometrically spaced frequencies."""
        return np.geomspace(self.slowest, self.fastest, self.size // 2)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("size", "slowest", "fastest")
        return {**super().get_config(), **{n: getattr(self, n) for n in names}}


@register
class FourierEmbedding(_Waves):
    """Sines and cosines of a noise level, at fixed random frequencies.

    The frequencies are a weight that is saved and not trained.

    Args:
        size: Values of the embedding, even.
        bandwidth: Standard deviation of the frequencies, in turns per unit of the
            noise level.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Song et al., "Score-based generative modeling through stochastic differential
        equations", ICLR 2021, appendix C; with the bandwidth of Karras et al.,
        "Analyzing and improving the training dynamics of diffusion models", CVPR 2024.

    Example:
        >>> layer = kg.networks.FourierEmbedding(size=8, bandwidth=2.0)
        >>> layer(tf.constant([[0.0], [0.5]])).shape
        TensorShape([2, 8])
    """

    def __init__(self, size: int = 64, bandwidth: float = 1.0, **kwargs: Any) -> None:
        super().__init__(size, **kwargs)
        check_positive(bandwidth, "bandwidth")
        self.bandwidth = bandwidth

    def build(self, input_shape: tuple) -> None:
        """Draws the frequencies."""
        self.frequencies = self.add_weight(
            name="frequencies",
            shape=(self.size // 2,),
            initializer=keras.initializers.RandomNormal(stddev=self.bandwidth),
            trainable=False,
        )

    @property
    def turns(self) -> Any:
        """The drawn frequencies."""
        return ops.convert_to_tensor(self.frequencies)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {"size": self.size, "bandwidth": self.bandwidth}
        return {**super().get_config(), **own}


@register
class PositionEmbedding(layers.Layer):
    """Adds fixed sines and cosines of the row and of the column.

    Args:
        columns: Number of columns. Positions are numbered row by row.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021; in two
        dimensions as in He et al., "Masked autoencoders are scalable vision
        learners", CVPR 2022.

    Example:
        >>> layer = kg.networks.PositionEmbedding(columns=3)
        >>> layer(tf.zeros((1, 6, 8))).shape  # two rows of three columns
        TensorShape([1, 6, 8])
    """

    def __init__(self, columns: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_positive(columns, "columns", integer=True)
        self.columns = columns

    def build(self, input_shape: Shape) -> None:
        """Checks the channels.

        Raises:
            ValueError: If they are not a multiple of 4.
        """
        if input_shape[-1] % 4:
            raise ValueError(
                "width must be a multiple of 4, for the sines and cosines of rows and "
                f"columns, received {input_shape[-1]}."
            )

    def call(self, x: Any) -> Any:
        """`(batch, positions, width)` to the same shape."""
        _, positions, width = x.shape
        turns = 1e4 ** -np.linspace(0, 1, width // 4, endpoint=False)
        indices = np.divmod(np.arange(positions), self.columns)
        angles = [index[:, None] * turns for index in indices]
        waves = [wave(angle) for angle in angles for wave in (np.sin, np.cos)]
        return x + ops.cast(np.concatenate(waves, axis=-1), x.dtype)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "columns": self.columns}
