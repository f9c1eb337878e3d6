"""A wheel built from the repository works outside of it."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
USE = """
import sys, keras_gen as k, keras_gen.zoo as z
from keras_gen.zoo import cli
for arguments in (
    "sample vae_digits --out x.png",
    "export vae_digits --to phone --format tflite --endpoints decode",
    "check phone",
):
    sys.argv = ["keras-gen", *arguments.split()]
    try:
        cli.main()
    except SystemExit as ended:
        assert not ended.code, arguments
print(z.__file__, k.__file__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    hidden = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
    source = shutil.copytree(ROOT, folder / "source", ignore=hidden)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    done = subprocess.run(
        [*command, "--outdir", folder, source], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_every_source_and_weight(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, installed in (
        ("keras_gen", "keras_gen"),
        ("zoo", "keras_gen/zoo"),
        ("export", "keras_gen/export"),
    ):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".pyi", ".typed", ".keras"):
                assert f"{installed}/{path.relative_to(ROOT / folder)}" in names
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"keras_gen"}


@pytest.mark.slow
def test_the_wheel_works_in_a_folder_of_its_own(wheel, tmp_path):
    target = tmp_path / "installed"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--target",
        target,
    ]
    subprocess.run([*pip, wheel], check=True, capture_output=True)
    done = subprocess.run(
        [sys.executable, "-c", USE],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].count(str(target)) == 2


@pytest.mark.parametrize("folder", ["zoo", "export"])
def test_a_mapped_folder_has_one_name(folder):
    done = subprocess.run(
        [sys.executable, "-c", f"import {folder}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert f"import keras_gen.{folder}, not {folder}" in done.stderr
