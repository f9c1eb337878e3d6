"""Steps of training: gradients, the progress bar, the watch for infinite terms."""

import contextlib
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from . import internals
from .parts import num_replicas, total


def count_of(optimizer: keras.optimizers.Optimizer) -> tf.Tensor:
    """How many updates an optimizer has made, a scalar.

    With `gradient_accumulation_steps` it makes one in so many steps, and Keras gives
    their number as a tensor; else as a variable.
    """
    return tf.identity(keras.ops.convert_to_tensor(optimizer.iterations))


def has_moved(optimizer: keras.optimizers.Optimizer, before: tf.Tensor) -> tf.Tensor:
    """Whether an optimizer has moved its weights since it had made `before` updates.

    It has not where it only gathers gradients, where it left out a step whose scaled
    loss was not finite, and where the learning rate is 0.
    """
    rate = keras.ops.convert_to_tensor(optimizer.learning_rate)
    return (count_of(optimizer) > before) & (rate > 0)


class Counts:
    """What a model counts: whole numbers that are saved with it and are no weights.

    A model counts its own steps, since its optimizer is another one after each
    `compile`.
    """

    def __init__(self) -> None:
        self._variables: dict[str, keras.Variable] = {}

    def add(self, name: str) -> None:
        """Begins to count at 0."""
        options = {"trainable": False, "aggregation": "only_first_replica"}
        self._variables[name] = keras.Variable(0, dtype="int32", name=name, **options)

    def __getitem__(self, name: str) -> tf.Variable:
        return self._variables[name].value

    def items(self) -> Iterable[tuple[str, keras.Variable]]:
        """Names and variables."""
        return self._variables.items()


def global_norm(gradients: list[tf.Tensor | None]) -> tf.Tensor:
    """The Euclidean norm of all values together, a scalar; None counts as zeros.

    XLA sums a whole matrix one value after the other on a CPU, which takes a fifth of
    the time of a dense step; a product with ones runs as a product of matrices does.
    """
    total = tf.constant(0.0)
    for gradient in (g for g in gradients if g is not None):
        width = gradient.shape[-1] if gradient.shape.rank else 1
        rows = tf.reshape(gradient, (-1, width))
        squares = tf.square(tf.cast(rows, tf.float32))
        total += tf.reduce_sum(tf.linalg.matvec(squares, tf.ones(width)))
    return tf.sqrt(total)


def together(
    gradients: list[tf.Tensor | None], norm: tf.Tensor
) -> list[tf.Tensor | None]:
    """The gradients as they are, each of which waits for all.

    XLA then knows that no weight is read after its update, and writes it in place; else
    it copies the weights of hidden layers in each step.

    Args:
        gradients: One per weight, None where the loss does not depend on it.
        norm: A number >= 0 that was computed from all of them, a scalar.
    """
    return [
        None if g is None else tf.where(norm < 0, tf.zeros_like(g), g)
        for g in gradients
    ]


def summed(gradients: Sequence[tf.Tensor | None]) -> list[tf.Tensor | None]:
    """Gradients of the replicas' shares of a loss, added up to those of the batch.

    Args:
        gradients: One per weight, None where the loss does not depend on it.
    """
    if num_replicas() == 1:
        return list(gradients)
    found = iter(total([g for g in gradients if g is not None]))
    return [None if g is None else next(found) for g in gradients]


def move_weights(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[tf.Tensor | None],
    weights: Sequence[keras.Variable],
) -> None:
    """One step of an optimizer.

    Args:
        optimizer: The optimizer.
        gradients: One per weight, `summed`, None where the loss does not depend on it.
        weights: The weights.
    """
    internals.apply_summed(optimizer, gradients, weights, num_replicas())


class FirstNonFinite(keras.metrics.Metric):
    """Remembers the first step whose loss terms were not all finite.

    Of several bad terms it names the last: `loss_terms` puts sums before the parts
    in which a fault begins.
    """

    def __init__(self) -> None:
        super().__init__(name="first_non_finite")
        self.names: list[str] = []
        self.step, self.term = (
            self.add_variable(
                (),
                "zeros",
                dtype="int32",
                aggregation="only_first_replica",
                name=name,
            )
            for name in ("step", "term")
        )

    def update_state(self, terms: dict[str, tf.Tensor], iteration: tf.Tensor) -> None:
        """Records step `iteration` + 1 and the term, unless one is recorded."""
        self.names = list(terms)[::-1]
        finite = [
            tf.reduce_all(tf.math.is_finite(tf.cast(terms[name], tf.float32)))
            for name in self.names
        ]
        bad = total(tf.cast(~tf.stack(finite), tf.int32))
        first = tf.reduce_any(bad > 0) & (self.step.value == 0)
        step = tf.cast(iteration, tf.int32) + 1
        term = tf.argmax(bad, output_type=tf.int32)
        self.step.assign(tf.where(first, step, self.step.value))
        self.term.assign(tf.where(first, term, self.term.value))

    def result(self) -> tf.Tensor:
        """The step, counted from 1, or 0 if all was finite."""
        return self.step.value


class StopOnNonFinite(keras.callbacks.Callback):
    """Ends training with an error as soon as a loss term is NaN or infinite."""

    def __init__(self, first_non_finite: FirstNonFinite) -> None:
        super().__init__()
        self.first_non_finite = first_non_finite

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forgets an earlier training run."""
        self.first_non_finite.reset_state()

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Raises FloatingPointError if a term is not finite."""
        step, term = (int(v.numpy()) for v in self.first_non_finite.variables)
        if not step:
            return
        name = self.first_non_finite.names[term]
        raise FloatingPointError(
            f"loss term {name!r} became NaN or infinite at training step {step}. "
            "Lower the learning rate, clip the gradients (clipnorm=1.0 in the "
            "optimizer), or look for broken examples in the data."
        )


class ProgressBar(keras.callbacks.ProgbarLogger):
    """Keras' bar; the last of several steps per call does not lead past its end."""

    async_safe = True

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Moves on."""
        super().on_train_batch_end(self._within(batch), logs)

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Moves on."""
        super().on_test_batch_end(self._within(batch), logs)

    def _within(self, batch: int) -> int:
        return batch if self.target is None else min(batch, self.target - 1)


def with_progress_bar(callbacks: Any) -> list[keras.callbacks.Callback]:
    """The callbacks, if any, in a list, with a `ProgressBar` unless there is a bar."""
    given = keras.tree.flatten(callbacks or [])
    has_bar = any(isinstance(c, keras.callbacks.ProgbarLogger) for c in given)
    return given if has_bar else [*given, ProgressBar()]


@contextlib.contextmanager
def end_of_stream(is_one_pass: bool, steps: int | None) -> Iterator[None]:  # noqa: FBT001
    """Within, Keras gives no warning where a stream ends as it should.

    It warns that data ran out at the end of each stream of unknown length.

    Args:
        is_one_pass: Whether the stream is gone through once.
        steps: How many steps were asked for; None for all there are.
    """
    with warnings.catch_warnings():
        if is_one_pass and steps is None:
            warnings.filterwarnings("ignore", "Your input ran out of data")
        yield


def check_trainable(model: keras.Model) -> None:
    """Raises ValueError unless the model is compiled and has weights to train."""
    if not model.compiled:
        raise ValueError(f"{model.name} is not compiled: call compile() before fit.")
    if not model.trainable_variables:
        raise ValueError(f"{model.name} has no trainable weights: nothing to fit.")
