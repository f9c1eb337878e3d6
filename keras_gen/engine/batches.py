"""Batches of examples for `fit`, in an order that depends on the seed and the step."""

import abc
import functools
import itertools
import math
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..validation import check_positive
from .internals import Adapter

STACK_BYTES = 2**26

Fetch = Callable[[tf.Tensor], Any]
Order = Callable[[Any], tf.Tensor]
Stack = tuple[Any, int]


def epoch_order(num_rows: int, seed: int, epoch: Any) -> tf.Tensor:
    """Row numbers in the order of one epoch, int64 `(num_rows,)`."""
    seeds = tf.stack([tf.constant(seed, tf.int64), tf.cast(epoch, tf.int64)])
    rows = tf.range(num_rows, dtype=tf.int64)
    return tf.random.experimental.stateless_shuffle(rows, seeds)


def epochs(
    fetch: Fetch, order: Order, num_rows: int, batch_size: int, *, step: tf.Variable
) -> tf.data.Dataset:
    """One epoch of batches per iteration, in an order that depends on its number.

    The number is counted by the steps. So resumed training sees the same batches.

    Args:
        fetch: A function from row numbers, int64 `(batch,)`, to the data of the batch.
            It is called for several batches at once.
        order: A function from the number of an epoch to row numbers for `fetch`, int64
            `(num_rows,)`.
        num_rows: Number of examples.
        batch_size: Examples per batch. The last batch may be smaller.
        step: The model's count of steps.
    """
    num_batches = math.ceil(num_rows / batch_size)

    def rows_of(_: tf.Tensor) -> tf.data.Dataset:
        epoch = tf.cast(step.read_value(), tf.int64) // num_batches
        return tf.data.Dataset.from_tensor_slices(order(epoch))

    rows = tf.data.Dataset.range(1).flat_map(rows_of)
    rows = rows.apply(tf.data.experimental.assert_cardinality(num_rows))
    return _fetched(rows.batch(batch_size), fetch)


class ExampleSource(abc.ABC):
    """Examples that `fit` draws by number, in any order.

    Attributes:
        row_bytes: Bytes per example.
    """

    row_bytes: int

    @abc.abstractmethod
    def num_rows(self, *, shuffled: bool) -> int:
        """Examples per epoch, in training or in their own order."""

    @abc.abstractmethod
    def in_order(self) -> np.ndarray:
        """Numbers of the examples in their own order, int64."""

    @abc.abstractmethod
    def at_random(self, seed: int, epoch: Any) -> tf.Tensor:
        """Numbers of the examples of one epoch of training, int64."""

    @abc.abstractmethod
    def fetch(self, rows: np.ndarray) -> tuple[tf.Tensor, ...]:
        """Fetches examples, and labels if there are any.

        Args:
            rows: Numbers of examples, of any shape.

        Returns:
            Tensors `(*rows.shape, ...)`.
        """

    def checked(self, model: Any, name: str) -> "ExampleSource":
        """Checks the examples and converts them to a model's dtype; `fit` calls it.

        Args:
            model: The model that will see them, which has `inputs` and `condition`.
            name: The name of the examples in an error.

        Raises:
            ValueError: If they do not fit the model.
        """
        del model, name
        return self

    def some(self, num: int) -> tuple[np.ndarray, np.ndarray | None]:
        """At most `num` examples to initialize from, and their labels or None."""
        rows = self.in_order()
        rows = rows[np.linspace(0, len(rows) - 1, min(num, len(rows))).astype(int)]
        found = [tensor.numpy() for tensor in self.fetch(rows)]
        return found[0], found[1] if len(found) > 1 else None

    def dataset(
        self,
        batch_size: int,
        *,
        seed: int | None = None,
        step: tf.Variable | None = None,
    ) -> tf.data.Dataset:
        """The same examples in the same order as a `tf.data.Dataset`.

        Args:
            batch_size: Examples per batch. The last batch may be smaller.
            seed: The model's seed, for the order of training. None keeps the order.
            step: The model's count of steps, if there is a seed.

        Returns:
            Batches from `fetch`, one epoch per iteration.
        """
        check_positive(batch_size, "batch_size", integer=True)
        if seed is not None and step is None:
            raise ValueError(
                "step must be the model's count of steps if there is a seed, received "
                "None."
            )
        return pipeline(self, batch_size, seed=seed, step=step)


class ArraySource(ExampleSource):
    """Arrays in memory, without a copy.

    Args:
        x: Examples, `(n, ...)`.
        labels: Labels, `(n, ...)`, or None.
    """

    def __init__(self, x: np.ndarray, labels: np.ndarray | None = None) -> None:
        self.row_bytes = x[:1].nbytes
        self._arrays = [array for array in (x, labels) if array is not None]
        self._buffers = threading.local()  # tf.data fetches batches in parallel

    def num_rows(self, *, shuffled: bool) -> int:
        """The number of examples."""
        del shuffled
        return len(self._arrays[0])

    def in_order(self) -> np.ndarray:
        """All numbers from 0."""
        return np.arange(len(self._arrays[0]))

    def at_random(self, seed: int, epoch: Any) -> tf.Tensor:
        """See `epoch_order`."""
        return epoch_order(len(self._arrays[0]), seed, epoch)

    def fetch(self, rows: np.ndarray) -> tuple[tf.Tensor, ...]:
        """Examples and labels; see `ExampleSource`."""
        return tuple(self._take(i, rows) for i in range(len(self._arrays)))

    def _take(self, i: int, rows: np.ndarray) -> tf.Tensor:
        array, key = self._arrays[i], (i, rows.shape)
        buffers: dict[Any, np.ndarray] = vars(self._buffers)
        if key not in buffers:  # fresh memory costs more than the copy
            buffers[key] = np.empty((*rows.shape, *array.shape[1:]), array.dtype)
        taken = np.take(array, rows, axis=0, out=buffers[key], mode="clip")
        return tf.constant(taken)


def pipeline(
    source: ExampleSource,
    batch_size: int,
    *,
    seed: int | None = None,
    step: tf.Variable | None = None,
) -> tf.data.Dataset:
    """The batches of `Epochs` as a `tf.data.Dataset`, in the same order.

    Args:
        source: The examples.
        batch_size: Examples per batch; the last batch may be smaller.
        seed: Seed of the order; None keeps that of the examples.
        step: The model's count of steps, if there is a seed.

    Returns:
        Batches, one epoch per iteration.
    """
    like = source.fetch(source.in_order()[:0])

    def fetch(rows: tf.Tensor) -> Any:
        found = tf.numpy_function(
            lambda rows: [t.numpy() for t in source.fetch(rows)],
            [rows],
            [t.dtype for t in like],
        )
        shaped = [
            tf.ensure_shape(t, (None, *one.shape[1:]))
            for t, one in zip(found, like, strict=True)
        ]
        return tuple(shaped) if len(shaped) > 1 else shaped[0]

    if seed is None:
        rows = tf.data.Dataset.from_tensor_slices(source.in_order())
        return _fetched(rows.batch(batch_size), fetch)
    order = functools.partial(source.at_random, seed)
    num_rows = source.num_rows(shuffled=True)
    return epochs(fetch, order, num_rows, batch_size, step=step)


class Epochs(Adapter):
    """Epochs over examples without a pipeline; Keras passes them to an `Execution`.

    Args:
        source: The examples.
        batch_size: Examples per batch; the last batch may be smaller.
        steps: Batches per call.
        seed: Seed of the order; None keeps that of the examples.
        step: The model's count of steps, if there is a seed.
    """

    def __init__(
        self,
        source: ExampleSource,
        batch_size: int,
        steps: int,
        *,
        seed: int | None = None,
        step: Any = None,
    ) -> None:
        self._source = source
        self._num_rows = source.num_rows(shuffled=seed is not None)
        self._batch_size = batch_size
        self._seed = seed
        self._step = step
        self._per_call = steps * batch_size
        self._most = min(steps, _most_batches(batch_size * source.row_bytes))

    @property
    def num_batches(self) -> int:
        """Batches per epoch."""
        return math.ceil(self._num_rows / self._batch_size)

    @property
    def batch_size(self) -> int:
        """Examples per batch."""
        return self._batch_size

    def __iter__(self) -> Iterator[Iterator[Stack]]:
        """The stacks of one call after the other, until the epoch ends."""
        order = self._order()
        for rows in np.split(order, range(self._per_call, len(order), self._per_call)):
            yield self._stacks(rows)

    def _order(self) -> np.ndarray:
        if self._seed is None:
            return self._source.in_order()
        epoch = int(self._step.numpy()) // self.num_batches
        return self._source.at_random(self._seed, epoch).numpy()

    def _stacks(self, rows: np.ndarray) -> Iterator[Stack]:
        size, most, fetch = self._batch_size, self._most, self._source.fetch
        whole = len(rows) // size * size
        for start in range(0, whole, most * size):
            stack = rows[start:whole][: most * size].reshape(-1, size)
            yield fetch(stack[_filling(len(stack), most)]), len(stack)
        if whole < len(rows):
            yield fetch(rows[None, whole:]), 1


def stacked(batches: Iterable[Any], steps: int) -> Iterator[Stack]:
    """Stacks consecutive batches of the same shape.

    Args:
        batches: Structures of tensors or arrays, `(batch, ...)`.
        steps: Batches per stack. A stack of at least two is padded with repetitions,
            because every new shape has to be compiled.

    Yields:
        The structure with a new first axis, and the number of batches to use.
    """
    for specs, group in itertools.groupby(map(_tensors, batches), _specs):
        num_bytes = sum(math.prod(shape) * dtype.size for shape, dtype in specs)
        most = min(steps, _most_batches(num_bytes))
        while stack := list(itertools.islice(group, most)):
            filled = [stack[i] for i in _filling(len(stack), most)]
            yield keras.tree.map_structure(_stack, *filled), len(stack)


def _tensors(batch: Any) -> Any:
    """A batch from Keras, with leaves that are tensors or None."""
    absent = type(None) | tf.experimental.Optional
    return keras.tree.map_structure(
        lambda leaf: None if isinstance(leaf, absent) else tf.convert_to_tensor(leaf),
        batch,
    )


def _specs(batch: Any) -> list[tuple[tuple[int, ...], tf.DType]]:
    leaves = keras.tree.flatten(batch)
    return [(tuple(t.shape), t.dtype) for t in leaves if t is not None]


def _stack(*leaves: tf.Tensor | None) -> tf.Tensor | None:
    return None if leaves[0] is None else tf.stack(leaves)


def _filling(count: int, most: int) -> list[int]:
    return [0] if count == 1 else [i % count for i in range(most)]


def _most_batches(num_bytes: int) -> int:
    return max(1, STACK_BYTES // max(1, num_bytes))


def _fetched(rows: tf.data.Dataset, fetch: Fetch) -> tf.data.Dataset:
    batches = rows.map(fetch, num_parallel_calls=tf.data.AUTOTUNE)
    return batches.prefetch(tf.data.AUTOTUNE)
