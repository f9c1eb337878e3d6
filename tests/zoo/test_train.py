"""Training runs: interruption, resumption, full disks, data of one's own."""

import csv
import errno
import functools
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import keras_gen as kg
from keras_gen import files, zoo
from keras_gen.zoo import checkpoint, data, store
from keras_gen.zoo.pinning import note_classes
from keras_gen.zoo.recipe import UsageError

from .runs import assert_equal_runs, interrupted

pytestmark = [
    pytest.mark.usefixtures("without_xla"),
    pytest.mark.filterwarnings("ignore:.*needed for a reliable:UserWarning"),
]
train_module = importlib.import_module("keras_gen.zoo.training")
EPOCHS = 6
PROGRAM = ["-m", "keras_gen.zoo"]
PROGRAM_WITHOUT_XLA = [
    "-c",
    "from keras_gen.engine import loop\n"
    "loop.default_jit = lambda model: False\n"
    "from keras_gen.zoo import cli; cli.main()",
]


def start(program, recipe, out, *options):
    command = [sys.executable, *program, "train", recipe, "--out", out]
    command += ["--epochs", EPOCHS, *options]
    return subprocess.Popen(
        list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.communicate()


def finish(process):
    _, error = process.communicate(timeout=300)
    assert process.returncode == 0, error.decode()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """A whole run of a recipe, made once for each program."""

    @functools.cache
    def run(recipe, xla):
        out = tmp_path_factory.mktemp("runs") / recipe
        finish(start(PROGRAM if xla else PROGRAM_WITHOUT_XLA, recipe, out))
        return out

    return run


@pytest.mark.parametrize(
    ("recipe", "xla"),
    [
        pytest.param("autoencoder_digits", False, marks=pytest.mark.slow),
        pytest.param("vae_digits", True, marks=pytest.mark.slow),
        pytest.param("conditional_gan_digits", True, marks=pytest.mark.slow),
        pytest.param(
            "conditional_diffusion_digits",
            True,
            marks=[pytest.mark.slow, pytest.mark.long],
        ),
        pytest.param("lstm_pydocs", True, marks=[pytest.mark.slow, pytest.mark.long]),
    ],
)
def test_a_killed_run_resumes_to_the_same_weights(recipe, xla, tmp_path, uninterrupted):
    out, program = tmp_path / "run", PROGRAM if xla else PROGRAM_WITHOUT_XLA
    whole = uninterrupted(recipe, xla)
    process = start(program, recipe, out)
    while not checkpoint.checkpoints(out / "checkpoint"):
        assert process.poll() is None, process.stderr.read().decode()
        time.sleep(0.005)
    kill(process)
    assert not (out / "model.keras").exists()
    finish(start(program, recipe, out, "--resume"))
    assert_equal_runs(whole, out)


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed",
    [pytest.param(seed, marks=[pytest.mark.long] * (seed > 0)) for seed in range(8)],
)
def test_a_run_killed_at_any_moment_resumes_to_the_same_weights(
    uninterrupted, tmp_path, seed
):
    out, delays = tmp_path / "run", random.Random(seed)
    for _ in range(3):
        resume = ["--resume"] if (out / "recipe.json").exists() else []
        process = start(PROGRAM, "vae_digits", out, *resume)
        time.sleep(delays.uniform(3, 12))
        kill(process)
    if not (out / "model.keras").exists():
        resume = ["--resume"] if (out / "recipe.json").exists() else []
        finish(start(PROGRAM, "vae_digits", out, *resume))
    assert_equal_runs(uninterrupted("vae_digits", xla=True), out)


@pytest.mark.slow
def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    out, rename = tmp_path / "run", os.rename
    calls = []

    def full(source, target):
        calls.append(target)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        rename(source, target)

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(OSError, match="No space left"):
        zoo.train("autoencoder_digits", out, epochs=4)
    monkeypatch.undo()
    left = [path.name for path in (out / "checkpoint").iterdir()]
    assert sorted(left) == ["epoch-1", "epoch-2"]
    zoo.train("autoencoder_digits", out, epochs=4, resume=True)
    whole = tmp_path / "whole"
    zoo.train("autoencoder_digits", whole, epochs=4)
    assert_equal_runs(whole, out)


@pytest.mark.slow
def test_nan_keeps_the_last_good_checkpoint(tmp_path, monkeypatch):
    out = tmp_path / "run"

    def spoil(self, epoch, logs=None):
        if epoch == 2:
            weight = self.model.trainable_variables[-1]
            weight.assign(np.full(weight.shape, np.nan))

    monkeypatch.setattr(checkpoint.Checkpoint, "on_epoch_begin", spoil)
    with pytest.raises(FloatingPointError, match=r"step 47\b.*learning rate"):
        zoo.train("vae_digits", out, epochs=4)
    kept = checkpoint.checkpoints(out / "checkpoint")[-1]
    assert kept.name == "epoch-2"
    model = store.read_model(kept / "model.keras")
    assert all(np.isfinite(w).all() for w in model.get_weights())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epochs": 9}, "epochs=2, received 9"),
        ({"seed": 9}, "seed=0, received 9"),
        ({"name": "vae_digits"}, "recipe=autoencoder_digits, received vae_digits"),
        ({}, "complete"),
    ],
    ids=["epochs", "seed", "recipe", "complete"],
)
def test_resume_refuses_another_run(finished, change, words):
    arguments = {"name": "autoencoder_digits", "out": finished, **change}
    before = (finished / "model.keras").read_bytes()
    with pytest.raises(zoo.recipe.UsageError, match=words):
        zoo.train(**arguments, resume=True)
    with pytest.raises(zoo.recipe.UsageError, match="already holds"):
        zoo.train(**arguments)
    assert (finished / "model.keras").read_bytes() == before


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    zoo.train("autoencoder_digits", out, epochs=2)
    return out


def test_an_autoencoder_run_generates(finished):
    model = zoo.load(finished)
    assert model.can_generate
    samples = model.sample(50, seed=0)
    data = zoo.load_data("digits").train.x
    assert np.abs(samples.mean(axis=0) - data.mean(axis=0)).max() < 0.25


def test_history_agrees_with_the_metrics(finished):
    with (finished / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    figure = json.loads((finished / "metrics.json").read_text())["reconstruction_error"]
    last = float(rows[-1]["val_reconstruction_error"])
    assert figure["value"] == pytest.approx(last, rel=1e-5)


def test_data_of_ones_own(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (60, 8, 8), np.uint8)
    np.savez(tmp_path / "mine.npz", x=images, y=np.arange(60) % 10)
    model = zoo.train(
        "conditional_vae_digits", tmp_path / "run", data=tmp_path / "mine.npz", epochs=1
    )
    assert kg.specs.num_classes(model.condition) == 10
    np.save(tmp_path / "plain.npy", images)
    with pytest.raises(ValueError, match="labels of plain"):
        zoo.train(
            "conditional_vae_digits",
            tmp_path / "other",
            data=tmp_path / "plain.npy",
            epochs=1,
        )
    assert not (tmp_path / "other").exists()


def write_data(path, *, seed=0, **arrays):
    """Sixty random images."""
    images = np.random.default_rng(seed).integers(0, 255, (60, 8, 8), np.uint8)
    np.savez(path, x=images, **arrays)
    return path


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A whole run on data of one's own, and one that stopped after two epochs."""
    folder = tmp_path_factory.mktemp("stopped")
    data = write_data(folder / "mine.npz")
    how = {"data": data, "epochs": 3, "batch_size": 20}
    zoo.train("autoencoder_digits", folder / "whole", **how)
    with interrupted(2):
        zoo.train("autoencoder_digits", folder / "run", **how)
    return folder


@pytest.fixture
def run(stopped, tmp_path):
    """A copy of the run that stopped."""
    return Path(shutil.copytree(stopped / "run", tmp_path / "run"))


def resume(run, **options):
    return zoo.train("autoencoder_digits", run, resume=True, **options)


def write_settings(run, **changes):
    settings = json.loads((run / "recipe.json").read_text())
    (run / "recipe.json").write_text(json.dumps(settings | changes))


def cut(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "half a model": lambda last: cut(last / "model.keras", 0.5),
    "an empty model": lambda last: cut(last / "model.keras", 0),
    "no model": lambda last: (last / "model.keras").unlink(),
    "one bit of the model": lambda last: flip(last / "model.keras"),
    "half a history": lambda last: cut(last / "history.json", 0.5),
    "an empty history": lambda last: cut(last / "history.json", 0),
    "no history": lambda last: (last / "history.json").unlink(),
    "a model that is a folder": lambda last: (
        (last / "model.keras").unlink(),
        (last / "model.keras").mkdir(),
    ),
    "an empty folder": lambda last: (shutil.rmtree(last), last.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_the_checkpoint_before_serves_if_the_last_is_damaged(run, damage):
    one, last = checkpoint.checkpoints(run / "checkpoint")
    assert [one.name, last.name] == ["epoch-1", "epoch-2"]
    damage(last)
    model, history, faults = checkpoint.last_sound(run / "checkpoint")
    assert int(model.optimizer.iterations) == 3, "an epoch of 54 images"
    assert len(history) == 1
    (fault,) = faults
    assert "epoch-2" in fault


def test_a_run_goes_on_from_the_checkpoint_before(run, stopped):
    folder = run / "checkpoint"
    cut(folder / "epoch-2/model.keras", 0.5)
    names = ("epoch-", "epoch-x", "epoch-7.bak", "epoch-03", ".DS_Store", "epoch--1")
    for name in names:
        (folder / name).mkdir()
    (folder / "epoch-9").write_text("no folder")
    words = r"epoch-2/model.keras is damaged: .* Resuming .* after epoch 1\."
    with pytest.warns(UserWarning, match=words):
        resume(run)
    assert_equal_runs(stopped / "whole", run)
    left = {path.name for path in folder.iterdir()}
    assert left == {*names, "epoch-9"}, "what others put there"


def test_two_damaged_checkpoints_say_what_to_do(run):
    cut(run / "checkpoint/epoch-1/model.keras", 0.9)
    (run / "checkpoint/epoch-2/history.json").unlink()
    words = (
        r"epoch-2/history.json is missing; .*epoch-1/model.keras .*remove .*checkpoi"
    )
    with pytest.raises(RuntimeError, match=words):
        resume(run)
    assert not (run / "model.keras").exists()


def test_checkpoints_of_earlier_versions_are_read(run):
    for folder in checkpoint.checkpoints(run / "checkpoint"):
        (folder / "sha256.json").unlink()
    model, history, faults = checkpoint.last_sound(run / "checkpoint")
    assert int(model.optimizer.iterations) == 6
    assert (len(history), faults) == (2, [])


def test_data_that_changed_are_refused(stopped, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(stopped / "run", moved)
    settings = json.loads((moved / "recipe.json").read_text())
    assert settings["data"] == str(stopped / "mine.npz")
    assert settings["steps"] == 3 * 3
    assert settings["versions"]["keras-gen"] == kg.__version__
    other = write_data(tmp_path / "mine.npz", seed=1)
    with pytest.raises(UsageError, match=f"{other}' does not hold the data.*sha256"):
        resume(moved, data=other)
    write_settings(moved, data=str(other))
    with pytest.raises(UsageError, match=f"{other}' does not hold the data.*--data"):
        resume(moved)
    other.unlink()
    with pytest.raises(
        UsageError, match=f"are not at '{other}'. Pass their path with --data"
    ):
        resume(moved)


@pytest.fixture
def checked(monkeypatch):
    """Ends a run before its first epoch, where all is checked."""

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(train_module, "_fit", stop)
    return pytest.raises(KeyboardInterrupt)


def test_a_run_that_moved_finds_its_data_where_it_is_told(
    run, stopped, tmp_path, checked
):
    write_settings(run, data=str(tmp_path / "gone.npz"))
    again = tmp_path / "elsewhere.npz"
    with np.load(stopped / "mine.npz") as arrays:
        np.savez_compressed(again, **arrays)
    with checked:
        resume(run, data=again)
    assert json.loads((run / "recipe.json").read_text())["data"] == str(again)


@pytest.mark.parametrize("data", ["here.npz", "../data/here.npz"])
def test_runs_of_earlier_versions_resume(
    run, stopped, tmp_path, monkeypatch, data, checked
):
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.chdir(folder)
    shutil.copy(stopped / "mine.npz", "here.npz")
    settings = json.loads((run / "recipe.json").read_text())
    old = {key: settings[key] for key in store.SETTINGS} | {"data": data}
    (run / "recipe.json").write_text(json.dumps(old))
    if ".." in data:
        with pytest.raises(UsageError, match=r"not by an absolute path.*--data"):
            resume(run)
    with checked:
        resume(run, data=data if ".." in data else None)
    settings = json.loads((run / "recipe.json").read_text())
    assert settings["data"] == str(folder / "here.npz")


def test_other_versions_are_said(run, checked):
    versions = store.versions() | {"keras": "3.0.0", "gone": "1"}
    write_settings(run, versions=versions)
    words = r"other versions \(keras 3\.0\.0 to 3\.1"
    with checked, pytest.warns(UserWarning, match=words):
        resume(run)


def test_one_process_trains_into_a_folder(run, tmp_path):
    with files.locked(run / ".lock"):
        words = rf"another process trains into {run} \(process {os.getpid()} holds"
        for options in ({"resume": True}, {}):
            with pytest.raises(UsageError, match=words):
                zoo.train("autoencoder_digits", run, **options)
    assert not (run / ".lock").exists()
    with pytest.raises(UsageError, match="no run to resume"):
        zoo.train("autoencoder_digits", tmp_path / "a/b", resume=True)
    assert not (tmp_path / "a").exists()


def test_a_run_killed_in_its_clean_up_is_finished(stopped, tmp_path):
    whole, out = stopped / "whole", tmp_path / "whole"
    shutil.copytree(whole, out)
    shutil.copytree(stopped / "run/checkpoint/epoch-2", out / "checkpoint/epoch-3")
    (out / "checkpoint/.epoch-2.tmp").mkdir()
    (out / "checkpoint/epoch-3/model.keras").unlink()
    model = resume(out)
    for one, other in zip(model.weights, zoo.load(whole).weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert {path.name for path in out.iterdir()} == {p.name for p in whole.iterdir()}
    with pytest.raises(UsageError, match="complete"):
        resume(out)


def test_the_rate_of_a_run_falls_over_its_own_steps(tmp_path):
    data = write_data(tmp_path / "mine.npz", y=np.arange(60) % 10)
    how = {"data": data, "epochs": 2, "batch_size": 10**12}  # one batch
    optimizer = zoo.train("classifier_digits", tmp_path / "run", **how).optimizer
    rate = optimizer.get_config()["learning_rate"]["config"]
    assert rate["decay_steps"] == int(optimizer.iterations) == 2
    assert float(optimizer.learning_rate) == 0
    assert json.loads((tmp_path / "run/recipe.json").read_text())["steps"] == 2


def test_training_without_examples_of_a_class_says_so():
    x, labels = np.zeros((4, 2), "float32"), np.array([0, 3, 3, 0], np.int32)
    split, settings = data.ArraySplit(x, labels), {}
    model = SimpleNamespace(condition=kg.specs.Classes(5))
    with pytest.warns(UserWarning, match="mine holds no .* of classes 1, 2, 4, of 5"):
        note_classes(model, data.Data("mine", split, split), settings)
    assert settings == {"classes": [0, 3]}
