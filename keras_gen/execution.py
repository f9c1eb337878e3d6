"""Several steps as one compiled program: the loop of `fit` and `evaluate`."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.trainers.data_adapters.array_slicing import train_validation_split

from .batches import ArrayEpochs, stacked
from .texts.windows import WindowEpochs, Windows
from .validation import check_positive


class Execution:
    """Stands for Keras' train or test function: up to `steps` steps per call.

    Keras calls a compiled step from a loop of TensorFlow operations. Here batches of
    one shape are stacked and the loop over them is compiled together with the step,
    which spares the work around every single one.

    Args:
        model: The model; its metrics are the logs.
        step: Its `train_step` or `test_step`.
    """

    def __init__(self, model: keras.Model, step: Callable[[Any], Any]) -> None:
        self._model = model
        self._steps = model.steps_per_execution

        def run(batches: Any, count: tf.Tensor) -> Any:
            def body(i: tf.Tensor) -> tuple[tf.Tensor]:
                step(_batch(batches, i))
                return (i + 1,)

            return tf.while_loop(lambda i: i < count, body, [tf.constant(0)])

        self._run = run
        self._traced: dict[Any, Callable[..., Any]] = {}
        if not model.run_eagerly:
            function = tf.function(run, autograph=False, jit_compile=model.jit_compile)
            self._run = lambda *stack: self._trace(function, stack)(*stack)

    def __call__(self, iterator: Iterator[Any]) -> dict[str, Any]:
        """Runs the steps on the next batches.

        Returns:
            The model's metrics.

        Raises:
            StopIteration: If no batch is left.
        """
        first = next(iterator)
        if isinstance(first, Iterator):  # of stacks, from `Epochs`
            stacks = first
        else:
            rest = itertools.islice(iterator, self._steps - 1)
            stacks = stacked(itertools.chain([first], rest), self._steps)
        for batches, count in stacks:
            self._run(batches, tf.constant(count))
        return self._model.get_metrics_result()

    def _trace(self, function: Any, stack: tuple[Any, tf.Tensor]) -> Callable[..., Any]:
        """The function, traced once for batches of these shapes, without a warning.

        XLA compiles for one number of batches, and is told it.
        """
        specs = keras.tree.map_structure(self._spec, stack[0])
        key = repr(specs)
        if key not in self._traced:
            self._traced[key] = function.get_concrete_function(specs, stack[1])
        return self._traced[key]

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
        if self.distributed():
            super().make_train_function(force)
        elif force or self.train_function is None:
            self.train_function = Execution(self, self.train_step)

    def make_test_function(self, force: bool = False) -> None:  # noqa: FBT001, FBT002
        """Makes what `evaluate` calls for each execution, unless it is there."""
        if self.distributed():
            super().make_test_function(force)
        elif force or self.test_function is None:
            self.test_function = Execution(self, self.test_step)

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
        if isinstance(x, Windows):
            options["shuffle"] = False  # they do it alone
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
        order = (
            {"seed": self.seed, "step": self.optimizer.iterations.value}
            if shuffle
            else {}
        )
        if isinstance(x, Windows):
            if self.distributed():
                return x.dataset(size, **order), None
            return WindowEpochs(x, size, steps, **order), None
        if not isinstance(x, np.ndarray) or self.distributed():
            return x, labels
        return ArrayEpochs(x, labels, size, steps, **order), None


def _batch(batches: Any, i: tf.Tensor) -> Any:
    return keras.tree.map_structure(lambda b: b if b is None else b[i], batches)


def _refuse_steps(x: Any, options: dict[str, Any], name: str) -> None:
    if isinstance(x, Windows) and options.get(name) is not None:
        raise ValueError(
            f"{name} must be None for Windows, whose `num` says how many make an epoch "
            f"of training; received {options[name]}."
        )
