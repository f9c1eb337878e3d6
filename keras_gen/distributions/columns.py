"""The likelihood of a table's rows: numbers, integers and categories side by side."""

import dataclasses
import math
from typing import Any, Protocol

import tensorflow as tf
from keras import ops

from ..random import normal_to_uniform
from ..serialization import value
from ..validation import check_positive
from .likelihoods import MIN_LOGISTIC_SCALE, Likelihood
from .pixels import log_cell
from .tfp import Distribution, normal

SMALLEST = 1e-7  # smallest probability of a draw


class Table(Protocol):
    """The interface of the spec of a table, `specs.Columns`."""

    numbers: tuple[int, ...]
    categories: tuple[int, ...]
    whole: tuple[bool, ...]
    sizes: tuple[int, ...]
    raw_shape: tuple[int, ...]


class Units(Protocol):
    """The interface of the scale of a table, `scaling.ColumnScale`."""

    low: Any
    high: Any

    def cells(self) -> tf.Tensor:
        """Size of one unit of each number on the network's scale."""
        ...


@value
class MixedColumns(Likelihood):
    """Independent columns: normal numbers, logistic integers, free categories.

    The decoder returns the centres of all numeric and integer columns, then their raw
    scales, then a logit for each value of each category.

    A standardized numeric column is normal with a learned scale. The probability of an
    integer is that of a cell of one unit around it under a logistic density. The cells
    at its limits include the tails, so that the probabilities of all integers sum to
    one. (A normal density at integers would not: it exceeds 1 for nearly certain
    columns. The logistic distribution function is available in `.tflite` files.)
    Categories have the softmax of their logits. `log_prob` is a log density for numeric
    columns, in their units, plus log probabilities for the others.

    Attributes:
        min_scale: Lower bound of a numeric column's standard deviation, > 0, relative
            to that of the column. It keeps the density finite if values repeat.
        columns: The spec of the table, `specs.Columns`. None takes the model's.
        units: The scale on which a model sees its table, which knows the size of a unit
            and the limits. None means a unit of 1 without limits.

    References:
        Salimans et al., "PixelCNN++", 2017, eq. 2 (integers).

    Example:
        >>> from keras_gen import specs
        >>> table = specs.Columns([specs.Integer("n"), specs.Category("a", ["x", "y"])])
        >>> MixedColumns().for_inputs(table).raw_shape(table)
        (4,)
    """

    min_scale: float = 0.01
    columns: Table | None = None
    units: Units | None = None
    unit_interval = False
    has_levels = True

    def __post_init__(self) -> None:
        check_positive(self.min_scale, "min_scale")

    def for_inputs(self, inputs: Any) -> "MixedColumns":
        """The likelihood of a table's columns.

        Raises:
            ValueError: If the spec is not `Columns`, or differs from `columns`.
        """
        if not hasattr(inputs, "sizes") or self.columns not in (None, inputs):
            raise ValueError(
                f"likelihood must fit the inputs: MixedColumns requires "
                f"{self.columns or 'specs.Columns'}, received {inputs}."
            )
        return dataclasses.replace(self, columns=inputs)

    def on(self, scale: Units) -> "MixedColumns":
        """The likelihood of rows on a scale."""
        return dataclasses.replace(self, units=scale)

    @property
    def _table(self) -> Table:
        if self.columns is None:
            raise ValueError(
                "MixedColumns() has no columns yet: call for_inputs(spec) first, as "
                "models do, or pass columns=spec."
            )
        return self.columns

    def raw_shape(self, inputs: Any) -> tuple[int, ...]:
        """Two values per number, and a logit per value of each category."""
        return inputs.raw_shape

    def distribution(self, raw: tf.Tensor) -> Distribution:
        """The normal distribution of all numbers, before integers are rounded.

        Args:
            raw: Decoder output, `(..., width)`.
        """
        location, scale, _ = self._parts(raw)
        return normal(location, self.min_scale + scale)

    def mean(self, raw: tf.Tensor) -> tf.Tensor:
        """Centres of the numbers and probabilities of the categories' values."""
        location, _, logits = self._parts(raw)
        parts = [location, *(tf.nn.softmax(part, axis=-1) for part in logits)]
        return ops.concatenate(parts, axis=-1)

    def draw(self, raw: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Draws by the quantiles of each column. Integers are not rounded yet.

        Args:
            raw: Decoder output, `(batch, width)`.
            noise: Standard normal, `(batch, num_columns)`.

        Returns:
            Numbers and one-hot categories, as `ColumnScale.outward` takes them.
        """
        columns, (location, scale, logits) = self._table, self._parts(raw)
        uniform, parts = normal_to_uniform(noise), []
        if columns.numbers:
            by_number = tf.gather(noise, columns.numbers, axis=-1)
            drawn = location + (self.min_scale + scale) * by_number
            if any(columns.whole):
                p = tf.gather(uniform, columns.numbers, axis=-1)
                p = ops.clip(p, SMALLEST, 1.0 - SMALLEST)
                logistic = ops.log(p) - ops.log(1.0 - p)
                whole = location + self._spread(scale) * logistic
                drawn = tf.where(columns.whole, whole, drawn)
            parts.append(drawn)
        for place, part in zip(columns.categories, logits, strict=True):
            below = ops.cumsum(tf.nn.softmax(part, axis=-1), axis=-1)[..., :-1]
            passed = ops.cast(below < uniform[..., place : place + 1], "int32")
            code = ops.sum(passed, axis=-1, keepdims=True)
            chosen = tf.equal(code, tf.range(part.shape[-1]))
            parts.append(tf.where(chosen, 1.0, 0.0))
        return ops.concatenate(parts, axis=-1)

    def log_prob(self, x: tf.Tensor, raw: tf.Tensor, event_rank: int = 1) -> tf.Tensor:
        """Log p(x | z) in nats, summed over the columns.

        Args:
            x: Rows on the network's scale, broadcast against the parameters.
            raw: Decoder output, `(..., width)`.
            event_rank: 1, the number of axes of a row.

        Returns:
            Nats, with the leading axes.
        """
        del event_rank
        columns, (location, scale, logits) = self._table, self._parts(raw)
        count, nats = len(columns.numbers), []
        if count:
            numbers = x[..., :count]
            each = normal(location, self.min_scale + scale).log_prob(numbers)
            if any(columns.whole):
                half = 0.5 * self._cells()
                cells = self._spread(scale), half, self._ends()
                by_cell = log_cell(numbers, location, *cells)
                each = tf.where(columns.whole, by_cell, each)
            nats.append(ops.sum(each, axis=-1))
        start = count
        for part in logits:
            one_hot = x[..., start : start + part.shape[-1]]
            start += part.shape[-1]
            nats.append(ops.sum(one_hot * tf.nn.log_softmax(part, axis=-1), axis=-1))
        return sum(nats[1:], nats[0])

    def _parts(self, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """Centres and scales >= 0 of the numbers, and logits of each category."""
        count, sizes = len(self._table.numbers), self._table.sizes
        location, raw_scale = raw[..., :count], raw[..., count : 2 * count]
        logits = tf.split(raw[..., 2 * count :], sizes, axis=-1) if sizes else []
        return location, ops.softplus(raw_scale), logits

    def _spread(self, scale: tf.Tensor) -> tf.Tensor:
        """Scales of the logistics, at least a tenth of a unit."""
        return MIN_LOGISTIC_SCALE * self._cells() + scale

    def _cells(self) -> tf.Tensor | float:
        return 1.0 if self.units is None else self.units.cells()

    def _ends(self) -> tuple[tf.Tensor | float, tf.Tensor | float]:
        if self.units is None:
            return -math.inf, math.inf
        return self.units.low.value, self.units.high.value
