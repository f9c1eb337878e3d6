"""The core works without the packages of extras, and errors name the extra."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from keras_gen import extras

PYPROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
CORE = f"""
import sys
for name in {sorted(extras.EXTRAS)}:
    sys.modules[name] = None  # its import fails
import numpy as np
import keras_gen as kg
x = np.eye(16, dtype="float32").reshape(16, 4, 4, 1)
model = kg.VAE(*kg.networks.mlp_vae((4, 4, 1), 2, units=(4,)), seed=0)
model.compile()
model.fit(x, verbose=0)
kg.metrics.evaluate(model, x, seed=0)
kg.export.saved_model(model, "served", examples=x)
autoencoder = kg.Autoencoder(*kg.networks.mlp_autoencoder((4, 4, 1), 2, units=(4,)))
calls = dict(
    export=lambda: kg.export.tflite(model, "model.tflite", examples=x),
    metrics=lambda: autoencoder.fit_latent_density(x),
    text=lambda: kg.tokenizers.BytePairTokenizer.train("ab", 256),
    hub=lambda: kg.networks.from_keras_hub(None),
    tables=lambda: kg.specs.Columns([kg.specs.Numeric("a")]).to_frame([[1.0]]),
)
for extra, call in calls.items():
    try:
        call()
    except ImportError as error:
        print(extra, f"pip install 'keras-gen[{{extra}}]'" in str(error))
"""
COMMAND = """
import sys
sys.argv, sys.modules["typer"] = ["keras-gen", "--help"], None
from keras_gen.zoo.__main__ import main
main()
"""


def run(script, folder):
    env = os.environ | {"PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=env)


@pytest.mark.slow
def test_the_core_needs_no_extra(tmp_path):
    found = run(CORE, tmp_path)
    assert found.stdout.splitlines() == [
        f"{extra} True" for extra in ("export", "metrics", "text", "hub", "tables")
    ], found.stderr


def test_the_command_line_names_its_extra(tmp_path):
    found = run(COMMAND, tmp_path)
    assert found.returncode == 1
    assert found.stderr.startswith("keras-gen requires the package typer: pip install")
    assert "'keras-gen[cli]'" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize("module", extras.EXTRAS)
def test_an_extra_installs_its_packages(module):
    name, extra = extras.EXTRAS[module]
    listed = PYPROJECT["project"]["optional-dependencies"][extra]
    assert any(line.startswith(f"{name}>=") for line in listed)
    assert not any(name in line for line in PYPROJECT["project"]["dependencies"])


def test_a_broken_package_is_named_with_its_fault(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    words = r"to_frame requires the package pandas: pip install .* \(ModuleNotFound"
    with pytest.raises(ImportError, match=words):
        extras.package("pandas", "to_frame")
