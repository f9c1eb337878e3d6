"""The loop of `fit` and `evaluate`: its functions, its data, its pace.

`Loop` is what a model asks, `Execution` is several steps as one compiled program.
"""

import collections
import contextlib
import functools
import itertools
import math
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..specs import AnyCategory
from ..validation import check_positive
from . import internals, parts
from .asking import AskedRows
from .batches import ArraySource, Epochs, ExampleSource, pipeline, stacked
from .examples import check_batch

TRACES = 8  # of shapes of batches; each takes some 10 MB
AUTO = {
    "steps_per_execution": "auto",
    "jit_compile": "auto",
    "run_eagerly": False,
    "auto_scale_loss": True,
}
STEPS_PER_EXECUTION = 32
BATCH_HOOKS = (
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_batch_begin",
    "on_test_batch_end",
    "on_batch_begin",
    "on_batch_end",
)
CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
)


class Loop:
    """The engine of one model, for `compile`, `fit` and `evaluate`.

    If the loop of a newer Keras does not call its functions as assumed, Keras' own
    functions are used, with data in the same order.

    Args:
        model: The model.

    Attributes:
        requested: The arguments of `compile`, as they were given.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model, self.requested = model, dict(AUTO)

    def resolved(self, **requested: Any) -> dict[str, Any]:
        """Arguments for Keras' `compile`, with "auto" resolved; keeps the original.

        Raises:
            TypeError: If an unknown argument is passed.
            ValueError: If `jit_compile=True` under a distribution strategy.
        """
        if unknown := sorted(requested.keys() - AUTO.keys()):
            raise TypeError(
                f"compile() got {', '.join(map(repr, unknown))}. A generative model "
                "has its own loss (see its constructor) and reports its loss terms as "
                "metrics."
            )
        if requested["jit_compile"] is True and self.distributed:
            raise ValueError(
                "jit_compile must be False or 'auto' under a distribution strategy, "
                "received True. XLA does not support its variables."
            )
        self.requested, found = requested, dict(requested)
        if requested["steps_per_execution"] == "auto":
            found["steps_per_execution"] = default_steps()
        if requested["jit_compile"] == "auto":
            without = requested["run_eagerly"] or self.distributed
            found["jit_compile"] = False if without else default_jit(self._model)
        return found

    def choose_steps(
        self,
        callbacks: Sequence[keras.callbacks.Callback],
        counts: Iterable[int | None],
    ) -> None:
        """Sets the steps per execution according to `fit`'s callbacks and counts."""
        if self.requested["steps_per_execution"] != "auto":
            return
        steps = _allowed_steps(callbacks, counts)
        model = self._model
        if steps != model.steps_per_execution:
            model.steps_per_execution = steps
            model.train_function = model.test_function = model.predict_function = None

    @contextlib.contextmanager
    def steps_of_evaluation(
        self, callbacks: Sequence[keras.callbacks.Callback], steps: int | None
    ) -> Iterator[None]:
        """Like `choose_steps`, for one call of `evaluate`."""
        model = self._model
        before = model.steps_per_execution, getattr(model, "test_function", None)
        if model.compiled and self.requested["steps_per_execution"] == "auto":
            model.steps_per_execution = _allowed_steps(callbacks, (steps,))
            if model.steps_per_execution != before[0]:
                model.test_function = None
        try:
            yield
        finally:
            if model.steps_per_execution != before[0]:
                model.steps_per_execution, model.test_function = before

    def train_function(self, usual: Callable[[], Any], *, force: bool) -> Any:
        """The function of each execution of `fit`; `usual` makes Keras' own."""
        model = self._model
        if not force and model.train_function is not None:
            if isinstance(model.train_function, Execution):
                model.train_function.restart()
            return model.train_function
        if _own_loop():
            return Execution(model, model.train_step, training=True)
        return self._counted(usual())

    def test_function(self, usual: Callable[[], Any], *, force: bool) -> Any:
        """The function of each execution of `evaluate`; `usual` makes Keras' own."""
        model = self._model
        if not force and model.test_function is not None:
            if isinstance(model.test_function, Execution):
                model.test_function.restart()
            return model.test_function
        if _own_loop():
            return Execution(model, model.test_step, training=False)
        return usual()

    def _counted(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Keras' train function. It also counts steps of a subclass' own function."""

        def counted(iterator: Any) -> Any:
            model = self._model
            before = model.training_steps
            logs = function(iterator)
            if model.training_steps == before:
                model._counts["steps"].assign(before + model.steps_per_execution)
            return logs

        return counted

    @property
    def distributed(self) -> bool:
        """Whether the model was made under a distribution strategy."""
        return is_distributed(self._model)

    def in_memory(
        self, x: Any, y: Any, validation_data: Any, options: dict[str, Any]
    ) -> tuple[Any, Any, Any]:
        """Arguments for Keras' `fit` with checked data: batches in their fastest form.

        Args:
            x: Examples or a stream.
            y: Labels, or None.
            validation_data: `(x, labels)`, a stream or None.
            options: Keras' keyword arguments, completed here.

        Returns:
            `(x, y, validation_data)`.
        """
        is_source = isinstance(x, np.ndarray | ExampleSource)
        shuffle = options.pop("shuffle", is_source)  # streams have their order
        size = options.setdefault("validation_batch_size", options["batch_size"])
        split = options["validation_split"]
        if not 0 <= split < 1:
            raise ValueError(f"validation_split must be in [0, 1), received {split}.")
        if split and isinstance(x, ExampleSource):
            raise ValueError(
                f"validation_split must be 0 for {type(x).__name__}, received {split}. "
                "Pass held-out examples as validation_data instead."
            )
        if isinstance(x, np.ndarray) and validation_data is None and split:
            options.pop("validation_split")
            (x, y), validation_data = internals.split_off((x, y), split)
        is_pair = isinstance(validation_data, tuple)
        held_out = validation_data if is_pair else (validation_data, None)
        _refuse_steps(x, options, "steps_per_epoch")
        _refuse_steps(held_out[0], options, "validation_steps")
        steps = options.get("steps_per_epoch")
        how = {"batch_size": options["batch_size"], "steps_per_epoch": steps}
        x, y = self.epochs_of(x, y, shuffle=shuffle, **how)
        options["shuffle"] = False  # it is done
        if validation_data is not None:
            steps = options.get("validation_steps")
            held_out = self.epochs_of(*held_out, batch_size=size, steps_per_epoch=steps)
            validation_data = held_out if is_pair else held_out[0]
        return x, y, validation_data

    def held_out(self, x: Any, y: Any, options: dict[str, Any]) -> tuple[Any, Any]:
        """Arguments for Keras' `evaluate` with checked data; see `in_memory`."""
        _refuse_steps(x, options, "steps")
        size, steps = options.get("batch_size"), options.get("steps")
        return self.epochs_of(x, y, batch_size=size, steps_per_epoch=steps)

    def epochs_of(
        self,
        x: Any,
        labels: Any,
        *,
        batch_size: int | None,
        steps_per_epoch: int | None = None,
        shuffle: bool | str = False,
    ) -> tuple[Any, Any]:
        """`x` and `y` for Keras' `fit` and `evaluate`, with all batches on the host.

        Args:
            x: Examples, windows or a stream of batches.
            labels: Labels, or None.
            batch_size: Examples per batch. None means 32, or the size for
                `steps_per_epoch` batches of an array.
            steps_per_epoch: As in Keras.
            shuffle: True orders arrays by the seed and the step. "batch" is as in
                Keras.
        """
        if batch_size is not None:
            check_positive(batch_size, "batch_size", integer=True)
        if isinstance(x, tf.distribute.DistributedDataset):
            raise ValueError(
                "x must not be distributed yet, received a DistributedDataset. Pass "
                "the tf.data.Dataset, and each replica gets its part."
            )
        if shuffle and labels is None:
            x = self._asked(x)
        is_array = isinstance(x, np.ndarray)
        if not isinstance(x, np.ndarray | ExampleSource) or (
            is_array and shuffle == "batch"
        ):
            if not _own_loop():
                return x, labels
            options = {"steps_per_epoch": steps_per_epoch, "batch_size": batch_size}
            return internals.Stream(x, labels, shuffle=shuffle, **options), None
        if batch_size is None and is_array and steps_per_epoch:
            batch_size = -(-len(x) // steps_per_epoch)
        source = ArraySource(x, labels) if is_array else x
        size = batch_size or 32
        model = self._model
        order = {"seed": model.seed, "step": model._counts["steps"]} if shuffle else {}
        if not _own_loop():
            return pipeline(source, size, **order), None
        return Epochs(source, size, model.steps_per_execution, **order), None

    def _asked(self, x: Any) -> Any:
        """Rows of a table with conditions to be drawn, if the model's are drawn."""
        spec = getattr(self._model, "condition", None)
        if not (isinstance(x, np.ndarray) and isinstance(spec, AnyCategory)):
            return x
        source = AskedRows(x, spec)
        self._model._note_classes(np.flatnonzero(source.counts))
        return source


def _own_loop() -> bool:
    """Whether Keras' loop calls its functions as assumed. Warns once otherwise."""
    fault = internals.loop_fault()
    if fault is not None:
        _warn_of(fault)
    return fault is None


@functools.cache
def _warn_of(fault: str) -> None:
    warnings.warn(
        f"Keras {keras.__version__} runs `fit` differently than expected ({fault}). "
        "Keras' own functions are used, which are slower and check only the first "
        "batch of a stream. keras_gen is made for Keras 3.15.",
        stacklevel=2,
    )


def _refuse_steps(x: Any, options: dict[str, Any], name: str) -> None:
    if isinstance(x, ExampleSource) and options.get(name) is not None:
        kind = type(x).__name__
        raise ValueError(
            f"{name} must be None for {kind}, whose length is the number of examples "
            f"per epoch, received {options[name]}."
        )


def _allowed_steps(
    callbacks: Sequence[keras.callbacks.Callback], counts: Iterable[int | None]
) -> int:
    return default_steps(callbacks, filter(None, counts))


class Execution:
    """Replaces Keras' train or test function, with up to `steps` steps per call.

    Keras calls a compiled step from a loop of TensorFlow operations. Here batches of
    the same shape are stacked, and the loop over them is compiled together with the
    step, which saves the overhead of each call. Batches of a stream are checked one by
    one.

    Under a distribution strategy each step runs on all replicas, each with a contiguous
    part of the batch. If several processes train together, each goes through the same
    batches and takes the parts of its own replicas.

    Args:
        model: The model.
        step: Its `train_step` or `test_step`.
        training: Whether it is the first.
    """

    def __init__(
        self, model: keras.Model, step: Callable[[Any], Any], *, training: bool
    ) -> None:
        self._model, self._step, self._training = model, step, training
        self._steps = model.steps_per_execution
        self._batches_seen = 0
        self._traced = Recent(TRACES)
        self._distributed = is_distributed(model)
        self._by_metrics: tuple[str, ...] = ()

    def __call__(self, iterator: Iterator[Any]) -> dict[str, Any]:
        """Runs the steps on the next batches.

        Returns:
            The logs of the last step. Under a distribution strategy, the results of
            metrics with these names, and the mean over local replicas for other logs.

        Raises:
            StopIteration: If no batch is left.
            ValueError: If a batch of a stream does not fit the model.
        """
        try:
            first = next(iterator)
        except StopIteration:
            self.restart()
            raise
        if isinstance(first, Iterator):  # of stacks, from `Epochs`
            stacks = first
        else:
            self._step_number = self._model.training_steps
            rest = itertools.islice(iterator, self._steps - 1)
            batches = map(self._checked, itertools.chain([first], rest))
            stacks = stacked(batches, self._steps)
        logs = {}
        for batches, count in stacks:
            logs = self._run(batches, count)
        return logs

    def restart(self) -> None:
        """Resets the count of a stream's batches, which errors show."""
        self._batches_seen = 0

    def _checked(self, batch: Any) -> Any:
        self._batches_seen += 1
        self._step_number += 1
        name = f"x of batch {self._batches_seen}"
        if self._training:
            name += f" (training step {self._step_number})"
        x, labels = check_batch(self._model._takes(), batch, name=name)
        if self._training:
            self._model._note_classes(labels)
        return batch

    def _run(self, batches: Any, count: int) -> dict[str, Any]:
        scope = self._model.distribute_strategy.scope
        with scope() if self._distributed else contextlib.nullcontext():
            data = self._shared_out(batches) if self._distributed else batches
            if self._model.run_eagerly:
                for i in range(count):
                    logs = self._global_step(data, i)
                return self._with_metrics(logs)
            specs = keras.tree.map_structure(self._spec, batches)
            run = self._traced.find(
                repr(specs),
                lambda: self._trace(data if self._distributed else specs),
            )
            return run(data, tf.constant(count))

    def _shared_out(self, batches: Any) -> Any:
        """The parts of the local replicas, and which rows they are."""
        size = next(t for t in keras.tree.flatten(batches) if t is not None).shape[1]
        share_out = self._model.distribute_strategy
        share_out = share_out.experimental_distribute_values_from_function

        def split(context: Any) -> tuple[int, int]:
            replica = context.replica_id_in_sync_group
            return parts.split(size, replica, context.num_replicas_in_sync)

        def shared(batch: tf.Tensor | None) -> Any:
            if batch is None:
                return None

            def part(context: Any) -> tf.Tensor:
                first, count = split(context)
                return batch[:, first : first + max(1, count)]

            return share_out(part)

        rows = share_out(lambda context: tf.constant((*split(context), size)))
        return rows, keras.tree.map_structure(shared, batches)

    def _global_step(self, data: Any, i: Any) -> dict[str, Any]:
        """One step on a whole batch, on one device or on all replicas."""
        if not self._distributed:
            return self._one(_batch(data, i))
        due = self._model._players.next_is_due() if self._training else None
        if due is None:
            return self._on_replicas(data, i, due=None)
        return tf.cond(
            due,
            lambda: self._on_replicas(data, i, due=True),
            lambda: self._on_replicas(data, i, due=False),
        )

    def _on_replicas(self, data: Any, i: Any, *, due: bool | None) -> dict[str, Any]:
        """One step on all replicas. Returns the logs that are not metrics."""
        strategy = self._model.distribute_strategy

        def one(rows: tf.Tensor, batches: Any, i: Any) -> dict[str, Any]:
            with parts.acting(parts.Part(*tf.unstack(rows)), due=due):
                return self._one(_batch(batches, i))

        logs = strategy.run(one, args=(*data, i))
        metrics = {metric.name for metric in self._model.metrics}
        self._by_metrics = tuple(name for name in logs if name in metrics)
        return {
            name: tf.reduce_mean(tf.stack(strategy.experimental_local_results(v)), 0)
            for name, v in logs.items()
            if name not in metrics
        }

    def _with_metrics(self, logs: dict[str, Any]) -> dict[str, Any]:
        """Adds the results of the metrics, read outside the replicas."""
        if not self._distributed:
            return logs
        metrics = {metric.name: metric for metric in self._model.metrics}
        return {name: metrics[name].result() for name in self._by_metrics} | logs

    def _one(self, batch: Any) -> dict[str, Any]:
        """One step. It counts training steps, also those of a subclass' own step."""
        if not self._training:
            return self._step(batch)
        steps = self._model._counts["steps"]
        before = tf.identity(steps)
        logs = self._step(batch)
        steps.assign(before + 1)
        return logs

    def _trace(self, data: Any) -> Callable[..., dict[str, Any]]:
        """The loop over the steps, for batches of these shapes.

        The step is a separate function, traced once, and the loop carries its outputs.

        Args:
            data: Specs of stacks; under a distribution strategy the replicas' parts.
        """
        number = tf.TensorSpec((), "int32")
        step = tf.function(self._global_step, autograph=False)
        step = step.get_concrete_function(data, number)
        start = keras.tree.map_structure(
            lambda t: tf.zeros(t.shape, t.dtype), step.structured_outputs
        )

        def run(data: Any, count: tf.Tensor) -> dict[str, Any]:
            def body(i: tf.Tensor, _: Any) -> tuple[tf.Tensor, dict[str, Any]]:
                return i + 1, step(data, i)

            first = tf.constant(0)
            logs = tf.while_loop(lambda i, _: i < count, body, [first, start])[1]
            return self._with_metrics(logs)

        jit = False if self._distributed else self._model.jit_compile
        traced = tf.function(run, autograph=False, jit_compile=jit)
        return traced.get_concrete_function(data, number)

    def _spec(self, batches: tf.Tensor | None) -> tf.TensorSpec | None:
        """Shapes of a trace. XLA compiles for a fixed number of batches."""
        if batches is None:
            return None
        is_fixed = self._model.jit_compile or self._distributed
        number = len(batches) if is_fixed else None
        return tf.TensorSpec((number, *batches.shape[1:]), batches.dtype)


def _batch(batches: Any, i: tf.Tensor) -> Any:
    return keras.tree.map_structure(lambda b: b if b is None else b[i], batches)


def is_distributed(model: keras.Model) -> bool:
    """Whether the model was made under a distribution strategy."""
    with model.distribute_strategy.scope():
        return tf.distribute.has_strategy()


def default_jit(model: keras.Model) -> bool | str:
    """Whether XLA should compile the steps of `model`.

    On a CPU, XLA speeds up dense networks and slows down convolutions and other layers
    with `loses_by_xla`. It does not support the mirrored variables of a distribution
    strategy. On a GPU, Keras decides.
    """
    if tf.distribute.has_strategy():
        return False
    if tf.config.list_physical_devices("GPU"):
        return "auto"
    return not any(
        isinstance(layer, CONVOLUTIONS) or getattr(layer, "loses_by_xla", False)
        for layer in internals.layers_of(model)
    )


def default_steps(
    callbacks: Iterable[keras.callbacks.Callback] = (), counts: Iterable[int] = ()
) -> int:
    """Training steps per compiled call.

    1 if a callback watches single batches. Otherwise the largest number up to 32 that
    divides the requested `counts` of steps, because Keras makes whole calls only.
    """
    if any(map(watches_batches, callbacks)):
        return 1
    common = math.gcd(*counts)
    return max(n for n in range(1, STEPS_PER_EXECUTION + 1) if common % n == 0)


def watches_batches(callback: keras.callbacks.Callback) -> bool:
    """Whether `callback` expects to be called after every single batch."""
    known = keras.callbacks
    if isinstance(callback, known.ModelCheckpoint | known.BackupAndRestore):
        return callback.save_freq != "epoch"
    if isinstance(callback, known.TensorBoard):
        return callback.update_freq != "epoch" or internals.profiles_batches(callback)
    if isinstance(callback, known.ProgbarLogger | known.TerminateOnNaN):
        return False
    return any(
        hook in vars(callback)
        or getattr(type(callback), hook) is not getattr(known.Callback, hook)
        for hook in BATCH_HOOKS
    )


class Recent:
    """Keeps the most recently used entries.

    Args:
        most: Number of entries to keep.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: collections.OrderedDict[Hashable, Any] = (
            collections.OrderedDict()
        )

    def find(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The entry of `key`, which is made if it is missing."""
        if key not in self._entries:
            self._entries[key] = make()
            if len(self._entries) > self._most:
                self._entries.popitem(last=False)
        self._entries.move_to_end(key)
        return self._entries[key]
