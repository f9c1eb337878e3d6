"""Programs of strangers: what a model outside of the package needs, and gets."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
TOO_LONG = 120


def painted(figures):
    """Of `pix2pix` and `cycle_gan`, whose programs share what they print."""
    assert figures["resumed"] == 0
    assert figures["parity"] < 1e-5
    assert figures["made"]["absolute_error"] < figures["copied"] / 4
    assert figures["made"]["ssim"] > 0.8
    assert figures["drawn"] > 1000
    columns, *lines = figures["logged"].splitlines()
    assert len(lines) == 4
    logged = {c for c in columns.split(",") if not c.startswith("val_")}
    norms = {c for c in logged if c.endswith("_gradient_norm")}
    assert logged - norms - {"epoch"} == set(figures["evaluated"])
    return norms


def pix2pix(figures):
    assert len(painted(figures)) == 2
    assert set(figures["evaluated"]) == {"judge_loss", "painter_loss", "l1"}
    assert figures["evaluated"]["l1"] < 0.1


def cycle_gan(figures):
    assert len(painted(figures)) == 4
    losses = {"painters_loss", "judge_loss", "judge_back_loss"}
    assert set(figures["evaluated"]) == losses | {"cycle", "identity"}
    assert figures["evaluated"]["cycle"] < 0.2


PROGRAMS = [pix2pix, cycle_gan]  # each judges the figures of the file of its name


@pytest.mark.slow
@pytest.mark.parametrize("holds", PROGRAMS)
def test_a_program_of_a_stranger_lives(holds):
    path = FOLDER / f"{holds.__name__}.py"
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    holds(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("holds", PROGRAMS)
def test_a_program_is_short_and_knows_public_names_only(holds):
    source = (FOLDER / f"{holds.__name__}.py").read_text()
    assert len(source.splitlines()) < TOO_LONG
    private = re.findall(r"\.(_[a-z]\w*)|[\"'](_[a-z]\w*)[\"']", source)
    assert private == []
