"""Files and folders that appear whole or not at all, and locks on them."""

import contextlib
import errno
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl: Any = None

UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path that replaces `path` at the end.

    The content is on the disk before the rename. If the body raises, or SIGTERM ends
    the process, `path` is unchanged. The temporary file is in the same folder, hidden,
    and has the same suffix. Remains of a killed process are removed first.

    Args:
        path: The file to make or replace.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.tmp{path.suffix}")
    temporary.unlink(missing_ok=True)
    with ended_by_signals():
        try:
            yield temporary
            sync(temporary)
            os.replace(temporary, path)
            sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Yields a temporary folder that replaces `path` at the end.

    As with `whole_file`, `path` appears by one rename, with all its files on the disk.
    The old folder is removed just before.

    Args:
        path: The folder to make or replace; its parent is made.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    with ended_by_signals():
        try:
            temporary.mkdir(parents=True)
            yield temporary
            for file in (*temporary.iterdir(), temporary):
                sync(file)
            if path.exists():
                shutil.rmtree(path)
            os.rename(temporary, path)
            sync(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Lets SIGTERM and SIGHUP end the process with all clean-up, as Ctrl-C does.

    Existing handlers of these signals stay.
    """

    def end(number: int, _: Any) -> None:
        raise SystemExit(128 + number)

    ours = []
    if threading.current_thread() is threading.main_thread():
        known = [getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")]
        ours = [n for n in known if n and signal.getsignal(n) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def sync(path: str | Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk.

    Some file systems cannot sync folders, and Windows cannot open them.
    """
    is_folder = os.path.isdir(path)
    if is_folder and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not is_folder or error.errno not in UNSUPPORTED:
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(path: str | Path) -> Iterator[None]:
    """Holds an exclusive lock on the file `path`.

    The system releases the lock when the process ends, however it ends. The file is
    created, and removed at the end. On Windows, and on file systems without locks, the
    body runs without a lock.

    Args:
        path: The file. Its folder must exist.

    Raises:
        BlockingIOError: If another process, or another part of this one, holds it.
    """
    descriptor = _acquire(path) if fcntl else None
    try:
        yield
    finally:
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.unlink(path)
            os.close(descriptor)


def _acquire(path: str | Path) -> int | None:
    """An open file with the lock, or None if locks are not available."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_same_file(descriptor, path):
                with contextlib.suppress(OSError):  # a full disk
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, str(os.getpid()).encode())
                return descriptor
            os.close(descriptor)  # the last holder of the lock has removed the file
        except OSError as error:
            owner = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                message = f"process {owner or 'unknown'} holds the lock"
                raise BlockingIOError(error.errno, message, os.fspath(path)) from None
            os.unlink(path)
            if error.errno not in (*UNSUPPORTED, errno.ENOLCK):
                raise
            return None


def _is_same_file(descriptor: int, path: str | Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def write_array(path: Path, array: Any) -> None:
    """Writes an `.npy` file completely or not at all."""
    import numpy as np

    with whole_file(path) as temporary, temporary.open("wb") as file:
        # NumPy does not report why it cannot write to a real file, so hide its type.
        target = cast(Any, SimpleNamespace(write=file.write))
        np.lib.format.write_array(target, np.asarray(array), allow_pickle=False)
