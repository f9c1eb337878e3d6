"""Comparing an artifact with the Keras model it was made from."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from keras_gen.extras import package

from . import manifest, trust

RUNNER = Path(__file__).with_name("runner.py")
TIMEOUT_SECONDS = 600
ALONE = """
import ctypes, os, runpy, signal, sys
parent, *sys.argv = sys.argv[1:]
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # it ends when its parent does
if os.getppid() != int(parent):
    sys.exit("the parent ended.")
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class ParityError(RuntimeError):
    """An artifact that is damaged, or answers otherwise than the Keras model."""


def check(path: str | Path) -> dict[str, Any]:
    """Runs exported artifacts against their manifest, without `keras_gen`.

    The manifest may be a stranger's, and a SavedModel is a program: what lies outside
    of the folder, what the manifest leaves out and what does more than to calculate is
    refused before anything runs. That is no guarantee: run models of strangers where
    they can do no harm.

    Args:
        path: A version folder of a SavedModel, a folder of `.tflite` files, or one
            `.tflite` file.

    Returns:
        Figures by artifact and endpoint: `error`, `p999_error` and `mean_error`, the
        largest, the 99.9th percentile and the mean of the errors against the Keras
        model (absolute differences over max(1, largest value); of tokens the share
        that differ), `latency_ms` (median for one row of a SavedModel, one batch of a
        `.tflite` file on one thread).

    Raises:
        FileNotFoundError: If there is no manifest.
        ParityError: If a file is missing, changed or not listed, a SavedModel holds an
            operator that may reach files or processes, or an error is too large.
        ValueError: If the manifest is none, or says what no export writes.
    """
    path = Path(path)
    folder = (path.parent if path.suffix == ".tflite" else path).resolve()
    artifacts = manifest.read(folder)["artifacts"]
    if path.suffix == ".tflite":
        artifacts = {k: v for k, v in artifacts.items() if k == path.name}
    if not artifacts:
        raise manifest.no_export(path)
    return {
        name: run(folder, name, artifact, manifest.reference_of(folder, name))
        for name, artifact in artifacts.items()
    }


def run(
    folder: Path, name: str, artifact: dict[str, Any], reference: Path
) -> dict[str, Any]:
    """Figures by endpoint of one artifact, from a process of its own.

    Raises:
        ParityError: If anything is wrong with the artifact.
    """
    if name != ".":
        package("ai_edge_litert", "check of a .tflite file")
    problems, figures = trust.problems(folder, name, artifact, reference), {}
    if not problems:
        arguments = str(folder), name, str(reference)
        report = json.loads(run_script(RUNNER, *arguments).splitlines()[-1])
        problems, figures = report["problems"], report["endpoints"]
    if problems:
        where = "" if name == "." else f"{name}: "
        raise ParityError(where + " ".join(problems))
    return figures


def run_script(script: Path, *arguments: str) -> str:
    """Standard output of a script of this folder, run by itself.

    The process ends with this one, however this one ends.

    Raises:
        ParityError: If it fails or takes more than ten minutes.
    """
    # -P: the folder of the script hides no package. The session holds the GPU.
    command = [sys.executable, "-P", "-c", ALONE, str(os.getpid()), str(script)]
    try:
        done = subprocess.run(
            [*command, *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_SECONDS,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1"},
        )
    except subprocess.TimeoutExpired as error:
        raise ParityError(f"{script.name} took over {TIMEOUT_SECONDS} s.") from error
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise ParityError(f"{script.stem} was ended by {name}.")
    if done.returncode > 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise ParityError(f"{script.stem} failed: {lines[-1]}")
    return done.stdout
