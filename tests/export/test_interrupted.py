"""Exports that are killed, or are two at a time."""

import os
import signal
import threading
import time

import pytest

from keras_gen import export
from keras_gen.export import manifest, parity

SLEEPER = """
import os, sys, time
open(sys.argv[1] + ".tmp", "w").write(str(os.getpid()))
os.rename(sys.argv[1] + ".tmp", sys.argv[1])
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def hangups_end_processes():
    """The default of a hangup, which `nohup` turns off for the tests too."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def wait(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def is_alive(pid):
    """Whether a process runs: not those that have ended and wait for their parent."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_killed_export_leaves_neither_folder_nor_child(number, tmp_path):
    script, told = tmp_path / "sleeper.py", tmp_path / "told"
    script.write_text(SLEEPER)
    destination = tmp_path / "new" / "1"
    parent = os.fork()
    if parent == 0:  # the exporting process
        status = 99
        try:
            with manifest.staging(destination) as staged:
                (staged / "artifact" / "saved_model.pb").write_text("half")
                parity.run_script(script, str(told))
        except SystemExit as error:
            status = error.code
        finally:
            os._exit(status)
    wait(told.exists)
    child = int(told.read_text())
    (staged,) = [p for p in destination.parent.iterdir() if p.name.endswith(".export")]
    assert staged.name.startswith(".1-")
    assert is_alive(child)
    os.kill(parent, number)
    _, status = os.waitpid(parent, 0)
    if number == signal.SIGKILL:
        assert os.WTERMSIG(status) == number
    else:
        assert os.waitstatus_to_exitcode(status) == 128 + number
    wait(lambda: not is_alive(child))
    wait(lambda: not staged.exists())
    if number != signal.SIGKILL:  # the lock's file too, and the folder it made
        assert not destination.parent.exists()
    with manifest.staging(destination):  # and nothing is in the way of the next
        pass
    assert not destination.parent.exists() or not [*destination.parent.iterdir()]


def test_handlers_of_others_stay(tmp_path):
    handler = lambda *_: None  # noqa: E731
    before = signal.signal(signal.SIGTERM, handler)
    try:
        with manifest.staging(tmp_path / "1"):
            assert signal.getsignal(signal.SIGTERM) is handler
            assert signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_thread_exports_without_handlers(tmp_path):
    found = []

    def work():
        with manifest.staging(tmp_path / "1") as staged:
            found.append(staged.is_dir())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [True]


def test_the_second_of_two_exports_is_told(get_case, tmp_path):
    path = tmp_path / "m.tflite"
    with manifest.staging(path):
        before = sorted(tmp_path.iterdir())
        with pytest.raises(BlockingIOError) as raised:
            export.tflite(get_case("dense_vae").model, path, endpoints=["decode"])
        assert str(raised.value) == (
            f"another export writes {path}: process {os.getpid()} holds the lock. Wait "
            "for it, or choose another path."
        )
        assert sorted(tmp_path.iterdir()) == before
        with manifest.staging(tmp_path / "other.tflite"):  # another file may
            pass
    assert not [*tmp_path.iterdir()]


def test_the_second_finds_what_the_first_wrote(tmp_path):
    """A file that appeared since the arguments were checked is not overwritten."""
    path = tmp_path / "m.tflite"
    path.write_text("first")
    with (
        pytest.raises(FileExistsError, match="an export is never overwritten"),
        manifest.staging(path),
    ):
        pass
    assert path.read_text() == "first"


def test_stale_folders_are_removed_by_the_next_export(tmp_path):
    names = [".vae-abcd_123.export", ".vae-2-abcd_123.export", ".vae-mine"]
    for name in names:
        (tmp_path / name / "artifact").mkdir(parents=True)
    with manifest.staging(tmp_path / "vae"):
        assert not (tmp_path / names[0]).exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(names[1:])


def test_manifests_of_a_folder_are_written_in_turn(phone):
    """Exports into one folder, each of its own file, all stay in the manifest."""
    artifact = manifest.read(phone.parent)["artifacts"][phone.name]
    names = [f"{i}.tflite" for i in range(8)]

    def publish(name):
        staged = phone.parent / f"staged_{name}"
        (staged / "artifact").mkdir(parents=True)
        (staged / "artifact" / name).write_bytes(b"x")
        (staged / "reference.npz").write_bytes(b"x")
        files = {name: artifact["files"][phone.name]}
        manifest.publish(staged, phone.parent / name, artifact | {"files": files})

    threads = [threading.Thread(target=publish, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    artifacts = manifest.read(phone.parent)["artifacts"]
    assert sorted(artifacts) == sorted([phone.name, *names])
