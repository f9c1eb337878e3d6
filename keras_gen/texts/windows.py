"""Windows of a long sequence of tokens, for `fit` and `evaluate`."""

import functools

import numpy as np
import tensorflow as tf

from ..engine.batches import ExampleSource
from ..engine.examples import TakesExamples, check_arrays
from ..specs import Tokens, require_integers
from ..tokens import PAD
from ..validation import check_count, check_counts, check_positive


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
        labels: The class of each token, integers `(n,)`, for a model with classes, with
            the texts of a class next to each other. No window holds tokens of two
            classes: it ends where the class changes, padded with -1. None means that
            there are no classes.

    Raises:
        ValueError: If `tokens` or `labels` is not such an array, or if `tokens` is
            shorter than one window.

    Example:
        >>> windows = kg.texts.Windows(np.arange(10), length=4)
        >>> windows.head(3)
        array([[0, 1, 2, 3],
               [3, 4, 5, 6],
               [6, 7, 8, 9]], dtype=int32)
        >>> labels = np.repeat([0, 1], [4, 6])
        >>> windows = kg.texts.Windows(np.arange(10), length=4, labels=labels)
        >>> windows.head(3)
        array([[ 0,  1,  2,  3],
               [ 4,  5,  6,  7],
               [ 7,  8,  9, -1]], dtype=int32)
        >>> windows.labels_in_order()
        array([0, 1, 1], dtype=int32)
    """

    def __init__(
        self,
        tokens: np.ndarray,
        length: int,
        num: int | None = None,
        *,
        labels: np.ndarray | None = None,
    ) -> None:
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
        if labels is not None:
            labels = np.asanyarray(labels)
            require_integers(labels.dtype, "labels")
            check_counts(len(labels), len(tokens), name="labels")
        self.tokens, self.length, self.labels = tokens, length, labels
        self.num = num or len(tokens) // length
        self.row_bytes = length * np.dtype(np.int32).itemsize
        self._views = np.lib.stride_tricks.sliding_window_view(tokens, length)
        changes = [] if labels is None else np.flatnonzero(labels[1:] != labels[:-1])
        bounds = [0, *(int(place) + 1 for place in changes), len(tokens)]
        self._begins, self._ends = np.array(bounds[:-1]), np.array(bounds[1:])

    def __len__(self) -> int:
        """Windows per epoch of training."""
        return self.num

    @property
    def num_in_order(self) -> int:
        """Number of consecutive windows."""
        return len(self.in_order())

    def num_rows(self, *, shuffled: bool) -> int:
        """Windows per epoch of training, or the number of consecutive windows."""
        return self.num if shuffled else self.num_in_order

    def in_order(self) -> np.ndarray:
        """First positions of the consecutive windows, int64."""
        step = self.length - 1
        pairs = zip(self._begins, self._ends, strict=True)
        return np.concatenate(
            [np.arange(begin, max(begin + 1, end - 1), step) for begin, end in pairs]
        )

    def labels_in_order(self) -> np.ndarray | None:
        """The class of each consecutive window, int32, or None without classes."""
        return self._labels_at(self.in_order())

    def at_random(self, seed: int, epoch: int | tf.Tensor) -> tf.Tensor:
        """First positions of the windows of an epoch of training, int64 `(num,)`."""
        seeds = tf.stack([tf.constant(seed, tf.int64), tf.cast(epoch, tf.int64)])
        counts = np.maximum(1, self._ends - self._begins - self.length + 1)
        most = tf.constant(counts.sum(), tf.int64)
        drawn = tf.random.stateless_uniform((self.num,), seeds, 0, most, tf.int64)
        if len(counts) == 1:
            return drawn
        after = np.cumsum(counts)
        shift = tf.constant(self._begins - (after - counts), tf.int64)
        part = tf.searchsorted(tf.constant(after, tf.int64), drawn, "right")
        return drawn + tf.gather(shift, part)

    def at(self, starts: np.ndarray) -> np.ndarray:
        """The windows that begin at given positions.

        Args:
            starts: Positions in [0, n), integers of any shape.

        Returns:
            int32 `(*starts.shape, length)`, padded with -1 after the last token.
        """
        last = len(self._views) - 1
        windows = self._views[np.minimum(starts, last)].astype(np.int32)
        ends = self._ends[np.searchsorted(self._ends, starts, "right")]
        for place in zip(*np.nonzero(starts + self.length > ends), strict=True):
            tail = self.tokens[starts[place] : ends[place]]
            windows[place] = PAD
            windows[place][: len(tail)] = tail
        return windows

    def _labels_at(self, starts: np.ndarray) -> np.ndarray | None:
        return None if self.labels is None else self.labels[starts].astype(np.int32)

    def fetch(self, rows: np.ndarray) -> tuple[tf.Tensor, ...]:
        """`(at(rows),)` as tensors, and their classes if there are any."""
        found, labels = tf.constant(self.at(rows)), self._labels_at(rows)
        return (found,) if labels is None else (found, tf.constant(labels))

    def head(self, num: int) -> np.ndarray:
        """The first consecutive windows, int32 `(num, length)`, or all."""
        return self.at(self.in_order()[:num])

    def some(self, num: int) -> tuple[np.ndarray, np.ndarray | None]:
        """`head(num)`, since the last window is padded; with classes, some of each."""
        return (self.head(num), None) if self.labels is None else super().some(num)

    def checked(self, model: TakesExamples, name: str) -> "Windows":
        """Returns itself. Raises ValueError if the tokens do not fit the model."""
        if isinstance(model.inputs, Tokens):
            self.check_vocabulary(model.inputs.vocabulary_size, name)
        labels = None if self.labels is None else self.labels[self._begins]
        one = self.at(self._begins)
        check_arrays(model, one, labels, f"the first of {name}")
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
