"""How long a run takes and how much memory, measured on a few steps before it starts.

The steps leave no trace: the model is as it was, bit for bit, and the functions that
they compile serve the run.
"""

import contextlib
import math
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen.engine.batches import ExampleSource
from keras_gen.engine.internals import names_kept

from .fitting import arguments_of, rows_of
from .recipe import Recipe, Stage
from .stages import model_of, note_steps, one_or_all, stage_epochs

if TYPE_CHECKING:
    from keras_gen.model import GenerativeModel

    from .data import Data

FEW, MORE = 2, 32  # steps that are timed
LATE = 1.5  # share of the time asked for, above which a run is called longer
SHORT = 0.5  # seconds of few steps, below which more are timed


@dataclass(frozen=True)
class Pace:
    """What a few steps took.

    Attributes:
        step: Seconds of a training step.
        steps: Steps of an epoch.
        rest: Seconds of an epoch for held-out examples and the checkpoint.
        memory: Most bytes that the process has held so far, or None if unknown.
    """

    step: float
    steps: int
    rest: float
    memory: int | None

    @property
    def epoch(self) -> float:
        """Seconds of an epoch."""
        return self.step * self.steps + self.rest


def measure(
    model: "GenerativeModel",
    examples: dict[str, Any],
    batch_size: int,
    numbers: tuple[int, int],
) -> Pace:
    """Trains a few steps, and sets the model back.

    Scales that depend on data are found from all examples, as `fit` does it, and stay.

    Args:
        model: A compiled model.
        examples: The arguments of `fit`: `x`, `validation_data` and perhaps `y` and
            `batch_size`.
        batch_size: Examples of a step.
        numbers: Examples of an epoch, to train and held out.
    """
    model._get_ready(examples["x"], examples.get("y"))
    whole = [max(1, num // batch_size) for num in numbers]
    with _kept(model):
        used = [min(FEW, num) for num in whole]
        clock = _timed(model, examples, used, batch_size, epochs=2)
        if clock.training < SHORT and max(whole) > FEW:
            used = [min(MORE, num) for num in whole]
            clock = _timed(model, examples, used, batch_size, epochs=1)
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            model.save(Path(folder) / "model.keras")
        saving = time.perf_counter() - started
    steps, held_out = (max(1, math.ceil(num / batch_size)) for num in numbers)
    rest = clock.testing / used[1] * held_out + saving
    return Pace(clock.training / used[0], steps, rest, _peak())


def words(pace: Pace, epochs: int) -> str:
    """The time and memory of a run, or of a stage, in one line."""
    step = pace.step * 1000
    line = (
        f"an epoch takes about {duration(pace.epoch)} ({pace.steps:,} steps of "
        f"{step:.{0 if step > 10 else 1}f} ms), {epochs:,} epoch{'s' * (epochs > 1)} "
        f"{duration(epochs * pace.epoch)}"
    )
    if pace.memory is None:
        return line
    return f"{line}; memory: about {pace.memory / 2**30:.1f} GiB"


def duration(seconds: float) -> str:
    """Seconds in the unit that suits them."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def pace_of(model: "GenerativeModel", data: "Data", settings: dict[str, Any]) -> Pace:
    """What a few steps take, of the first stage or of a later one."""
    numbers = len(rows_of(data.train)), len(data.splits[-1])
    size = min(settings["batch_size"], max(numbers))
    return measure(model, arguments_of(model, data, size), size, numbers)


def outlook(pace: Pace, stages: Sequence[Stage], settings: dict[str, Any]) -> str:
    """How long the first stage will take, and how much memory."""
    line = words(pace, stage_epochs(settings)[0])
    return f"{stages[0].name}: {line}" if len(stages) > 1 else line


def paces_of(
    recipe: Recipe, data: "Data", settings: dict[str, Any], own: dict[str, Any]
) -> list[Pace]:
    """What a few steps take, of models of its own for each stage."""
    trial, model, paces = dict(settings), None, []
    note_steps(data, trial)
    with names_kept():
        for number, stage in enumerate(recipe.plan):
            model = model_of(stage, trial, own, number, model)
            paces.append(pace_of(model, data, trial))
    return paces


def choose_epochs(
    recipe: Recipe, data: "Data", settings: dict[str, Any], own: dict[str, Any]
) -> Pace:
    """Sets the epochs that take about the chosen minutes.

    The stages keep the ratio of their epochs in the recipe. Models of its own are
    timed, since the schedules of the run depend on its epochs.

    Returns:
        What a few steps of the first stage took.
    """
    paces = paces_of(recipe, data, settings, own)
    usual = [stage.epochs for stage in recipe.plan]
    seconds = sum(n * pace.epoch for n, pace in zip(usual, paces, strict=True))
    share = 60 * settings["minutes"] / seconds
    epochs = [max(1, round(share * n)) for n in usual]
    settings["epochs"] = one_or_all(epochs)
    least = sum(n * pace.epoch for n, pace in zip(epochs, paces, strict=True))
    if least > LATE * 60 * settings["minutes"]:
        warnings.warn(
            f"the run takes about {duration(least)}, longer than the "
            f"{settings['minutes']:g} minutes asked for: it has whole epochs.",
            stacklevel=3,
        )
    return paces[0]


class _Clock(keras.callbacks.Callback):
    """The seconds of the last epoch. It watches no single batches."""

    training, testing = 0.0, 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._start, self._between = time.perf_counter(), None

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._between = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        end = time.perf_counter()
        between = end if self._between is None else self._between
        self.training, self.testing = between - self._start, end - between


class _First(ExampleSource):
    """The first examples of a source."""

    def __init__(self, source: ExampleSource, num: int) -> None:
        self._source, self._num, self.row_bytes = source, num, source.row_bytes

    def num_rows(self, *, shuffled: bool) -> int:
        return min(self._num, self._source.num_rows(shuffled=shuffled))

    def in_order(self) -> np.ndarray:
        return self._source.in_order()[: self._num]

    def at_random(self, seed: int, epoch: Any) -> tf.Tensor:
        return self._source.at_random(seed, epoch)[: self._num]

    def fetch(self, rows: np.ndarray) -> tuple[tf.Tensor, ...]:
        return self._source.fetch(rows)

    def checked(self, model: Any, name: str) -> ExampleSource:
        return _First(self._source.checked(model, name), self._num)


def _timed(
    model: "GenerativeModel",
    examples: dict[str, Any],
    batches: list[int],
    batch_size: int,
    *,
    epochs: int,
) -> _Clock:
    """Trains on the first whole batches; the last epoch is timed."""
    train, test = (num * batch_size for num in batches)
    few = {k: _few(examples[k], train, batches[0]) for k in ("x", "y") if k in examples}
    held_out = examples["validation_data"]
    if isinstance(held_out, tuple):
        held_out = tuple(_few(part, test, batches[1]) for part in held_out)
    else:
        held_out = _few(held_out, test, batches[1])
    clock = _Clock()
    how = {"epochs": epochs, "callbacks": [clock], "verbose": 0}
    size = examples.get("batch_size")
    model.fit(**few, batch_size=size, validation_data=held_out, **how)
    return clock


def _few(part: Any, rows: int, batches: int) -> Any:
    """The first examples or labels, or the first batches of a stream."""
    if part is None:
        return None
    if isinstance(part, tf.data.Dataset):
        return part.take(batches)
    return _First(part, rows) if isinstance(part, ExampleSource) else part[:rows]


@contextlib.contextmanager
def _kept(model: "GenerativeModel") -> Iterator[None]:
    """Sets the model back to what it was: weights, optimizers, counts, classes seen."""
    counts = [count for _, count in model._counts.items()]
    variables = [*model.variables, *model.optimizer.variables, *counts]
    values = [variable.numpy() for variable in variables]
    classes = model._classes_seen.copy()
    try:
        yield
    finally:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        model._classes_seen[...] = classes
        model.reset_metrics()


def _peak() -> int | None:
    """The most memory that the process has held, in bytes; of a GPU, if there is one.

    None where the system does not tell.
    """
    if tf.config.list_physical_devices("GPU"):
        return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
