"""Checkpoints of a training run: folders. The last two are kept."""

import contextlib
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import keras

from keras_gen.files import whole_folder

from .store import MODEL, read_model

NAME = re.compile(r"epoch-([1-9]\d*)", re.ASCII)
TEMPORARY = re.compile(r"\.epoch-\d+(\.tmp)?", re.ASCII)
HISTORY, SUMS = "history.json", "sha256.json"
KEPT = 2

History = list[dict[str, float]]


class Checkpoint(keras.callbacks.Callback):
    """Saves model, optimizer and history after each epoch.

    A checkpoint is a folder that appears by one rename when its content is on the disk.
    All checkpoints are therefore complete, at whatever moment a process or a machine
    stops. The checkpoint before the last is kept too, in case the last is damaged.

    Args:
        folder: The folder of the checkpoints.
        history: Logs of the previous epochs, one dict each.
    """

    model: Any

    def __init__(self, folder: Path, history: History) -> None:
        super().__init__()
        self.folder, self.history = folder, list(history)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the checkpoint of this epoch, and keeps only the last two."""
        self.history.append({k: float(v) for k, v in (logs or {}).items()})
        path = self.folder / f"epoch-{epoch + 1}"
        with whole_folder(path) as folder:
            self.model.save(folder / MODEL)
            (folder / HISTORY).write_text(json.dumps(self.history))
            sums = {name: _sha256(folder / name) for name in (MODEL, HISTORY)}
            (folder / SUMS).write_text(json.dumps(sums))
        others = [other for other in checkpoints(self.folder) if other != path]
        earlier = [other for other in others if epochs_of(other) <= epoch]
        for folder in {*others} - {*earlier[1 - KEPT :]}:
            shutil.rmtree(folder)


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a folder, oldest first. Other names are ignored."""
    found = [path for path in leftovers(folder) if NAME.fullmatch(path.name)]
    return sorted(found, key=epochs_of)


def epochs_of(checkpoint: Path) -> int:
    """Number of epochs before a checkpoint."""
    return int(checkpoint.name.rpartition("-")[2])


def read_checkpoint(checkpoint: Path) -> tuple[keras.Model, History]:
    """The model of a checkpoint, with its optimizer, and the logs of its epochs.

    Raises:
        RuntimeError: If it is damaged.
    """
    path = checkpoint / SUMS
    try:
        if path.exists():  # earlier versions wrote none
            for name, expected in dict(json.loads(path.read_text())).items():
                path = checkpoint / Path(name).name
                if _sha256(path) != expected:
                    raise ValueError("its sha256 differs from that of its writing")
        path = checkpoint / HISTORY
        history = [dict(logs) for logs in json.loads(path.read_text())]
        if len(history) != epochs_of(checkpoint):
            raise ValueError(f"it holds {len(history)} epochs")
    except FileNotFoundError as error:
        raise RuntimeError(f"{path} is missing") from error
    except (OSError, ValueError, TypeError) as error:
        raise RuntimeError(f"{path} is damaged: {error}") from error
    if not (checkpoint / MODEL).exists():
        raise RuntimeError(f"{checkpoint / MODEL} is missing")
    return read_model(checkpoint / MODEL), history


def last_sound(folder: Path) -> tuple[keras.Model | None, History, list[str]]:
    """The newest checkpoint that can be read.

    Returns:
        Its model, or None if there is no checkpoint; its history; and the faults of
        newer checkpoints.

    Raises:
        RuntimeError: If all are damaged.
    """
    faults: list[str] = []
    for checkpoint in reversed(checkpoints(folder)):
        try:
            return *read_checkpoint(checkpoint), faults
        except RuntimeError as error:
            faults.append(str(error))
    if faults:
        raise RuntimeError(
            f"no checkpoint can be read: {'; '.join(faults)}. Bring back one of these "
            f"folders from a copy, or remove {folder} and --resume begins anew."
        )
    return None, [], faults


def leftovers(folder: Path) -> list[Path]:
    """All checkpoints in a folder, complete or not. Other files are ignored."""
    found = folder.iterdir() if folder.is_dir() else ()
    return [
        path
        for path in found
        if (NAME.fullmatch(path.name) or TEMPORARY.fullmatch(path.name))
        and path.is_dir()
        and not path.is_symlink()
    ]


def clear(folder: Path) -> None:
    """Removes all checkpoints, and their folder if it is empty then."""
    for path in leftovers(folder):
        shutil.rmtree(path)
    with contextlib.suppress(OSError):
        folder.rmdir()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
