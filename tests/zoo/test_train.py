"""Training runs: interruption, resumption, full disks, data of one's own."""

import csv
import errno
import functools
import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import keras_gen as kg
from keras_gen import compiling, zoo
from keras_gen.zoo import checkpoint, store

EPOCHS = 6
PROGRAM = ["-m", "keras_gen.zoo"]
PROGRAM_WITHOUT_XLA = [
    "-c",
    "from keras_gen import compiling; compiling.default_jit = lambda model: False\n"
    "from keras_gen.zoo import cli; cli.main()",
]


@pytest.fixture(scope="module", autouse=True)
def without_xla():
    """Runs in this process are short: compiling them would take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiling, "default_jit", lambda model: False)
        yield


def variables(folder):
    """Weights and optimizer state of a run."""
    model = store.read_model(folder / "model.keras")
    found = [*model.weights, *model.optimizer.variables]
    if isinstance(model, kg.GAN):
        found += model.generator_optimizer.variables
    return [np.asarray(v) for v in found]


def assert_equal_runs(a, b):
    for one, other in zip(variables(a), variables(b), strict=True):
        np.testing.assert_array_equal(one, other)
    for file in ("history.csv", "samples.png", "samples.gif", "samples.txt"):
        if (a / file).exists():
            assert (a / file).read_bytes() == (b / file).read_bytes(), file


def start(program, recipe, out, *options):
    command = [sys.executable, *program, "train", recipe, "--out", out]
    command += ["--epochs", EPOCHS, *options]
    return subprocess.Popen(
        list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


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
        ("autoencoder_digits", False),
        pytest.param("vae_digits", True, marks=pytest.mark.slow),
        pytest.param("conditional_gan_digits", True, marks=pytest.mark.slow),
        pytest.param("conditional_diffusion_digits", True, marks=pytest.mark.slow),
        pytest.param("lstm_pydocs", True, marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_resumes_to_the_same_weights(recipe, xla, tmp_path, uninterrupted):
    out, program = tmp_path / "run", PROGRAM if xla else PROGRAM_WITHOUT_XLA
    whole = uninterrupted(recipe, xla)
    process = start(program, recipe, out)
    while not checkpoint.checkpoints(out / "checkpoint"):
        assert process.poll() is None, process.stderr.read().decode()
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "model.keras").exists()
    finish(start(program, recipe, out, "--resume"))
    assert_equal_runs(whole, out)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_a_run_killed_at_any_moment_resumes_to_the_same_weights(
    uninterrupted, tmp_path, seed
):
    out, delays = tmp_path / "run", random.Random(seed)
    for _ in range(3):
        resume = ["--resume"] if (out / "recipe.json").exists() else []
        process = start(PROGRAM, "vae_digits", out, *resume)
        time.sleep(delays.uniform(3, 12))
        process.send_signal(signal.SIGKILL)
        process.wait()
    if not (out / "model.keras").exists():
        resume = ["--resume"] if (out / "recipe.json").exists() else []
        finish(start(PROGRAM, "vae_digits", out, *resume))
    assert_equal_runs(uninterrupted("vae_digits", xla=True), out)


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    out, rename = tmp_path / "run", os.rename
    calls = []

    def full(source, target):
        calls.append(target)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        rename(source, target)

    monkeypatch.setattr(checkpoint.os, "rename", full)
    with pytest.raises(OSError, match="No space left"):
        zoo.train("autoencoder_digits", out, epochs=4)
    monkeypatch.undo()
    left = checkpoint.last_checkpoint(out / "checkpoint")
    assert left.name == "epoch-2"
    zoo.train("autoencoder_digits", out, epochs=4, resume=True)
    whole = tmp_path / "whole"
    zoo.train("autoencoder_digits", whole, epochs=4)
    assert_equal_runs(whole, out)


def test_nan_keeps_the_last_good_checkpoint(tmp_path, monkeypatch):
    out = tmp_path / "run"

    def spoil(self, epoch, logs=None):
        if epoch == 2:
            weight = self.model.trainable_variables[-1]
            weight.assign(np.full(weight.shape, np.nan))

    monkeypatch.setattr(checkpoint.Checkpoint, "on_epoch_begin", spoil)
    with pytest.raises(FloatingPointError, match=r"step 47\b.*learning rate"):
        zoo.train("vae_digits", out, epochs=4)
    kept = checkpoint.last_checkpoint(out / "checkpoint")
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
    assert model.num_classes == 10
    np.save(tmp_path / "plain.npy", images)
    with pytest.raises(ValueError, match="labels of plain"):
        zoo.train(
            "conditional_vae_digits",
            tmp_path / "other",
            data=tmp_path / "plain.npy",
            epochs=1,
        )
    assert not (tmp_path / "other").exists()
