"""Progress of training: a moving bar on a terminal, a few lines elsewhere."""

import sys
import time
from typing import Any

import keras
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

LINES = 10


class TrainingProgress(keras.callbacks.Callback):
    """Shows epochs, loss terms and the remaining time.

    Args:
        epochs: Epochs of the whole run.
        done: Epochs done before.
        stage: What is trained, of a run in several stages.
    """

    def __init__(self, epochs: int, done: int = 0, stage: str | None = None) -> None:
        super().__init__()
        self.epochs, self.done = epochs, done
        self.what = "epoch" if stage is None else f"{stage}: epoch"
        self.bar = Progress(
            TextColumn(self.what),
            MofNCompleteColumn(),
            BarColumn(bar_width=24),
            TimeRemainingColumn(),
            TextColumn("{task.fields[terms]}"),
            disable=not sys.stdout.isatty(),
        )

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Starts the bar."""
        self.start = time.perf_counter()
        self.bar.start()
        self.task = self.bar.add_task(
            "", total=self.epochs, completed=self.done, terms=""
        )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Moves the bar, or prints a line for every tenth part of the run."""
        terms = "  ".join(f"{k} {v:.4g}" for k, v in (logs or {}).items())
        self.bar.update(self.task, completed=epoch + 1, terms=terms)
        every = max(1, self.epochs // LINES)
        if self.bar.disable and ((epoch + 1) % every == 0 or epoch + 1 == self.epochs):
            seconds = time.perf_counter() - self.start
            print(
                f"{self.what} {epoch + 1}/{self.epochs}  {seconds:.0f} s  {terms}",
                flush=True,
            )

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Ends the bar."""
        self.bar.stop()
