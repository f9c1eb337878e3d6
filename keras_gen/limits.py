"""Limits: the allowed values of a model's inputs, and the errors for other values.

The checks of arrays (`validation`), the steps of `fit`, and the traced functions of an
artifact use the same `Limit`.
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

SHOWN = 20  # columns that an error lists
PAD = -1  # after the last token of a row


@dataclass(frozen=True)
class Limit:
    """The allowed values of an input.

    Floating-point values must also be finite.

    Attributes:
        low: Lower bound, or None.
        high: Upper bound, or None.
        ends: Which bounds are allowed themselves, as in "[)".
        is_integer: Whether values are integers.
        is_scalar: Whether a row has one value.
        is_padded: Whether rows of tokens may end in -1, with no token after it.
    """

    low: float | None = None
    high: float | None = None
    ends: str = "[]"
    is_integer: bool = False
    is_scalar: bool = False
    is_padded: bool = False

    @property
    def safe(self) -> float:
        """An allowed value."""
        if self.is_padded:
            return PAD
        if self.low is None:
            return 0
        return self.low if self.ends[0] == "[" else self.low + 1

    def holds(self, values: Any, *, by_bits: bool = False) -> tf.Tensor:
        """Which rows have allowed values, with operators that LiteRT has.

        Args:
            values: Tensor or array, `(batch, ...)`.
            by_bits: Whether float32 values are compared as integers, which stay exact
                in a graph with quantized floats.

        Returns:
            bool `(batch,)`, False for a row with NaN.
        """
        values = tf.convert_to_tensor(values)
        if self.holds_for_all(values.dtype):
            return tf.ones(tf.shape(values)[:1], tf.bool)
        is_allowed = _all(self._each(values, by_bits=by_bits))
        if not self.is_padded:
            return is_allowed
        is_pad = tf.equal(values, PAD)
        return is_allowed & _all(tf.logical_not(is_pad[:, :-1]) | is_pad[:, 1:])

    def holds_for_all(self, dtype: tf.DType) -> bool:
        """Whether all values of a dtype are allowed; uint8 images are value / 255."""
        if dtype == tf.bool or (dtype == tf.uint8 and self == UNIT):
            return True
        return dtype.is_integer and self.low is None and self.high is None

    def _each(self, values: tf.Tensor, *, by_bits: bool) -> tf.Tensor:
        """Which values are allowed, bool in the shape of `values`.

        Comparisons find NaN, also under XLA, where a minimum ignores it.
        """
        low, high, (opens, closes) = self.low, self.high, self.ends
        low = PAD if self.is_padded else low
        if values.dtype.is_floating:
            low, opens = (values.dtype.min, "[") if low is None else (low, opens)
            high, closes = (values.dtype.max, "]") if high is None else (high, closes)
            if by_bits:
                values, low, high = (_ordered(v) for v in (values, low, high))
        tests = []
        if low is not None:
            bound = tf.cast(low, values.dtype)
            tests.append(values >= bound if opens == "[" else values > bound)
        if high is not None:
            bound = tf.cast(high, values.dtype)
            tests.append(values <= bound if closes == "]" else values < bound)
        return functools.reduce(tf.logical_and, tests)

    def facts(self) -> dict[str, Any]:
        """The rule for a manifest, as JSON. Without bounds any finite number fits."""
        found: dict[str, Any] = {}
        if self.low is not None:
            found["minimum" if self.ends[0] == "[" else "above"] = self.low
        if self.high is not None:
            is_end = self.is_integer or self.is_padded
            is_after = is_end and self.ends[1] == ")"
            found["maximum"] = self.high - 1 if is_after else self.high
        return found | ({"padding": PAD} if self.is_padded else {})

    def places(self, values: tf.Tensor) -> tf.Tensor | None:
        """Which values are allowed, or None if their places need no name."""
        del values

    def message(self, name: str) -> str:
        """The rule for an input `name`, as in "labels must be in [0, 10)"."""
        low, high, (opens, closes) = self.low, self.high, self.ends
        if low is not None and high is not None:
            verb = "be" if self.is_scalar or self.is_padded else "hold values"
            padding = ", or -1 after the end" if self.is_padded else ""
            return f"{name} must {verb} in {opens}{low}, {high}{closes}{padding}"
        if low is not None:
            return f"{name} must be {'>=' if opens == '[' else '>'} {low}"
        if self.is_integer:
            return f"{name} must be integers"
        return f"{name} must " + (
            "be finite" if self.is_scalar else "hold finite values"
        )


@dataclass(frozen=True)
class ColumnLimits(Limit):
    """The allowed values of the columns of a table, `(batch, columns)`.

    Attributes:
        names: Names of the columns.
        lows: Smallest value of each column, or None.
        highs: Largest value of each column, or None.
        whole: Whether each column holds integers.
        missing: Whether values of each column may be NaN.
        expected: The expected values of each column, for an error.
    """

    names: tuple[str, ...] = ()
    lows: tuple[float | None, ...] = ()
    highs: tuple[float | None, ...] = ()
    whole: tuple[bool, ...] = ()
    missing: tuple[bool, ...] = ()
    expected: tuple[str, ...] = ()

    @property
    def safe(self) -> Any:
        """An allowed row."""
        pairs = zip(self.lows, self.highs, strict=True)
        return [float(max(min(0, _or(h, 0)), _or(w, 0))) for w, h in pairs]

    def bounds(self) -> tuple[Any, Any]:
        """Smallest and largest values; those of float32 for columns without limits."""
        most = float(tf.float32.max)
        lows = np.array([_or(v, -most) for v in self.lows], np.float64)
        return lows, np.array([_or(v, most) for v in self.highs], np.float64)

    def holds_for_all(self, dtype: tf.DType) -> bool:
        """False: every dtype has values outside the limits."""
        return False

    def _each(self, values: tf.Tensor, *, by_bits: bool) -> tf.Tensor:
        low, high = (v.astype(values.dtype.as_numpy_dtype) for v in self.bounds())
        is_whole = tf.equal(tf.floor(values), values) | ~np.array(self.whole)
        absent = tf.math.is_nan(values) & np.array(self.missing)
        if by_bits:
            values, low, high = (_ordered(v) for v in (values, low, high))
        is_allowed = (values >= low) & (values <= high) & is_whole
        return is_allowed | absent if any(self.missing) else is_allowed

    def message(self, name: str) -> str:
        """The rule for a table `name`, with its first columns."""
        pairs = [*zip(self.names, self.expected, strict=True)]
        rules = [f"{i} {column} {rule}" for i, (column, rule) in enumerate(pairs)]
        more = f"; and {len(rules) - SHOWN} more" if len(rules) > SHOWN else ""
        listed = "; ".join(rules[:SHOWN]).replace("'", "")  # an assertion escapes it
        return f"{name} must fit its columns ({listed}{more})"

    def places(self, values: tf.Tensor) -> tf.Tensor:
        """Which values are allowed, to name the column of one that is not."""
        return self._each(values, by_bits=False)


def _or(value: Any, other: Any) -> Any:
    return other if value is None else value


def _ordered(values: Any) -> tf.Tensor:
    """int32 in the order of float32: their bits, negative ones counted downwards."""
    bits = tf.bitcast(tf.cast(values, tf.float32), tf.int32)
    return tf.where(bits < 0, tf.int32.min - bits, bits)


def _all(is_allowed: tf.Tensor) -> tf.Tensor:
    """Whether all values of each row are allowed, `(batch,)`."""
    axes = list(range(1, is_allowed.shape.rank))
    return tf.reduce_all(is_allowed, axes) if axes else is_allowed


FINITE = Limit()
FINITE_NUMBER = Limit(is_scalar=True)
INTEGER = Limit(is_integer=True, is_scalar=True)
UNIT = Limit(0, 1)
POSITIVE = Limit(0, ends="(]", is_scalar=True)
NOT_NEGATIVE = Limit(0, is_scalar=True)
SHARE = Limit(0, 1, "(]", is_scalar=True)  # a probability that is not 0
PART = Limit(0, 1, is_scalar=True)  # of a whole, such as a truncation
COUNT = Limit(0, is_integer=True, is_scalar=True)


def one_of(count: int) -> Limit:
    """Integers in [0, count)."""
    return Limit(0, count, "[)", is_integer=True, is_scalar=True)


def tokens_of(vocabulary_size: int) -> Limit:
    """Rows of tokens in [0, vocabulary_size), with -1 after the last token of a row."""
    return Limit(0, vocabulary_size, "[)", is_integer=True, is_padded=True)
