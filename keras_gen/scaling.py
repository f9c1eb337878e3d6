"""The scale on which a network sees the data."""

import contextlib
import contextvars
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from .examples import first_rows

if TYPE_CHECKING:
    from .model import GenerativeModel

INITIAL_ROWS, MOST_ROWS = 10_000, 1_000_000
FAR = 1000.0  # deviations from 0 beyond which float32 rounds visibly
NAMED = 10  # columns in a warning

_double: contextvars.ContextVar[bool] = contextvars.ContextVar("double", default=False)


@contextlib.contextmanager
def double_outputs() -> Iterator[None]:
    """Examples that are made within are float64: arrays can be, artifacts cannot."""
    token = _double.set(True)  # noqa: FBT003
    try:
        yield
    finally:
        _double.reset(token)


class Columns(keras.layers.Layer):
    """Where each value of a vector begins, and which values are constant.

    float32 has seven digits: of seconds since 1970 it keeps every 128th. So the origin
    is subtracted in the precision of the data, and added in float64 at the end. It is
    a float32 number, so that float32 data lose nothing either.

    Files of models that had no such layer load: the origin is then 0, the deviation 1.

    Args:
        shape: Shape of one vector.
        scaled: Whether values are standardized as well.

    Attributes:
        is_moved: Which values have an origin other than 0.
        origin: What becomes 0 there.
        mean: What becomes 0 in the end, beyond the origin, if it is scaled.
        deviation: What becomes 1 more.
        constant: Which values were the same in all examples.
    """

    def __init__(self, shape: Sequence[int], *, scaled: bool = False) -> None:
        super().__init__(dtype="float32", trainable=False)
        self.origin = self.add_weight(shape, "zeros", name="origin")
        self.mean = self.deviation = None
        if scaled:
            self.mean = self.add_weight(shape, "zeros", name="mean")
            self.deviation = self.add_weight(shape, "ones", name="deviation")
        flags = {"initializer": "zeros", "dtype": "bool"}
        self.is_moved = self.add_weight(shape, name="is_moved", **flags)
        self.constant = self.add_weight(shape, name="constant", **flags)
        self.built = True

    @property
    def is_far(self) -> bool:
        """Whether float32 would round values that vary visibly."""
        return bool(np.any(self.is_moved.numpy() & ~self.constant.numpy()))

    def load_own_variables(self, store: dict[str, Any]) -> None:
        """Loads the weights, if the file has any."""
        if store.keys():
            super().load_own_variables(store)

    def set_origin(self, x: np.ndarray) -> None:
        """Takes the mean as origin where it is far from 0, or the value is constant."""
        mean, deviation, constant = statistics(x)
        self.is_moved.assign(constant | (np.abs(mean) > FAR * deviation))
        self.origin.assign(mean)
        self.constant.assign(constant)

    def set_scale(self, x: np.ndarray) -> None:
        """Takes mean and deviation; the deviation of a constant is 1."""
        mean, deviation, constant = statistics(x)
        self.is_moved.assign(np.ones_like(constant))
        self.origin.assign(mean)
        self.mean.assign(mean - self.origin.numpy())
        self.deviation.assign(deviation)
        self.constant.assign(constant)

    def inward(self, x: tf.Tensor) -> tf.Tensor:
        """float32 `x - origin`, scaled; the difference is taken in the dtype of `x`."""
        x = tf.cast(x - tf.cast(self.start(), x.dtype), tf.float32)
        return x if self.mean is None else (x - self.mean) / self.deviation

    def outward(self, x: tf.Tensor) -> tf.Tensor:
        """`origin + x`, and the origin alone where the data were constant."""
        x = tf.where(self.constant.value, 0.0, x)
        dtype = tf.float64 if _double.get() else tf.float32
        return tf.cast(self.start(), dtype) + tf.cast(x, dtype)

    def start(self) -> tf.Tensor:
        """The origin, 0 where there is none."""
        return tf.where(self.is_moved.value, self.origin.value, 0.0)


def statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and deviation of each value in float64, and whether it is constant.

    The deviation of a constant is 1. What varies by less than float32 can hold counts
    as constant.
    """
    x = np.asarray(x, np.float64)
    middle = x[0]  # near the data: no digit is lost in the sums
    near = x - middle
    mean, deviation = near.mean(axis=0), near.std(axis=0)
    constant = ~near.any(axis=0) | (deviation < np.finfo(np.float32).tiny)
    return middle + mean, np.where(constant, 1.0, deviation), constant


def narrowed(x: np.ndarray) -> np.ndarray:
    """float64 vectors as float32, unless that would round a column visibly."""
    if x.dtype != np.float64:
        return x
    mean, deviation, constant = statistics(x)
    is_far = ~constant & (np.abs(mean) > FAR * deviation)
    return x if is_far.any() else x.astype(np.float32)


def telling_rows(
    model: "GenerativeModel", x: Any, y: Any
) -> tuple[np.ndarray, np.ndarray | None]:
    """Examples to set weights from, such that what varies in `x` varies in them.

    Args:
        model: The model that will see them.
        x: An array of examples, or a stream of batches.
        y: Labels or context, if `x` is an array.

    Returns:
        Up to about 10,000 examples, float32 or float64, and their labels, context or
        None. Warns of values that are the same in all of `x`; of a stream in its
        first million examples.
    """
    rows, known = _arrays(first_rows(model, x, y, INITIAL_ROWS))
    found, beyond = [(rows, known)], _further(model, x, y)
    constant = _constant(rows)
    while constant.any() and (part := next(beyond, None)) is not None:
        differs = (part[0] != rows[0]) & constant
        at = np.unique(np.argmax(differs, axis=0)[differs.any(axis=0)])
        if at.size:
            found.append((part[0][at], None if known is None else part[1][at]))
            constant = constant & ~differs.any(axis=0)
    rows = np.concatenate([part for part, _ in found])
    known = None if known is None else np.concatenate([part for _, part in found])
    return rows, known


def warn_of_constants(name: str, constant: np.ndarray) -> None:
    """Warns of values that are the same in all examples, with their places."""
    if constant.any():
        warnings.warn(
            f"{name}: {_columns(constant)} constant: samples hold the constant, and "
            "densities mean nothing in this direction. Leave such columns out, unless "
            "a part of the data in which they vary is to come.",
            stacklevel=2,
        )


def _columns(chosen: np.ndarray) -> str:
    """The beginning of a sentence about these columns."""
    places = [p[0] if len(p) == 1 else tuple(p) for p in np.argwhere(chosen).tolist()]
    shown = ", ".join(map(str, places[:NAMED]))
    more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
    if len(places) == 1:
        return f"column {shown} of x is"
    return f"columns {shown}{more} of x are"


class ScalesData:
    """A model whose network sees images in [-1, 1], vectors standardized by feature.

    Attributes:
        mean: What the network's 0 is in units of the data, a scalar or per feature,
            beyond the origin of its column.
        deviation: What its 1 is more.
        columns: Origins of the features, None for images.
        initialized: Whether all are known.
    """

    standardizes = True

    def prepare(self, x: Any, y: Any) -> None:
        """Finds mean and deviation of vectors, before the first step."""
        if self.initialized.numpy():
            return
        if self.columns is not None:
            rows, _ = telling_rows(self, x, y)
            self.columns.set_origin(rows)
            mean, deviation, constant = statistics(rows)
            warn_of_constants(self.name, constant)
            mean -= self.columns.start().numpy()
            self.mean.assign(np.where(constant, 0, mean))
            self.deviation.assign(deviation)
        self.initialized.assign(True)  # noqa: FBT003

    @property
    def takes_float64(self) -> bool:
        """Whether float64 examples stay float64 until the origin is subtracted."""
        return self.columns is not None

    @property
    def keeps_float64(self) -> bool:
        """Whether arrays of examples leave as float64."""
        return self.columns is not None and self.columns.is_far

    def add_scale(self) -> None:
        """Mean and deviation of the data, and whether they are known."""
        start = {"trainable": False, "dtype": "float32"}
        shape = () if self.unit_interval else self.data_shape
        middle = 0.5 if self.unit_interval else 0.0
        constant = keras.initializers.Constant
        self.mean = self.add_weight(shape, constant(middle), name="mean", **start)
        self.deviation = self.add_weight(
            shape, constant(1.0 - middle), name="deviation", **start
        )
        start["dtype"] = "bool"
        self.initialized = self.add_weight((), "zeros", name="initialized", **start)
        self.columns = None if self.unit_interval else Columns(self.data_shape)

    def scale(self) -> dict[str, Any]:
        """`mean` and `deviation` of what leaves the network, as plain lists."""
        mean, deviation = self.mean.numpy(), self.deviation.numpy()
        if self.columns is not None:
            mean = mean.astype(np.float64) + self.columns.start().numpy()
            deviation = np.where(self.columns.constant.numpy(), 0, deviation)
        return {"mean": mean.tolist(), "deviation": deviation.tolist()}

    def _inward(self, x: tf.Tensor) -> tf.Tensor:
        x = x if self.columns is None else self.columns.inward(x)
        return (x - self.mean) / self.deviation

    def _outward(self, x: tf.Tensor) -> tf.Tensor:
        x = self.mean + self.deviation * x
        if self.columns is not None:
            return self.columns.outward(x)
        return tf.clip_by_value(x, 0.0, 1.0)


def _arrays(
    rows: tuple[tf.Tensor, tf.Tensor | None],
) -> tuple[np.ndarray, np.ndarray | None]:
    x, known = rows
    return np.asarray(x), None if known is None else np.asarray(known)


def _constant(x: np.ndarray) -> np.ndarray:
    return (x == x[0]).all(axis=0)


def _further(
    model: "GenerativeModel", x: Any, y: Any
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """All examples of an array, or many of a dataset, part by part."""
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
