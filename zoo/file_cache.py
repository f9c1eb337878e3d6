"""Decoded files on disk, so that each file is decoded once.

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

T = TypeVar("T")
P = TypeVar("P")
Item = str | tuple[str, ...]  # a file, or the files of one example
NOUNS = ("images", "clips", "sounds")
KEPT = 30 * 24 * 3600  # seconds
BLOCK, BLOCK_BYTES = 256, 2**26  # what is decoded before it is written
WAIT = 0.2  # seconds, for another process that decodes the same files
THREADS = 8


def folder() -> Path:
    """The folder of the cache, which may not exist."""
    if given := os.environ.get("KERAS_GEN_CACHE"):
        return Path(given)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home, "keras_gen")


def looks(
    items: Sequence[Item],
    look: Callable[[Any], T],
    known_as: Callable[..., T],
    noun: str,
) -> list[T | str]:
    """What each file holds, or why it cannot be decoded.

    Files that did not change since they were last looked at are not read.

    Args:
        items: The files.
        look: Reads a file and describes it by a tuple that JSON can hold.
        known_as: Makes the description from the values of the tuple.
        noun: One of `NOUNS`.
    """
    place = _place(items, "looks", ".json", noun)
    known: dict[Item, T | str] = {}
    with contextlib.suppress(OSError, ValueError, TypeError):
        found = json.loads(place.read_text(encoding="utf-8"))
        both = zip(items, found, strict=True)
        known = {item: known_as(*one) for item, one in both if one is not None}
        os.utime(place)
    unknown = [item for item in items if item not in known]
    if not unknown:
        return [known[item] for item in items]

    def looked(item: Item) -> T | str:
        try:
            return look(item)
        except Exception as error:  # decoders raise errors of many unrelated types
            return reason_of(error)

    seen = mapped(looked, unknown, f"reading {noun}")
    known |= zip(unknown, seen, strict=True)
    found = [known[item] for item in items]
    with contextlib.suppress(OSError):  # they can be read again, as broken ones are
        place.parent.mkdir(parents=True, exist_ok=True)
        kept = [None if isinstance(one, str) else one for one in found]
        with whole_file(place) as temporary:
            temporary.write_text(json.dumps(kept), encoding="utf-8")
    return found


def reason_of(error: Exception) -> str:
    """Why a file cannot be decoded, in a few words."""
    from PIL import UnidentifiedImageError

    from .decoding import FORMATS

    if isinstance(error, UnidentifiedImageError):
        return f"it is not one of {', '.join(FORMATS)}"
    return " ".join(str(error).split()) or type(error).__name__


def decoded(
    items: Sequence[Item],
    settings: Any,
    shape: tuple[int, ...],
    dtype: Any,
    read: Callable[[Any], bytes],
    noun: str,
    *,
    parts: Sequence[Any] | None = None,
) -> np.ndarray:
    """Files as one array in a file of the cache, which is written if it is missing.

    Args:
        items: The files.
        settings: All besides the files on which the array depends.
        shape: The shape of the array.
        dtype: Its dtype.
        read: Decodes a part to the bytes of its rows.
        noun: One of `NOUNS`.
        parts: What `read` takes, in the order of the rows. Default: the files.

    Returns:
        The array, mapped into memory for reading.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If `read` raises it.
    """
    place = _place(items, settings, ".npy", noun)
    parts, dtype = items if parts is None else parts, np.dtype(dtype)
    while (array := _open(place, shape, dtype)) is None:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with locked(place.with_suffix(".lock")):
                if _open(place, shape, dtype) is None:
                    _write(place, parts, shape, dtype, read, noun)
        except BlockingIOError:
            time.sleep(WAIT)
        except OSError as error:
            size = int(np.prod(shape)) * dtype.itemsize
            raise OSError(
                error.errno,
                f"decoded {noun} of {size / 1e6:,.0f} MB cannot be written to "
                f"{place.parent} ({error.strerror or error}). Free disk space, or set "
                "KERAS_GEN_CACHE to another folder",
            ) from error
    return array


def _place(items: Sequence[Item], settings: Any, suffix: str, noun: str) -> Path:
    """The file for files in their present state, by these versions of the decoder."""
    import PIL

    total = hashlib.sha256(repr((PIL.__version__, settings)).encode())
    for item in items:
        for path in (item,) if isinstance(item, str) else item:
            try:
                found = os.stat(path)
                state = (found.st_size, found.st_mtime_ns)
            except OSError:  # a link to nothing
                state = ()
            total.update(repr((os.path.abspath(path), state)).encode())
    return folder() / f"{noun}-{total.hexdigest()[:32]}{suffix}"


def _open(place: Path, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray | None:
    """The array in a file of the cache, or None if it is missing or damaged."""
    try:
        array = np.load(place, mmap_mode="r", allow_pickle=False)
        with contextlib.suppress(OSError):  # of a folder that is only for reading
            os.utime(place)
    except (OSError, ValueError, EOFError):
        return None
    return array if array.shape == shape and array.dtype == dtype else None


def _write(
    place: Path,
    parts: Sequence[Any],
    shape: tuple[int, ...],
    dtype: np.dtype,
    read: Callable[[Any], bytes],
    noun: str,
) -> None:
    """Decodes all parts in blocks, and writes them in order."""
    _remove_unused(place.parent)
    size = int(np.prod(shape)) * dtype.itemsize
    if shutil.disk_usage(place.parent).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    block = max(1, min(BLOCK, BLOCK_BYTES * len(parts) // max(1, size)))
    header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    with whole_file(place) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for rows in mapped(read, parts, f"decoding {noun}", block):
            file.write(rows)


def _remove_unused(place: Path) -> None:
    for path in (path for noun in NOUNS for path in place.glob(f"{noun}-*")):
        with contextlib.suppress(OSError):  # another process may remove it too
            if time.time() - path.stat().st_mtime > KEPT:
                path.unlink()


def mapped(
    function: Callable[[P], T], parts: Sequence[P], what: str, block: int = BLOCK
) -> Iterator[T]:
    """Results of a function in order, a block at a time in threads, with a bar."""
    from rich.console import Console
    from rich.progress import Progress

    console, quiet = Console(stderr=True), not sys.stderr.isatty()
    with (
        ThreadPool(min(THREADS, os.cpu_count() or 1)) as pool,
        Progress(console=console, transient=True, disable=quiet) as progress,
    ):
        bar = progress.add_task(what, total=len(parts))
        for start in range(0, len(parts), block):
            some = parts[start : start + block]
            yield from pool.map(function, some)
            progress.advance(bar, len(some))
