"""The benchmark of diffusion works in its smallest setting; no time is asserted."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
SMALLEST = ["--rounds", "1", "--train-steps", "1", "--images", "1", "--steps", "2"]
SMALLEST += ["--batches", "1", "--solvers", "ddim"]
NOTHING = """
import diffusion
diffusion.importlib.util.find_spec = lambda _: None
diffusion.main()
"""
DRAW = """
import numpy as np
from {module} import {trainer} as trainer
trainer = trainer({arguments})
trainer.build(64)
for solver in ("ddim", "dpm++2m"):
    images = trainer.draw(2, solver, 2)
    assert images.shape == (2, 28, 28, 1)
    assert images.min() >= 0 and images.max() <= 1
    assert np.abs(images[0] - images[1]).max() > 0.01
"""


def run(*command):
    return subprocess.run(
        [sys.executable, *command], cwd=FOLDER, capture_output=True, text=True
    )


def needs_diffusers():
    for name in ("torch", "diffusers"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"there is no {name}")


def test_missing_packages_are_named_in_one_line():
    done = run("-c", NOTHING)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "torch and diffusers not installed: pip install torch==2.13.0 diffusers==0.42.1"
    ]


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    "worker",
    [
        {"module": "diffusion_keras_worker", "trainer": "KerasDiffusion"},
        {"module": "diffusion_torch_worker", "trainer": "TorchDiffusion"},
    ],
    ids=["keras_gen", "diffusers"],
)
def test_both_draw_images(worker):
    arguments = ""
    if worker["trainer"] == "TorchDiffusion":
        needs_diffusers()
        arguments = "'eager'"
    done = run("-c", DRAW.format(**worker, arguments=arguments))
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.long
def test_diffusion_side_by_side():
    needs_diffusers()
    done = run("diffusion.py", *SMALLEST, "--workers", "keras_gen", "eager")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("keras_gen / eager: ") == 2
    assert "Time of sample over that of its calls" in done.stdout
    pattern = r"Weights: keras_gen ([\d,]+), eager ([\d,]+)\n"
    ours, theirs = re.search(pattern, done.stdout).groups()
    assert abs(int(ours.replace(",", "")) / int(theirs.replace(",", "")) - 1) < 0.05
