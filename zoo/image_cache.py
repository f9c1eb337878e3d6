"""Decoded images on disk, so that each file is decoded once.

The environment variable `KERAS_GEN_CACHE` names the folder. Default: `keras_gen` in
`XDG_CACHE_HOME`, or in `~/.cache`. Files that were not used for 30 days are removed
when another is written. The folder can be removed at any time.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from keras_gen.files import locked, whole_file

from .decoding import FORMATS, Framing, Look, look, read_image

T = TypeVar("T")
PREFIX = "images-"
KEPT = 30 * 24 * 3600  # seconds
BLOCK = 256  # files that are decoded before they are written
WAIT = 0.2  # seconds, for another process that decodes the same files
THREADS = 8


def folder() -> Path:
    """The folder of the cache, which may not exist."""
    if given := os.environ.get("KERAS_GEN_CACHE"):
        return Path(given)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home, "keras_gen")


def looks(paths: Sequence[str]) -> list[Look | str]:
    """What each file holds, or why it cannot be decoded.

    Files that did not change since they were last looked at are not read.
    """
    place = _place(paths, "looks", ".json")
    known: dict[str, Look | str] = {}
    with contextlib.suppress(OSError, ValueError, TypeError):
        found = json.loads(place.read_text(encoding="utf-8"))
        both = zip(paths, found, strict=True)
        known = {path: Look(*one) for path, one in both if one is not None}
        os.utime(place)
    unknown = [path for path in paths if path not in known]
    if not unknown:
        return list(known.values())
    known |= zip(unknown, _mapped(_look, unknown, "reading images"), strict=True)
    seen = [known[path] for path in paths]
    with contextlib.suppress(OSError):  # they can be read again, as broken ones are
        place.parent.mkdir(parents=True, exist_ok=True)
        kept = [one if isinstance(one, Look) else None for one in seen]
        with whole_file(place) as temporary:
            temporary.write_text(json.dumps(kept), encoding="utf-8")
    return seen


def pixels(
    paths: Sequence[str], shape: tuple[int, int, int], framing: Framing
) -> np.ndarray:
    """Images as one array in a file of the cache, which is written if it is missing.

    Args:
        paths: The files.
        shape: (height, width, channels) of each image, see `read_image`.
        framing: Proportions and background.

    Returns:
        uint8 (n, height, width, channels), mapped into memory for reading.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If an image cannot be decoded. The message names its file.
    """
    place, whole = _place(paths, (shape, framing), ".npy"), (len(paths), *shape)
    while (array := _open(place, whole)) is None:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with locked(place.with_suffix(".lock")):
                if _open(place, whole) is None:
                    _write(place, paths, whole, framing)
        except BlockingIOError:
            time.sleep(WAIT)
        except OSError as error:
            size = int(np.prod(whole))
            raise OSError(
                error.errno,
                f"decoded images of {size / 1e6:,.0f} MB cannot be written to "
                f"{place.parent} ({error.strerror or error}). Free disk space, or set "
                "KERAS_GEN_CACHE to another folder",
            ) from error
    return array


def _place(paths: Sequence[str], settings: Any, suffix: str) -> Path:
    """The file for images in their present state, by these versions of the decoder."""
    import PIL

    total = hashlib.sha256(repr((PIL.__version__, settings)).encode())
    for path in paths:
        try:
            found = os.stat(path)
            state = (found.st_size, found.st_mtime_ns)
        except OSError:  # a link to nothing
            state = ()
        total.update(repr((os.path.abspath(path), state)).encode())
    return folder() / f"{PREFIX}{total.hexdigest()[:32]}{suffix}"


def _open(place: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """The array in a file of the cache, or None if it is missing or damaged."""
    try:
        array = np.load(place, mmap_mode="r", allow_pickle=False)
        with contextlib.suppress(OSError):  # of a folder that is only for reading
            os.utime(place)
    except (OSError, ValueError, EOFError):
        return None
    return array if array.shape == shape and array.dtype == np.uint8 else None


def _write(
    place: Path, paths: Sequence[str], shape: tuple[int, ...], framing: Framing
) -> None:
    """Decodes all images in blocks, and writes them in order."""
    _remove_unused(place.parent)
    if shutil.disk_usage(place.parent).free < np.prod(shape):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def read(path: str) -> bytes:
        try:
            return read_image(path, shape[1:], framing).tobytes()
        except Exception as error:  # the decoders raise errors of many types
            raise ValueError(f"{path} cannot be decoded: {error}") from error

    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with whole_file(place) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for row in _mapped(read, paths, "decoding images"):
            file.write(row)


def _remove_unused(place: Path) -> None:
    for path in place.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # another process may remove it too
            if time.time() - path.stat().st_mtime > KEPT:
                path.unlink()


def _look(path: str) -> Look | str:
    from PIL import UnidentifiedImageError

    try:
        return look(path)
    except UnidentifiedImageError:
        return f"it is not one of {', '.join(FORMATS)}"
    except Exception as error:  # the decoders raise errors of many unrelated types
        return " ".join(str(error).split()) or type(error).__name__


def _mapped(
    function: Callable[[str], T], paths: Sequence[str], what: str
) -> Iterator[T]:
    """Results of a function in order, a block of files at a time, with a bar."""
    from rich.console import Console
    from rich.progress import Progress

    console, quiet = Console(stderr=True), not sys.stderr.isatty()
    with (
        ThreadPool(min(THREADS, os.cpu_count() or 1)) as pool,
        Progress(console=console, transient=True, disable=quiet) as progress,
    ):
        bar = progress.add_task(what, total=len(paths))
        for start in range(0, len(paths), BLOCK):
            block = paths[start : start + BLOCK]
            yield from pool.map(function, block)
            progress.advance(bar, len(block))
