"""The benchmark of flows works in its smallest setting; no time is asserted."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
NOTHING = "import flows; flows.importlib.util.find_spec = lambda _: None; flows.main()"
SIZES = """
import numpy as np, sys
from flow_worker import LAYERS
from {module} import {trainer} as trainer
rows = np.random.default_rng(0).normal(size=(300, 30)).astype(np.float32)
np.savez(sys.argv[1], train=rows, test=rows[:5])
trainer = trainer({arguments})
print(*[trainer.build(model, sys.argv[1], quick=False) for model in LAYERS])
"""


def run(*command):
    return subprocess.run(
        [sys.executable, *command], cwd=FOLDER, capture_output=True, text=True
    )


def sizes(module, trainer, path, arguments=""):
    code = SIZES.format(module=module, trainer=trainer, arguments=arguments)
    done = run("-c", code, str(path))
    assert done.returncode == 0, done.stderr
    return list(map(int, done.stdout.split()))


def needs_zuko():
    for name in ("torch", "zuko"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"there is no {name}")


def test_missing_packages_are_named_in_one_line():
    done = run("-c", NOTHING)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "torch and zuko not installed: "
        "pip install torch==2.13.0 && pip install --no-deps zuko"
    ]


@pytest.mark.slow
@pytest.mark.long
def test_flows_have_nearly_the_same_number_of_weights(tmp_path):
    needs_zuko()
    path = tmp_path / "x.npz"
    ours = sizes("flow_keras_worker", "KerasFlow", path)
    theirs = sizes("flow_torch_worker", "TorchFlow", path, "'eager'")
    for a, b in zip(ours, theirs, strict=True):
        assert abs(a / b - 1) < 0.05


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("quality", [False, True], ids=["speed", "quality"])
def test_flows_side_by_side(quality):
    needs_zuko()
    options = ["--rounds", "1", "--steps", "2", "--samples", "20", "--epochs", "1"]
    options += ["--models", "RealNVP", "--data", "two_moons"]
    options += ["--workers", "keras_gen", "zuko eager"]
    done = run("flows.py", *options, *(["--quality"] if quality else []))
    assert done.returncode == 0, done.stderr
    assert "keras_gen - zuko eager" in done.stdout
    assert ("steps/s" in done.stdout) != quality
