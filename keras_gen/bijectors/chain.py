"""Composition of bijectors."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..serialization import deserialize, register, serialize
from ..validation import check_type
from .lazy import Bijector, LazyBijector

ROWS = 500  # rows per call when weights are initialized from data


@register
class Chain(LazyBijector):
    """Several bijectors as one.

    Args:
        bijectors: The bijectors. The first one is next to the data.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        TypeError: If one is not a bijector.
        ValueError: If `bijectors` is empty, or if they differ in dtype.

    Example:
        >>> parts = [kg.bijectors.Permutation(), kg.bijectors.ActNorm()]
        >>> chain = kg.bijectors.Chain(parts)
        >>> chain.prepare((2,))
        (2,)
        >>> chain(tf.constant([[1.0, 2.0]])).numpy()
        array([[2., 1.]], dtype=float32)
    """

    def __init__(self, bijectors: Sequence[LazyBijector], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_type(bijectors, list | tuple, "bijectors")
        if not bijectors:
            raise ValueError(
                "bijectors must hold at least one bijector, received an empty list."
            )
        self.bijectors = list(bijectors)
        for i, bijector in enumerate(self.bijectors):
            check_type(bijector, LazyBijector, f"bijectors[{i}]")
        dtypes = sorted({bijector.variable_dtype for bijector in self.bijectors})
        if len(dtypes) > 1:
            raise ValueError(f"bijectors must have one dtype, received {dtypes}.")
        self.dtype_policy = dtypes[0]

    @property
    def needs_data(self) -> bool:
        """Whether one of the bijectors needs data."""
        return any(bijector.needs_data for bijector in self.bijectors)

    def prepare(
        self, data_shape: tuple[int, ...], context_size: int = 0
    ) -> tuple[int, ...]:
        """Prepares the parts in turn; see `LazyBijector`."""
        shape = tuple(data_shape)
        for i, bijector in enumerate(self.bijectors):
            if bijector.built:
                raise ValueError(
                    f"bijectors[{i}]: {type(bijector).__name__} is already part of a "
                    "flow. Make a new one for each position."
                )
            try:
                shape = tuple(bijector.prepare(shape, context_size))
            except ValueError as error:
                raise ValueError(f"bijectors[{i}]: {error}") from error
            bijector.built = True
        self.built = True
        return shape

    def bijector(self, context: tf.Tensor | None = None) -> Bijector:
        """The composition; see `LazyBijector`."""
        from .tfp import tfb

        parts = [bijector.bijector(context) for bijector in self.bijectors]
        return tfb.Chain(parts, name="chain")  # the default name lists all parts

    def initialize(self, x: np.ndarray, context: np.ndarray | None = None) -> None:
        """Initializes each bijector with the output of the previous ones for `x`.

        Raises:
            ValueError: If an output is NaN or infinite.
        """
        for i, bijector in enumerate(self.bijectors):
            bijector.initialize(x, context)
            x = np.concatenate(
                [bijector(part, known).numpy() for part, known in _parts(x, context)]
            )
            if bad := int(np.size(x) - np.isfinite(x).sum()):
                raise ValueError(
                    f"bijectors[{i}]: {type(bijector).__name__} returned {bad} NaN or "
                    f"infinite values for {len(x)} examples, which are out of its "
                    "range."
                )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), **serialize({"bijectors": self.bijectors})}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Chain":
        """Rebuilds the layer from `get_config`."""
        return cls(**deserialize(config))


def _parts(
    x: np.ndarray, context: np.ndarray | None
) -> Iterator[tuple[tf.Tensor, tf.Tensor | None]]:
    for start in range(0, len(x), ROWS):
        rows = slice(start, start + ROWS)
        known = None if context is None else tf.constant(context[rows])
        yield tf.constant(x[rows]), known
