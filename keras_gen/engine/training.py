"""Records of training: counts, means of loss terms, progress, the first NaN."""

import contextlib
import warnings
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import keras
import tensorflow as tf

from .internals import layers_of
from .parts import total

RISING = ("accuracy", "elbo", "log_prob", "log_likelihood", "information", "usage")
BUILD = (
    "Build networks beforehand: give each a keras.Input(shape), or call "
    "network.build((None, *shape))."
)
NEITHER = ("real_accuracy", "fake_accuracy", "_norm", "_probability", "perplexity")


class Counts:
    """The counts of a model: integers that are saved with it and are not weights.

    A model counts its own steps, since each `compile` sets a new optimizer.
    """

    def __init__(self) -> None:
        self._variables: dict[str, keras.Variable] = {}

    def add(self, name: str) -> None:
        """Adds a count that starts at 0."""
        options = {"trainable": False, "aggregation": "only_first_replica"}
        self._variables[name] = keras.Variable(0, dtype="int32", name=name, **options)

    def __getitem__(self, name: str) -> tf.Variable:
        return self._variables[name].value

    def items(self) -> Iterable[tuple[str, keras.Variable]]:
        """Names and variables."""
        return self._variables.items()


class FirstNonFinite(keras.metrics.Metric):
    """Remembers the first step whose loss terms were not all finite.

    If several terms are not finite it names the last one: `loss_terms` puts sums before
    their parts, in which a fault begins.
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
        """Records step `iteration` + 1 and the term, unless a step is recorded."""
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
        """The step, counted from 1, or 0 if all terms were finite."""
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
    """Keras' progress bar, which stops at its end with several steps per call."""

    async_safe = True

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Updates the bar."""
        super().on_train_batch_end(self._within(batch), logs)

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Updates the bar."""
        super().on_test_batch_end(self._within(batch), logs)

    def _within(self, batch: int) -> int:
        return batch if self.target is None else min(batch, self.target - 1)


def with_progress_bar(callbacks: Any) -> list[keras.callbacks.Callback]:
    """A list of the callbacks, with a `ProgressBar` unless there is a bar."""
    given = keras.tree.flatten(callbacks or [])
    has_bar = any(isinstance(c, keras.callbacks.ProgbarLogger) for c in given)
    return given if has_bar else [*given, ProgressBar()]


@contextlib.contextmanager
def end_of_stream(is_one_pass: bool, steps: int | None) -> Iterator[None]:  # noqa: FBT001
    """Suppresses Keras' warning at the regular end of a stream, within the context.

    Keras warns that data ran out at the end of each stream of unknown length.

    Args:
        is_one_pass: Whether there is a single pass over the stream.
        steps: The requested number of steps. None means all.
    """
    with warnings.catch_warnings():
        if is_one_pass and steps is None:
            warnings.filterwarnings("ignore", "Your input ran out of data")
        yield


def check_trainable(model: keras.Model) -> None:
    """Raises ValueError unless the model is compiled and has weights to train."""
    if not model.compiled:
        raise ValueError(f"{model.name} is not compiled. Call compile() before fit.")
    if not model.trainable_variables:
        is_open = not all(layer.built for layer in layers_of(model))
        hint = f" {BUILD}" * is_open
        raise ValueError(f"{model.name} must have trainable weights for fit.{hint}")


class Means:
    """The mean of each loss term over the batches of an epoch.

    Args:
        names: Terms that are known before the first step. Others are added when they
            are observed.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._means = {name: keras.metrics.Mean(name=name) for name in names}
        self._observed: dict[str, keras.metrics.Mean] = {}
        self.rows = keras.metrics.Sum(name="rows")

    def __iter__(self) -> Iterator[str]:
        return iter(self._means)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """One running mean per term."""
        return list(self._means.values())

    def begin(self) -> None:
        """Forgets which terms a step has observed."""
        self._observed = {}

    def track(self, name: str, value: tf.Tensor, weight: tf.Tensor) -> None:
        """Adds a batch's value of a term, with the weight of the batch."""
        if name not in self._means:
            with tf.init_scope():
                self._means[name] = keras.metrics.Mean(name=name)
        self._means[name].update_state(value, sample_weight=weight)
        self._observed[name] = self._means[name]

    def results(self) -> dict[str, tf.Tensor]:
        """The means of the terms that the step has observed, in order."""
        return {k: v.result() for k, v in self._means.items() if k in self._observed}

    def seen(self) -> dict[str, tf.Tensor]:
        """The means of the terms that any batch had since the last reset."""
        found = {k: v for k, v in self._means.items() if v.count.numpy() > 0}
        return {k: v.result() for k, v in (found or self._means).items()}


def choose_modes(callbacks: Iterable[Any], names: Iterable[str]) -> None:
    """Sets whether callbacks that monitor a term should minimise or maximise it.

    Keras knows this for `loss` only. Terms of a loss, and the distances from
    `SampleEvaluation`, are minimised. Bounds, accuracies and information are maximised.
    For terms that are best in between (a discriminator's accuracies, norms,
    probabilities) Keras still requires a `mode`.

    Args:
        callbacks: Callbacks. Those with a `monitor` and the mode "auto" are changed.
        names: Names of the model's terms.
    """
    for callback in callbacks:
        name = str(getattr(callback, "monitor", "")).removeprefix("val_")
        is_known = name in names or name.endswith("_distance")
        is_open = getattr(callback, "mode", None) == "auto" and is_known
        if is_open and not name.endswith(NEITHER):
            callback.mode = "max" if name.endswith(RISING) else "min"
