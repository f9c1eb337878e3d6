"""Specs: what data are, said once.

A model declares `inputs`, `condition` and `latent`, each a spec or None. A spec checks
arrays and tensors, converts them to numbers, provides stand-in examples, and names the
tensors of an export.

Example:
    >>> import numpy as np
    >>> from keras_gen import specs
    >>> images = specs.Images(8, 8, 1)
    >>> images.shape
    (8, 8, 1)
    >>> images.check(np.zeros((2, 8, 8), np.float32), "x")
    Traceback (most recent call last):
      ...
    ValueError: x must have shape (batch, 8, 8, 1), received (2, 8, 8). Add the \
channel axis: x[..., None].
"""

import abc
import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from . import frames
from . import tokens as token_rows
from .extras import package
from .limits import (
    FINITE,
    INTEGER,
    PAD,
    UNIT,
    ColumnLimits,
    Limit,
    one_of,
    tokens_of,
)
from .serialization import value
from .validation import (
    Shape,
    as_float32,
    as_number,
    check_count,
    check_counts,
    check_limit,
    check_numbers,
    check_positive,
    check_shape,
    check_type,
    refuse_masked,
)

LOG2 = math.log(2)
DRAWN_CHANNELS = (1, 3, 4)
MISSING_SHARE = 0.1  # of stand-ins
COLUMN_KINDS = ("numeric", "integer", "category", "boolean", "date")


class Spec(abc.ABC):
    """Describes data: kind, range and shape of one row.

    Attributes:
        name: The name of a condition of this kind in an endpoint.
        shape: Shape of one row. None for an axis of any size.
        dtype: The dtype of the values that a model gets, "float32" or "int32".
        limit: The allowed values.
        is_wide: Whether float64 stays float64 until a scale has subtracted its origin.
        has_bytes: Whether uint8 values mean value / 255.
        unasked: The row of a condition that asks for nothing, which a missing condition
            means. None if a condition must not be missing.

    Example:
        >>> spec = kg.specs.Images(28, 28, 1)
        >>> isinstance(spec, kg.specs.Spec), spec.shape, spec.dtype
        (True, (28, 28, 1), 'float32')
        >>> spec.stand_in(2).shape
        (2, 28, 28, 1)
    """

    name: ClassVar[str] = "x"
    dtype: ClassVar[str] = "float32"
    is_wide: ClassVar[bool] = False
    has_bytes: bool = False
    scale_axes: ClassVar[tuple[int, ...]] = ()
    unasked: ClassVar[int | None] = None

    @property
    @abc.abstractmethod
    def shape(self) -> Shape:
        """Shape of one row."""

    @property
    @abc.abstractmethod
    def limit(self) -> Limit:
        """Which values are allowed."""

    @property
    def size(self) -> int:
        """Number of values of one row. An axis of any size counts 1."""
        return math.prod(n or 1 for n in self.shape)

    @property
    def drawn_as(self) -> str | None:
        """How `keras_gen.pictures` draws rows, or None if it cannot draw them.

        "images" `(height, width, 1, 3 or 4)`, "clips" of such images, "lines" `(length,
        channels)`, or "points" `(2,)`.
        """
        return None

    @property
    def is_picture(self) -> bool:
        """Whether a row can be shown as an image, or as several images."""
        return self.drawn_as in ("images", "clips")

    @property
    def is_unit(self) -> bool:
        """Whether values are in [0, 1]."""
        return self.limit == UNIT

    @property
    def has_levels(self) -> bool:
        """Whether values are discrete, as integers are, so that rounding matters."""
        return False

    @property
    def network_shape(self) -> Shape:
        """Shape of one row as a network sees it."""
        return self.shape

    def holds_rows(self, values: Any) -> bool:
        """Whether values are all rows in a form other than arrays, such as a table."""
        return False

    def as_rows(self, values: Any, name: str = "x") -> Any:
        """Converts another form of this spec, such as a table, to an array."""
        del name
        return values

    def check(self, values: Any, name: str, *, rows: int | None = None) -> np.ndarray:
        """Checks rows and converts them to the dtype of the spec.

        Args:
            values: Rows, `(n, *shape)`.
            name: The name of the argument in an error.
            rows: The expected number of rows. None allows any number, 0 included.

        Raises:
            ValueError: If the shape, dtype or number of rows is wrong, or if a value is
                not allowed.
        """
        checked = self._checked(values, name)
        if rows is not None:
            check_counts(len(checked), rows, name=name)
        return checked

    @abc.abstractmethod
    def _checked(self, values: Any, name: str) -> np.ndarray:
        """`check` of any number of rows."""

    @abc.abstractmethod
    def as_input(self, values: tf.Tensor, name: str = "x") -> tf.Tensor:
        """Checks a traced batch and converts it to what models see.

        Shape and dtype are checked. For values see `keras_gen.refusals`.

        Raises:
            ValueError: If the shape or dtype is wrong.
        """

    def for_all(self, values: Any, rows: int) -> Any:
        """One row for each of `rows`. A single row is repeated."""
        if values is None or np.shape(values) != self.shape:
            return values
        return np.broadcast_to(np.asarray(values), (rows, *self.shape))

    def imposed(self, rows: tf.Tensor, condition: tf.Tensor) -> tf.Tensor:
        """Examples with the values for which a condition of this spec asks.

        Args:
            rows: Examples in units of the data, `(batch, ...)`.
            condition: Rows of this spec, one per example.
        """
        del condition
        return rows

    @abc.abstractmethod
    def stand_in(self, rows: int, seed: int = 0) -> np.ndarray:
        """Random allowed rows, `(rows, *shape)`, in place of real ones.

        Args:
            rows: Number of rows.
            seed: Seed of the values.
        """

    def facts(self) -> dict[str, Any]:
        """What the values are, for the manifest of an export, as JSON.

        `kind` is the spec's name, and `minimum`, `above` and `maximum` are its limits.
        Without limits any finite number is allowed.
        """
        return {"kind": type(self).__name__.lower(), **self.limit.facts()}

    def tensor(self, name: str, rows: int | None = None) -> tf.TensorSpec:
        """The `tf.TensorSpec` of rows. The batch axis is first."""
        return tf.TensorSpec((rows, *self.shape), self.dtype, name)

    def bits(self, nats: Any) -> Any:
        """Bits per dimension: nats over the number of values and log 2."""
        return nats / (self.size * LOG2)


class Floats(Spec):
    """Rows of floating-point numbers: the base of a spec of your own.

    Example:
        >>> import dataclasses
        >>> @dataclasses.dataclass(frozen=True)
        ... class Spectrum(kg.specs.Floats):
        ...     bands: int
        ...     @property
        ...     def shape(self):
        ...         return (self.bands,)
        ...     def get_config(self):
        ...         return {"bands": self.bands}
        >>> Spectrum(3).check([[1, 2, 3]], "x").dtype
        dtype('float32')
    """

    @property
    def limit(self) -> Limit:
        """Finite numbers."""
        return FINITE

    def _checked(self, values: Any, name: str) -> np.ndarray:
        own = {"limit": self.limit, "wide": self.is_wide, "name": name}
        return check_numbers(values, self.shape, **own, has_bytes=self.has_bytes)

    def as_input(self, values: tf.Tensor, name: str = "x") -> tf.Tensor:
        """float32 rows, or float64 if a scale will subtract their origin."""
        check_shape(values.shape, self.shape, name=name)
        return to_float(values, has_bytes=self.has_bytes, wide=self.is_wide, name=name)

    def stand_in(self, rows: int, seed: int = 0) -> np.ndarray:
        """Uniform numbers in [0, 1], or standard normal numbers."""
        rng = np.random.default_rng(seed)
        shape = (rows, *(n or 1 for n in self.shape))
        drawn = rng.random(shape) if self.is_unit else rng.normal(size=shape)
        return drawn.astype(np.float32)


@value
class Images(Floats):
    """Images: float32 in [0, 1], or uint8, which means value / 255.

    Attributes:
        height: Rows of pixels.
        width: Columns of pixels.
        channels: Values per pixel.

    Example:
        >>> Images(28, 28, 1).size
        784
    """

    height: int
    width: int
    channels: int = 1
    name: ClassVar[str] = "image"
    has_bytes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_sizes(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """`(height, width, channels)`."""
        return (self.height, self.width, self.channels)

    @property
    def limit(self) -> Limit:
        """Values in [0, 1]."""
        return UNIT

    @property
    def drawn_as(self) -> str | None:
        """Returns "images" for one, three or four channels: grey, colour, opacity."""
        return "images" if self.channels in DRAWN_CHANNELS else None


@value
class Clips(Floats):
    """Clips of video: float32 in [0, 1], or uint8, which means value / 255.

    Attributes:
        frames: Number of images.
        height: Rows of pixels.
        width: Columns of pixels.
        channels: Values per pixel.

    Example:
        >>> Clips(8, 16, 16, 3).shape
        (8, 16, 16, 3)
    """

    frames: int
    height: int
    width: int
    channels: int = 1
    name: ClassVar[str] = "clip"
    has_bytes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_sizes(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """`(frames, height, width, channels)`."""
        return (self.frames, self.height, self.width, self.channels)

    @property
    def limit(self) -> Limit:
        """Values in [0, 1]."""
        return UNIT

    @property
    def drawn_as(self) -> str | None:
        """Returns "clips" for one, three or four channels: grey, colour, opacity."""
        return "clips" if self.channels in DRAWN_CHANNELS else None


class Measurements(Floats):
    """Numbers of any size, or in [0, 1] if `is_unit`."""

    @property
    def limit(self) -> Limit:
        """Finite numbers, or values in [0, 1]."""
        return UNIT if self.is_unit else FINITE

    @property
    def is_wide(self) -> bool:
        """Whether values of any size are allowed."""
        return not self.is_unit

    @property
    def has_bytes(self) -> bool:
        """Whether uint8 means value / 255, as for values in [0, 1]."""
        return self.is_unit


@value
class Series(Measurements):
    """Signals: numbers of any size, or in [0, 1], by time and channel.

    Models standardize each channel inside, with one mean and one standard deviation
    for all times, unless values are in [0, 1].

    Attributes:
        length: Points in time.
        channels: Values per point.
        is_unit: Whether all values are in [0, 1], such as the keys of a piano.

    Example:
        >>> Series(128, 2).shape
        (128, 2)
    """

    length: int
    channels: int = 1
    is_unit: bool = False
    name: ClassVar[str] = "series"
    scale_axes: ClassVar[tuple[int, ...]] = (0,)

    def __post_init__(self) -> None:
        _check_sizes(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """`(length, channels)`."""
        return (self.length, self.channels)

    @property
    def drawn_as(self) -> str:
        """Returns "lines"."""
        return "lines"


@value
class Vectors(Measurements):
    """Vectors of numbers of any size, or in [0, 1].

    Models standardize each column inside, unless values are in [0, 1].

    Attributes:
        num_values: Values of a vector.
        is_unit: Whether all values are in [0, 1], such as binary values.

    Example:
        >>> Vectors(3).check([[1, 2, 3]], "x")
        array([[1., 2., 3.]], dtype=float32)
    """

    num_values: int
    is_unit: bool = False
    name: ClassVar[str] = "context"

    def __post_init__(self) -> None:
        _check_sizes(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """`(num_values,)`."""
        return (self.num_values,)

    @property
    def drawn_as(self) -> str | None:
        """Returns "points" for two values."""
        return "points" if self.num_values == 2 else None


class Column(abc.ABC):
    """A column of a table. Its rows are numbers, or the codes of its values.

    Attributes:
        name: Name of the column.
        has_missing: Whether values may be missing, which is NaN in arrays.
        values: The values of a category in the order of their codes, else empty.
        low: Smallest number, or None for no limit.
        high: Largest number, or None for no limit.
        step: Distance of the numbers: 1 for integers, 0 for any numbers.
        expected: The expected values, for an error.

    Example:
        >>> isinstance(kg.specs.Integer("rooms"), kg.specs.Column)
        True
    """

    name: str
    has_missing: Any = False
    values: Any = ()
    low: Any = None
    high: Any = None
    step: Any = 1.0

    @property
    def is_whole(self) -> bool:
        """Whether all numbers are integers."""
        return self.step == 1

    @property
    @abc.abstractmethod
    def expected(self) -> str:
        """The expected values, for an error."""

    def as_numbers(self, column: np.ndarray, called: str) -> np.ndarray:
        """Values of a user's column as float64 rows, NaN for missing ones."""
        return frames.as_numbers(column, called, self.expected)

    def as_values(self, numbers: np.ndarray) -> Any:
        """Rows as values of the user's column."""
        return numbers

    def facts(self) -> dict[str, Any]:
        """What the numbers of the column are, for a manifest, as JSON.

        `step` is their distance, and `float32_step` that of float32 at the limits, if
        it is larger: artifacts hold float32.
        """
        kind = type(self).__name__.lower()
        found: dict[str, Any] = {"name": self.name, "kind": kind}
        found |= Limit(self.low, self.high).facts()
        if self.step:
            found["step"] = self.step
        ends = [abs(end) for end in (self.low, self.high) if end is not None]
        spacing = float(np.spacing(np.float32(max(ends, default=0))))
        if self.step and spacing > self.step:
            found["float32_step"] = spacing
        return found | ({"missing": "NaN"} if self.has_missing else {})

    def shown(self, number: float) -> Any:
        """A number of a row as a user sees it, for an error."""
        whole = float(number).is_integer() and abs(number) < 2**53
        return int(number) if whole else number

    def check(self, numbers: np.ndarray, called: str) -> None:
        """Raises ValueError, with the row, unless numbers fit the column."""
        frames.check_column(
            numbers,
            called,
            low=self.low,
            high=self.high,
            whole=self.is_whole,
            has_missing=self.has_missing,
            expected=self.expected,
            shown=self.shown,
        )


@value
class Numeric(Column):
    """A column of numbers of any size.

    Attributes:
        name: Name of the column.
        decimals: Number of decimals to which samples are rounded, as the data are, or
            None for numbers that are not rounded.
        has_missing: Whether values may be missing.

    Example:
        >>> columns = kg.specs.Columns([kg.specs.Numeric("price")])
        >>> columns.check({"price": [9.5, 12]}, "x")
        array([[ 9.5],
               [12. ]])
    """

    name: str
    decimals: int | None = None
    has_missing: bool = False
    is_whole: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_type(self.name, str, "name")
        if self.decimals is not None:
            check_count(self.decimals, "decimals", least=0)

    @property
    def step(self) -> float:
        """Distance of rounded numbers, 0 for others."""
        return 0.0 if self.decimals is None else 10.0**-self.decimals

    @property
    def expected(self) -> str:
        """The expected values, for an error."""
        return "a finite number"

    def as_values(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers, rounded to the decimals of the column."""
        if self.decimals is None:
            return numbers
        return np.round(numbers.astype(np.float64), self.decimals)


@value
class Integer(Column):
    """A column of integers, such as counts.

    Attributes:
        name: Name of the column.
        low: Smallest integer, or None for no limit.
        high: Largest integer, or None for no limit.
        has_missing: Whether values may be missing.

    Example:
        >>> columns = kg.specs.Columns([kg.specs.Integer("rooms", low=1)])
        >>> columns.check({"rooms": [0]}, "x")
        Traceback (most recent call last):
          ...
        ValueError: x: column 'rooms', row 0: received 0, expected an integer >= 1.
    """

    name: str
    low: int | None = None
    high: int | None = None
    has_missing: bool = False

    def __post_init__(self) -> None:
        check_type(self.name, str, "name")
        for end in ("low", "high"):
            check_type(getattr(self, end), int | np.integer | None, end)
            if getattr(self, end) is not None:
                object.__setattr__(self, end, int(getattr(self, end)))
        low, high = self.low, self.high
        if low is not None and high is not None and low > high:
            raise ValueError(
                f"Integer({self.name!r}): low must be at most high, received "
                f"{self.low} and {self.high}."
            )

    @property
    def expected(self) -> str:
        """The expected values, for an error."""
        if None not in (self.low, self.high):
            return f"an integer in [{self.low}, {self.high}]"
        if self.low is not None:
            return f"an integer >= {self.low}"
        return "an integer" if self.high is None else f"an integer <= {self.high}"

    def as_values(self, numbers: np.ndarray) -> Any:
        """Integers, with pandas' NA for missing ones."""
        absent = np.isnan(numbers)
        whole = np.rint(np.where(absent, 0, numbers)).astype(np.int64)
        if not absent.any():
            return whole
        return package("pandas", "to_frame").arrays.IntegerArray(whole, absent)


@value
class Date(Column):
    """A column of dates, or of times to the second.

    Rows hold the days or seconds since 1970. A DataFrame holds ISO texts such as
    "2020-02-29" or "2020-02-29 12:30:00", Python's dates, or NumPy's datetimes, without
    a time zone. Fractions of a second are dropped.

    Attributes:
        name: Name of the column.
        first: The first date as ISO text, or None for no limit.
        last: The last date, or None.
        unit: "D" for dates, "s" for times.
        has_missing: Whether values may be missing.

    Example:
        >>> columns = kg.specs.Columns([kg.specs.Date("day", first="2020-01-01")])
        >>> columns.check({"day": ["2020-01-02"]}, "x")
        array([[18263.]])
        >>> columns.check({"day": ["2019-12-31"]}, "x")
        Traceback (most recent call last):
          ...
        ValueError: x: column 'day', row 0: received '2019-12-31', expected a date \
from '2020-01-01'.
    """

    name: str
    first: str | None = None
    last: str | None = None
    unit: str = "D"
    has_missing: bool = False

    def __post_init__(self) -> None:
        check_type(self.name, str, "name")
        if self.unit not in frames.UNITS:
            raise ValueError(
                f"Date({self.name!r}): unit must be D or s, received {self.unit!r}."
            )
        low, high = self.low, self.high
        if low is not None and high is not None and low > high:
            raise ValueError(
                f"Date({self.name!r}): first must be at most last, received "
                f"{self.first!r} and {self.last!r}."
            )

    @property
    def low(self) -> int | None:
        """The first day or second since 1970, or None."""
        return self._end(self.first, "first")

    @property
    def high(self) -> int | None:
        """The last day or second since 1970, or None."""
        return self._end(self.last, "last")

    def _end(self, text: str | None, name: str) -> int | None:
        if text is None:
            return None
        called = f"Date({self.name!r}): {name}"
        return int(frames.as_dates(np.array([text], object), self.unit, called)[0])

    def facts(self) -> dict[str, Any]:
        """What the numbers are; `unit` says what they count, and from when."""
        unit = {"D": "days since 1970-01-01", "s": "seconds since 1970-01-01 00:00:00"}
        return {**super().facts(), "unit": unit[self.unit]}

    @property
    def expected(self) -> str:
        """The expected values, for an error."""
        start = "" if self.first is None else f" from {self.first!r}"
        end = "" if self.last is None else f" to {self.last!r}"
        return f"a {frames.UNITS[self.unit]}{start}{end}"

    def as_numbers(self, column: np.ndarray, called: str) -> np.ndarray:
        """Days or seconds since 1970."""
        return frames.as_dates(column, self.unit, called)

    def as_values(self, numbers: np.ndarray) -> np.ndarray:
        """NumPy's dates, with NaT for missing ones."""
        absent = np.isnan(numbers)
        whole = np.rint(np.where(absent, 0, numbers)).astype(np.int64)
        dates = whole.astype(f"datetime64[{self.unit}]").astype("datetime64[s]")
        return np.where(absent, np.datetime64("NaT", "s"), dates)

    def shown(self, number: float) -> Any:
        """The date as ISO text, if the number is one."""
        if not float(number).is_integer():
            return number
        date = np.int64(number).astype(f"datetime64[{self.unit}]")
        return str(date).replace("T", " ")


@value
class Category(Column):
    """A column of a few values: strings, integers or booleans.

    Attributes:
        name: Name of the column.
        values: All values, at least one, in the order of their codes 0, 1, ... None
            stands for a missing value.

    Example:
        >>> columns = kg.specs.Columns([kg.specs.Category("kind", ["flat", "house"])])
        >>> columns.check({"kind": ["house", "flat"]}, "x")
        array([[1.],
               [0.]])
    """

    name: str
    values: Sequence[str | int | bool | None]
    low: ClassVar[int] = 0

    def __post_init__(self) -> None:
        check_type(self.name, str, "name")
        if isinstance(self.values, str) or not len(self.values):
            raise ValueError(
                f"Category({self.name!r}): values must be a list of at least one value,"
                f" received {self.values!r}."
            )
        values = tuple(
            v.item() if isinstance(v, np.generic) else v for v in self.values
        )
        for one in values:
            if not isinstance(one, str | int | bool | None):
                raise ValueError(
                    f"Category({self.name!r}): values must be strings, integers, "
                    f"booleans or None, received {one!r}."
                )
        if len(set(values)) < len(values):
            raise ValueError(
                f"Category({self.name!r}): values must differ, received "
                f"{frames.listed(values)}."
            )
        object.__setattr__(self, "values", values)

    @property
    def high(self) -> int:
        """The largest code."""
        return len(self.values) - 1

    @property
    def expected(self) -> str:
        """The expected codes, for an error."""
        return f"a code in [0, {self.high}] of {frames.listed(self.values)}"

    def facts(self) -> dict[str, Any]:
        """The values in the order of their codes. None stands for a missing one."""
        return {"name": self.name, "kind": "category", "values": list(self.values)}

    def as_numbers(self, column: np.ndarray, called: str) -> np.ndarray:
        """The code of each value."""
        return frames.as_codes(column, self.values, called)

    def as_values(self, numbers: np.ndarray) -> np.ndarray:
        """The value of each code."""
        kinds = {type(value) for value in self.values}
        of_one_kind = kinds in ({bool}, {int})
        values = np.array(self.values, None if of_one_kind else object)
        return values[np.rint(numbers).astype(np.int64)]


@value
class Columns(Floats):
    """Tables: numbers, integers, dates and categories side by side.

    A table is a pandas DataFrame, a dict of columns, a structured array, or an array
    `(n, num_columns)` in which categories are codes, the positions of their values,
    dates are days or seconds since 1970, and missing numbers are NaN. Models return
    such arrays. `to_frame` converts them back to values.

    Models see numbers, integers and dates by their normal quantiles, which `fit` finds,
    so that long tails and several modes are learned like a normal column. `VAE` and
    `Autoencoder` see categories one-hot, in the order of the columns. `GAN`, `Flow` and
    `Diffusion` see the quantiles of their codes.

    Attributes:
        columns: `Numeric`, `Integer`, `Date` and `Category` columns, at least one.

    Raises:
        TypeError: If a column is something else.
        ValueError: If `columns` is empty, or if two columns have the same name.

    Example:
        >>> from keras_gen import specs
        >>> homes = specs.Columns(
        ...     [
        ...         specs.Numeric("price"),
        ...         specs.Integer("rooms", 1, 9),
        ...         specs.Category("kind", ["flat", "house"]),
        ...     ]
        ... )
        >>> homes.check({"price": [9.5], "rooms": [3], "kind": ["house"]}, "x")
        array([[9.5, 3. , 1. ]])
        >>> homes.network_shape
        (4,)
        >>> homes.check({"price": [9.5], "rooms": [3], "kind": ["barn"]}, "x")
        Traceback (most recent call last):
          ...
        ValueError: x: column 'kind', row 0: received 'barn', expected one of 'flat', \
'house'.
    """

    columns: Sequence[Column]
    name: ClassVar[str] = "columns"
    is_wide: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not isinstance(self.columns, list | tuple) or not self.columns:
            raise ValueError(
                "columns must be a list of at least one Numeric, Integer, Date or "
                f"Category, received {self.columns!r}."
            )
        object.__setattr__(self, "columns", tuple(self.columns))
        for i, column in enumerate(self.columns):
            kinds = Numeric | Integer | Date | Category
            check_type(column, kinds, f"columns[{i}]")
        if len(set(self.names)) < len(self.names):
            raise ValueError(
                f"columns must have distinct names, received {list(self.names)}."
            )

    @classmethod
    def infer(
        cls,
        table: Any,
        *,
        kinds: Mapping[str, str] | None = None,
        max_categories: int = 100,
    ) -> "Columns":
        """Infers the spec of a table from its dtypes and values.

        Floating-point columns become `Numeric`, with the decimals to which they are
        rounded. Integers, and floating-point columns of integers in which values are
        missing, become `Integer` with their limits in the table. Datetimes, and ISO
        texts of dates, become `Date` with theirs. Strings, booleans and pandas'
        categories become `Category`, with their values in pandas' order or sorted.
        Columns with missing values may have them later, others may not. Pass the whole
        table: values that do not occur in it are rejected later.

        Args:
            table: A DataFrame, a dict of columns, or a structured array.
            kinds: Kinds of columns by name, where others should be inferred: "numeric",
                "integer", "category", "boolean" or "date". Integers as "numeric" are
                not rounded in samples.
            max_categories: The largest number of values of a category that `kinds` does
                not name.

        Raises:
            ValueError: If `table` has no named columns or no rows, or if a column has
                another dtype, infinite values, no value at all, or too many categories;
                if `kinds` names an unknown column or kind, or a value is not of its
                kind.

        Example:
            >>> table = {"zip": [10115, 80331], "age": [31, 45]}
            >>> kg.specs.Columns.infer(table, kinds={"zip": "category"}).columns[0]
            Category(name='zip', values=(10115, 80331))
        """
        names = frames.names_of(table)
        if not names:
            raise ValueError(
                "table must be a DataFrame, a dict of columns or a structured array, "
                f"received {type(table).__name__}."
            )
        columns = frames.columns_of(table, names, "table")
        kinds = check_kinds(kinds or {}, [str(name) for name in names])
        found = []
        for name, column in zip(names, columns, strict=True):
            own = str(name), column, table[name]
            if kind := kinds.get(str(name)):
                found.append(_column_of_kind(*own, kind))
            else:
                found.append(_column_of(*own, max_categories))
        return cls(found)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def shape(self) -> tuple[int, ...]:
        """`(num_columns,)`."""
        return (len(self.columns),)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Positions of the numeric and integer columns."""
        return tuple(i for i, c in enumerate(self.columns) if not c.values)

    @property
    def categories(self) -> tuple[int, ...]:
        """Positions of the categories."""
        return tuple(i for i, c in enumerate(self.columns) if c.values)

    @property
    def steps(self) -> tuple[float, ...]:
        """Distance of the values of each of `numbers`, 0 for any numbers."""
        return tuple(float(self.columns[i].step) for i in self.numbers)

    @property
    def flagged(self) -> tuple[int, ...]:
        """Positions of the numbers that may be missing."""
        return tuple(i for i in self.numbers if self.columns[i].has_missing)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of values of each of `categories`."""
        return tuple(len(self.columns[i].values) for i in self.categories)

    @property
    def blocks(self) -> tuple[int, ...]:
        """Sizes of the one-hot blocks that networks see after the numbers.

        They are two for each of `flagged`, whether the number is there or missing, and
        then those of the categories.
        """
        return (2,) * len(self.flagged) + self.sizes

    def presence(self, seen: Any) -> Any:
        """1 for each of `numbers` that is there, 0 for missing ones.

        Args:
            seen: Rows as networks see them, `(..., network width)`.

        Returns:
            `(..., numbers)`, or 1 if no number may be missing.
        """
        if not self.flagged:
            return 1.0
        there, count = [], len(self.numbers)
        for i in self.numbers:
            one = tf.ones_like(seen[..., 0])
            if i in self.flagged:
                one = seen[..., count + 2 * self.flagged.index(i)]
            there.append(one)
        return tf.stack(there, axis=-1)

    @property
    def network_shape(self) -> tuple[int, ...]:
        """`(width,)`: one value per number, and one per value of each block."""
        return (len(self.numbers) + sum(self.blocks),)

    @property
    def raw_shape(self) -> tuple[int, ...]:
        """Raw values of a distribution of rows: two per number, and the logits."""
        return (2 * len(self.numbers) + sum(self.blocks),)

    @property
    def has_levels(self) -> bool:
        """Whether there are integers, categories, or rounded or missing numbers."""
        return any(column.step or column.has_missing for column in self.columns)

    @property
    def limit(self) -> ColumnLimits:
        """The limits of each column."""
        return ColumnLimits(
            names=self.names,
            lows=tuple(column.low for column in self.columns),
            highs=tuple(column.high for column in self.columns),
            whole=tuple(column.is_whole for column in self.columns),
            missing=tuple(column.has_missing for column in self.columns),
            expected=tuple(column.expected for column in self.columns),
        )

    def holds_rows(self, values: Any) -> bool:
        """Whether values are a table with named columns."""
        return frames.is_frame(values)

    def as_rows(self, values: Any, name: str = "x") -> Any:
        """Converts a table to float64 `(n, num_columns)`, with values as codes.

        Anything else is returned as it is.
        """
        if not frames.is_frame(values):
            return values
        found = []
        table = frames.columns_of(values, self.names, name)
        for column, given in zip(self.columns, table, strict=True):
            called = f"{name}: column {column.name!r}"
            found.append(column.as_numbers(given, called))
        return np.stack(found, axis=-1)

    def to_frame(self, rows: Any) -> Any:
        """Converts rows to a pandas DataFrame with the values of the categories.

        Args:
            rows: `(n, num_columns)`, such as samples, or another table.

        Returns:
            A DataFrame: numbers with their dtype, integers as int64, or Int64 if some
            are missing, dates as datetime64, and the values of categories.

        Raises:
            ImportError: If pandas is not installed.
            ValueError: If the rows do not fit the spec.
        """
        pandas = package("pandas", "to_frame")
        rows = self.check(rows, "rows")
        return pandas.DataFrame(
            {
                column.name: column.as_values(rows[:, i])
                for i, column in enumerate(self.columns)
            }
        )

    def _checked(self, values: Any, name: str) -> np.ndarray:
        values = self.as_rows(values, name)
        refuse_masked(values, name)
        values = np.asarray(values)
        check_shape(values.shape, self.shape, name=name)
        if values.dtype.kind not in "biuf":
            raise ValueError(
                f"{name} must be an array of numbers and codes, received dtype "
                f"{values.dtype}: pass strings as a DataFrame or a dict of columns."
            )
        values = as_number(values, name, wide=True)
        for i, column in enumerate(self.columns):
            column.check(values[:, i], f"{name}: column {column.name!r}")
        return values

    def stand_in(self, rows: int, seed: int = 0) -> np.ndarray:
        """Normal numbers, integers within their limits, and uniform categories."""
        rng = np.random.default_rng(seed)
        drawn = [_stand_in(column, rng, rows) for column in self.columns]
        return np.stack(drawn, axis=-1).astype(np.float32)


@value
class Latents(Floats):
    """Latent values of another model: float32 of about unit size, in any shape.

    Attributes:
        dims: Shape of the latent values of one example: `(16,)` for a vector, `(7, 7,
            4)` for a latent image.

    Example:
        >>> Latents((7, 7, 4)).size
        196
    """

    dims: Sequence[int]
    name: ClassVar[str] = "z"

    def __post_init__(self) -> None:
        object.__setattr__(self, "dims", tuple(self.dims))
        for i, size in enumerate(self.dims):
            check_positive(size, f"dims[{i}]", integer=True)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the latent values of one example."""
        return tuple(self.dims)

    @property
    def scale_axes(self) -> tuple[int, ...]:
        """All axes except the last: one scale per channel."""
        return tuple(range(len(self.dims) - 1))


class Integers(Spec):
    """Rows of integers."""

    dtype: ClassVar[str] = "int32"

    def _checked(self, values: Any, name: str) -> np.ndarray:
        refuse_masked(values, name)
        values = np.asarray(values)
        if not values.size:
            values = values.astype(np.int32)  # an empty list is of no kind
        require_integers(values.dtype, name)
        check_shape(values.shape, self.shape, name=name)
        if values.size and not _fits(values, self.limit):
            raise ValueError(
                f"{self.limit.message(name)}, received values in [{values.min()}, "
                f"{values.max()}]."
            )
        return values.astype(np.int32)

    def as_input(self, values: tf.Tensor, name: str = "x") -> tf.Tensor:
        """int32 rows."""
        require_integers(values.dtype.as_numpy_dtype, name)
        check_shape(values.shape, self.shape, name=name)
        return _to_int32(values)


@value
class Classes(Integers):
    """Class labels: one integer in [0, num_classes) per row.

    Networks see them one-hot. All zeros mean that the class is unknown.

    Attributes:
        num_classes: Number of classes.

    Example:
        >>> Classes(10).check([3, 7], "labels")
        array([3, 7], dtype=int32)
    """

    num_classes: int
    name: ClassVar[str] = "labels"

    def __post_init__(self) -> None:
        check_positive(self.num_classes, "num_classes", integer=True)

    @property
    def shape(self) -> tuple[int, ...]:
        """`()`."""
        return ()

    @property
    def limit(self) -> Limit:
        """Integers in [0, num_classes)."""
        return one_of(self.num_classes)

    @property
    def network_shape(self) -> tuple[int, ...]:
        """`(num_classes,)`."""
        return (self.num_classes,)

    def _checked(self, values: Any, name: str) -> np.ndarray:
        refuse_masked(values, name)
        values = np.asarray(values)
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim != 1:
            raise ValueError(f"{name} must have shape (n,), received {values.shape}.")
        return super()._checked(values, name)

    def as_input(self, values: tf.Tensor, name: str = "labels") -> tf.Tensor:
        """int32 `(batch,)`."""
        return super().as_input(tf.reshape(values, (-1,)), name)

    def stand_in(self, rows: int, seed: int = 0) -> np.ndarray:
        """All classes in turn."""
        return np.arange(seed, seed + rows, dtype=np.int32) % self.num_classes


@value
class Target(Classes):
    """Class labels that are the values of a column of a table.

    Labels are integers as in `Classes`, values by themselves, or a table with the
    column: `sample(100, condition={"cut": "Ideal"})`.

    Attributes:
        num_classes: Number of values.
        column: Name of the column.
        values: The value of each label: strings, integers or booleans.
        place: Position of the column in the table that has all columns.

    Example:
        >>> cut = kg.specs.Target(2, "cut", ["Fair", "Ideal"])
        >>> cut.check({"cut": ["Ideal", "Fair"]}, "labels")
        array([1, 0], dtype=int32)
        >>> cut.for_all({"cut": "Ideal"}, 2).tolist()
        [1, 1]
    """

    column: str = ""
    values: Sequence[str | int | bool] = ()
    place: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        column = Category(self.column, self.values)
        object.__setattr__(self, "values", column.values)
        check_counts(len(column.values), self.num_classes, name="values")

    def facts(self) -> dict[str, Any]:
        """The column, and its values in the order of the labels."""
        own = {"column": self.column, "values": list(self.values)}
        return {**super().facts(), "kind": "classes", **own}

    def holds_rows(self, values: Any) -> bool:
        """Whether values are a table with named columns."""
        return frames.is_frame(values)

    def as_rows(self, values: Any, name: str = "labels") -> Any:
        """Converts a table with the column, or its values, to labels."""
        if frames.is_frame(values):
            (values,) = frames.columns_of(values, [self.column], name)
        elif np.asarray(values).dtype.kind not in "OU":
            return values
        called = f"{name}: column {self.column!r}"
        codes = frames.as_codes(np.asarray(values), self.values, called)
        return codes.astype(np.int32)

    def for_all(self, values: Any, rows: int) -> Any:
        """One label for each of `rows`. A single value is repeated."""
        return _for_all(self, values, rows)

    def _checked(self, values: Any, name: str) -> np.ndarray:
        return super()._checked(self.as_rows(values, name), name)


@value
class AnyCategory(Classes):
    """Labels that ask for one value of any category of a table, or for nothing.

    Label 0 asks for nothing, and a missing condition means it. The labels after it are
    the values of the table's `Category` columns, column by column. Conditions are
    labels, their `names`, or a table with one of the columns: `sample(100,
    condition={"cut": "Ideal"})`. A sample has the value that is asked for.

    `fit(table)` draws a condition for each row of training. Half of the rows have none.
    For each of the others a column is drawn, then one of its values by the logarithm of
    its frequency, then a row that has it: "training by sampling". So rare values are
    trained more often, and rows without a condition follow the table.

    Attributes:
        table: The columns of the examples.
        num_classes: Number of labels: 1 and that of all values.

    Raises:
        ValueError: If the table has no category.

    References:
        Xu et al., "Modeling tabular data using conditional GAN", 2019, section 4.3.

    Example:
        >>> cut = kg.specs.Category("cut", ["Fair", "Ideal"])
        >>> table = kg.specs.Columns([kg.specs.Numeric("price"), cut])
        >>> condition = kg.specs.AnyCategory(table)
        >>> condition.names
        ('none', 'cut=Fair', 'cut=Ideal')
        >>> condition.for_all({"cut": "Ideal"}, 2).tolist()
        [2, 2]
        >>> condition.check({"size": ["Ideal"]}, "labels")
        Traceback (most recent call last):
          ...
        ValueError: labels must ask for one column of 'cut', received 'size'.
    """

    num_classes: int = dataclasses.field(init=False)
    table: Columns
    unasked: ClassVar[int] = 0

    def __post_init__(self) -> None:
        check_type(self.table, Columns, "table")
        if not self.table.sizes:
            kinds = ", ".join(type(c).__name__ for c in self.table.columns)
            raise ValueError(
                "table must have a column of categories to be a condition, received "
                f"the columns {frames.listed(self.table.names)} ({kinds})."
            )
        object.__setattr__(self, "num_classes", 1 + sum(self.table.sizes))

    def __str__(self) -> str:
        return f"any value of {frames.listed(self.columns)}"

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns whose values can be asked for."""
        return tuple(self.table.names[i] for i in self.table.categories)

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each label, such as "cut=Ideal", or "cut=" for a missing value."""
        known = [self.table.columns[i] for i in self.table.categories]
        return (
            "none",
            *(f"{c.name}={'' if v is None else v}" for c in known for v in c.values),
        )

    @property
    def first(self) -> np.ndarray:
        """The label of the first value of each column of the table, int32.

        It is `num_classes` for columns that are no categories.
        """
        first = np.full(len(self.table.columns), self.num_classes, np.int32)
        starts = np.cumsum([1, *self.table.sizes])[:-1]
        first[[*self.table.categories]] = starts
        return first

    def facts(self) -> dict[str, Any]:
        """The kind and limits of labels, and the one that asks for nothing."""
        return {**super().facts(), "kind": "classes", "unasked": self.unasked}

    def holds_rows(self, values: Any) -> bool:
        """Whether values are a table with named columns."""
        return frames.is_frame(values)

    def as_rows(self, values: Any, name: str = "labels") -> Any:
        """Converts a table with one of the columns, or names of labels, to labels."""
        if frames.is_frame(values):
            received = [str(one) for one in frames.names_of(values) or ()]
            if len(received) != 1 or received[0] not in self.columns:
                raise ValueError(
                    f"{name} must ask for one column of {frames.listed(self.columns)}, "
                    f"received {frames.listed(received)}."
                )
            place = self.table.names.index(received[0])
            (values,) = frames.columns_of(values, received, name)
            column = self.table.columns[place]
            codes = column.as_numbers(values, f"{name}: column {received[0]!r}")
            return (self.first[place] + codes).astype(np.int32)
        if np.asarray(values).dtype.kind not in "OU":
            return values
        return frames.as_codes(np.asarray(values), self.names, name).astype(np.int32)

    def for_all(self, values: Any, rows: int) -> Any:
        """One label for each of `rows`. A single value is repeated."""
        if values is None:
            return np.full(rows, self.unasked, np.int32)
        return _for_all(self, values, rows)

    def _checked(self, values: Any, name: str) -> np.ndarray:
        return super()._checked(self.as_rows(values, name), name)

    def imposed(self, rows: tf.Tensor, condition: tf.Tensor) -> tf.Tensor:
        """Rows of the table with the values for which labels ask."""
        codes = condition[:, None] - self.first
        sizes = [max(1, len(column.values)) for column in self.table.columns]
        is_asked = (codes >= 0) & (codes < np.array(sizes, np.int32))
        return tf.where(is_asked, tf.cast(codes, rows.dtype), rows)


@value
class Codes(Integers):
    """Codes of a vector-quantized model: integers in [0, num_codes) in any shape.

    Attributes:
        dims: Shape of the codes of one example, such as `(7, 7)`.
        num_codes: Number of codes.

    Example:
        >>> Codes((7, 7), 512).size
        49
    """

    dims: Sequence[int]
    num_codes: int
    name: ClassVar[str] = "codes"

    def __post_init__(self) -> None:
        object.__setattr__(self, "dims", tuple(self.dims))
        for i, size in enumerate(self.dims):
            check_positive(size, f"dims[{i}]", integer=True)
        check_positive(self.num_codes, "num_codes", integer=True)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the codes of one example."""
        return tuple(self.dims)

    @property
    def limit(self) -> Limit:
        """Integers in [0, num_codes)."""
        return Limit(0, self.num_codes, "[)", is_integer=True)

    def stand_in(self, rows: int, seed: int = 0) -> np.ndarray:
        """Uniform codes."""
        rng = np.random.default_rng(seed)
        return rng.integers(0, self.num_codes, (rows, *self.dims), np.int32)


@value
class Tokens(Integers):
    """Texts as tokens: integers in [0, vocabulary_size), -1 after the last of a row.

    Attributes:
        vocabulary_size: Number of tokens.
        length: Tokens per row of an exported artifact. Arrays may have rows of any
            length, unless they are sentences.
        tokenizer: Converts texts to tokens. None if data are tokens.
        end_token: The token at the end of each sentence, or None. It is added to texts.
        are_sentences: Whether rows are whole sentences, padded to `length`.

    Example:
        >>> Tokens(9, 4).check([[1, 2], [3]], "x")
        array([[ 1,  2],
               [ 3, -1]], dtype=int32)
    """

    vocabulary_size: int
    length: int
    tokenizer: Any = None
    end_token: int | None = None
    are_sentences: bool = False
    name: ClassVar[str] = "text"

    def __post_init__(self) -> None:
        check_positive(self.vocabulary_size, "vocabulary_size", integer=True)
        check_positive(self.length, "length", integer=True)

    @property
    def shape(self) -> tuple[int, ...]:
        """`(length,)`."""
        return (self.length,)

    @property
    def limit(self) -> Limit:
        """Tokens, padded by -1."""
        return tokens_of(self.vocabulary_size)

    def _checked(self, values: Any, name: str) -> np.ndarray:
        how = {"tokenizer": self.tokenizer, "name": name}
        if not self.are_sentences:
            return token_rows.check_texts(values, self.vocabulary_size, **how)
        how |= {"end_token": self.end_token}
        rows = token_rows.check_texts(values, self.vocabulary_size, **how)
        self._check_length(int((rows != PAD).sum(axis=1).max(initial=0)), name)
        missing = max(0, self.length - rows.shape[1])
        rows = np.pad(rows, [(0, 0), (0, missing)], constant_values=PAD)
        return rows[:, : self.length]

    def as_input(self, values: tf.Tensor, name: str = "x") -> tf.Tensor:
        """int32 tokens."""
        check_shape(values.shape, (None,), name=name)
        require_integers(values.dtype.as_numpy_dtype, name)
        if self.are_sentences and values.shape[1] is not None:
            self._check_length(values.shape[1], name)
        return _to_int32(values)

    def _check_length(self, received: int, name: str) -> None:
        if received > self.length:
            raise ValueError(
                f"{name} must have at most {self.length} tokens per sentence, its end "
                f"token included, received {received}. Increase length."
            )

    def for_all(self, values: Any, rows: int) -> Any:
        """One text for each of `rows`. A single one is repeated.

        Args:
            values: Texts or rows of tokens, or a single one of either.
            rows: Number of rows.
        """
        if isinstance(values, str):
            return [values] * rows
        is_sized = getattr(values, "__len__", None) is not None
        if not is_sized or getattr(values, "shape", None) == () or not len(values):
            return values
        is_one = np.ndim(values[0]) == 0 and not isinstance(values[0], str | bytes)
        values = [values] if is_one else values
        return [*values] * rows if len(values) == 1 else values

    def stand_in(self, rows: int, seed: int = 0) -> np.ndarray:
        """Uniform tokens."""
        rng = np.random.default_rng(seed)
        return rng.integers(0, self.vocabulary_size, (rows, self.length), np.int32)


@value
class Noise(Floats):
    """Standard normal numbers from which a model generates.

    Attributes:
        dims: Shape of the noise of one sample.

    Example:
        >>> seeds = kg.random.row_seeds(7, 3)
        >>> kg.specs.Noise((2,)).for_sample(seeds).shape
        (3, 2)
    """

    dims: Sequence[int]
    name: ClassVar[str] = "noise"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the noise of one sample."""
        return tuple(self.dims)

    def for_sample(self, seed: np.ndarray, stream: int = 0) -> np.ndarray:
        """The noise of seeds, `(len(seed), *dims)`."""
        from .random import normal

        return normal(seed, self.shape, stream).numpy()


@value
class Likeness(Floats):
    """Numbers in units of the data that may be out of range, such as noisy images.

    Attributes:
        like: The spec of the data.
        sides: Whether each axis has to be that of the data; else any size will do.
    """

    like: Spec
    is_resized: bool = False

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Shape of the data, or only its rank."""
        return (None,) * len(self.like.shape) if self.is_resized else self.like.shape

    @property
    def is_wide(self) -> bool:
        """As for the data."""
        return self.like.is_wide

    def facts(self) -> dict[str, Any]:
        """The kind of the data, without its limits."""
        return {"kind": self.like.facts()["kind"]}


@value
class Numbers(Spec):
    """One number per row, such as a temperature.

    Attributes:
        limit: The allowed numbers.
    """

    limit: Limit = FINITE

    @property
    def dtype(self) -> str:
        """The dtype of the limit."""
        return "int32" if self.limit.is_integer else "float32"

    @property
    def shape(self) -> tuple[int, ...]:
        """`()`."""
        return ()

    def _checked(self, values: Any, name: str) -> np.ndarray:
        refuse_masked(values, name)
        values = np.asarray(values)
        if self.limit.is_integer:
            require_integers(values.dtype, name)
        else:
            values = as_float32(values, name)
        check_shape(values.shape, (), name=name)
        check_limit(values, self.limit, name)
        return values.astype(np.int32) if self.limit.is_integer else values

    def as_input(self, values: tf.Tensor, name: str = "x") -> tf.Tensor:
        """float32 or int32 `(batch,)`."""
        check_shape(values.shape, (), name=name)
        if self.limit.is_integer:
            require_integers(values.dtype.as_numpy_dtype, name)
            return _to_int32(values)
        return to_float(values, name=name)

    def stand_in(self, rows: int, seed: int = 0) -> np.ndarray:
        """An allowed number for each row."""
        del seed
        return np.full(rows, self.limit.safe, self.dtype)


@value
class Seeds(Numbers):
    """One integer per row: the seed of its random numbers.

    Example:
        >>> kg.specs.Seeds().check([7, 8], "seed")
        array([7, 8], dtype=int32)
    """

    limit: Limit = INTEGER

    def _checked(self, values: Any, name: str) -> np.ndarray:
        seeds = np.asarray(values)
        self._require(seeds.dtype, seeds.shape, name)
        kept = seeds.astype(np.int32)
        if (kept != seeds).any():
            raise ValueError(
                f"{name} must fit into int32, received values in [{seeds.min()}, "
                f"{seeds.max()}]. keras_gen.random.row_seeds makes seeds from any "
                "integer."
            )
        return kept

    def as_input(self, values: tf.Tensor, name: str = "seed") -> tf.Tensor:
        """int32 `(batch,)`."""
        self._require(values.dtype.as_numpy_dtype, values.shape, name)
        return _to_int32(values)

    def _require(self, dtype: Any, shape: Sequence[int | None], name: str) -> None:
        if len(shape) != 1 or not np.issubdtype(dtype, np.integer):
            raise ValueError(
                f"{name} must hold one integer per row, (batch,), received "
                f"{np.dtype(dtype).name} of shape {tuple(shape)}."
            )


@value
class StopTokens(Integers):
    """Tokens that end each row, `(batch, n)`; -1 means no token.

    Attributes:
        vocabulary_size: Number of tokens.
    """

    vocabulary_size: int

    @property
    def shape(self) -> tuple[None]:
        """Any number of tokens."""
        return (None,)

    @property
    def limit(self) -> Limit:
        """A token, or -1."""
        return Limit(PAD, self.vocabulary_size, "[)", is_integer=True)

    def stand_in(self, rows: int, seed: int = 0) -> np.ndarray:
        """-1, which means no token."""
        del seed
        return np.full((rows, 1), PAD, np.int32)


@value
class Texts(Spec):
    """Strings, one per row, for TensorFlow operations."""

    dtype: ClassVar[str] = "string"

    @property
    def shape(self) -> tuple[int, ...]:
        """`()`."""
        return ()

    @property
    def limit(self) -> Limit:
        """Any text."""
        return Limit(is_integer=True, is_scalar=True)

    def _checked(self, values: Any, name: str) -> np.ndarray:
        values = np.asarray(values)
        check_shape(values.shape, (), name=name)
        return values

    def as_input(self, values: tf.Tensor, name: str = "x") -> tf.Tensor:
        """Strings, `(batch,)`."""
        check_shape(values.shape, (), name=name)
        return values

    def stand_in(self, rows: int, seed: int = 0) -> np.ndarray:
        """Empty texts."""
        del seed
        return np.array([b""] * rows)


SEEDS = Seeds()


def num_classes(condition: Spec | None) -> int | None:
    """The number of classes of a class-conditional model, or None."""
    return condition.num_classes if isinstance(condition, Classes) else None


def of_shape(shape: Sequence[int], *, is_unit: bool = False) -> Spec:
    """The default spec of floating-point data of a shape.

    Args:
        shape: Shape of one example: `(values,)` for vectors, `(length, channels)` for
            series, `(height, width, channels)` for images, `(frames, height, width,
            channels)` for clips.
        is_unit: Whether vectors and series are in [0, 1].

    Raises:
        ValueError: If no spec has a shape of that rank.

    Example:
        >>> kg.specs.of_shape((28, 28, 1))
        Images(height=28, width=28, channels=1)
    """
    kinds: dict[int, Any] = {1: Vectors, 2: Series, 3: Images, 4: Clips}
    if len(shape) not in kinds:
        raise ValueError(
            "shape must be that of vectors, series, images or clips, received "
            f"{tuple(shape)}. For other data pass `inputs`, a spec of keras_gen.specs."
        )
    kind = kinds[len(shape)]
    options = {"is_unit": is_unit} if issubclass(kind, Measurements) else {}
    return kind(*shape, **options)


def condition_of_shape(shape: Sequence[int]) -> Spec:
    """The default spec of a condition that a network sees in this shape."""
    return Classes(shape[0]) if len(shape) == 1 else of_shape(shape)


def to_float(
    x: tf.Tensor, *, has_bytes: bool = False, wide: bool = False, name: str = "x"
) -> tf.Tensor:
    """float32 values; uint8 means value / 255 if `has_bytes`.

    If `wide`, float64 and integers of more than 16 bits become float64.
    """
    if x.dtype == tf.uint8 and has_bytes:
        return tf.cast(x, tf.float32) / 255.0
    if not (x.dtype.is_floating or x.dtype.is_integer or x.dtype.is_bool):
        raise ValueError(f"{name} must hold numbers, received dtype {x.dtype.name}.")
    is_long = x.dtype == tf.float64 or (x.dtype.is_integer and x.dtype.size > 2)
    return tf.cast(x, tf.float64 if wide and is_long else tf.float32)


def require_integers(dtype: Any, name: str) -> None:
    """Raises ValueError unless a dtype is an integer dtype."""
    if not np.issubdtype(dtype, np.integer):
        raise ValueError(f"{name} must be integers, received {np.dtype(dtype).name}.")


def _for_all(spec: Classes, values: Any, rows: int) -> Any:
    """One label for each row, from labels, one value, or a table of one column."""
    if isinstance(values, dict):
        values = {k: [v] if np.ndim(v) == 0 else v for k, v in values.items()}
    elif isinstance(values, str):
        values = [values]
    elif not frames.is_frame(values) and np.asarray(values).dtype.kind not in "OU":
        return Spec.for_all(spec, values, rows)
    labels = spec.as_rows(values)
    return np.repeat(labels, rows) if len(labels) == 1 else labels


def _to_int32(values: tf.Tensor) -> tf.Tensor:
    return values if values.dtype == tf.int32 else tf.saturate_cast(values, tf.int32)


def _fits(values: np.ndarray, limit: Limit) -> bool:
    """Whether integers are in [low, high)."""
    low = limit.low is None or values.min() >= limit.low
    return bool(low and (limit.high is None or values.max() < limit.high))


def _column_of(name: str, column: np.ndarray, given: Any, most: int) -> Column:
    """Infers a column of a table from its dtype and its values."""
    called = f"table: column {name!r}"
    if not len(column):
        raise ValueError(f"{called} must have at least one row.")
    is_absent = frames.absent(column)
    present, has_missing = column[~is_absent], bool(is_absent.any())
    if not len(present):
        raise ValueError(f"{called} is empty: drop it.")
    kind = frames.kind_of(present, called)
    if hasattr(given, "cat"):
        values = given.cat.categories.tolist()
        return _category(called, name, values, most, has_missing=has_missing)
    if kind in ("D", "s"):
        days = frames.as_dates(present, kind, called).astype(np.int64)
        ends = (str(np.datetime64(int(day), kind)) for day in (days.min(), days.max()))
        first, last = (end.replace("T", " ") for end in ends)
        return Date(name, first, last, kind, has_missing)
    if kind in ("bool", "object"):
        values = frames.distinct(present)
        values = [False, True] if kind == "bool" else values
        frames.refuse_misread(column, values, called)
        return _category(called, name, values, most, has_missing=has_missing)
    numbers = frames.as_numbers(column, called, "a finite number")
    allowed = {"has_missing": True, "expected": "a finite number"}
    frames.check_column(numbers, called, **allowed)
    numbers = numbers[~is_absent]
    is_whole = bool((numbers == np.rint(numbers)).all())
    if kind == "int" or (has_missing and is_whole):
        return Integer(name, int(numbers.min()), int(numbers.max()), has_missing)
    return Numeric(name, frames.decimals_of(present), has_missing)


def check_kinds(
    kinds: Mapping[str, str], names: Sequence[str], owner: str = "the table"
) -> dict[str, str]:
    """Kinds of columns by name, checked.

    Args:
        kinds: The kinds.
        names: The columns that exist.
        owner: What has the columns, for errors.

    Raises:
        ValueError: If a column or a kind is unknown.
    """
    check_type(kinds, Mapping, "columns")
    for name, kind in kinds.items():
        if name not in names:
            raise ValueError(
                f"columns names {name!r}, which {owner} lacks. Its columns are "
                f"{frames.listed(names)}."
            )
        if kind not in COLUMN_KINDS:
            raise ValueError(
                f"columns: the kind of {name!r} must be one of "
                f"{', '.join(COLUMN_KINDS)}, received {kind!r}."
            )
    return dict(kinds)


def _column_of_kind(name: str, column: np.ndarray, given: Any, kind: str) -> Column:
    """A column of a table that is said to be of a kind."""
    called = f"table: column {name!r}"
    is_absent = frames.absent(column)
    present, has_missing = column[~is_absent], bool(is_absent.any())
    if not len(present):
        raise ValueError(f"{called} is empty: drop it.")
    why = f"as columns says {kind} (kinds: {', '.join(COLUMN_KINDS)})"
    if kind == "date":
        known = frames.kind_of(present, called) if present.dtype.kind in "MOU" else "D"
        expected = f"a date as YYYY-MM-DD, {why}"
        unit = known if known in frames.UNITS else "D"
        dates = frames.as_dates(column, unit, called, expected)
        ends = (dates[~is_absent].min(), dates[~is_absent].max())
        first, last = (Date(name, unit=unit).shown(end) for end in ends)
        return Date(name, first, last, unit, has_missing)
    if kind in ("category", "boolean"):
        values = _values_of_kind(column, is_absent, called, kind, why)
        if hasattr(given, "cat") and kind == "category":
            values = given.cat.categories.tolist()
        return Category(name, [*values, *([None] if has_missing else [])])
    column = column.astype(object) if column.dtype.kind == "U" else column
    expected = "an integer" if kind == "integer" else "a finite number"
    numbers = frames.as_numbers(column, called, f"{expected}, {why}")
    how: dict[str, Any] = {"whole": kind == "integer", "has_missing": True}
    frames.check_column(numbers, called, **how, expected=f"{expected}, {why}")
    numbers = numbers[~is_absent]
    if kind == "integer":
        return Integer(name, int(numbers.min()), int(numbers.max()), has_missing)
    is_float = present.dtype.kind not in "iub"
    decimals = frames.decimals_of(present) if is_float else None
    return Numeric(name, decimals, has_missing)


def _values_of_kind(
    column: np.ndarray, is_absent: np.ndarray, called: str, kind: str, why: str
) -> list[Any]:
    """The values of a column that is said to be a category or boolean."""
    expected = "a text, an integer or a boolean"
    if kind == "boolean":
        expected = "true or false, or 1 or 0"
    is_odd = column.dtype.kind not in "biufOU"
    for row, one in enumerate(column.astype(str if is_odd else object).tolist()):
        fits = one in (0, 1) if kind == "boolean" else frames.names_value(one)
        if not is_absent[row] and (is_odd or not fits):
            frames.refuse(called, row, one, f"{expected}, {why}")
    if kind == "boolean":
        return [False, True]
    values = frames.distinct(column[~is_absent])
    return frames.in_order([frames.as_name(one) for one in values])


def _category(
    called: str, name: str, values: list[Any], most: int, *, has_missing: bool
) -> Category:
    if len(values) > most:
        raise ValueError(
            f"{called} has {len(values):,} different values, more than max_categories="
            f"{most}, such as {values[0]!r:.40}. Remove it if it names rows or holds "
            f"texts. If they are categories, say so: --columns {name}=category, or "
            f"columns={{{name!r}: 'category'}}, or a larger max_categories of "
            "Columns.infer."
        )
    return Category(name, [*values, *([None] if has_missing else [])])


def _stand_in(column: Column, rng: np.random.Generator, rows: int) -> np.ndarray:
    """Random values of a column, `(rows,)`."""
    if not column.is_whole:
        drawn = rng.normal(size=rows)
    else:
        low, high = column.low, column.high
        if low is None:
            low = (0 if high is None else high) - 9
        drawn = rng.integers(low, (low + 9 if high is None else high) + 1, rows)
    if not column.has_missing:
        return drawn
    return np.where(rng.random(rows) < MISSING_SHARE, np.nan, drawn)


def _check_sizes(spec: Any) -> None:
    for name, size in spec.get_config().items():
        if name != "is_unit":
            check_count(size, name)


__all__ = [
    "AnyCategory",
    "Category",
    "Classes",
    "Clips",
    "Codes",
    "Column",
    "Columns",
    "Date",
    "Floats",
    "Images",
    "Integer",
    "Latents",
    "Noise",
    "Numeric",
    "Seeds",
    "Series",
    "Spec",
    "Target",
    "Tokens",
    "Vectors",
    "of_shape",
]
