"""Counter-based random numbers that are the same in every artifact.

Threefry-2x32 with 20 rounds, built from integer operations that are LiteRT builtin
operators. The numbers of a row depend on its int32 seed alone, not on the rest of the
batch, so Keras, a SavedModel, a `.tflite` file and a browser draw the same sample.

References:
    Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
    SC 2011 (Threefry, table 2 and section 4.1). Box and Muller, "A note on the
    generation of random normal deviates", 1958.
"""

import math
import random as python_random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from .engine import parts
from .validation import check_type, num_rows

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = 0x1BD11BDA
WEYL = 0x9E3779B9
NORMAL_TAIL = (1.330274429, -1.821255978, 1.781477937, -0.356563782, 0.31938153)
STREAMS = 8  # of a step
LANES = 16  # float32 values in the widest vector register


def threefry_2x32(
    key: tuple[tf.Tensor, tf.Tensor], counter: tuple[tf.Tensor, tf.Tensor]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Threefry-2x32-20: two 32-bit words from a 64-bit key and a 64-bit counter.

    Args:
        key: Two int32 tensors (the bits of unsigned words), of shapes that
            broadcast against the counter's.
        counter: Two int32 tensors.

    Returns:
        Two int32 tensors of the broadcast shape.
    """
    words = (*key, key[0] ^ key[1] ^ _int32(PARITY))
    a, b = counter[0] + words[0], counter[1] + words[1]
    for i in range(20):
        a = a + b
        b = _rotate_left(b, ROTATIONS[i % 8]) ^ a
        if i % 4 == 3:
            n = i // 4 + 1
            a, b = a + words[n % 3], b + words[(n + 1) % 3] + n
    return a, b


def uniform(
    seed: np.ndarray | tf.Tensor, shape: Sequence[int], stream: int | tf.Tensor = 0
) -> tf.Tensor:
    """Uniform numbers on the open interval (0, 1), with 23 bits.

    Args:
        seed: int32 `(batch,)`, one seed per row.
        shape: Shape of one row.
        stream: Draws with different streams are independent: an int or an int32
            scalar tensor.

    Returns:
        float32 `(batch, *shape)`.

    Example:
        >>> kg.random.uniform(tf.constant([7, 8]), (3,)).numpy()
        array([[...]], dtype=float32)
    """
    first, second, is_second = _words(seed, math.prod(shape), stream)
    values = _to_unit(tf.where(is_second, second, first))
    return _rows(values, shape)


def normal(
    seed: np.ndarray | tf.Tensor, shape: Sequence[int], stream: int | tf.Tensor = 0
) -> tf.Tensor:
    """Standard normal numbers by the Box-Muller transform, |value| < 5.8.

    Args:
        seed: int32 `(batch,)`, one seed per row.
        shape: Shape of one row.
        stream: Draws with different streams are independent: an int or an int32
            scalar tensor.

    Returns:
        float32 `(batch, *shape)`.

    Example:
        >>> alone = kg.random.normal(tf.constant([7]), (3,))
        >>> among_others = kg.random.normal(tf.constant([5, 7, 9]), (3,))
        >>> bool(np.allclose(alone[0], among_others[1]))
        True
    """
    first, second, is_second = _words(seed, math.prod(shape), stream)
    radius = tf.sqrt(-2.0 * tf.math.log(_to_unit(first)))
    angle = _to_unit(second) * (2.0 * math.pi)
    values = radius * tf.where(is_second, tf.sin(angle), tf.cos(angle))
    return _rows(values, shape)


def normal_to_uniform(noise: tf.Tensor) -> tf.Tensor:
    """The normal distribution function to 3e-7, with operators that LiteRT has.

    Args:
        noise: Standard normal numbers.

    Returns:
        Uniform numbers in [0, 1] of the same shape.

    References:
        Abramowitz and Stegun, "Handbook of mathematical functions", 1964, 26.2.17.
    """
    t = 1.0 / (1.0 + 0.2316419 * tf.abs(noise))
    tail = tf.zeros_like(t)
    for factor in NORMAL_TAIL:
        tail = (tail + factor) * t
    tail *= tf.exp(-0.5 * noise**2) / math.sqrt(2.0 * math.pi)
    return tf.where(noise < 0, tail, 1.0 - tail)


class RowNoise(NamedTuple):
    """The random numbers of a batch: independent draws in numbered streams.

    Each draw needs a stream of its own. Two draws of one stream are the same numbers,
    and `normal` and `uniform` of one stream depend on each other, since both are made
    from the same random words.

    Attributes:
        seeds: int32 `(batch,)`, one per row.
        step: int32 scalar. Batches with different steps are independent. In a training
            step of a model it is the number of steps before it.

    Example:
        >>> noise = kg.random.RowNoise(kg.random.row_seeds(7, 2), step=0)
        >>> noise.normal((3,), stream=0).shape
        TensorShape([2, 3])
    """

    seeds: np.ndarray | tf.Tensor
    step: int | tf.Tensor = 0

    def normal(self, shape: Sequence[int], stream: int) -> tf.Tensor:
        """Standard normal numbers.

        Args:
            shape: Shape of one row.
            stream: Number of the draw, in [0, 8). Each draw of a step needs its own.

        Returns:
            float32 `(batch, *shape)`.

        Raises:
            ValueError: If `stream` is outside of its range.
        """
        return normal(self.seeds, shape, self._stream(stream))

    def uniform(self, shape: Sequence[int], stream: int) -> tf.Tensor:
        """Uniform numbers on the open interval (0, 1).

        Args:
            shape: Shape of one row.
            stream: As in `normal`. A stream of `normal` cannot be used again.

        Returns:
            float32 `(batch, *shape)`.

        Raises:
            ValueError: If `stream` is outside of its range.
        """
        return uniform(self.seeds, shape, self._stream(stream))

    def _stream(self, stream: int) -> int | tf.Tensor:
        """The number of a stream among those of all steps."""
        if not tf.is_tensor(stream) and not 0 <= stream < STREAMS:
            raise ValueError(
                f"stream must be in [0, {STREAMS}), received {stream}. Other numbers "
                "are streams of other steps. Draw more numbers at once (a longer "
                "shape), and split them."
            )
        return self.step * STREAMS + stream


def batch_noise(seed: int, x: tf.Tensor, step: int | tf.Tensor) -> RowNoise:
    """The random numbers of a step, which depend on a row's position in the batch.

    Replicas that share a batch draw the same numbers as one device would.

    Args:
        seed: The model's seed.
        x: The batch, or this replica's part of it.
        step: Number of the step.
    """
    rows = tf.range(tf.shape(x)[0], dtype=tf.int32) + parts.first_row(x)
    return RowNoise(row_seeds(seed, 1)[0] + rows * _int32(WEYL), step)


def row_seeds(seed: int | None, num_rows: int) -> np.ndarray:
    """One seed per row: `seed + row * 0x9E3779B9`, modulo 2**32, as int32.

    The seeds of one call are distinct, the first is `seed` itself, and the seeds of
    neighbouring calls (7, 8, ...) do not overlap within a million rows.

    Args:
        seed: Any integer, of which the low 32 bits are used. None draws a seed.
        num_rows: Number of seeds.

    Returns:
        int32 `(num_rows,)`.

    Raises:
        TypeError: If the seed is not an integer.

    Example:
        >>> kg.random.row_seeds(7, 3)
        array([          7, -1640531520,  1013904249], dtype=int32)
    """
    seed = python_random.randrange(2**31) if seed is None else seed
    check_type(seed, int | np.integer, "seed")
    rows = np.arange(num_rows, dtype=np.uint64) * np.uint64(WEYL)
    low_bits = (rows + np.uint64(int(seed) % 2**32)) & np.uint64(0xFFFFFFFF)
    return low_bits.astype(np.uint32).view(np.int32)


def seeds_for(seed: int, x: np.ndarray | tf.Tensor) -> np.ndarray | tf.Tensor:
    """`row_seeds` for the rows of `x`; a tensor if their number is not yet known.

    Args:
        seed: Any integer.
        x: An array, or a tensor with the batch axis first.

    Raises:
        ValueError: If `x` has no batch axis.
    """
    if not tf.is_tensor(x) or x.shape[0] is not None:
        return row_seeds(seed, num_rows(x))
    rows = tf.range(tf.shape(x)[0], dtype=tf.int32)
    return row_seeds(seed, 1)[0] + rows * _int32(WEYL)


def _words(
    seed: np.ndarray | tf.Tensor, size: int, stream: int | tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Both words of each value, and which values take the second word.

    Key (seed, stream), counter (block, 0). A block makes two values, half a row apart.
    Both halves compute the whole block: under XLA that is faster than a concatenation,
    which would not be vectorised. Rows are padded to whole vector registers, so that a
    row's last bits do not depend on the rows before it.

    Returns:
        Tensors of at least `size` columns, for `_rows`.
    """
    half = (size + 1) // 2
    position = tf.range(-(-size // LANES) * LANES, dtype=tf.int32)[tf.newaxis]
    is_second = position >= half
    block = tf.where(is_second, position - half, position)
    key = tf.reshape(tf.cast(seed, tf.int32), (-1, 1))
    streams = tf.zeros_like(key) + tf.cast(stream, tf.int32)
    words = _words_of_blocks(key, streams, block)
    for word in words:
        word.set_shape((key.shape[0], block.shape[1]))
    return *words, is_second


@tf.function(
    autograph=False, input_signature=[tf.TensorSpec((None, None), tf.int32)] * 3
)
def _words_of_blocks(
    seed: tf.Tensor, stream: tf.Tensor, block: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """`threefry_2x32`, traced once: it has hundreds of operations."""
    return threefry_2x32((seed, stream), (block, tf.zeros_like(seed)))


def _rows(values: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    """The first columns, as rows of a shape."""
    return tf.reshape(values[:, : math.prod(shape)], (-1, *shape))


def _to_unit(word: tf.Tensor) -> tf.Tensor:
    """The upper 23 bits as the midpoints of 2**23 equal cells of (0, 1)."""
    return (tf.cast(_shift_right(word, 9), tf.float32) + 0.5) * 2.0**-23


def _rotate_left(word: tf.Tensor, bits: int) -> tf.Tensor:
    return (word * _int32(1 << bits)) ^ _shift_right(word, 32 - bits)


def _shift_right(word: tf.Tensor, bits: int) -> tf.Tensor:
    """Logical shift: the int32 operator copies the sign, which is added back."""
    shifted = tf.bitwise.right_shift(word, _int32(bits))
    return tf.where(word < 0, shifted + _int32(1 << (32 - bits)), shifted)


def _int32(unsigned: int) -> np.int32:
    return np.uint32(unsigned).astype(np.int32)
