"""Comparison of an artifact with its Keras model."""

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
    """An artifact is damaged, or its outputs differ from those of the Keras model.

    Example:
        >>> try:  # doctest: +SKIP
        ...     kg.export.check("vae.tflite")
        ... except kg.export.ParityError as error:
        ...     print(f"do not use the file: {error}")
    """


class ScriptError(RuntimeError):
    """A script of this folder failed, was ended, or took too long.

    Attributes:
        reason: The last line that a failed script wrote to standard error, or None.
    """

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason


def check(path: str | Path) -> dict[str, Any]:
    """Tests exported artifacts against their manifest, without `keras_gen`.

    A SavedModel is a program, and the manifest may come from someone else. Before
    anything runs, files outside the folder, files that the manifest does not list, and
    operators that do more than calculate are rejected. This is not a guarantee: run
    models from unknown sources in a sandbox.

    Args:
        path: A version folder of a SavedModel, a folder of `.tflite` files, or one
            `.tflite` file.

    Returns:
        Figures by artifact and endpoint: `error`, `p999_error` and `mean_error`, the
        largest, the 99.9th percentile and the mean of the errors compared with the
        Keras model (absolute differences over max(1, largest value), or over the
        largest value of each column or channel of tables, series and vectors of any
        size, or the share of different tokens), and `latency_ms` (median for one row of
        a SavedModel, or one batch of a `.tflite` file on one thread).

    Raises:
        FileNotFoundError: If there is no manifest.
        ParityError: If a file is missing, changed or not listed, if a SavedModel has an
            operator that may access files or processes, or if an error is too large.
        ValueError: If the manifest is invalid.
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
    """Figures by endpoint of one artifact, from a separate process.

    Raises:
        ParityError: If the artifact has a problem.
    """
    if name != ".":
        package("ai_edge_litert", "check of a .tflite file")
    problems, figures = trust.problems(folder, name, artifact, reference), {}
    if not problems:
        arguments = str(folder), name, str(reference)
        try:
            report = json.loads(run_script(RUNNER, *arguments).splitlines()[-1])
        except ScriptError as error:
            raise ParityError(str(error)) from error
        problems, figures = report["problems"], report["endpoints"]
    if problems:
        where = "" if name == "." else f"{name}: "
        raise ParityError(where + " ".join(problems))
    return figures


def run_script(script: Path, *arguments: str) -> str:
    """Standard output of a script of this folder, run in a separate process.

    The process always ends with this one.

    Raises:
        ScriptError: If the script fails or takes more than ten minutes.
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
        raise ScriptError(f"{script.name} took over {TIMEOUT_SECONDS} s.") from error
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise ScriptError(f"{script.stem} was ended by {name}.")
    if done.returncode > 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise ScriptError(f"{script.stem} failed: {lines[-1]}", lines[-1])
    return done.stdout
