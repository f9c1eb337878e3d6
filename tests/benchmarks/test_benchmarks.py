"""The benchmark scripts work in their smallest setting; no time is asserted."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
COUNT = """
import torch, flops, torch_gan
from torch.utils.flop_counter import FlopCounterMode
game = torch_gan.Game("gan_mnist", lambda function: function)
for batch_size in (2, 64):
    with FlopCounterMode(display=False) as counter:
        game.step(torch.rand(batch_size, 784))
    assert counter.get_total_flops() == flops.step_flops(batch_size)
"""
PAIRS = """
import torch, torch_gan
generator, discriminator = torch_gan.convolutional_pair()
images = generator(torch.zeros(2, 100))
assert images.shape == (2, 1, 28, 28)
assert discriminator(images).shape == (2, 1)
"""


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


@pytest.mark.slow
@pytest.mark.long
def test_import_times(tmp_path):
    text = run("imports.py", "--rounds", "1", tmp_path=tmp_path)
    assert "keras_gen adds" in text


@pytest.mark.slow
@pytest.mark.long
def test_training_speed(tmp_path):
    with_torch = importlib.util.find_spec("torch") is not None
    workers = ["keras_gen", "torch eager"] if with_torch else ["keras_gen"]
    text = training(workers, ["vae_mnist"], tmp_path)
    assert "random images of MNIST's shape" in text
    assert ("keras_gen / torch eager" in text) == with_torch


@pytest.mark.slow
@pytest.mark.long
def test_training_speed_beside_compiled_pytorch(tmp_path):
    pytest.importorskip("torch")
    workers = ["keras_gen", "torch eager", "torch.compile"]
    text = training(workers, ["autoencoder_mnist", "vae_mnist"], tmp_path)
    assert "torch.compile" in text


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    "recipe", ["gan_mnist", "dcgan_mnist", "vqvae_mnist", "pix2pix_emoji"]
)
def test_training_speed_of_images(recipe, tmp_path):
    with_torch = importlib.util.find_spec("torch") is not None
    workers = ["keras_gen", "torch eager"] if with_torch else ["keras_gen"]
    text = training(workers, [recipe], tmp_path)
    assert ("keras_gen / torch eager" in text) == with_torch


@pytest.mark.slow
@pytest.mark.long
def test_floating_point_rate(tmp_path):
    text = run("flops.py", "--rounds", "1", "--steps", "2", tmp_path=tmp_path)
    assert "share" in text


@pytest.mark.parametrize("code", [COUNT, PAIRS], ids=["operations", "shapes"])
def test_the_pairs_of_pytorch(code):
    if importlib.util.find_spec("torch") is None:
        pytest.skip("there is no PyTorch")
    command = [sys.executable, "-c", code]  # TensorFlow and PyTorch: one process each
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_quality_needs_real_data(tmp_path):
    with pytest.raises(AssertionError, match="needs the real MNIST"):
        run("training.py", "--quality", tmp_path=tmp_path)


WRITE = """
import numpy as np
from language_keras_worker import KerasLanguage
rows = np.random.default_rng(0).integers(0, 65, (24, 65), np.int32)
np.savez("rows.npz", train=rows, test=rows)
trainer = KerasLanguage()
assert trainer.build({model!r}, "rows.npz", 4) > 100_000
before = trainer.score()
trainer.train(epochs=2)
trainer.generate(4, 1)
assert trainer.score() < before
"""


@pytest.mark.slow
@pytest.mark.parametrize("model", ["transformer", "lstm"])
def test_language_models_train_and_write(model, tmp_path):
    code = f"import sys; sys.path.insert(0, {str(FOLDER)!r})" + WRITE
    command = [sys.executable, "-c", code.format(model=model)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_folders_of_images_are_read_in_both_ways(tmp_path):
    how = ("--files", "24", "--side", "8", "--epochs", "1")
    lines = run("images.py", *how, tmp_path=tmp_path).splitlines()
    names = [line[:34].strip() for line in lines]
    assert names[:2] == ["look at all files", "look at them again"]
    assert names[-2:] == ["an epoch from the cache", "an epoch that decodes"]


@pytest.mark.slow
def test_samples_of_diffusions_are_timed(tmp_path):
    names = ("conditional_diffusion_digits", "latent_diffusion_digits")
    how = ("--num", "4", "--rounds", "1", "--steps", "2", "--distances", "digits")
    first, *lines = run("sampling.py", *names, *how, tmp_path=tmp_path).splitlines()
    assert first == "4 samples, median processor time of 1 calls"
    assert [line.split()[0] for line in lines] == [n for n in names for _ in range(2)]
    assert all("distance" in line for line in lines)
