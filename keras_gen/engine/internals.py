"""Every use of undocumented Keras: its assumptions, and a trial of them.

`tests/engine/test_internals.py` states each assumption. If the loop of `fit` does not
behave as assumed (`loop_fault`), Keras' own functions are used.
"""

import collections
import contextlib
import functools
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

import keras
import tensorflow as tf

try:
    from keras.src.backend.common import global_state
    from keras.src.trainers.data_adapters import get_data_adapter
    from keras.src.trainers.data_adapters.array_slicing import train_validation_split
    from keras.src.trainers.data_adapters.data_adapter import DataAdapter

    Base: Any = DataAdapter
except ImportError as error:  # a Keras that has moved them
    MISSING: str | None = str(error)
    Base, global_state = object, cast(Any, None)
else:
    MISSING = None


class Adapter(Base, tf.distribute.DistributedDataset):
    """Data that Keras' loop goes through by Python's `iter`, once per epoch.

    Assumes that `fit` and `evaluate` take a `DataAdapter` as it is, ask for
    `get_tf_dataset()`, leave a `DistributedDataset` as it is under any distribution
    strategy, and hand its iterator to the train or test function. Keras reads
    `num_batches` and calls `on_epoch_begin` and `on_epoch_end`.
    """

    def get_tf_dataset(self) -> "Adapter":
        """What Keras iterates over."""
        return self


class Stream(Adapter):
    """The batches of any data that Keras takes, as host tensors, for all replicas.

    Assumes that `get_data_adapter` finds the adapter of arrays, data sets,
    `PyDataset` and generators, and that its `get_tf_dataset()` gives the batches.

    Args:
        x: Data as Keras takes them.
        y: Labels, if `x` is an array.
        **options: `batch_size`, `shuffle`, `steps_per_epoch`, as in Keras.
    """

    def __init__(self, x: Any, y: Any = None, **options: Any) -> None:
        self._adapter = get_data_adapter(x, y, **options)
        self._dataset: Any = None

    def get_tf_dataset(self) -> "Stream":
        """What Keras iterates over."""
        self._dataset = self._adapter.get_tf_dataset()
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(self._dataset)

    @property
    def num_batches(self) -> int | None:
        """Batches per epoch, if it is known."""
        return self._adapter.num_batches

    @property
    def batch_size(self) -> int | None:
        """Rows per batch, if it is known."""
        return self._adapter.batch_size

    def on_epoch_begin(self) -> None:
        """Starts the workers of a `PyDataset`."""
        self._adapter.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """Stops them, and lets the data set prepare its next epoch."""
        self._adapter.on_epoch_end()


class OwnFunctions:
    """A model whose train and test functions are its own; mixed in before Keras' model.

    Assumes that `fit` and `train_on_batch` call `make_train_function()`, then
    `train_function` with an iterator, once for each `steps_per_execution` batches, and
    that `evaluate` and `test_on_batch` do so with the test function; that a function
    which raises `StopIteration` ends an epoch; and that `_maybe_symbolic_build` does
    no more than to build what is not built.
    """

    def _maybe_symbolic_build(self, *_: Any, **__: Any) -> None:
        """Does nothing: models come built; Keras would take a batch from the data."""


def forget_validation(model: keras.Model) -> None:
    """Drops the validation data that Keras keeps after an error in `fit`."""
    model._eval_epoch_iterator = None


def is_validation_of_fit(options: dict[str, Any]) -> bool:
    """Whether `evaluate` is called by `fit`, with data that `fit` has prepared."""
    return bool(options.get("_use_cached_eval_dataset"))


def split_off(arrays: tuple[Any, ...], share: float) -> tuple[Any, Any]:
    """Splits arrays into first rows and a share of last rows: `validation_split`."""
    return train_validation_split(arrays, share)


def profiles_batches(callback: keras.callbacks.TensorBoard) -> bool:
    """Whether a callback profiles single batches: `_stop_batch` is the last, or 0."""
    return getattr(callback, "_stop_batch", 1) > 0


NAMES = "object_name_uids"


@contextlib.contextmanager
def names_kept() -> Iterator[None]:
    """Lets objects that are made within the context not count in later names.

    TensorFlow orders some sums by the names of their operations, so that models with
    other names (`dense_9` and `dense_10`) can differ in rounding. Assumes that Keras
    counts names in the global attribute "object_name_uids".
    """
    if global_state is None:
        yield
        return
    before = dict(global_state.get_global_attribute(NAMES) or {})
    try:
        yield
    finally:
        kept = collections.defaultdict(int, before)
        global_state.set_global_attribute(NAMES, kept)


def layers_of(model: keras.Model) -> list[keras.layers.Layer]:
    """The model and all layers in it, at any depth: `_flatten_layers`."""
    return list(model._flatten_layers())


class Origin(NamedTuple):
    """The origin of a tensor of a Functional model.

    Attributes:
        operation: The layer or operation with this output.
        inputs: Its input tensors; empty for an input.
        index: Index of the output.
    """

    operation: keras.Operation
    inputs: list[keras.KerasTensor]
    index: int


def origin(tensor: keras.KerasTensor) -> Origin:
    """The origin of a tensor: its `_keras_history`, and that operation's node."""
    operation, node_index, index = tensor._keras_history  # pyright: ignore[reportAttributeAccessIssue]
    return Origin(operation, operation._inbound_nodes[node_index].input_tensors, index)


def inner(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """The optimizer inside one that scales the loss."""
    found = getattr(optimizer, "inner_optimizer", optimizer)
    return cast(keras.optimizers.Optimizer, found)


def moved_by(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    """The weights that a built optimizer moves: `_trainable_variables`."""
    return inner(optimizer)._trainable_variables


def averages_of(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    """The moving averages of an optimizer with `use_ema`, one per weight."""
    return inner(optimizer)._model_variables_moving_average


def show_averages(
    optimizer: keras.optimizers.Optimizer,
    weights: list[keras.Variable],
    averages: list[keras.Variable],
) -> None:
    """Sets averages from elsewhere on an optimizer, so `SwapEMAWeights` finds them."""
    optimizer.use_ema = True
    optimizer._trainable_variables = weights
    optimizer._model_variables_moving_average = averages


def will_update(optimizer: keras.optimizers.Optimizer) -> tf.Tensor:
    """Whether the next call of an optimizer moves weights or accumulates gradients.

    Assumes that `_iterations` counts the calls, and that weights move if the number of
    the call is a multiple of `gradient_accumulation_steps`.
    """
    steps = inner(optimizer).gradient_accumulation_steps
    if not steps:
        return tf.constant(value=True)
    calls = keras.ops.convert_to_tensor(inner(optimizer)._iterations)
    return (calls + 1) % steps == 0


REDUCES = "_all_reduce_sum_gradients"
_held: dict[int, int] = {}


def apply_summed(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[tf.Tensor | None],
    weights: Sequence[keras.Variable],
    replicas: int,
) -> None:
    """Applies gradients that are already summed over the replicas.

    So norms, limits and sums over steps in an optimizer are those of the whole batch.
    Assumes that an optimizer sums gradients in `_all_reduce_sum_gradients`. Without it,
    each replica gets an equal share.

    Args:
        optimizer: The optimizer.
        gradients: One per weight, None if the loss does not depend on it.
        weights: The weights.
        replicas: Number of replicas.
    """
    owner = inner(optimizer)
    if replicas > 1 and not hasattr(owner, REDUCES):
        gradients = [None if g is None else g / replicas for g in gradients]
        replicas = 1
    with _without_reduction(owner) if replicas > 1 else contextlib.nullcontext():
        optimizer.apply_gradients(zip(gradients, weights, strict=True))


@contextlib.contextmanager
def _without_reduction(optimizer: keras.optimizers.Optimizer) -> Iterator[None]:
    """Lets an optimizer take gradients as already summed, within the context."""
    key = id(optimizer)
    _held[key] = _held.get(key, 0) + 1
    optimizer.__dict__[REDUCES] = list
    try:
        yield
    finally:
        _held[key] -= 1
        if not _held[key]:
            del _held[key], optimizer.__dict__[REDUCES]


class _Three(Adapter):
    """Three batches."""

    num_batches, batch_size = 3, 1

    def __iter__(self) -> Iterator[int]:
        return iter((1, 2, 3))


class _Trial(OwnFunctions, keras.Model):
    """A model that records how Keras calls its functions."""

    def __init__(self) -> None:
        super().__init__(name="trial")
        self.built = True
        self.seen: dict[str, list[Any]] = {"train": [], "test": []}

    def make_train_function(self, force: bool = False) -> None:  # noqa: FBT001, FBT002
        self.train_function = functools.partial(self._note, "train")

    def make_test_function(self, force: bool = False) -> None:  # noqa: FBT001, FBT002
        self.test_function = functools.partial(self._note, "test")

    def _note(self, name: str, iterator: Iterator[int]) -> dict[str, Any]:
        self.seen[name].append(next(iterator))
        return {}


@functools.cache
def loop_fault() -> str | None:
    """How the loop of `fit` differs from the engine's assumptions, or None.

    A trial, made once: a model without weights goes through three batches, two per
    call, for two epochs with validation.
    """
    if MISSING is not None:
        return MISSING
    try:
        with tf.init_scope(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial = _Trial()
            how: dict[str, Any] = {"optimizer": None, "jit_compile": False}
            trial.compile(steps_per_execution=2, **how)
            how = {"validation_data": _Three(), "verbose": 0}
            trial.fit(_Three(), epochs=2, **how)
    except Exception as error:  # whatever a newer Keras does
        return f"{type(error).__name__}: {error}"
    for seen in trial.seen.values():  # [1, 2, 1, 2], or less if Keras stops early
        if seen[:1] != [1] or not {*seen} <= {1, 2}:
            return f"its functions received {trial.seen}"
    return None
