"""Several steps as one compiled program: the loop of `fit` and `evaluate`."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.trainers.data_adapters.array_slicing import train_validation_split

from ..examples import check_batch, checked, errors_of_streams
from ..texts.windows import WindowEpochs, Windows
from ..validation import check_positive
from .batches import ArrayEpochs, for_replicas, in_order, shuffled, stacked
from .caching import Recent

TRACES = 8  # of shapes of batches; each takes some 10 MB


class Execution:
    """Stands for Keras' train or test function: up to `steps` steps per call.

    Keras calls a compiled step from a loop of TensorFlow operations. Here batches of
    one shape are stacked and the loop over them is compiled together with the step,
    which spares the work around every single one. Batches of a stream are checked one
    by one as they come.

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

    def __call__(self, iterator: Iterator[Any]) -> dict[str, Any]:
        """Runs the steps on the next batches.

        Returns:
            What the last step has returned.

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
        """Counts the batches of a stream anew, for what errors say."""
        self._batches_seen = 0

    def _checked(self, batch: Any) -> Any:
        self._batches_seen += 1
        self._step_number += 1
        name = f"x of batch {self._batches_seen}"
        if self._training:
            name += f" (training step {self._step_number})"
        x, labels = check_batch(self._model, batch, name=name)
        if self._training:
            self._model.note_classes(labels)
        return batch

    def _run(self, batches: Any, count: int) -> dict[str, Any]:
        if self._model.run_eagerly:
            for i in range(count):
                logs = self._one(_batch(batches, i))
            return logs
        specs = keras.tree.map_structure(self._spec, batches)
        run = self._traced.find(repr(specs), lambda: self._trace(specs))
        return run(batches, tf.constant(count))

    def _one(self, batch: Any) -> dict[str, Any]:
        """One step; a step of training counts, also where a subclass has its own."""
        if not self._training:
            return self._step(batch)
        steps = self._model._counts["steps"]
        before = tf.identity(steps)
        logs = self._step(batch)
        steps.assign(before + 1)
        return logs

    def _trace(self, specs: Any) -> Callable[..., dict[str, Any]]:
        """The loop over the steps, for batches of these shapes.

        XLA compiles for one number of batches, and is told it.
        """
        one = tf.function(self._one, autograph=False)
        one = one.get_concrete_function(
            keras.tree.map_structure(
                lambda s: None if s is None else tf.TensorSpec(s.shape[1:], s.dtype),
                specs,
            )
        )
        start = keras.tree.map_structure(
            lambda t: tf.zeros(t.shape, t.dtype), one.structured_outputs
        )

        def run(batches: Any, count: tf.Tensor) -> dict[str, Any]:
            def body(i: tf.Tensor, _: Any) -> tuple[tf.Tensor, dict[str, Any]]:
                return i + 1, one(_batch(batches, i))

            first = tf.constant(0)
            return tf.while_loop(lambda i, _: i < count, body, [first, start])[1]

        jit = self._model.jit_compile
        traced = tf.function(run, autograph=False, jit_compile=jit)
        return traced.get_concrete_function(specs, tf.TensorSpec((), "int32"))

    def _spec(self, batches: tf.Tensor | None) -> tf.TensorSpec | None:
        if batches is None:
            return None
        number = len(batches) if self._model.jit_compile else None
        return tf.TensorSpec((number, *batches.shape[1:]), batches.dtype)


class Executes:
    """`fit` and `evaluate` by `Execution`; mixed in before `keras.Model`.

    Under a distribution strategy Keras' own loop stays.
    """

    def make_train_function(self, force: bool = False) -> None:  # noqa: FBT001, FBT002
        """Makes what `fit` calls for each execution, unless it is there."""
        if not force and self.train_function is not None:
            if isinstance(self.train_function, Execution):
                self.train_function.restart()
        elif self.distributed():
            super().make_train_function(force)
            self.train_function = self._counted(self.train_function)
        else:
            self.train_function = Execution(self, self.train_step, training=True)

    def make_test_function(self, force: bool = False) -> None:  # noqa: FBT001, FBT002
        """Makes what `evaluate` calls for each execution, unless it is there."""
        if not force and self.test_function is not None:
            if isinstance(self.test_function, Execution):
                self.test_function.restart()
        elif self.distributed():
            super().make_test_function(force)
            function = self.test_function

            def tested(iterator: Any) -> Any:
                with errors_of_streams():
                    return function(iterator)

            self.test_function = tested
        else:
            self.test_function = Execution(self, self.test_step, training=False)

    def _counted(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Keras' train function; its steps count also where a subclass has its own."""

        def counted(iterator: Any) -> Any:
            before = self.training_steps
            with errors_of_streams():
                logs = function(iterator)
            if self.training_steps == before:
                self._counts["steps"].assign(before + self.steps_per_execution)
            return logs

        return counted

    def distributed(self) -> bool:
        """Whether the model was made under a distribution strategy."""
        with self.distribute_strategy.scope():
            return tf.distribute.has_strategy()

    def in_memory(
        self, x: Any, y: Any, validation_data: Any, options: dict[str, Any]
    ) -> tuple[Any, Any, Any]:
        """What to hand to Keras' `fit` for checked data: arrays in their fastest form.

        Args:
            x: Examples or a stream.
            y: Labels, or None.
            validation_data: `(x, labels)`, a stream or None.
            options: Keras' keyword arguments, completed here.

        Returns:
            `(x, y, validation_data)`.
        """
        is_array = isinstance(x, np.ndarray | Windows)
        shuffle = options.setdefault("shuffle", is_array)  # streams have their order
        size = options.setdefault("validation_batch_size", options["batch_size"])
        split = options["validation_split"]
        if not 0 <= split < 1:
            raise ValueError(f"validation_split must be in [0, 1), received {split}.")
        if is_array and validation_data is None and split:
            options.pop("validation_split")
            (x, y), validation_data = train_validation_split((x, y), split)
        is_pair = isinstance(validation_data, tuple)
        _refuse_steps(x, options, "steps_per_epoch")
        held_out = validation_data[0] if is_pair else None
        _refuse_steps(held_out, options, "validation_steps")
        if isinstance(x, Windows) or (is_array and self.distributed()):
            options["shuffle"] = False  # `epochs_of` does it
        if isinstance(shuffle, bool) and options.get("steps_per_epoch") is None:
            x, y = self.epochs_of(x, y, options["batch_size"], shuffle=shuffle)
        if is_pair and options.get("validation_steps") is None:
            validation_data = self.epochs_of(*validation_data, size)
        return x, y, validation_data

    def held_out(self, x: Any, y: Any, options: dict[str, Any]) -> tuple[Any, Any]:
        """What to hand to Keras' `evaluate` for checked data; as `in_memory`."""
        _refuse_steps(x, options, "steps")
        if options.get("steps") is not None:
            return x, y
        return self.epochs_of(x, y, options.get("batch_size"))

    def epochs_of(
        self, x: Any, labels: Any, batch_size: int | None, *, shuffle: bool = False
    ) -> tuple[Any, Any]:
        """`x` and `y` for Keras' `fit` and `evaluate`: arrays in their fastest form.

        Args:
            x: Examples or windows; streams of batches are left as they are.
            labels: Labels, or None.
            batch_size: Examples per batch, 32 for None.
            shuffle: Whether the seed and the step give the order.
        """
        if batch_size is not None:
            check_positive(batch_size, "batch_size", integer=True)
        size, steps = batch_size or 32, self.steps_per_execution
        order = {"seed": self.seed, "step": self._counts["steps"]} if shuffle else {}
        if self.distributed():
            return self._for_replicas(x, labels, size, order), None
        if isinstance(x, Windows):
            return WindowEpochs(x, size, steps, **order), None
        if not isinstance(x, np.ndarray):
            return x, labels
        return ArrayEpochs(x, labels, size, steps, **order), None

    def _for_replicas(
        self, x: Any, labels: Any, batch_size: int, order: dict[str, Any]
    ) -> Any:
        """Batches that Keras' own loop can share out; streams are checked in them."""
        if isinstance(x, Windows):
            batches = x.dataset(batch_size, **order)
        elif isinstance(x, np.ndarray):
            arrays = [array for array in (x, labels) if array is not None]

            def fetch(rows: tf.Tensor) -> tuple[tf.Tensor, ...]:
                return tuple(tf.gather(array, rows) for array in arrays)

            make = shuffled if order else in_order
            batches = make(fetch, len(x), batch_size, **order)
        elif isinstance(x, tf.data.Dataset):
            batches = checked(self, x)
            self.note_classes(np.arange(self.num_classes or 0))  # unknown which
        else:
            return x
        return for_replicas(batches, self.distribute_strategy.num_replicas_in_sync)


def _batch(batches: Any, i: tf.Tensor) -> Any:
    return keras.tree.map_structure(lambda b: b if b is None else b[i], batches)


def _refuse_steps(x: Any, options: dict[str, Any], name: str) -> None:
    if isinstance(x, Windows) and options.get(name) is not None:
        raise ValueError(
            f"{name} must be None for Windows, whose `num` says how many make an epoch "
            f"of training; received {options[name]}."
        )
