"""`keras-gen doctor`: what is installed, what is missing, and what to do about it."""

import importlib.metadata
import json
import sys

import pytest

import keras_gen as kg
from keras_gen.zoo import cli, doctor


def command(monkeypatch, *options):
    monkeypatch.setattr(sys, "argv", ["keras-gen", "doctor", *options])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code or 0


def without(names, monkeypatch, versions=()):
    """Hides installed packages, or gives them other versions."""
    real, given = importlib.metadata.version, dict(versions)

    def version(name):
        if name in names:
            raise importlib.metadata.PackageNotFoundError(name)
        return given.get(name) or real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)


def test_versions_and_devices_are_those_of_this_process(monkeypatch, capsys):
    assert command(monkeypatch, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    versions = {one["name"]: one["version"] for one in facts["packages"]}
    assert versions["keras"] == importlib.metadata.version("keras")
    assert versions["typer"] == importlib.metadata.version("typer")
    assert "torch" not in versions
    assert facts["keras_gen"] == kg.__version__
    assert any(name.startswith("CPU with") for name in facts["devices"])
    assert facts["folders"]["cache"]["free"] > 0
    assert facts["problems"] == []


def test_a_missing_extra_is_a_remark_and_a_missing_need_a_problem(monkeypatch, capsys):
    without({"pandas", "scipy"}, monkeypatch, [("numpy", "1.0")])
    assert command(monkeypatch) == 1
    lines = capsys.readouterr().out.splitlines()
    (pandas,) = [line for line in lines if line.startswith("pandas")]
    assert pandas.split() == ["pandas", "none", "for", "the", "extra", "tables"]
    problems = sorted(line for line in lines if line.startswith("problem: "))
    assert len(problems) == 2
    assert problems[0].startswith("problem: numpy 1.0: required is numpy")
    assert problems[1].startswith("problem: scipy is missing: required is scipy>=")


def test_a_folder_that_is_no_folder_is_a_problem(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_GEN_DATA", str(tmp_path / "none"))
    (problem,) = doctor.examine()["problems"]
    assert problem.startswith("KERAS_GEN_DATA must name a folder, received")
