"""Checkpoints of a training run: whole folders, of which the last one counts."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import keras

from .store import MODEL

PREFIX, HISTORY = "epoch-", "history.json"


class Checkpoint(keras.callbacks.Callback):
    """Saves model, optimizer and history after each epoch.

    A checkpoint is a folder that appears by one rename, so that a process killed at
    any moment leaves the last whole one behind.

    Args:
        folder: Where the checkpoints go.
        history: Logs of the epochs that are already done, one dict each.
    """

    def __init__(self, folder: Path, history: list[dict[str, float]]) -> None:
        super().__init__()
        self.folder, self.history = folder, list(history)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the checkpoint of this epoch and removes the ones before."""
        self.history.append({k: float(v) for k, v in (logs or {}).items()})
        temporary = self.folder / f".{PREFIX}{epoch + 1}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        self.model.save(temporary / MODEL)
        (temporary / HISTORY).write_text(json.dumps(self.history))
        earlier = checkpoints(self.folder)
        os.rename(temporary, self.folder / f"{PREFIX}{epoch + 1}")
        for folder in earlier:
            shutil.rmtree(folder)


def checkpoints(folder: Path) -> list[Path]:
    """The whole checkpoints in a folder, the last one last."""
    found = folder.glob(f"{PREFIX}*") if folder.is_dir() else ()
    return sorted(found, key=epochs_of)


def epochs_of(checkpoint: Path) -> int:
    """Number of epochs behind a checkpoint."""
    return int(checkpoint.name.removeprefix(PREFIX))


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint, or None."""
    return (checkpoints(folder) or [None])[-1]


def read_history(checkpoint: Path) -> list[dict[str, float]]:
    """The logs of the epochs before a checkpoint.

    Raises:
        RuntimeError: If the file is damaged.
    """
    path = checkpoint / HISTORY
    try:
        history = [dict(logs) for logs in json.loads(path.read_text())]
    except (ValueError, TypeError) as error:
        raise RuntimeError(f"{path} is damaged: {error!r}") from error
    if len(history) != epochs_of(checkpoint):
        raise RuntimeError(f"{path} is damaged: it holds {len(history)} epochs.")
    return history
