"""Base of callbacks that show a model's samples every few epochs."""

import abc
from pathlib import Path
from typing import Any

import keras


class Draws(keras.callbacks.Callback, abc.ABC):
    """Writes one file every few epochs and at the end of training.

    Args:
        path: The file, replaced each time.
        freq: Epochs between two files.
    """

    model: Any  # a GenerativeModel, with the capabilities that are asked for

    def __init__(self, path: str | Path, freq: int) -> None:
        super().__init__()
        self.path, self.freq = Path(path), freq

    @abc.abstractmethod
    def draw(self) -> None:
        """Writes the file for the current model."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Draws every `freq` epochs."""
        if (epoch + 1) % self.freq == 0:
            self.draw()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Draws at the end of training."""
        self.draw()
