"""Several steps as one compiled program: the loop of `fit` and `evaluate`."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from . import parts
from .batches import stacked
from .caching import Recent
from .examples import check_batch

TRACES = 8  # of shapes of batches; each takes some 10 MB


class Execution:
    """Stands for Keras' train or test function: up to `steps` steps per call.

    Keras calls a compiled step from a loop of TensorFlow operations. Here batches of
    one shape are stacked and the loop over them is compiled together with the step,
    which spares the work around every single one. Batches of a stream are checked one
    by one as they come.

    Under a distribution strategy each step runs on all replicas, each with a contiguous
    part of the batch. Where several processes train together, each of them goes through
    the same batches and takes the parts of its own replicas.

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
            What the last step has returned; under a distribution strategy the results
            of the metrics of these names, and the mean over the local replicas of what
            is no metric.

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
        due = self._model._next_is_due() if self._training else None
        if due is None:
            return self._on_replicas(data, i, due=None)
        return tf.cond(
            due,
            lambda: self._on_replicas(data, i, due=True),
            lambda: self._on_replicas(data, i, due=False),
        )

    def _on_replicas(self, data: Any, i: Any, *, due: bool | None) -> dict[str, Any]:
        """One step on all replicas; returns what no metric keeps."""
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
        """Adds the results of the metrics, read where replicas are brought together."""
        if not self._distributed:
            return logs
        metrics = {metric.name: metric for metric in self._model.metrics}
        return {name: metrics[name].result() for name in self._by_metrics} | logs

    def _one(self, batch: Any) -> dict[str, Any]:
        """One step; a step of training counts, also where a subclass has its own."""
        if not self._training:
            return self._step(batch)
        steps = self._model._counts["steps"]
        before = tf.identity(steps)
        logs = self._step(batch)
        steps.assign(before + 1)
        return logs

    def _trace(self, data: Any) -> Callable[..., dict[str, Any]]:
        """The loop over the steps, for batches of these shapes.

        The step is a function of its own, traced once, whose outputs the loop carries.

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
        """Shapes of a trace; XLA compiles for one number of batches, and is told it."""
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
