"""Specs: what data are, said once.

A model declares `inputs`, `condition` and `latent`, each a spec or None. A spec checks
arrays and tensors, makes numbers of them, offers stand-in examples, and names the
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
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from . import tokens as token_rows
from .limits import FINITE, INTEGER, PAD, UNIT, Limit, one_of, tokens_of
from .serialization import value
from .validation import (
    as_float32,
    check_count,
    check_limit,
    check_numbers,
    check_positive,
    check_shape,
    refuse_masked,
)

LOG2 = math.log(2)


class Spec(abc.ABC):
    """What values are: kind, range and shape of one row.

    Attributes:
        name: What an endpoint calls a condition of this kind.
        shape: Shape of one row, None where any size will do.
        dtype: The dtype in which the values reach a model, "float32" or "int32".
        limit: Which values are allowed.
        is_wide: Whether float64 stays float64 until a scale has subtracted its origin.
        has_bytes: Whether uint8 stands for value / 255.
    """

    name: ClassVar[str] = "x"
    dtype: ClassVar[str] = "float32"
    is_wide: ClassVar[bool] = False
    has_bytes: bool = False
    scale_axes: ClassVar[tuple[int, ...]] = ()

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int | None, ...]:
        """Shape of one row."""

    @property
    @abc.abstractmethod
    def limit(self) -> Limit:
        """Which values are allowed."""

    @property
    def size(self) -> int:
        """Number of values of one row; of open axes, 1."""
        return math.prod(n or 1 for n in self.shape)

    @property
    def drawn_as(self) -> str | None:
        """How `keras_gen.pictures` draws rows: None if it cannot.

        "images" `(height, width, 1 or 3)`, "clips" of them, "lines" `(length,
        channels)`, or "points" `(2,)`.
        """
        return None

    @property
    def is_picture(self) -> bool:
        """Whether a row can be looked at as an image, or as several."""
        return self.drawn_as in ("images", "clips")

    @property
    def is_unit(self) -> bool:
        """Whether values lie in [0, 1]."""
        return self.limit == UNIT

    @property
    def network_shape(self) -> tuple[int | None, ...]:
        """Shape of one row as a network sees it."""
        return self.shape

    def check(self, values: Any, name: str, *, rows: int | None = None) -> np.ndarray:
        """Rows in the dtype in which they are fed.

        Args:
            values: Rows, `(n, *shape)`.
            name: What to call them in an error.
            rows: How many rows there have to be; None for any number, none included.

        Raises:
            ValueError: If they have another shape, dtype or number, or values that
                are not allowed.
        """
        checked = self._checked(values, name)
        if rows is not None and len(checked) != rows:
            raise ValueError(
                f"{name} has {len(checked)} rows for {rows} examples: one row for each "
                "is expected."
            )
        return checked

    @abc.abstractmethod
    def _checked(self, values: Any, name: str) -> np.ndarray:
        """`check` of any number of rows."""

    @abc.abstractmethod
    def as_input(self, values: tf.Tensor, name: str = "x") -> tf.Tensor:
        """Rows of a traced batch as models see them; raises ValueError if unfit.

        Shape and dtype are checked. Values are not, see `keras_gen.refusals`.
        """

    def for_all(self, values: Any, rows: int) -> Any:
        """One row for each of `rows`: a single one stands for all."""
        if values is None or np.shape(values) != self.shape:
            return values
        return np.broadcast_to(np.asarray(values), (rows, *self.shape))

    @abc.abstractmethod
    def stand_in(self, rows: int, seed: int = 0) -> np.ndarray:
        """Random rows that are allowed, `(rows, *shape)`, where real ones are missing.

        Args:
            rows: How many.
            seed: Decides the values.
        """

    def tensor(self, name: str, rows: int | None = None) -> tf.TensorSpec:
        """The specification of a tensor of rows; the batch axis is first."""
        return tf.TensorSpec((rows, *self.shape), self.dtype, name)

    def bits(self, nats: Any) -> Any:
        """Bits per dimension: nats over the number of values and log 2."""
        return nats / (self.size * LOG2)


class Floats(Spec):
    """Rows of floating-point numbers."""

    @property
    def limit(self) -> Limit:
        """Finite numbers."""
        return FINITE

    def _checked(self, values: Any, name: str) -> np.ndarray:
        own = {"limit": self.limit, "wide": self.is_wide, "name": name}
        return check_numbers(values, self.shape, **own, has_bytes=self.has_bytes)

    def as_input(self, values: tf.Tensor, name: str = "x") -> tf.Tensor:
        """float32 rows; float64 where a scale is to subtract their origin."""
        check_shape(values.shape, self.shape, name=name)
        return to_float(values, has_bytes=self.has_bytes, wide=self.is_wide, name=name)

    def stand_in(self, rows: int, seed: int = 0) -> np.ndarray:
        """Uniform numbers in [0, 1], or normal ones."""
        rng = np.random.default_rng(seed)
        shape = (rows, *(n or 1 for n in self.shape))
        drawn = rng.random(shape) if self.is_unit else rng.normal(size=shape)
        return drawn.astype(np.float32)


@value
class Images(Floats):
    """Images: float32 in [0, 1], or uint8, which stands for value / 255.

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
        """As images, of one or three channels."""
        return "images" if self.channels in (1, 3) else None


@value
class Clips(Floats):
    """Clips of video: float32 in [0, 1], or uint8, which stands for value / 255.

    Attributes:
        frames: Images one after the other.
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
        """As clips, of one or three channels."""
        return "clips" if self.channels in (1, 3) else None


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
        """Whether uint8 stands for value / 255: where [0, 1] is meant."""
        return self.is_unit


@value
class Series(Measurements):
    """Signals: numbers of any size, or in [0, 1], by time and channel.

    Models standardize each channel inside, by a mean and a deviation for all times,
    unless values lie in [0, 1].

    Attributes:
        length: Points in time.
        channels: Values at each.
        is_unit: Whether all values lie in [0, 1], such as the keys of a piano.

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
        """As lines."""
        return "lines"


@value
class Vectors(Measurements):
    """Vectors of numbers of any size, or in [0, 1].

    Models standardize each column inside, unless values lie in [0, 1].

    Attributes:
        num_values: Values of a vector.
        is_unit: Whether all values lie in [0, 1], such as binary ones.

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
        """As points of the plane, of two values."""
        return "points" if self.num_values == 2 else None


@value
class Latents(Floats):
    """What another model encodes: float32 of about unit size, in any shape.

    Attributes:
        dims: Shape of the latent values of one example: `(16,)` of a vector, `(7, 7,
            4)` of a latent image.

    Example:
        >>> Latents((7, 7, 4)).size
        196
    """

    dims: tuple[int, ...]
    name: ClassVar[str] = "z"

    def __post_init__(self) -> None:
        object.__setattr__(self, "dims", tuple(self.dims))
        for i, size in enumerate(self.dims):
            check_positive(size, f"dims[{i}]", integer=True)

    @property
    def shape(self) -> tuple[int, ...]:
        """That of one latent value."""
        return self.dims

    @property
    def scale_axes(self) -> tuple[int, ...]:
        """All but the last: one scale for each channel."""
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
    """Class labels: one integer in [0, num_classes) for each row.

    Networks see them one-hot, all zeros where a class is withheld.

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
class Codes(Integers):
    """Codes of a vector-quantized model: integers in [0, num_codes) in any shape.

    Attributes:
        dims: Shape of the codes of one example, such as `(7, 7)`.
        num_codes: Number of codes.

    Example:
        >>> Codes((7, 7), 512).size
        49
    """

    dims: tuple[int, ...]
    num_codes: int
    name: ClassVar[str] = "codes"

    def __post_init__(self) -> None:
        object.__setattr__(self, "dims", tuple(self.dims))
        for i, size in enumerate(self.dims):
            check_positive(size, f"dims[{i}]", integer=True)
        check_positive(self.num_codes, "num_codes", integer=True)

    @property
    def shape(self) -> tuple[int, ...]:
        """That of one example's codes."""
        return self.dims

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
        length: Tokens of a row of an exported artifact. Arrays may have rows of any
            length, unless they are sentences.
        tokenizer: Makes tokens of texts; None for tokens alone.
        end_token: The token at the end of each sentence; None if rows are no
            sentences. Texts get it, and rows are filled up to `length`.

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
                f"{name} has {received} tokens in a row, and a sentence at most "
                f"{self.length}, its end among them: raise length."
            )

    def stand_in(self, rows: int, seed: int = 0) -> np.ndarray:
        """Uniform tokens."""
        rng = np.random.default_rng(seed)
        return rng.integers(0, self.vocabulary_size, (rows, self.length), np.int32)


@value
class Noise(Floats):
    """Standard normal numbers from which a model generates.

    Attributes:
        dims: Shape of the noise of one sample.
    """

    dims: tuple[int, ...]
    name: ClassVar[str] = "noise"

    @property
    def shape(self) -> tuple[int, ...]:
        """That of one sample's noise."""
        return tuple(self.dims)

    def for_sample(self, seed: np.ndarray, stream: int = 0) -> np.ndarray:
        """The noise that seeds decide, `(len(seed), *dims)`."""
        from .random import normal

        return normal(seed, self.shape, stream).numpy()


@value
class Likeness(Floats):
    """Numbers in units of the data that may leave their range, such as noisy images.

    Attributes:
        like: The spec of the data.
        sides: Whether each axis has to be that of the data; else any size will do.
    """

    like: Spec
    is_resized: bool = False

    @property
    def shape(self) -> tuple[int | None, ...]:
        """That of the data, or its rank alone."""
        return (None,) * len(self.like.shape) if self.is_resized else self.like.shape

    @property
    def is_wide(self) -> bool:
        """As of the data."""
        return self.like.is_wide


@value
class Numbers(Spec):
    """One number for each row, such as a temperature.

    Attributes:
        limit: Which numbers are allowed.
    """

    limit: Limit = FINITE

    @property
    def dtype(self) -> str:
        """The dtype that the limit asks for."""
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
        """A number that is allowed, for each row."""
        del seed
        return np.full(rows, self.limit.safe, self.dtype)


@value
class Seeds(Numbers):
    """One integer for each row that decides its random numbers."""

    limit: Limit = INTEGER

    def _checked(self, values: Any, name: str) -> np.ndarray:
        seeds = np.asarray(values)
        self._require(seeds.dtype, seeds.shape, name)
        kept = seeds.astype(np.int32)
        if (kept != seeds).any():
            raise ValueError(
                f"{name} must fit into int32, received values in [{seeds.min()}, "
                f"{seeds.max()}]: keras_gen.random.row_seeds makes seeds of any "
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
    """Tokens that end each row, -1 for none: `(batch, n)`.

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
        """No token."""
        del seed
        return np.full((rows, 1), PAD, np.int32)


@value
class Texts(Spec):
    """Strings, one for each row, for operations of TensorFlow."""

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
    """The number of classes of a class-conditional model, None of another."""
    return condition.num_classes if isinstance(condition, Classes) else None


def of_shape(shape: Sequence[int], *, is_unit: bool = False) -> Spec:
    """The spec of floating-point data of a shape, where a model is told none.

    Args:
        shape: Shape of one example: `(values,)` are vectors, `(length, channels)`
            series, `(height, width, channels)` images, `(frames, height, width,
            channels)` clips.
        is_unit: Whether vectors and series lie in [0, 1].

    Raises:
        ValueError: If a shape of that rank stands for nothing.
    """
    kinds = {1: Vectors, 2: Series, 3: Images, 4: Clips}
    if len(shape) not in kinds:
        raise ValueError(
            f"examples of shape {tuple(shape)} are neither vectors, series, images nor "
            "clips: pass `inputs`, a spec of keras_gen.specs."
        )
    kind = kinds[len(shape)]
    if issubclass(kind, Measurements):
        return kind(*shape, is_unit=is_unit)
    return kind(*shape)


def condition_of_shape(shape: Sequence[int]) -> Spec:
    """The spec of a condition of which a network sees this shape."""
    return Classes(shape[0]) if len(shape) == 1 else of_shape(shape)


def to_float(
    x: tf.Tensor, *, has_bytes: bool = False, wide: bool = False, name: str = "x"
) -> tf.Tensor:
    """float32 values; uint8 stands for value / 255 where it `has_bytes`.

    Where it is `wide`, float64 and integers of more than 16 bits become float64.
    """
    if x.dtype == tf.uint8 and has_bytes:
        return tf.cast(x, tf.float32) / 255.0
    if not (x.dtype.is_floating or x.dtype.is_integer or x.dtype.is_bool):
        raise ValueError(f"{name} must hold numbers, received dtype {x.dtype.name}.")
    is_long = x.dtype == tf.float64 or (x.dtype.is_integer and x.dtype.size > 2)
    return tf.cast(x, tf.float64 if wide and is_long else tf.float32)


def require_integers(dtype: Any, name: str) -> None:
    """Raises ValueError unless a type is one of integers."""
    if not np.issubdtype(dtype, np.integer):
        raise ValueError(f"{name} must be integers, received {np.dtype(dtype).name}.")


def _to_int32(values: tf.Tensor) -> tf.Tensor:
    return values if values.dtype == tf.int32 else tf.saturate_cast(values, tf.int32)


def _fits(values: np.ndarray, limit: Limit) -> bool:
    """Whether integers lie in [low, high)."""
    low = limit.low is None or values.min() >= limit.low
    return bool(low and (limit.high is None or values.max() < limit.high))


def _check_sizes(spec: Any) -> None:
    for name, size in spec.get_config().items():
        if name != "is_unit":
            check_count(size, name)


__all__ = [
    "Classes",
    "Clips",
    "Codes",
    "Images",
    "Latents",
    "Series",
    "Spec",
    "Tokens",
    "Vectors",
    "of_shape",
]
