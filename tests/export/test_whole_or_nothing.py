"""Artifacts appear whole or not at all: every failure leaves the folder as it was."""

import errno
import os
import shutil
import sys
from pathlib import Path

import pytest

from keras_gen import export
from keras_gen.export import manifest, parity, warmup

saved_models = sys.modules["keras_gen.export.saved_model"]
tflites = sys.modules["keras_gen.export.tflite"]


def refuse(*_):
    raise export.ParityError("refused")


def disk_full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def on_second_call(function):
    """Does its work once, then finds the disk full."""
    works = iter([True])

    def call(*arguments):
        return function(*arguments) if next(works, False) else disk_full()

    return call


WRITE = manifest.write
FAILURES = {  # what breaks, and how
    "parity": (parity, "run", lambda: refuse),
    "manifest": (manifest, "write", lambda: disk_full),
    "second_manifest": (manifest, "write", lambda: on_second_call(WRITE)),
    "manifest_text": (Path, "write_text", lambda: disk_full),
    "rename": (os, "rename", lambda: disk_full),
    "reference": (manifest, "write_reference", lambda: disk_full),
    "warm_up": (warmup, "write", lambda: disk_full),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("beside", [True, False])
def test_a_failed_saved_model_leaves_nothing(
    *, failure, beside, get_case, get_saved_model, tmp_path, tree, monkeypatch
):
    source, path = get_saved_model("autoencoder"), tmp_path / "served" / "digits"
    if beside:
        shutil.copytree(source, path / "1")
    before = tree(tmp_path)
    monkeypatch.setattr(
        saved_models,
        "write_saved_model",
        lambda _, folder: shutil.copytree(source, folder, dirs_exist_ok=True),
    )
    broken, name, how = FAILURES[failure]
    monkeypatch.setattr(broken, name, how())
    with pytest.raises((OSError, export.ParityError)):
        export.saved_model(get_case("autoencoder").model, path, version=2)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("failure", [*FAILURES][:-1])
@pytest.mark.parametrize("beside", [True, False])
def test_a_failed_file_leaves_nothing(
    *, failure, beside, get_case, phone, tmp_path, tree, monkeypatch
):
    path = tmp_path / ("" if beside else "new/folder") / "second.tflite"
    content = phone.read_bytes()
    figures = manifest.read(tmp_path)["artifacts"][phone.name]["endpoints"]
    before = tree(tmp_path)
    monkeypatch.setattr(
        tflites,
        "_convert",
        lambda _, staged, name, *__: (staged / "artifact" / name).write_bytes(content),
    )
    monkeypatch.setattr(parity, "run", lambda *_: figures)
    broken, name, how = FAILURES[failure]
    monkeypatch.setattr(broken, name, how())
    with pytest.raises((OSError, export.ParityError)):
        export.tflite(get_case("dense_vae").model, path, endpoints=["decode"])
    assert tree(tmp_path) == before
