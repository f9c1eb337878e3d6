"""Quantizers: vectors to codes, integers, and back."""

import abc
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf
from keras import layers, ops

from ..engine import parts
from ..limits import NOT_NEGATIVE, Limit
from ..serialization import register
from ..validation import Shape, check_count, check_limit, check_sizes

ABOVE_ONE = 1 + 1e-3  # of the range of a value, so that tanh reaches the middle of all


class Quantized(NamedTuple):
    """What a quantizer makes of vectors.

    Attributes:
        values: The vectors of the codes, `(batch, *places, width)`. Their gradient
            passes straight through to the vectors that were quantized.
        codes: int32 `(batch, *places)`, with a last axis of the levels if there are
            several.
        commitment: The commitment loss of each example, `(batch,)`, >= 0.
    """

    values: tf.Tensor
    codes: tf.Tensor
    commitment: tf.Tensor


class Quantizer(layers.Layer, abc.ABC):
    """Replaces the vector at each place by one of finitely many, which have numbers.

    Attributes:
        num_codes: Number of codes of each place, or of each level of it.
        levels: Number of codes at a place. Their vectors are added.
        has_codebook: Whether the vectors of codes are learned from the data.

    Example:
        >>> quantizer = kg.networks.FiniteScalarQuantizer((5, 5))
        >>> isinstance(quantizer, kg.networks.Quantizer)
        True
        >>> quantizer.dims((7, 7, 2))
        (7, 7)
    """

    num_codes: int
    levels: int = 1
    has_codebook: bool = False

    @property
    @abc.abstractmethod
    def width(self) -> int:
        """Size of a vector."""

    def dims(self, shape: Shape) -> tuple[int, ...]:
        """Shape of the codes of one example with vectors `(*places, width)`.

        Raises:
            ValueError: If the vectors have another size.
        """
        *places, width = shape
        if width != self.width:
            raise ValueError(
                f"{self.name} quantizes vectors of {self.width} values, received "
                f"{width}."
            )
        return (*places, *[self.levels] * (self.levels > 1))

    @property
    def num_draws(self) -> int:
        """Number of random numbers that `follow` takes."""
        return self.levels * self.num_codes if self.has_codebook else 0

    @abc.abstractmethod
    def quantized(self, z: tf.Tensor) -> Quantized:
        """Quantizes vectors, `(batch, *places, width)`."""

    @abc.abstractmethod
    def encode(self, z: tf.Tensor) -> tf.Tensor:
        """The codes of vectors, int32."""

    @abc.abstractmethod
    def decode(self, codes: tf.Tensor) -> tf.Tensor:
        """The vectors of codes, `(batch, *places, width)`."""

    def follow(self, z: tf.Tensor, codes: tf.Tensor, uniform: tf.Tensor) -> None:
        """Moves what is learned from vectors without a gradient.

        Args:
            z: Vectors of a training step, `(batch, *places, width)`.
            codes: Their codes, as `quantized` gives them.
            uniform: Numbers in (0, 1), `(num_draws,)`.
        """
        del z, codes, uniform

    def counts(self, codes: tf.Tensor) -> tf.Tensor:
        """How often each code occurs in a batch, float32 `(levels, num_codes)`."""
        codes = tf.reshape(codes, (-1, self.levels))
        ones = tf.ones(tf.shape(codes)[:1])
        found = [
            tf.math.unsorted_segment_sum(ones, codes[:, i], self.num_codes)
            for i in range(self.levels)
        ]
        return parts.total(parts.counted(tf.stack(found)))

    def call(self, z: tf.Tensor) -> tf.Tensor:
        """The vectors of the codes of vectors; see `Quantized.values`."""
        return self.quantized(z).values

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape."""
        return input_shape


@register
class VectorQuantizer(Quantizer):
    """The nearest vector of a codebook, which follows the vectors that it stands for.

    In each training step the codebook moves to the moving average of the vectors that
    have the code (van den Oord et al. 2017, appendix A.1), without a bias from the
    start. A code that has become rare is set to a vector of the batch. The encoder is
    drawn to the codebook by the commitment loss,
    `commitment * ||z - stop_gradient(e)||**2`, summed over the places.

    With several levels, each further codebook quantizes what the codebooks before it
    have left over, and the vector of a place is the sum.

    Args:
        num_codes: Vectors of a codebook, >= 2.
        levels: Number of codebooks.
        decay: Weight of the past in the moving average, in [0, 1).
        commitment: Factor of the commitment loss, >= 0. With several levels the loss is
            summed over the sums up to each level. If the paper's factor is 0.25 for
            means of squared errors, this one is 0.25 * P * v / (2 * s**2 * L) for a
            `Gaussian(s)`, with P values of variance v, and L values of all vectors.
        restart_below: Use of a code, relative to the mean use of all codes, below which
            it is set to a vector of the batch. 0 never does.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        ValueError: If an argument is outside its range.

    References:
        van den Oord, Vinyals and Kavukcuoglu, "Neural discrete representation
        learning", 2017, eq. 1 to 3; Razavi, van den Oord and Vinyals, "Generating
        diverse high-fidelity images with VQ-VAE-2", 2019, section 2.1; Dhariwal et al.,
        "Jukebox", 2020, section 3.1 (restarts); Lee et al., "Autoregressive image
        generation using residual quantization", 2022, section 3.1 (levels).

    Example:
        >>> quantizer = kg.networks.VectorQuantizer(4)
        >>> quantizer.build((None, 2))
        >>> _ = quantizer.codebook.assign([[[0.0, 0], [0, 1], [1, 0], [1, 1]]])
        >>> quantizer.encode(tf.constant([[0.1, 0.9], [0.8, 0.7]])).numpy()
        array([1, 3], dtype=int32)
    """

    has_codebook = True

    def __init__(
        self,
        num_codes: int = 512,
        *,
        levels: int = 1,
        decay: float = 0.99,
        commitment: float = 1.0,
        restart_below: float = 0.05,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_count(num_codes, "num_codes", least=2)
        check_count(levels, "levels")
        check_limit(decay, Limit(0, 1, "[)"), "decay")
        check_limit(commitment, NOT_NEGATIVE, "commitment")
        check_limit(restart_below, Limit(0, 1, "[)"), "restart_below")
        self.num_codes, self.levels, self.decay = num_codes, levels, decay
        self.commitment, self.restart_below = commitment, restart_below

    @property
    def width(self) -> int:
        """Size of a vector of the codebook."""
        return self.codebook.shape[-1]

    def build(self, input_shape: Shape) -> None:
        """Makes the codebooks, and the moving averages that they are made of.

        Raises:
            ValueError: If the width of the vectors is unknown.
        """
        width = input_shape[-1]
        if width is None:
            raise ValueError(
                f"input_shape must end in a width, received {tuple(input_shape)}."
            )
        self.codebook = self._weight("codebook", width, initializer="random_normal")
        self.uses = self._weight("uses")  # moving averages, times 1 - decay**steps
        self.sums = self._weight("sums", width)

    def _weight(self, name: str, *width: int, initializer: str = "zeros") -> Any:
        return self.add_weight(
            name=name,
            shape=(self.levels, self.num_codes, *width),
            initializer=initializer,
            dtype="float32",
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
        )

    def quantized(self, z: tf.Tensor) -> Quantized:
        """Quantizes vectors, `(batch, *places, width)`."""
        codes, made, commitment = [], tf.zeros_like(z), tf.zeros(tf.shape(z)[:1])
        for book in self._books():
            codes.append(_nearest(tf.stop_gradient(z - made), book))
            made += tf.gather(book, codes[-1])
            commitment += _sum_of_squares(z - made)
        straight = z + tf.stop_gradient(made - z)
        return Quantized(straight, self._joined(codes), self.commitment * commitment)

    def encode(self, z: tf.Tensor) -> tf.Tensor:
        """The codes of vectors, int32 `(batch, *places)`, or `(..., levels)`."""
        codes = []
        for book in self._books():
            codes.append(_nearest(z, book))
            z -= tf.gather(book, codes[-1])
        return self._joined(codes)

    def decode(self, codes: tf.Tensor) -> tf.Tensor:
        """The vectors of codes, `(batch, *places, width)`."""
        first, *others = self._books()
        if self.levels == 1:
            return tf.gather(first, codes)
        made = tf.gather(first, codes[..., 0])
        for i, book in enumerate(others, 1):
            made += tf.gather(book, codes[..., i])
        return made

    def follow(self, z: tf.Tensor, codes: tf.Tensor, uniform: tf.Tensor) -> None:
        """Moves the codebooks to their vectors, and rare codes to new places.

        Args:
            z: Vectors of a training step, `(batch, *places, width)`.
            codes: Their codes, as `quantized` gives them.
            uniform: Numbers in (0, 1), `(num_draws,)`, which choose new places.
        """
        uniform = tf.reshape(uniform, (self.levels, self.num_codes))
        rows, is_here = _own_rows(uniform, z)
        z = tf.stop_gradient(tf.reshape(z, (-1, z.shape[-1])))
        codes = tf.reshape(codes, (-1, self.levels))
        books, sums, others = [], [], []
        for i, book in enumerate(self._books()):
            sums.append(tf.math.unsorted_segment_sum(z, codes[:, i], self.num_codes))
            own = tf.gather(z, rows[i])
            others.append(tf.where(is_here[i, :, tf.newaxis], own, 0.0))
            books.append(book)
            z -= tf.gather(book, codes[:, i])
        sums = parts.total(parts.counted(tf.stack(sums)))
        others = parts.total(tf.stack(others))
        uses = self._moved(self.uses, self.counts(codes))
        sums = self._moved(self.sums, sums)
        usual = tf.reduce_mean(uses, axis=1, keepdims=True)
        is_rare = uses < self.restart_below * usual
        uses = tf.where(is_rare, usual, uses)
        sums = tf.where(is_rare[..., tf.newaxis], usual[..., tf.newaxis] * others, sums)
        each = uses[..., tf.newaxis]
        mean = tf.math.divide_no_nan(sums, each)
        self.uses.assign(uses)
        self.sums.assign(sums)
        self.codebook.assign(tf.where(each > 0, mean, tf.stack(books)))

    def _moved(self, average: Any, value: tf.Tensor) -> tf.Tensor:
        return self.decay * average.value + (1 - self.decay) * value

    def _books(self) -> list[tf.Tensor]:
        return tf.unstack(tf.convert_to_tensor(self.codebook.value))

    def _joined(self, codes: list[tf.Tensor]) -> tf.Tensor:
        return codes[0] if self.levels == 1 else tf.stack(codes, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("num_codes", "levels", "decay", "commitment", "restart_below")
        return {**super().get_config(), **{n: getattr(self, n) for n in names}}


@register
class FiniteScalarQuantizer(Quantizer):
    """Rounds each of a few numbers to a few levels: a code without a codebook.

    Value i is bounded by tanh and rounded to one of `sizes[i]` integers. The gradient
    passes through the rounding. All combinations are codes: nothing is learned, and
    nothing can die. The vector of a code has values in [-1, 1].

    Args:
        sizes: Number of levels of each value of a vector, >= 2 each. The paper takes
            (8, 6, 5) for 240 codes, (8, 5, 5, 5) for 1,000 and (7, 5, 5, 5, 5) for
            4,375. It has no size of 2, which here is the sign of the value.
        **kwargs: `name` and `dtype`, for Keras.

    Raises:
        ValueError: If a size is < 2.

    References:
        Mentzer, Minnen, Agustsson and Tschannen, "Finite scalar quantization: VQ-VAE
        made simple", 2023, section 3.

    Example:
        >>> quantizer = kg.networks.FiniteScalarQuantizer((3, 2))
        >>> quantizer.num_codes
        6
        >>> quantizer.decode(tf.range(6)).numpy().tolist()
        [[-1.0, -1.0], [0.0, -1.0], [1.0, -1.0], [-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]
    """

    def __init__(self, sizes: Sequence[int] = (8, 5, 5, 5), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_sizes(sizes, "sizes")
        for i, size in enumerate(sizes):
            check_count(size, f"sizes[{i}]", least=2)
        self.sizes = tuple(int(size) for size in sizes)
        self.num_codes = math.prod(self.sizes)

    @property
    def width(self) -> int:
        """Number of values of a vector."""
        return len(self.sizes)

    def build(self, input_shape: Shape) -> None:
        """Checks the size of the vectors."""
        self.dims(input_shape[1:])

    def quantized(self, z: tf.Tensor) -> Quantized:
        """Quantizes vectors, `(batch, *places, width)`."""
        bounded = self._bounded(z)
        rounded = tf.round(bounded)
        straight = bounded + tf.stop_gradient(rounded - bounded)
        none = tf.zeros(tf.shape(z)[:1])
        return Quantized(straight / self._half(), self._number(rounded), none)

    def encode(self, z: tf.Tensor) -> tf.Tensor:
        """The codes of vectors, int32 `(batch, *places)`."""
        return self._number(tf.round(self._bounded(z)))

    def decode(self, codes: tf.Tensor) -> tf.Tensor:
        """The vectors of codes, `(batch, *places, width)`."""
        digits = codes[..., tf.newaxis] // self._units() % tf.constant(self.sizes)
        half = self._half()
        return (tf.cast(digits, tf.float32) - half) / half

    def _bounded(self, z: tf.Tensor) -> tf.Tensor:
        """Each value between the ends of its integers, 0 where z is 0.

        Of two integers, 0 is an end, which tanh has only far from 0, where its slope
        vanishes. There, 0 is in the middle between both.
        """
        reach = [ABOVE_ONE * (size - 1) / 2 for size in self.sizes]
        offset = [0.0 if size % 2 else 0.5 for size in self.sizes]
        ends = zip(self.sizes, offset, reach, strict=True)
        shift = [0.0 if size == 2 else math.atanh(o / r) for size, o, r in ends]
        return tf.tanh(z + shift) * reach - offset

    def _number(self, rounded: tf.Tensor) -> tf.Tensor:
        digits = tf.cast(rounded + self._half(), tf.int32)
        return tf.reduce_sum(digits * self._units(), axis=-1)

    def _half(self) -> tf.Tensor:
        return tf.constant([float(size // 2) for size in self.sizes])

    def _units(self) -> tf.Tensor:
        """What one step of each value adds to the number of a code."""
        return tf.constant([math.prod(self.sizes[:i]) for i in range(len(self.sizes))])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "sizes": self.sizes}


def usage(counts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The share of codes that occur, and the perplexity of their frequencies.

    The perplexity is exp(entropy), between 1 and the number of codes.

    Args:
        counts: How often each code occurs, `(levels, num_codes)`.

    Returns:
        Two scalars, means over the levels.
    """
    share = ops.mean(ops.cast(counts > 0, "float32"))
    total = ops.sum(counts, axis=-1, keepdims=True)
    p = tf.math.divide_no_nan(counts, total)
    entropy = -ops.sum(tf.math.xlogy(p, p), axis=-1)
    return share, ops.mean(ops.exp(entropy))


def _nearest(z: tf.Tensor, book: tf.Tensor) -> tf.Tensor:
    """The numbers of the nearest vectors, int32, `(batch, *places)` (eq. 1)."""
    flat = tf.reshape(z, (-1, z.shape[-1]))
    squares = tf.reduce_sum(book**2, axis=-1)
    distances = squares - 2 * tf.matmul(flat, book, transpose_b=True)
    codes = tf.argmin(distances, axis=-1, output_type=tf.int32)
    return tf.reshape(codes, (-1, *z.shape[1:-1]))


def _own_rows(uniform: tf.Tensor, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Random vectors of the whole batch: their numbers in a replica's part of it.

    Args:
        uniform: Numbers in (0, 1).
        z: The vectors of this replica, `(batch, *places, width)`.

    Returns:
        The numbers, and whether the vectors are in this part.
    """
    places = math.prod(z.shape[1:-1])
    number = parts.batch_rows(z) * places
    rows = tf.cast(uniform * tf.cast(number, tf.float32), tf.int32)
    rows = tf.minimum(rows, number - 1) - parts.first_row(z) * places
    most = parts.num_rows(z) * places
    is_here = (rows >= 0) & (rows < most)
    return tf.where(is_here, rows, 0), is_here


def _sum_of_squares(values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(values**2, axis=[*range(1, values.shape.rank)])
