"""The folder of a run: new or empty at the start, and of one process at a time."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from keras_gen.files import locked

from . import store
from .checkpoint import clear, leftovers
from .recipe import UsageError

if TYPE_CHECKING:
    from keras_gen.model import GenerativeModel


@contextlib.contextmanager
def alone(out: Path) -> Iterator[None]:
    """Creates the folder and prevents other processes from training into it.

    Created folders are removed at the end if they are empty.
    """
    if out.exists() and not out.is_dir():
        raise _taken(out)
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    out.mkdir(parents=True, exist_ok=True)
    try:
        with locked(out / store.LOCK):
            yield
    except BlockingIOError as error:
        if error.filename != os.fspath(out / store.LOCK):
            raise
        raise UsageError(
            f"another process trains into {out} ({error.strerror}). Wait until it "
            "ends, or choose another folder."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            for folder in made:
                folder.rmdir()


def _taken(out: Path) -> UsageError:
    return UsageError(
        f"{out} already holds files. Choose another folder, or resume an interrupted "
        "run with --resume."
    )


def check_empty(out: Path) -> None:
    """Raises UsageError if a folder holds files that one can see."""
    if any(not path.name.startswith(".") for path in out.iterdir()):
        raise _taken(out)  # hidden files are those of a write that was cut off


def cleaned_up(out: Path) -> "GenerativeModel":
    """The model of a run that was interrupted after its last file."""
    folder = out / store.CHECKPOINT
    if not leftovers(folder):
        raise UsageError(f"the run in {out} is complete: there is nothing to resume.")
    model = store.load(out)
    clear(folder)
    return model
