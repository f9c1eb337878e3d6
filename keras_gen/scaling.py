"""The scale on which a network sees the data."""

import contextlib
import contextvars
import math
import warnings
from collections.abc import Iterator
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf

from .engine.examples import TakesExamples, first_rows
from .networks.structure import one_hot
from .specs import Classes, Columns, Floats, Spec, Vectors
from .validation import FLOAT32_INTEGERS

INITIAL_ROWS, MOST_ROWS = 10_000, 1_000_000
FAR = 1000.0  # standard deviations from 0 beyond which float32 rounds visibly
NAMED = 10  # number of columns in a warning

_double: contextvars.ContextVar[bool] = contextvars.ContextVar("double", default=False)


@contextlib.contextmanager
def double_outputs() -> Iterator[None]:
    """Returns generated examples as float64: arrays can be, artifacts cannot."""
    token = _double.set(True)  # noqa: FBT003
    try:
        yield
    finally:
        _double.reset(token)


def scale_of(spec: Spec, *, signed: bool = False) -> Any:
    """The scale on which networks see values of a spec.

    Args:
        spec: The spec of the values.
        signed: Whether values in [0, 1] become values in [-1, 1].

    Returns:
        A `Standardizer` for floating-point values of any size, a `ColumnScale` for
        tables with integers or categories, a `OneHot` for classes, otherwise a
        `FixedScale`.
    """
    if isinstance(spec, Columns) and spec.has_levels:
        return ColumnScale(spec)
    if isinstance(spec, Floats) and not spec.is_unit:
        return Standardizer(spec)
    if isinstance(spec, Classes):
        return OneHot(spec.num_classes)
    return FixedScale(
        spec.size, is_signed=signed and spec.is_unit, is_unit=spec.is_unit
    )


class OneHot:
    """Class labels as networks see them; see `one_hot`.

    Args:
        num_classes: Number of classes.
    """

    is_far = False
    needs_data = False

    def __init__(self, num_classes: int) -> None:
        self._num_classes = num_classes

    def inward(self, labels: tf.Tensor) -> tf.Tensor:
        """float32 `(batch, num_classes)`, all zeros for an unknown class."""
        return one_hot(labels, self._num_classes)


class FixedScale:
    """Leaves values as they are, or maps [0, 1] to [-1, 1].

    Attributes:
        mean: The value that becomes 0.
        deviation: The difference that becomes 1.
    """

    is_far = False
    needs_data = False

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

    def log_volume(self) -> float:
        """Log of the volume of a network's unit, in units of the data."""
        return self._size * math.log(self.deviation)

    def as_lists(self) -> dict[str, Any]:
        """`mean` and `deviation` as plain numbers."""
        return {"mean": self.mean, "deviation": self.deviation}


@keras.saving.register_keras_serializable("keras_gen")
class Standardizer(keras.layers.Layer):
    """Gives each column mean 0 and standard deviation 1, found from the training data.

    float32 has seven digits: for seconds since 1970 it resolves only 128 seconds. So
    columns far from 0 have their mean as origin: it is subtracted in the precision of
    the data, and added in float64 at the end. The origin is a float32 number, so that
    float32 data are exact too.

    Args:
        spec: The spec of the values. The `scale_axes` of a row share their mean and
            standard deviation.

    Attributes:
        is_moved: Which values have an origin other than 0.
        origin: The value that becomes 0 there.
        mean: The mean of the values after the origin is subtracted.
        deviation: The standard deviation, or 1 for a constant.
        constant: Which values were the same in all examples.
        initialized: Whether all of these are known.
    """

    def __init__(self, spec: Spec) -> None:
        super().__init__(dtype="float32", trainable=False)
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

    def find(self, x: np.ndarray, *, scales: bool = True) -> None:
        """Finds the mean and standard deviation of examples, `(n, *shape)`.

        Args:
            x: The examples.
            scales: Whether values get mean 0 and standard deviation 1. Otherwise only
                an origin is subtracted, from values that are constant or far from 0.
        """
        mean, deviation, constant = statistics(x, self._axes)
        shape = self.mean.shape
        mean, deviation, constant = (
            v.reshape(shape) for v in (mean, deviation, constant)
        )
        self.is_moved.assign(constant | (np.abs(mean) > FAR * deviation))
        self.origin.assign(mean)
        self.constant.assign(constant)
        if scales:
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

    def log_volume(self) -> tf.Tensor:
        """Log of the volume of a network's unit, in units of the data, a scalar."""
        return self._repeats * tf.reduce_sum(tf.math.log(self.deviation.value))

    def as_lists(self) -> dict[str, Any]:
        """`mean` and `deviation` for a network's outputs, as plain lists."""
        mean = self.mean.numpy().astype(np.float64) + self._start().numpy()
        deviation = np.where(self.constant.numpy(), 0, self.deviation.numpy())
        return {"mean": mean.tolist(), "deviation": deviation.tolist()}

    def _start(self) -> tf.Tensor:
        return tf.where(self.is_moved.value, self.origin.value, 0.0)


@keras.saving.register_keras_serializable("keras_gen")
class ColumnScale(keras.layers.Layer):
    """Tables as networks see them: standardized numbers and one-hot codes.

    A network sees the numeric and integer columns, then the values of each category.
    `outward` takes the likeliest value of each category, and the nearest integer within
    the limits.

    Args:
        spec: The spec of the columns.

    Attributes:
        numbers: The `Standardizer` of numeric and integer columns, or None.
        low: Smallest value of each of these columns on the network's scale.
        high: Largest value of each.
    """

    def __init__(self, spec: Columns) -> None:
        super().__init__(dtype="float32", trainable=False)
        self._spec, count = spec, len(spec.numbers)
        self.numbers = Standardizer(Vectors(count)) if count else None
        order = np.array([*spec.numbers, *spec.categories])
        self._back = np.argsort(order).tolist()
        if count:
            self.low, self.high = (
                self.add_weight((count,), name=name) for name in ("low", "high")
            )
            self._find_ends()
        self.built = True

    @property
    def needs_data(self) -> bool:
        """Whether mean and standard deviation of the numbers are not found yet."""
        return self.numbers is not None and self.numbers.needs_data

    @property
    def is_far(self) -> bool:
        """Whether float32 would round integers, or varying numbers visibly."""
        if self.numbers is None:
            return False
        ends = [v for c in self._spec.columns for v in (c.low, c.high) if v is not None]
        is_long = max(map(abs, ends), default=0) > FLOAT32_INTEGERS
        return is_long or self.numbers.is_far

    @property
    def constant(self) -> np.ndarray:
        """Which columns are numeric and had one value in all examples."""
        constant = np.zeros(len(self._spec.columns), bool)
        if self.numbers is not None:
            constant[[*self._spec.numbers]] = self.numbers.constant.numpy()
            constant &= ~np.array(self._spec.limit.whole)
        return constant

    def find(self, x: np.ndarray) -> None:
        """Finds mean and standard deviation of the numbers, `(n, num_columns)`."""
        if self.numbers is not None:
            self.numbers.find(np.asarray(x)[:, [*self._spec.numbers]])
            self._find_ends()

    def inward(self, x: tf.Tensor) -> tf.Tensor:
        """float32 `(batch, width)`. Origins are subtracted in the dtype of `x`."""
        spec, parts = self._spec, []
        if self.numbers is not None:
            parts.append(self.numbers.inward(tf.gather(x, spec.numbers, axis=-1)))
        if spec.sizes:
            places = np.repeat(spec.categories, spec.sizes)
            codes = tf.cast(tf.gather(x, places, axis=-1), tf.int32)
            values = np.concatenate([np.arange(n, dtype=np.int32) for n in spec.sizes])
            parts.append(tf.where(tf.equal(codes, values), 1.0, 0.0))
        return tf.concat(parts, axis=-1)

    def outward(self, x: tf.Tensor) -> tf.Tensor:
        """Rows of the table, `(batch, num_columns)`, from numbers and any weights."""
        spec, count = self._spec, len(self._spec.numbers)
        numbers, weights = x[..., :count], x[..., count:]
        parts = [] if self.numbers is None else [self._numbers_outward(numbers)]
        dtype = tf.float64 if _double.get() else tf.float32
        for part in tf.split(weights, spec.sizes, axis=-1) if spec.sizes else ():
            code = tf.argmax(part, axis=-1, output_type=tf.int32)
            parts.append(tf.cast(code, dtype)[..., None])
        return tf.gather(tf.concat(parts, axis=-1), self._back, axis=-1)

    def cells(self) -> tf.Tensor:
        """Size of one unit of each number on the network's scale."""
        return 1.0 / self._standardizer.deviation.value

    def log_volume(self) -> tf.Tensor:
        """Log of the volume of a network's unit, in units of the data.

        Only numeric columns count: integers and categories have probabilities.
        """
        if self.numbers is None:
            return tf.constant(0.0)
        logs = tf.math.log(self.numbers.deviation.value)
        return tf.reduce_sum(tf.where(self._spec.whole, 0.0, logs))

    def as_lists(self) -> dict[str, Any]:
        """`mean` and `deviation` of the numbers, as plain lists."""
        if self.numbers is None:
            return {"mean": [], "deviation": []}
        return self.numbers.as_lists()

    @property
    def _standardizer(self) -> Standardizer:
        """That of the numbers, where there are any."""
        return cast(Standardizer, self.numbers)

    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest value of each number, float64."""
        low, high = self._spec.limit.bounds()
        return low[[*self._spec.numbers]], high[[*self._spec.numbers]]

    def _find_ends(self) -> None:
        numbers = self._standardizer
        mean, deviation = numbers.as_lists()["mean"], numbers.deviation
        most = np.finfo(np.float32).max
        for weight, bound in zip((self.low, self.high), self._bounds(), strict=True):
            bound = (bound - np.array(mean)) / deviation.numpy().astype(np.float64)
            weight.assign(np.clip(bound, -most, most))

    def _numbers_outward(self, x: tf.Tensor) -> tf.Tensor:
        numbers = self._standardizer.outward(x)
        low, high = (v.astype(numbers.dtype.as_numpy_dtype) for v in self._bounds())
        whole = tf.clip_by_value(tf.round(numbers), low, high)
        return tf.where(self._spec.whole, whole, numbers)


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
        Up to about 10,000 examples, float32 or float64, and their labels, context or
        None. Warns of values that are the same in all of `x`, or in the first million
        examples of a stream.
    """
    rows, known = _arrays(first_rows(model, x, y, INITIAL_ROWS))
    found: list[tuple[Any, Any]] = [(rows, known)]
    beyond = _further(model, x, y)
    constant = _constant(rows)
    while constant.any() and (part := next(beyond, None)) is not None:
        differs = (part[0] != rows[0]) & constant
        at = np.unique(np.argmax(differs, axis=0)[differs.any(axis=0)])
        if at.size:
            told = None if known is None or part[1] is None else part[1][at]
            found.append((part[0][at], told))
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
