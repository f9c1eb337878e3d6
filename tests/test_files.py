"""Files and folders appear whole or not at all; locks die with their process."""

import errno
import os
import signal
import stat
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from keras_gen import files

HOLD = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("files", sys.argv[1])
files = importlib.util.module_from_spec(spec)
spec.loader.exec_module(files)
with getattr(files, sys.argv[3])(sys.argv[2]) as path:
    if path and sys.argv[3] == "whole_file":
        path.write_text("half")
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def order(monkeypatch):
    """What is synced and renamed, in order."""
    calls = []

    def spy(name):
        call = getattr(os, name)

        def spied(*arguments):
            if name == "fsync":
                calls.append(
                    ("fsync", Path(f"/proc/self/fd/{arguments[0]}").readlink())
                )
            else:
                calls.append((name, Path(arguments[1])))
            return call(*arguments)

        monkeypatch.setattr(os, name, spied)

    for name in ("fsync", "replace", "rename"):
        spy(name)
    return calls


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_content_is_on_the_disk_before_it_bears_its_name(tmp_path, order):
    with files.whole_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert order == [
        ("fsync", temporary),
        ("replace", tmp_path / "a.txt"),
        ("fsync", tmp_path),
    ]
    order.clear()
    with files.whole_folder(tmp_path / "b") as temporary:
        (temporary / "c").write_text("c")
    assert order == [
        ("fsync", temporary / "c"),
        ("fsync", temporary),
        ("rename", tmp_path / "b"),
        ("fsync", tmp_path),
    ]


def test_a_folder_takes_the_place_of_another_or_stays_away(tmp_path):
    path = tmp_path / "a"
    for text in ("old", "new"):
        with files.whole_folder(path) as folder:
            (folder / text).write_text(text)
    with pytest.raises(FileNotFoundError), files.whole_folder(path) as folder:
        (folder / "no" / "other").write_text("other")
    assert [p.name for p in path.iterdir()] == ["new"]
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_what_lies_in_the_way_of_a_temporary_file_is_not_written_through(tmp_path):
    mine = tmp_path / "mine"
    mine.write_text("mine")
    (tmp_path / ".a.tmp.txt").symlink_to(mine)
    with files.whole_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert mine.read_text() == "mine"
    assert (tmp_path / "a.txt").read_text() == "new"


def holding(path, name):
    """A process inside `with files.NAME(path)`."""
    command = [sys.executable, "-c", HOLD, files.__file__, str(path), name]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, **pipes)
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize("name", ["whole_file", "whole_folder"])
def test_a_signal_leaves_nothing(tmp_path, name):
    with holding(tmp_path / "a.txt", name) as process:
        assert len([*tmp_path.iterdir()]) == 1
        process.terminate()
        assert process.wait() == 128 + signal.SIGTERM
    assert [*tmp_path.iterdir()] == []


def test_a_lock_excludes_others_and_dies_with_its_process(tmp_path):
    lock = tmp_path / ".lock"
    with holding(lock, "locked") as process:
        words = f"process {process.pid} holds the lock"
        with pytest.raises(BlockingIOError, match=words), files.locked(lock):
            pass
        process.kill()
        process.wait()
        assert lock.exists()
        with files.locked(lock):
            assert lock.read_text() == str(os.getpid())
            with pytest.raises(BlockingIOError), files.locked(lock):
                pass
    assert not lock.exists()


def test_a_lock_is_no_way_out_of_its_folder(tmp_path):
    mine = tmp_path / "mine"
    mine.write_text("mine")
    (tmp_path / ".lock").symlink_to(mine)
    with pytest.raises(OSError, match="symbolic"), files.locked(tmp_path / ".lock"):
        pass
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("code", ["ENOLCK", "ENOSYS", "EOPNOTSUPP", "EIO"])
def test_a_file_system_without_locks_serves_too(tmp_path, monkeypatch, code):
    def flock(*_):
        raise OSError(getattr(errno, code), "no locks")

    monkeypatch.setattr(files.fcntl, "flock", flock)
    refused = pytest.raises(OSError, match="no locks")
    with refused if code == "EIO" else nullcontext(), files.locked(tmp_path / ".lock"):
        (tmp_path / "done").touch()
    left = [path.name for path in tmp_path.iterdir()]
    assert left == ([] if code == "EIO" else ["done"])


@pytest.mark.parametrize("code", ["EINVAL", "EIO"])
def test_a_file_system_that_syncs_no_folders_serves_too(tmp_path, monkeypatch, code):
    fsync = os.fsync

    def only_files(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(getattr(errno, code), "no folders")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", only_files)
    refused = pytest.raises(OSError, match="no folders")
    with (
        refused if code == "EIO" else nullcontext(),
        files.whole_file(tmp_path / "a") as temporary,
    ):
        temporary.touch()
