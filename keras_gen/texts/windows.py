"""Windows of a long sequence of tokens, for `fit` and `evaluate`."""

import functools
import math

import numpy as np
import tensorflow as tf

from ..engine.batches import ExampleSource
from ..engine.examples import TakesExamples, check_arrays
from ..specs import Tokens
from ..tokens import PAD
from ..validation import check_count, check_positive


class Windows(ExampleSource):
    """Pieces of a long text as examples: `model.fit(Windows(tokens, 129))`.

    In training, windows are at random positions, which depend on the model's seed, the
    epoch and the row. Resumed training sees the same windows. Validation data and
    `evaluate` use consecutive windows. Each begins with the last token of the previous
    one, and the last is padded with -1. So a model that predicts all tokens of a row
    except the first predicts each token once.

    Args:
        tokens: Integers, `(n,)`: an array or a memory map, which stays on disk.
        length: Tokens per window, >= 2: the model's context plus one, or at most the
            context of a network with learned positions.
        num: Windows per epoch of training. None means `n // length`.

    Raises:
        ValueError: If `tokens` is not such an array, or is shorter than one window.

    Example:
        >>> windows = kg.texts.Windows(np.arange(10), length=4)
        >>> windows.head(3)
        array([[0, 1, 2, 3],
               [3, 4, 5, 6],
               [6, 7, 8, 9]], dtype=int32)
    """

    def __init__(self, tokens: np.ndarray, length: int, num: int | None = None) -> None:
        tokens = np.asanyarray(tokens)
        if tokens.ndim != 1 or tokens.dtype.kind not in "iu":
            raise ValueError(
                f"tokens must be integers of shape (n,), received {tokens.dtype} "
                f"{tokens.shape}."
            )
        check_count(length, "length", least=2)
        if len(tokens) < length:
            raise ValueError(
                f"tokens must hold at least one window of {length}, received "
                f"{len(tokens)}. Use a longer text or shorter windows."
            )
        if num is not None:
            check_positive(num, "num", integer=True)
        self.tokens, self.length = tokens, length
        self.num = num or len(tokens) // length
        self.row_bytes = length * np.dtype(np.int32).itemsize
        self._views = np.lib.stride_tricks.sliding_window_view(tokens, length)

    def __len__(self) -> int:
        """Windows per epoch of training."""
        return self.num

    @property
    def num_in_order(self) -> int:
        """Number of consecutive windows."""
        return math.ceil((len(self.tokens) - 1) / (self.length - 1))

    def num_rows(self, *, shuffled: bool) -> int:
        """Windows per epoch of training, or the number of consecutive windows."""
        return self.num if shuffled else self.num_in_order

    def in_order(self) -> np.ndarray:
        """First positions of the consecutive windows, int64."""
        return np.arange(self.num_in_order) * (self.length - 1)

    def at_random(self, seed: int, epoch: int | tf.Tensor) -> tf.Tensor:
        """First positions of the windows of an epoch of training, int64 `(num,)`."""
        seeds = tf.stack([tf.constant(seed, tf.int64), tf.cast(epoch, tf.int64)])
        most = tf.constant(len(self._views), tf.int64)
        return tf.random.stateless_uniform((self.num,), seeds, 0, most, tf.int64)

    def at(self, starts: np.ndarray) -> np.ndarray:
        """The windows that begin at given positions.

        Args:
            starts: Positions in [0, n), integers of any shape.

        Returns:
            int32 `(*starts.shape, length)`, padded with -1 after the last token.
        """
        last = len(self._views) - 1
        windows = self._views[np.minimum(starts, last)].astype(np.int32)
        for place in zip(*np.nonzero(starts > last), strict=True):
            tail = self.tokens[starts[place] :]
            windows[place] = PAD
            windows[place][: len(tail)] = tail
        return windows

    def fetch(self, rows: np.ndarray) -> tuple[tf.Tensor, ...]:
        """`(at(rows),)` as tensors."""
        return (tf.constant(self.at(rows)),)

    def head(self, num: int) -> np.ndarray:
        """The first consecutive windows, int32 `(num, length)`, or all."""
        return self.at(self.in_order()[:num])

    def some(self, num: int) -> tuple[np.ndarray, None]:
        """`head(num)`, since the last window is padded."""
        return self.head(num), None

    def checked(self, model: TakesExamples, name: str) -> "Windows":
        """Returns itself. Raises ValueError if the tokens do not fit the model."""
        if isinstance(model.inputs, Tokens):
            self.check_vocabulary(model.inputs.vocabulary_size, name)
        check_arrays(model, self.head(1), None, f"the first of {name}")
        return self

    def check_vocabulary(self, vocabulary_size: int, name: str = "x") -> None:
        """Raises ValueError unless all tokens are in [0, vocabulary_size)."""
        low, high = self._range
        if low < 0 or high >= vocabulary_size:
            raise ValueError(
                f"{name} must hold tokens in [0, {vocabulary_size}), received tokens "
                f"in [{low}, {high}]."
            )

    @functools.cached_property
    def _range(self) -> tuple[int, int]:
        return int(self.tokens.min()), int(self.tokens.max())
