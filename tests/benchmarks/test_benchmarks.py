"""The benchmark scripts work in their smallest setting; no time is asserted."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


def run(script, *options, tmp_path):
    """What a benchmark prints, without real data."""
    env = {k: v for k, v in os.environ.items() if k != "KERAS_GEN_DATA"}
    env |= {"KERAS_HOME": str(tmp_path), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, str(FOLDER / script), *options]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def training(workers, recipes, tmp_path):
    options = ["--rounds", "1", "--steps", "2", "--workers", *workers]
    options += ["--recipes", *recipes]
    return run("training.py", *options, tmp_path=tmp_path)


def test_import_times(tmp_path):
    text = run("imports.py", "--rounds", "1", tmp_path=tmp_path)
    assert "keras_gen adds" in text


def test_training_speed(tmp_path):
    with_torch = importlib.util.find_spec("torch") is not None
    workers = ["keras_gen", "torch eager"] if with_torch else ["keras_gen"]
    text = training(workers, ["vae_mnist"], tmp_path)
    assert "random images of MNIST's shape" in text
    assert ("keras_gen / torch eager" in text) == with_torch


@pytest.mark.slow
def test_training_speed_beside_compiled_pytorch(tmp_path):
    pytest.importorskip("torch")
    workers = ["keras_gen", "torch eager", "torch.compile"]
    text = training(workers, ["autoencoder_mnist", "vae_mnist"], tmp_path)
    assert "torch.compile" in text


def test_quality_needs_real_data(tmp_path):
    with pytest.raises(AssertionError, match="needs the real MNIST"):
        run("training.py", "--quality", tmp_path=tmp_path)
