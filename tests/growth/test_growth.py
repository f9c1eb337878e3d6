"""Programs of strangers: what a model outside of the package needs, and gets."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parent
FILES = sorted({*FOLDER.glob("*.py")} - {Path(__file__)})
MOST_LINES = 119


def clips(figures):
    for found in figures.values():
        assert found["resumed"] == 0
        assert found["parity"] < 1e-4
    video = figures.pop("clips")
    assert video["inputs"] == "Clips"
    assert video["range"] == [0, 1]
    assert 0.5 < video["lit"] < 2
    for name, found in figures.items():
        assert found["inputs"] == "Series", name
        np.testing.assert_allclose(found["mean"], 100, atol=2, err_msg=name)
        assert 4 < min(found["deviation"]) <= max(found["deviation"]) < 10, name
        assert found["figures"]["sliced_wasserstein"] < 1, name


PROGRAMS = [pytest.param(clips, marks=pytest.mark.slow)]


@pytest.mark.parametrize("holds", PROGRAMS)
def test_a_program_of_a_stranger_lives(holds):
    """Its file bears the name of the function that judges its figures."""
    path = FOLDER / f"{holds.__name__}.py"
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    holds(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_program_is_short_and_knows_public_names_only(path):
    source = path.read_text()
    assert len(source.splitlines()) <= MOST_LINES
    private = re.findall(r"\.(_[a-z]\w*)|[\"'](_[a-z]\w*)[\"']", source)
    assert private == []
