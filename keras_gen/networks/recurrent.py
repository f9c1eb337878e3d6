"""Recurrent layers, over a whole sequence or one position at a time."""

from typing import Any

import tensorflow as tf
from keras import layers

from ..serialization import register
from ..validation import check_positive, check_share

CELLS = {"lstm": layers.LSTM, "gru": layers.GRU}


@register
class Recurrent(layers.Layer):
    """An LSTM or GRU whose output is added to its input where the widths agree.

    Args:
        units: Number of units.
        cell: "lstm" or "gru".
        dropout: Share of the outputs that are set to 0.
        **kwargs: `name` and `dtype`, for Keras.

    References:
        Hochreiter and Schmidhuber, "Long short-term memory", 1997; Cho et al.,
        "Learning phrase representations using RNN encoder-decoder", 2014.
    """

    def __init__(
        self, units: int, *, cell: str = "lstm", dropout: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_positive(units, "units", integer=True)
        check_share(dropout, "dropout")
        if cell not in CELLS:
            raise ValueError(
                f"cell must be one of {', '.join(CELLS)}, received {cell!r}."
            )
        self.units, self.cell, self.dropout = units, cell, dropout

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds the layers for `(batch, positions, channels)`."""
        options = {"return_sequences": True, "seed": 0, "dtype": self.dtype_policy}
        self.layer = CELLS[self.cell](self.units, **options)
        self.drop = layers.Dropout(self.dropout, dtype=self.dtype_policy)
        self.layer.build(input_shape)
        self.is_residual = input_shape[-1] == self.units

    def call(self, x: Any, *, training: bool = False) -> Any:
        """`(batch, positions, channels)` to `(batch, positions, units)`."""
        y = self.drop(self.layer(x, training=training), training=training)
        return x + y if self.is_residual else y

    def start(self, rows: Any) -> tuple[Any, ...]:
        """The state before the first position."""
        count = 2 if self.cell == "lstm" else 1
        return (tf.zeros((rows, self.units), self.compute_dtype),) * count

    def step(
        self, x: Any, state: tuple[Any, ...], position: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        """One position, `(batch, channels)`, and the state after it."""
        del position
        y, state = self.layer.cell(x, list(state))
        return (x + y if self.is_residual else y), tuple(state)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """`units` channels."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("units", "cell", "dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
