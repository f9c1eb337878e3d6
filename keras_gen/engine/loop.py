"""The loop of `fit` and `evaluate` for a model: its functions, its data, its pace."""

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..validation import check_positive
from . import internals
from .batches import ArraySource, Epochs, ExampleSource, pipeline
from .compiling import default_jit, default_steps
from .execution import Execution, is_distributed

AUTO = {
    "steps_per_execution": "auto",
    "jit_compile": "auto",
    "run_eagerly": False,
    "auto_scale_loss": True,
}


class Loop:
    """What a model asks of the engine when it is compiled and trained.

    Where the loop of a newer Keras does not call its functions as assumed, Keras' own
    functions serve, with data in the same order.

    Args:
        model: The model.

    Attributes:
        requested: The arguments of `compile`, as they were given.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model, self.requested = model, dict(AUTO)

    def resolved(self, **requested: Any) -> dict[str, Any]:
        """What Keras' `compile` takes, "auto" decided; remembers what was asked for.

        Raises:
            TypeError: If anything unknown is passed.
            ValueError: If XLA is to compile a model of a distribution strategy.
        """
        if unknown := sorted(requested.keys() - AUTO.keys()):
            raise TypeError(
                f"compile() got {', '.join(map(repr, unknown))}: a generative model "
                "brings its own loss (see its constructor) and reports its loss terms "
                "as metrics."
            )
        if requested["jit_compile"] is True and self.distributed:
            raise ValueError(
                "jit_compile must be False or 'auto' under a distribution strategy, "
                "received True: XLA cannot follow its variables."
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
        """Sets the steps per execution that `fit`'s callbacks and counts allow."""
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
        """As `choose_steps`, for one call of `evaluate`."""
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
        """What `fit` calls for each execution; `usual` makes Keras' own."""
        model = self._model
        if not force and model.train_function is not None:
            if isinstance(model.train_function, Execution):
                model.train_function.restart()
            return model.train_function
        if _own_loop():
            return Execution(model, model.train_step, training=True)
        return self._counted(usual())

    def test_function(self, usual: Callable[[], Any], *, force: bool) -> Any:
        """What `evaluate` calls for each execution; `usual` makes Keras' own."""
        model = self._model
        if not force and model.test_function is not None:
            if isinstance(model.test_function, Execution):
                model.test_function.restart()
            return model.test_function
        if _own_loop():
            return Execution(model, model.test_step, training=False)
        return usual()

    def _counted(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Keras' train function; its steps count also where a subclass has its own."""

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
        """What to hand to Keras' `fit` for checked data: batches in their fastest form.

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
                f"validation_split must be 0 for {type(x).__name__}, received {split}: "
                "make another one of held-out examples, and pass it as validation_data."
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
        """What to hand to Keras' `evaluate` for checked data; as `in_memory`."""
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
        """`x` and `y` for Keras' `fit` and `evaluate`: all batches come to the host.

        Args:
            x: Examples, windows or a stream of batches.
            labels: Labels, or None.
            batch_size: Examples per batch. None means 32, or as many as make
                `steps_per_epoch` batches of an array.
            steps_per_epoch: As in Keras.
            shuffle: True lets the seed and the step give the order of arrays; "batch"
                is Keras' own.
        """
        if batch_size is not None:
            check_positive(batch_size, "batch_size", integer=True)
        if isinstance(x, tf.distribute.DistributedDataset):
            raise ValueError(
                "x must not be distributed yet, received a DistributedDataset: pass "
                "the tf.data.Dataset, of which each replica gets its part."
            )
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


def _own_loop() -> bool:
    """Whether Keras' loop calls its functions as assumed; else warns, once."""
    fault = internals.loop_fault()
    if fault is not None:
        _warn_of(fault)
    return fault is None


@functools.cache
def _warn_of(fault: str) -> None:
    warnings.warn(
        f"Keras {keras.__version__} runs `fit` otherwise than keras_gen knows ({fault})"
        ": its own functions serve, more slowly, and check the first batch of a stream "
        "only. keras_gen is made for Keras 3.15.",
        stacklevel=2,
    )


def _refuse_steps(x: Any, options: dict[str, Any], name: str) -> None:
    if isinstance(x, ExampleSource) and options.get(name) is not None:
        kind = type(x).__name__
        raise ValueError(
            f"{name} must be None for {kind}, whose length says how many examples make "
            f"an epoch of training; received {options[name]}."
        )


def _allowed_steps(
    callbacks: Sequence[keras.callbacks.Callback], counts: Iterable[int | None]
) -> int:
    return default_steps(callbacks, filter(None, counts))
