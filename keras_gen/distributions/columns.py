"""The likelihood of a table's rows: numbers, integers and categories side by side."""

import dataclasses
from typing import Any, Protocol

import tensorflow as tf
from keras import ops

from ..random import normal_to_uniform
from ..serialization import value
from ..validation import check_positive, for_columns
from .likelihoods import Likelihood
from .pixels import log_between
from .tfp import Distribution, normal

SMALLEST = 1e-7  # smallest probability of a draw
NARROWEST = 1e-6  # cell that float32 resolves 8 standard deviations from 0


class Table(Protocol):
    """The interface of the spec of a table, `specs.Columns`."""

    shape: tuple[int, ...]
    numbers: tuple[int, ...]
    categories: tuple[int, ...]
    flagged: tuple[int, ...]
    steps: tuple[float, ...]
    blocks: tuple[int, ...]
    raw_shape: tuple[int, ...]

    def presence(self, seen: Any) -> Any:
        """1 for each number that is there, 0 for missing ones."""
        ...


class Units(Protocol):
    """The interface of the scale of a table, `scaling.ColumnScale`."""

    def edges(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Ends of the cells of numbers, and whether they are the first and the last."""
        ...


@value
class MixedColumns(Likelihood):
    """Independent columns: normal numbers, logistic integers, free categories.

    The decoder returns the centres of all numbers, then their raw scales, then a logit
    for each value of each block: whether a number is there or missing, for those that
    may be missing, and the values of each category.

    A continuous column is normal on the network's scale, with a learned scale. The
    probability of an integer, of a date or of a rounded number is that of its cell
    under a logistic density. The cells at the limits include the tails, so that the
    probabilities of all integers sum to one. (A normal density at integers would not:
    it exceeds 1 for nearly certain columns. The logistic distribution function is
    available in `.tflite` files.) Blocks have the softmax of their logits. A missing
    number has the probability of being missing and no other. `log_prob` is a log
    density for numeric columns, in their units, plus log probabilities for the others.

    Attributes:
        min_scale: Lower bound of the scale of a number, > 0, in standard deviations of
            its column. It keeps the density finite if values repeat.
        columns: The spec of the table, `specs.Columns`. None takes the model's.
        units: The scale on which a model sees its table, which knows the cells. None
            means cells of 1 without limits.

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
        return for_columns(self, inputs, "likelihood")

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
        """Two values per number, and a logit per value of each block."""
        return inputs.raw_shape

    def noise_shape(self, inputs: Any) -> tuple[int, ...]:
        """One number per column, and one per number that may be missing."""
        return (inputs.shape[0] + len(inputs.flagged),)

    def distribution(self, raw: tf.Tensor) -> Distribution:
        """The normal distribution of all numbers, before they are rounded.

        Args:
            raw: Decoder output, `(..., width)`.
        """
        location, scale, _ = self._parts(raw)
        return normal(location, scale)

    def mean(self, raw: tf.Tensor) -> tf.Tensor:
        """Centres of the numbers and probabilities of the blocks' values."""
        location, _, logits = self._parts(raw)
        parts = [location, *(tf.nn.softmax(part, axis=-1) for part in logits)]
        return ops.concatenate(parts, axis=-1)

    def draw(self, raw: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Draws by the quantiles of each column. Numbers are not rounded yet.

        Args:
            raw: Decoder output, `(batch, width)`.
            noise: Standard normal, `(batch, *noise_shape)`.

        Returns:
            Numbers and one-hot blocks, as `ColumnScale.outward` takes them.
        """
        columns, (location, scale, logits) = self._table, self._parts(raw)
        uniform, parts = normal_to_uniform(noise), []
        if columns.numbers:
            drawn = location + scale * tf.gather(noise, columns.numbers, axis=-1)
            if any(columns.steps):
                p = tf.gather(uniform, columns.numbers, axis=-1)
                p = ops.clip(p, SMALLEST, 1.0 - SMALLEST)
                logistic = location + scale * (ops.log(p) - ops.log(1.0 - p))
                drawn = tf.where(self._is_cell, logistic, drawn)
            parts.append(drawn)
        count = columns.shape[0]
        places = [*range(count, count + len(columns.flagged)), *columns.categories]
        for place, part in zip(places, logits, strict=True):
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
            each = normal(location, scale).log_prob(numbers)
            if any(columns.steps):
                lower, upper, *is_end = self._edges(numbers)
                ends = is_end[0], is_end[1]
                by_cell = log_between(lower, upper, location, scale, ends)
                each = tf.where(self._is_cell, by_cell, each)
            nats.append(ops.sum(each * columns.presence(x), axis=-1))
        start = count
        for part in logits:
            one_hot = x[..., start : start + part.shape[-1]]
            start += part.shape[-1]
            nats.append(ops.sum(one_hot * tf.nn.log_softmax(part, axis=-1), axis=-1))
        return sum(nats[1:], nats[0])

    @property
    def _is_cell(self) -> list[bool]:
        """Which numbers have cells."""
        return [step > 0 for step in self._table.steps]

    def _parts(self, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """Centres and scales > 0 of the numbers, and logits of each block."""
        count, blocks = len(self._table.numbers), self._table.blocks
        location, raw_scale = raw[..., :count], raw[..., count : 2 * count]
        logits = tf.split(raw[..., 2 * count :], blocks, axis=-1) if blocks else []
        return location, self.min_scale + ops.softplus(raw_scale), logits

    def _edges(self, x: tf.Tensor) -> tuple[Any, Any, Any, Any]:
        """Ends of cells, also of numbers without, so that gradients are finite."""
        if self.units is None:
            return x - 0.5, x + 0.5, False, False
        lower, upper, is_first, is_last = self.units.edges(x)
        least = tf.where(self._is_cell, NARROWEST, 1.0)
        return lower, tf.maximum(upper, lower + least), is_first, is_last
