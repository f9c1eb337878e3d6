"""Runs an exported artifact against its manifest, in a process of its own.

A script, not a module of the package: it needs NumPy and either TensorFlow or
LiteRT, so that what it finds is what a user without `keras_gen` finds.

    python runner.py FOLDER NAME

prints one JSON object: `problems`, a list of sentences, and `endpoints`, figures by
endpoint: `error`, `mean_error`, `latency_ms`.
"""

import hashlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

LATENCY_CALLS, LATENCY_SECONDS = 30, 3.0
STATEFUL = (
    "VAR_HANDLE",
    "READ_VARIABLE",
    "ASSIGN_VARIABLE",
    "RANDOM_UNIFORM",
    "RANDOM_STANDARD_NORMAL",
    "MULTINOMIAL",
)
Call = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]


def main(folder: Path, name: str) -> dict[str, Any]:
    """Compares one artifact of a folder with its manifest."""
    artifact = json.loads((folder / "manifest.json").read_text())["artifacts"][name]
    problems = list(damaged_files(folder, artifact["files"]))
    figures: dict[str, Any] = {}
    if not problems:
        if artifact["format"] == "tflite":
            problems += foreign_operators(folder / name)
        if not problems:
            figures, found = run_endpoints(folder, name, artifact)
            problems += found
    return {"problems": problems, "endpoints": figures}


def damaged_files(folder: Path, files: dict[str, Any]) -> list[str]:
    """Sentences on files that are missing or differ from their sha256."""
    problems = []
    for file, facts in files.items():
        path = folder / file
        if not path.is_file():
            problems.append(f"{file} is missing.")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != facts["sha256"]:
            problems.append(f"{file} differs from its sha256 in the manifest.")
    return problems


def run_endpoints(
    folder: Path, name: str, artifact: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Figures of each endpoint, and sentences on what is wrong."""
    problems, figures = [], {}
    load = load_tflite if artifact["format"] == "tflite" else load_saved_model
    calls = load(folder / name, list(artifact["endpoints"]))
    with np.load(folder / artifact["reference"], allow_pickle=False) as reference:
        arrays = dict(reference)
    for endpoint, facts in artifact["endpoints"].items():
        inputs = {k: arrays[f"{endpoint}/inputs/{k}"] for k in facts["inputs"]}
        (output,) = facts["outputs"]
        expected = arrays[f"{endpoint}/output"]
        figures[endpoint] = compare(
            calls[endpoint], inputs, output, expected, draws=facts.get("draws", False)
        )
        error, tolerance = figures[endpoint]["error"], facts.get("tolerance")
        if tolerance is not None and not error <= tolerance:
            problems.append(
                f"{endpoint} differs from the Keras model by {error:.3g}, more than "
                f"{tolerance:g}."
            )
    return figures, problems


def compare(
    call: Call,
    inputs: dict[str, np.ndarray],
    output: str,
    expected: np.ndarray,
    *,
    draws: bool = False,
) -> dict[str, float]:
    """Errors against the expected output and the latency of one row.

    Of draws of levels or tokens, `error` is that of the median row: where a random
    number falls on the edge of one, rounding decides, and all that follow are others.
    The error of a row of tokens is the share that differ.
    """
    received = call(inputs)[output]
    if received.shape != expected.shape:
        return {"error": float("inf"), "mean_error": float("inf"), "latency_ms": 0.0}
    difference = differences(received, expected)
    by_row = difference.reshape(len(difference), -1)
    by_row = by_row.mean(axis=1) if _is_token(expected) else by_row.max(axis=1)
    one_row = {k: v[:1] for k, v in inputs.items()}
    call(one_row)
    times = []
    while len(times) < LATENCY_CALLS and sum(times) < LATENCY_SECONDS:
        start = time.perf_counter()
        call(one_row)
        times.append(time.perf_counter() - start)
    return {
        "error": float(np.median(by_row) if draws else by_row.max()),
        "mean_error": float(difference.mean()),
        "latency_ms": 1e3 * statistics.median(times),
    }


def differences(received: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Absolute differences over max(1, largest value).

    Of tokens and strings 1 where they differ, and else 0.
    """
    if _is_token(expected):
        return (received.astype(expected.dtype.kind) != expected).astype(float)
    scale = max(1.0, float(np.abs(expected).max()))
    return np.abs(received.astype(np.float64) - expected) / scale


def _is_token(values: np.ndarray) -> bool:
    return values.dtype.kind in "Si"


def load_saved_model(path: Path, endpoints: list[str]) -> dict[str, Call]:
    """The signatures of a SavedModel."""
    import tensorflow as tf

    model = tf.saved_model.load(str(path))

    def caller(signature: Any) -> Call:
        # `model` stays referenced here: its variables live as long as it does.
        def call(
            inputs: dict[str, np.ndarray], model: Any = model
        ) -> dict[str, np.ndarray]:
            tensors = {k: tf.constant(v) for k, v in inputs.items()}
            return {k: v.numpy() for k, v in signature(**tensors).items()}

        return call

    return {name: caller(model.signatures[name]) for name in endpoints}


def load_tflite(path: Path, endpoints: list[str]) -> dict[str, Call]:
    """The signatures of a `.tflite` file, on one thread."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)

    def caller(name: str) -> Call:
        runner = interpreter.get_signature_runner(name)
        return lambda inputs: runner(**inputs)

    return {name: caller(name) for name in endpoints}


def foreign_operators(path: Path) -> list[str]:
    """Sentences on operators that plain LiteRT does not have, or that keep a state."""
    problems = []
    for name in operators(path):
        if name.startswith("custom:"):
            operator = name.removeprefix("custom:")
            problems.append(f"operator {operator} is no LiteRT builtin operator.")
        elif name in STATEFUL:
            problems.append(f"operator {name} keeps a state: it answers differently.")
    return problems


def operators(path: Path) -> list[str]:
    """Names of all operators of a `.tflite` file, such as ADD or custom:FlexErf."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    names = {
        value: name
        for name, value in vars(schema.BuiltinOperator).items()
        if isinstance(value, int)
    }
    found = set()
    for graph in model.subgraphs:
        for operator in graph.operators or []:
            code = model.operatorCodes[operator.opcodeIndex]
            builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
            name = names.get(builtin, str(builtin))
            if name == "CUSTOM":
                name = f"custom:{code.customCode.decode()}"
            found.add(name)
    return sorted(found)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2])))
