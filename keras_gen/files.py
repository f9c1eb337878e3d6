"""Files and folders that appear whole or not at all, and locks on them."""

import contextlib
import errno
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl: Any = None

UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A path to write to, which takes the place of `path` at the end.

    The content is on the disk before it bears its name. If the body raises, or SIGTERM
    ends the process, `path` is what it was. The temporary file lies beside it, is
    hidden and has the same suffix; what a killed process left of it is removed first.

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
    """A folder to write files into, which takes the place of `path` at the end.

    As `whole_file`: `path` appears by one rename, with all its files on the disk. What
    lay there is removed just before.

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
    """Inside, SIGTERM and SIGHUP end the process with all clean-up, as Ctrl-C does.

    Only where they would end it anyway: handlers of others stay.
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

    Some file systems sync no folders, and Windows opens none.
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
    """Holds a lock on the file `path`, which nobody else holds at the same time.

    The system takes the lock away when the process ends, however it ends. The file is
    made, and removed at the end. Where the file system, or Windows, has no locks, the
    body runs without one.

    Args:
        path: The file; its folder is there.

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
    """An open file with the lock, None where there are no locks."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_same_file(descriptor, path):
                with contextlib.suppress(OSError):  # a full disk
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, str(os.getpid()).encode())
                return descriptor
            os.close(descriptor)  # who held the lock has removed the file since
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
