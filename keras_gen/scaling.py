"""The scale on which a network sees the data."""

import abc
import contextlib
import contextvars
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf

from .engine.examples import TakesExamples, first_rows
from .limits import PAD
from .networks.structure import one_hot
from .quantiles import DISTINCT, FAR, Quantiles
from .specs import Classes, Columns, Floats, Spec, Tokens
from .validation import FLOAT32_INTEGERS

INITIAL_ROWS, TABLE_ROWS, MOST_ROWS = 10_000, 100_000, 1_000_000
FILLED_ROWS = 1000  # at least, with noise for constants
NAMED = 10  # number of columns in a warning
FEW_ROWS = 5  # that a value of a category has too little of for a mean of its own

_double: contextvars.ContextVar[bool] = contextvars.ContextVar("double", default=False)


@contextlib.contextmanager
def double_outputs() -> Iterator[None]:
    """Returns generated examples as float64: arrays can be, artifacts cannot."""
    token = _double.set(True)  # noqa: FBT003
    try:
        yield
    finally:
        _double.reset(token)


def scale_of(spec: Spec, *, signed: bool = False, in_units: bool = False) -> Any:
    """The scale on which networks see values of a spec.

    Args:
        spec: The spec of the values.
        signed: Whether values in [0, 1] become values in [-1, 1].
        in_units: As in `Standardizer`, which alone asks for it.

    Returns:
        A `Standardizer` for floating-point values of any size, a `ColumnScale` for
        tables, a `OneHot` for classes, a `TokenScale` for texts, otherwise a
        `FixedScale`.
    """
    if isinstance(spec, Columns):
        return ColumnScale(spec)
    if isinstance(spec, Floats) and not spec.is_unit:
        return Standardizer(spec, in_units=in_units)
    if isinstance(spec, Classes):
        return OneHot(spec.num_classes)
    if isinstance(spec, Tokens):
        return TokenScale(spec)
    return FixedScale(
        spec.size, is_signed=signed and spec.is_unit, is_unit=spec.is_unit
    )


def continuous_scale_of(spec: Spec, **how: bool) -> Any:
    """The scale for models of continuous values: a `RankScale` for tables.

    For other specs it is that of `scale_of`, with its arguments.
    """
    return RankScale(spec) if isinstance(spec, Columns) else scale_of(spec, **how)


class Scale:
    """What all scales have. Those that do not depend on data have no `find`.

    Attributes:
        is_found: Whether `find` finds it from the training data.
        needs_data: Whether it still has to be found.
        is_far: Whether float32 would round varying values visibly.
        has_cells: Whether a value is a cell of points on the network's scale.
        unknown: What a network sees in all places of a condition that is not known.
    """

    is_found = False
    needs_data = False
    is_far = False
    has_cells = False
    unknown: float = 0

    @abc.abstractmethod
    def inward(self, x: tf.Tensor) -> tf.Tensor:
        """Values on the network's scale."""

    def spread(self, x: tf.Tensor, draw: Callable[[], tf.Tensor]) -> tf.Tensor:
        """Examples on the network's scale, at random places of their cells.

        Args:
            x: The examples.
            draw: Returns the places, uniform in (0, 1), in the shape of the examples.
        """
        del draw
        return self.inward(x)

    def fill(self, x: tf.Tensor, draw: Callable[[], tf.Tensor]) -> tf.Tensor:
        """Values on the network's scale, with noise for constants.

        Args:
            x: The values.
            draw: Returns standard normal noise in their shape.
        """
        del draw
        return x

    def initial_rows(self, num: int) -> slice | np.ndarray:
        """Which of the examples that `find` has seen initialize other weights.

        Args:
            num: Number of examples.
        """
        del num
        return slice(None)


class OneHot(Scale):
    """Class labels as networks see them; see `one_hot`.

    Args:
        num_classes: Number of classes.
    """

    def __init__(self, num_classes: int) -> None:
        self._num_classes = num_classes

    def inward(self, labels: tf.Tensor) -> tf.Tensor:
        """float32 `(batch, num_classes)`, all zeros for an unknown class."""
        return one_hot(labels, self._num_classes)


class FixedScale(Scale):
    """Leaves values as they are, or maps [0, 1] to [-1, 1].

    Attributes:
        mean: The value that becomes 0.
        deviation: The difference that becomes 1.
    """

    def __init__(self, size: int, *, is_signed: bool, is_unit: bool) -> None:
        self._size = size
        self.mean, self.deviation = (0.5, 0.5) if is_signed else (0.0, 1.0)
        self._is_signed, self._is_unit = is_signed, is_unit

    def inward(self, x: tf.Tensor) -> tf.Tensor:
        """Values on the network's scale."""
        return (x - self.mean) / self.deviation if self._is_signed else x

    def outward(self, x: tf.Tensor) -> tf.Tensor:
        """Values in units of the data, clipped to [0, 1] if those are in [0, 1]."""
        x = self.mean + self.deviation * x if self._is_signed else x
        return tf.clip_by_value(x, 0.0, 1.0) if self._is_unit else x

    def log_volume(self, x: Any = None) -> float:
        """Log of the volume of a network's unit, in units of the data."""
        del x
        return self._size * math.log(self.deviation)

    def as_lists(self) -> dict[str, Any]:
        """`mean` and `deviation` as plain numbers."""
        return {"mean": self.mean, "deviation": self.deviation}


class TokenScale(FixedScale):
    """Tokens as they are. Those of sentences are padded to the length of the spec.

    Args:
        spec: The spec of the tokens.
    """

    unknown = PAD

    def __init__(self, spec: Tokens) -> None:
        super().__init__(spec.size, is_signed=False, is_unit=False)
        self._length = spec.length if spec.are_sentences else None

    def inward(self, tokens: tf.Tensor) -> tf.Tensor:
        """int32 tokens, `(batch, length)` for sentences."""
        if self._length in (None, tokens.shape[1]):
            return tokens
        missing = [[0, 0], [0, self._length - tf.shape(tokens)[1]]]
        tokens = tf.pad(tokens, missing, constant_values=PAD)
        return tf.ensure_shape(tokens, (None, self._length))


@keras.saving.register_keras_serializable("keras_gen")
class Standardizer(Scale, keras.layers.Layer):
    """Gives each column mean 0 and standard deviation 1, found from the training data.

    float32 has seven digits: for seconds since 1970 it resolves only 128 seconds. So
    columns far from 0 have their mean as origin: it is subtracted in the precision of
    the data, and added in float64 at the end. The origin is a float32 number, so that
    float32 data are exact too.

    Args:
        spec: The spec of the values. The `scale_axes` of a row share their mean and
            standard deviation.
        in_units: Whether values keep their units. Then only an origin is subtracted,
            from values that are constant or far from 0.

    Attributes:
        is_moved: Which values have an origin other than 0.
        origin: The value that becomes 0 there.
        mean: The mean of the values after the origin is subtracted.
        deviation: The standard deviation, or 1 for a constant.
        constant: Which values were the same in all examples.
        initialized: Whether all of these are known.
    """

    is_found = True

    def __init__(self, spec: Spec, *, in_units: bool = False) -> None:
        super().__init__(dtype="float32", trainable=False)
        self._in_units = in_units
        axes, shape = spec.scale_axes, spec.shape
        self._axes = (0, *(axis + 1 for axis in axes))
        shape = tuple(1 if i in axes else n for i, n in enumerate(shape))
        self._repeats = spec.size // int(np.prod(shape))
        self.origin = self.add_weight(shape, "zeros", name="origin")
        self.mean = self.add_weight(shape, "zeros", name="mean")
        self.deviation = self.add_weight(shape, "ones", name="deviation")
        flags: dict[str, Any] = {"initializer": "zeros", "dtype": "bool"}
        self.is_moved = self.add_weight(shape, name="is_moved", **flags)
        self.constant = self.add_weight(shape, name="constant", **flags)
        self.initialized = self.add_weight((), name="initialized", **flags)
        self.built = True

    @property
    def needs_data(self) -> bool:
        """Whether mean and standard deviation are not found yet."""
        return not self.initialized.numpy()

    @property
    def is_far(self) -> bool:
        """Whether float32 would round varying values visibly."""
        return bool(np.any(self.is_moved.numpy() & ~self.constant.numpy()))

    def find(self, x: np.ndarray) -> None:
        """Finds the mean and standard deviation of examples, `(n, *shape)`."""
        mean, deviation, constant = statistics(x, self._axes)
        shape = self.mean.shape
        mean, deviation, constant = (
            v.reshape(shape) for v in (mean, deviation, constant)
        )
        self.is_moved.assign(constant | (np.abs(mean) > FAR * deviation))
        self.origin.assign(mean)
        self.constant.assign(constant)
        if not self._in_units:
            self.mean.assign(np.where(constant, 0, mean - self._start().numpy()))
            self.deviation.assign(deviation)
        self.initialized.assign(True)  # noqa: FBT003

    def inward(self, x: tf.Tensor) -> tf.Tensor:
        """float32 `(x - mean) / deviation`. The origin keeps the dtype of `x`."""
        x = tf.cast(x - tf.cast(self._start(), x.dtype), tf.float32)
        return (x - self.mean.value) / self.deviation.value

    def outward(self, x: tf.Tensor) -> tf.Tensor:
        """Values in units of the data; constant columns get their constant."""
        x = self.mean.value + self.deviation.value * x
        x = tf.where(self.constant.value, 0.0, x)
        dtype = tf.float64 if _double.get() else tf.float32
        return tf.cast(self._start(), dtype) + tf.cast(x, dtype)

    def fill(self, x: tf.Tensor, draw: Callable[[], tf.Tensor]) -> tf.Tensor:
        """Replaces constants by noise; see `Scale.fill`."""
        constant = self.constant.value
        return tf.cond(
            tf.reduce_any(constant),
            lambda: x + tf.where(constant, draw(), 0.0),
            lambda: x,
        )

    def initial_rows(self, num: int) -> slice | np.ndarray:
        """Few rows several times if some values are constant; see `fill`.

        The noise of few rows would have another standard deviation.
        """
        if not self.constant.numpy().any():
            return slice(None)
        return np.resize(np.arange(num), -(-FILLED_ROWS // num) * num)

    def log_volume(self, x: Any = None) -> tf.Tensor:
        """Log of the volume of a network's unit, in units of the data, a scalar."""
        del x
        return self._repeats * tf.reduce_sum(tf.math.log(self.deviation.value))

    def as_lists(self) -> dict[str, Any]:
        """`mean` and `deviation` for a network's outputs, as plain lists."""
        mean = self.mean.numpy().astype(np.float64) + self._start().numpy()
        deviation = np.where(self.constant.numpy(), 0, self.deviation.numpy())
        return {"mean": mean.tolist(), "deviation": deviation.tolist()}

    def _start(self) -> tf.Tensor:
        return tf.where(self.is_moved.value, self.origin.value, 0.0)


@keras.saving.register_keras_serializable("keras_gen")
class ColumnScale(Scale, keras.layers.Layer):
    """Tables as networks see them: standard normal numbers and one-hot codes.

    A network sees the quantiles of the numeric, integer and date columns, then whether
    each of those that may be missing is there (two values), then the values of each
    category. A missing number is 0. `outward` takes the likeliest value of each
    category, and the nearest step within the limits.

    Args:
        spec: The spec of the columns.

    Attributes:
        numbers: The `Quantiles` of the numbers, or None.
    """

    def __init__(self, spec: Columns) -> None:
        super().__init__(dtype="float32", trainable=False)
        self._spec = spec
        self.is_found = bool(spec.numbers)
        self.numbers = Quantiles(spec.steps) if spec.numbers else None
        order = np.array([*spec.numbers, *spec.categories])
        self._back = np.argsort(order).tolist()
        self.built = True

    @property
    def needs_data(self) -> bool:
        """Whether the quantiles of the numbers are not found yet."""
        return self.numbers is not None and self.numbers.needs_data

    @property
    def is_far(self) -> bool:
        """Whether float32 would round integers, or varying numbers visibly."""
        return _has_long(self._spec) or (
            self.numbers is not None and self.numbers.is_far
        )

    @property
    def constant(self) -> np.ndarray:
        """Which columns are numeric and had one value in all examples."""
        constant = np.zeros(len(self._spec.columns), bool)
        if self.numbers is not None:
            constant[[*self._spec.numbers]] = self.numbers.constant.numpy()
        return constant & ~np.array(self._spec.limit.whole)

    def find(self, x: np.ndarray) -> None:
        """Finds the quantiles of the numbers, `(n, num_columns)`."""
        if self.numbers is not None:
            places = [*self._spec.numbers]
            low, high = (bound[places] for bound in self._spec.limit.bounds())
            self.numbers.find(np.asarray(x)[:, places], low, high)

    def inward(self, x: tf.Tensor) -> tf.Tensor:
        """float32 `(batch, width)`. Origins are subtracted in the dtype of `x`."""
        spec, parts = self._spec, []
        if self.numbers is not None:
            numbers = tf.gather(x, spec.numbers, axis=-1)
            absent = tf.math.is_nan(numbers)
            parts.append(tf.where(absent, 0.0, self.numbers.inward(numbers)))
        if spec.flagged:
            absent = tf.math.is_nan(tf.gather(x, np.repeat(spec.flagged, 2), axis=-1))
            is_there = np.tile([True, False], len(spec.flagged))
            parts.append(tf.where(tf.not_equal(absent, is_there), 1.0, 0.0))
        if spec.sizes:
            places = np.repeat(spec.categories, spec.sizes)
            codes = tf.cast(tf.gather(x, places, axis=-1), tf.int32)
            values = np.concatenate([np.arange(n, dtype=np.int32) for n in spec.sizes])
            parts.append(tf.where(tf.equal(codes, values), 1.0, 0.0))
        return tf.concat(parts, axis=-1)

    def outward(self, x: tf.Tensor) -> tf.Tensor:
        """Rows of the table, `(batch, num_columns)`, from numbers and any weights."""
        spec, dtype = self._spec, tf.float64 if _double.get() else tf.float32
        numbers, *blocks = tf.split(x, [len(spec.numbers), *spec.blocks], axis=-1)
        codes = [tf.argmax(b, axis=-1, output_type=tf.int32) for b in blocks]
        flags, codes = codes[: len(spec.flagged)], codes[len(spec.flagged) :]
        parts = []
        if self.numbers is not None:
            numbers = self.numbers.outward(numbers, dtype)
            for place, flag in zip(spec.flagged, flags, strict=True):
                at = np.arange(len(spec.numbers)) == spec.numbers.index(place)
                absent = tf.equal(flag, 1)[..., None] & at
                numbers = tf.where(absent, tf.constant(np.nan, dtype), numbers)
            parts.append(numbers)
        parts += [tf.cast(code, dtype)[..., None] for code in codes]
        return tf.gather(tf.concat(parts, axis=-1), self._back, axis=-1)

    def edges(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """The cells of numbers on the network's scale; see `Quantiles.edges`."""
        return cast(Quantiles, self.numbers).edges(x)

    def log_volume(self, x: tf.Tensor) -> tf.Tensor:
        """Log of the volume of a network's unit, in units of the data, `(batch,)`.

        Only numeric columns count: integers and categories have probabilities.

        Args:
            x: Rows as networks see them.
        """
        spec = self._spec
        if self.numbers is None:
            return tf.zeros(tf.shape(x)[:-1])
        each = self.numbers.log_slope(x[..., : len(spec.numbers)])
        cells = np.array([math.log(step or 1.0) for step in spec.steps], np.float32)
        each = tf.where(np.array(spec.steps) > 0, cells, each)
        each = tf.where(self.numbers.constant.value, 0.0, each) * spec.presence(x)
        return tf.reduce_sum(each, axis=-1)

    def as_lists(self) -> dict[str, Any]:
        """The quantiles of the numbers, as plain lists."""
        return {} if self.numbers is None else self.numbers.as_lists()


@keras.saving.register_keras_serializable("keras_gen")
class RankScale(Scale, keras.layers.Layer):
    """Tables as standard normal numbers, one for each column.

    Codes of categories are steps of `Quantiles` like integers, and missing numbers are
    a cell of their own. In training a value is a random point of its cell, so that the
    density of the points, which is continuous, bounds the probability of the value.

    More than 128 values of a category stand in the order of what the other columns say
    of them, so that neighbours are alike; see `ordered_codes`.

    Args:
        spec: The spec of the columns.

    Attributes:
        columns: The `Quantiles` of all columns.

    References:
        Theis, van den Oord and Bethge, "A note on the evaluation of generative models",
        2016, section 3.1 (the bound).
    """

    is_found = True

    def __init__(self, spec: Columns) -> None:
        super().__init__(dtype="float32", trainable=False)
        self._spec = spec
        self.has_cells = spec.has_levels
        self.columns = Quantiles(
            [column.step for column in spec.columns],
            levels=[len(column.values) for column in spec.columns],
            has_missing=[column.has_missing for column in spec.columns],
        )
        self._orders = {
            place: self.add_weight(
                (len(column.values),),
                lambda shape, dtype: tf.range(shape[0], dtype=dtype),
                dtype="int32",
                name=f"order_{place}",
            )
            for place, column in enumerate(spec.columns)
            if len(column.values) > DISTINCT
        }
        self.built = True

    @property
    def needs_data(self) -> bool:
        """Whether the quantiles are not found yet."""
        return self.columns.needs_data

    @property
    def is_far(self) -> bool:
        """Whether float32 would round integers, or varying numbers visibly."""
        return _has_long(self._spec) or self.columns.is_far

    @property
    def constant(self) -> np.ndarray:
        """Which columns are numeric and had one value in all examples."""
        return self.columns.constant.numpy() & ~np.array(self._spec.limit.whole)

    def find(self, x: np.ndarray) -> None:
        """Finds the quantiles of the columns, `(n, num_columns)`."""
        x = np.array(x)
        orders = {place: ordered_codes(x, place, self._spec) for place in self._orders}
        for place, codes in orders.items():
            self._orders[place].assign(codes)
            x[:, place] = np.argsort(codes)[x[:, place].astype(int)]
        self.columns.find(x, *self._spec.limit.bounds())

    def inward(self, x: tf.Tensor, u: tf.Tensor | float = 0.5) -> tf.Tensor:
        """float32 `(batch, num_columns)`, `u` the places of values within cells."""
        for place, codes in self._orders.items():
            size = codes.shape[0]
            places = tf.scatter_nd(codes.value[:, None], tf.range(size), (size,))
            x = self._replaced(x, place, places)
        return self.columns.inward(x, u)

    def spread(self, x: tf.Tensor, draw: Callable[[], tf.Tensor]) -> tf.Tensor:
        """Random points of the cells of values; see `Scale.spread`."""
        return self.inward(x, draw())

    def initial_rows(self, num: int) -> slice | np.ndarray:
        """The first ones: quantiles need more examples than other weights."""
        del num
        return slice(INITIAL_ROWS)

    def outward(self, x: tf.Tensor) -> tf.Tensor:
        """Rows of the table, `(batch, num_columns)`."""
        x = self.columns.outward(x, tf.float64 if _double.get() else tf.float32)
        for place, codes in self._orders.items():
            x = self._replaced(x, place, codes.value)
        return x

    def _replaced(self, x: tf.Tensor, place: int, codes: tf.Tensor) -> tf.Tensor:
        """Rows with other codes of one column, by a table."""
        found = tf.gather(codes, tf.cast(x[..., place], tf.int32))
        is_there = np.arange(len(self._spec.columns)) == place
        return tf.where(is_there, tf.cast(found, x.dtype)[..., None], x)

    def log_volume(self, x: tf.Tensor) -> tf.Tensor:
        """Log of the volume of a network's unit, in units of the data, `(batch,)`.

        Args:
            x: Rows as networks see them.
        """
        return tf.reduce_sum(self.columns.log_slope(x), axis=-1)

    def as_lists(self) -> dict[str, Any]:
        """The quantiles of the columns, and the codes that stand in an order."""
        found = self.columns.as_lists()
        if self._orders:
            names = self._spec.names
            orders = {names[k]: v.numpy().tolist() for k, v in self._orders.items()}
            found["codes"] = orders
        return found


def ordered_codes(x: np.ndarray, place: int, spec: Columns) -> np.ndarray:
    """The codes of a category, ordered by what the other columns say of its rows.

    Each value has the mean of the rows with it in the other columns: in ranks of the
    numbers, and in indicators of the categories over the root of their shares, as in
    correspondence analysis. Values stand in the order of these means along the
    direction in which they differ most. Means of few rows are drawn to the middle.

    Args:
        x: Rows of the table, `(n, columns)`.
        place: Position of the category.
        spec: The columns of the table.

    Returns:
        All codes, int32.

    References:
        Greenacre, "Theory and applications of correspondence analysis", 1984.
    """
    codes, count = x[:, place].astype(int), len(spec.columns[place].values)
    rows = np.bincount(codes, minlength=count)
    sums = []
    for i, column in enumerate(spec.columns):
        if i == place or len(column.values) > DISTINCT:
            continue
        known = np.nan_to_num(x[:, i])
        present, at = np.unique(known, return_inverse=True)
        counts = np.bincount(at)
        shares = counts / len(x)
        parts = [(np.cumsum(shares) - shares / 2)[at] * math.sqrt(12)]
        if column.values:
            pairs = zip(present, np.sqrt(shares), strict=True)
            parts = [(x[:, i] == one) / root for one, root in pairs]
        for part in parts:
            sums.append(np.bincount(codes, part - part.mean(), minlength=count))
    if not sums:
        return np.argsort(-rows, kind="stable").astype(np.int32)
    means = np.stack(sums, axis=-1) / (rows[:, None] + FEW_ROWS)
    _, _, directions = np.linalg.svd(means * np.sqrt(rows)[:, None])
    first = directions[0] * np.sign(directions[0][np.abs(directions[0]).argmax()])
    return np.lexsort((-rows, (means @ first).round(9))).astype(np.int32)


def _has_long(spec: Columns) -> bool:
    """Whether there are integers that float32 cannot hold."""
    ends = [v for c in spec.columns for v in (c.low, c.high) if v is not None]
    return max(map(abs, ends), default=0) > FLOAT32_INTEGERS


def statistics(
    x: np.ndarray, axes: tuple[int, ...] = (0,)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and standard deviation of values in float64, and which are constant.

    The standard deviation of a constant is 1. Values that vary by less than float32
    can resolve count as constant.

    Args:
        x: Examples, `(n, ...)`.
        axes: The axes that share mean and standard deviation, including the batch axis.
    """
    x = np.asarray(x, np.float64)
    middle = x[0].mean(axis=tuple(a - 1 for a in axes if a), keepdims=True)
    near = x - middle  # near the data: no digit is lost in the sums
    mean, deviation = near.mean(axis=axes), near.std(axis=axes)
    first = near[tuple(slice(1) if i in axes else slice(None) for i in range(x.ndim))]
    constant = (near == first).all(axis=axes)
    constant |= deviation < np.finfo(np.float32).tiny
    middle = middle.reshape(mean.shape)
    return middle + mean, np.where(constant, 1.0, deviation), constant


def narrowed(x: np.ndarray) -> np.ndarray:
    """float64 vectors as float32, unless that would round a column visibly."""
    if x.dtype != np.float64:
        return x
    mean, deviation, constant = statistics(x)
    is_far = ~constant & (np.abs(mean) > FAR * deviation)
    return x if is_far.any() else x.astype(np.float32)


def telling_rows(
    model: TakesExamples, x: Any, y: Any
) -> tuple[np.ndarray, np.ndarray | None]:
    """Examples from which to set weights. All values that vary in `x` vary in them.

    Args:
        model: The model that will see them.
        x: An array of examples, or a stream of batches.
        y: Labels or context, if `x` is an array.

    Returns:
        Up to about 10,000 examples, or 100,000 of a table, whose quantiles need more;
        float32 or float64, and their labels, context or None. Warns of values that are
        the same in all of `x`, or in the first million examples of a stream.
    """
    most = TABLE_ROWS if isinstance(model.inputs, Columns) else INITIAL_ROWS
    rows, known = _arrays(first_rows(model, x, y, most))
    found: list[tuple[Any, Any]] = [(rows, known)]
    beyond = _further(model, x, y)
    constant = _constant(rows)
    while constant.any() and (part := next(beyond, None)) is not None:
        differs = (part[0] != rows[0]) & constant
        at = np.unique(np.argmax(differs, axis=0)[differs.any(axis=0)])
        if at.size:
            condition = None if known is None or part[1] is None else part[1][at]
            found.append((part[0][at], condition))
            constant = constant & ~differs.any(axis=0)
    rows = np.concatenate([part for part, _ in found])
    known = None if known is None else np.concatenate([part for _, part in found])
    return rows, known


def warn_of_constants(name: str, constant: Any, spec: Spec | None = None) -> None:
    """Warns of values that are the same in all examples, by position or name."""
    constant = np.asarray(constant)
    if constant.any():
        names = spec.names if isinstance(spec, Columns) else None
        where = _columns(constant, names)
        warnings.warn(
            f"{name}: {where} constant: samples hold the constant, and "
            "densities mean nothing in this direction. Drop such columns, unless they "
            "vary in later data.",
            stacklevel=2,
        )


def _columns(chosen: np.ndarray, names: tuple[str, ...] | None) -> str:
    """The beginning of a sentence about columns."""
    places = [p[0] if len(p) == 1 else tuple(p) for p in np.argwhere(chosen).tolist()]
    places = places if names is None else [repr(names[p]) for p in places]
    shown = ", ".join(map(str, places[:NAMED]))
    more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
    if len(places) == 1:
        return f"column {shown} of x is"
    return f"columns {shown}{more} of x are"


def _arrays(
    rows: tuple[tf.Tensor, tf.Tensor | None],
) -> tuple[np.ndarray, np.ndarray | None]:
    x, known = rows
    return np.asarray(x), None if known is None else np.asarray(known)


def _constant(x: np.ndarray) -> np.ndarray:
    return (x == x[0]).all(axis=0)


def _further(
    model: TakesExamples, x: Any, y: Any
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """All examples of an array, or many examples of a dataset, part by part."""
    if isinstance(x, np.ndarray):
        if len(x) > INITIAL_ROWS:
            for start in range(0, len(x), INITIAL_ROWS):
                part = slice(start, start + INITIAL_ROWS)
                known = None if y is None else y[part]
                yield _arrays(first_rows(model, x[part], known, INITIAL_ROWS))
    elif isinstance(x, tf.data.Dataset):
        count = 0
        for batch in x:
            part, known, _ = keras.utils.unpack_x_y_sample_weight(batch)
            yield _arrays(first_rows(model, np.asarray(part), known, len(part)))
            count += len(part)
            if count >= MOST_ROWS:
                return
