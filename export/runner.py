"""Tests an exported artifact against its manifest, in a separate process.

This is a script and not a module of the package. It needs only NumPy and either
TensorFlow or LiteRT, like a user without `keras_gen`.

    python runner.py FOLDER NAME REFERENCE

prints one JSON object: `problems`, a list of sentences, and `endpoints`, figures by
endpoint: `error`, `p999_error`, `mean_error`, `latency_ms`. A `.tflite` file is run
with both interfaces of LiteRT, `Interpreter` and `CompiledModel`. The larger error is
reported, and the latency of `CompiledModel`.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
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
DEFAULT = "serving_default"
PERCENTILE = 0.999
OF_NUMBERS = ("numeric", "integer", "date")  # kinds of columns
OF_ANY_SIZE = ("columns", "series", "vectors")  # kinds judged by column or channel
WORDS = {
    "error": "",
    "p999_error": " in its 99.9th percentile",
    "mean_error": " in the mean",
}
Arrays = dict[str, np.ndarray]
Call = Callable[[Arrays], Arrays]


def main(folder: Path, name: str, reference: Path) -> dict[str, Any]:
    """Compares one artifact of a folder with its manifest."""
    artifact = json.loads((folder / "manifest.json").read_text())["artifacts"][name]
    problems = (
        foreign_operators(folder / name) if artifact["format"] == "tflite" else []
    )
    if problems:
        return {"problems": problems, "endpoints": {}}
    figures, problems = run_endpoints(folder / name, artifact, reference)
    return {"problems": problems, "endpoints": figures}


def run_endpoints(
    path: Path, artifact: dict[str, Any], reference: Path
) -> tuple[dict[str, Any], list[str]]:
    """Figures of each endpoint, and sentences that describe problems."""
    with np.load(reference, allow_pickle=False) as stored:
        arrays = dict(stored)
    problems: list[str] = []
    figures: dict[str, Any] = {name: {} for name in artifact["endpoints"]}
    for interface, load in interfaces_of(artifact).items():
        by = f" by {interface}" if interface != "TensorFlow" else ""
        try:
            calls = load(path, artifact["endpoints"])
        except Exception as error:
            problems.append(f"{interface} does not load the artifact: {line(error)}")
            continue
        for name, facts in artifact["endpoints"].items():
            try:
                inputs = {k: arrays[f"{name}/inputs/{k}"] for k in facts["inputs"]}
                keys = output_keys(name, facts["outputs"])
                found, said = compare(
                    calls[name],
                    inputs,
                    {k: arrays[key] for k, key in keys.items()},
                    holds=facts["outputs"],
                    columns=artifact.get("columns", []),
                    draws=facts.get("draws", False),
                    batch_size=artifact.get("batch_size"),
                    repeats=interface != "TensorFlow",
                )
                if name == artifact.get(DEFAULT):
                    rows = {k: v[:1] for k, v in inputs.items()}
                    said += strays(calls[DEFAULT], calls[name], rows)
            except Exception as error:
                problems.append(f"{name}{by} fails: {line(error)}")
                continue
            said += exceeded(facts, found)
            problems += [f"{name}{by} {words}" for words in said]
            known = figures[name]
            for key, value in found.items():
                is_error = key.endswith("error") and key in known
                known[key] = float(np.maximum(value, known[key])) if is_error else value
    return figures, problems


def output_keys(endpoint: str, outputs: Iterable[str]) -> dict[str, str]:
    """The keys of an endpoint's outputs in the reference, by name."""
    names = list(outputs)
    if len(names) == 1:
        return {names[0]: f"{endpoint}/output"}
    return {name: f"{endpoint}/output/{name}" for name in names}


def strays(default: Call, call: Call, rows: Arrays) -> list[str]:
    """The end of a sentence if the default signature answers otherwise."""
    pairs = zip(default(rows).values(), call(rows).values(), strict=True)
    is_same = all(same(a, b) for a, b in pairs)
    return [] if is_same else [f"is not what {DEFAULT} computes."]


def interfaces_of(artifact: dict[str, Any]) -> dict[str, Callable[..., Any]]:
    """The loaders of an artifact by name."""
    if artifact["format"] != "tflite":
        return {"TensorFlow": load_saved_model}
    if artifact["batch_size"] is None:  # CompiledModel requires fixed shapes
        return {"Interpreter": load_interpreter}
    return {"Interpreter": load_interpreter, "CompiledModel": load_compiled_model}


def exceeded(facts: dict[str, Any], found: dict[str, float]) -> list[str]:
    """Descriptions of errors above their tolerances, as ends of sentences.

    Pictures are judged by the mean and the 99.9th percentile of the errors of their
    values, and everything else by the largest error.
    """
    if facts["tolerance"] is None:
        return []
    limits = {"error": facts["tolerance"]}
    if "mean_tolerance" in facts:
        limits = {"p999_error": facts["tolerance"]}
        limits["mean_error"] = facts["mean_tolerance"]
    return [
        f"differs from the Keras model by {found[key]:.3g}{WORDS[key]}, more than "
        f"{limit:g}."
        for key, limit in limits.items()
        if not found[key] <= limit
    ]


def compare(
    call: Call,
    inputs: Arrays,
    expected: Arrays,
    *,
    holds: dict[str, Any] | None = None,
    columns: Sequence[dict[str, Any]] = (),
    draws: bool = False,
    batch_size: int | None = None,
    repeats: bool = False,
) -> tuple[dict[str, float], list[str]]:
    """Errors compared with the expected output, and the latency of one row or batch.

    For draws of levels or tokens, `error` does not count one row in eight, at least
    one: if a random number is at the edge of a level or token, rounding decides, and
    all that follow change. So it is with codes, if two are equally near. The error of a
    row of tokens or codes is the share of different ones.

    Args:
        call: The endpoint.
        inputs: Its inputs.
        expected: The expected outputs by name.
        holds: What the manifest says of the values of each output.
        columns: Facts of the columns of a table.
        draws: Whether it draws levels or tokens.
        batch_size: Number of rows per call, or None for any number.
        repeats: Whether a second call must return the same bits as the first.

    Returns:
        The figures, and descriptions of other problems, as ends of sentences.
    """
    pieces = list(batches(inputs, batch_size))
    parts, problems = [call(piece) for piece in pieces[:1]], []
    if repeats:
        again = call(pieces[0])
        if not all(same(parts[0][k], again[k]) for k in expected):
            problems.append("returns a different output for the same inputs.")
    parts += [call(piece) for piece in pieces[1:]]
    found, by_row = [], []
    for name, wanted in expected.items():
        received = np.concatenate([part[name] for part in parts])[: len(wanted)]
        if received.shape != wanted.shape:
            problems.append(f"returns shape {received.shape}, not {wanted.shape}.")
            infinite = dict.fromkeys(WORDS, float("inf"))
            return {**infinite, "latency_ms": 0.0}, problems
        has_missing = draws and bool(np.isnan(_numbers(wanted)).any())  # drawn too
        finite = (np.isfinite(_numbers(values)) for values in (received, wanted))
        if not (has_missing or same(*finite)):
            problems.append("returns NaN or infinity where the Keras model does not.")
        of_missing = 1.0 if has_missing else np.inf
        own = (holds or {}).get(name, {})
        difference = _differences_of(received, wanted, own, columns, of_missing)
        difference = difference.reshape(len(difference), -1)
        is_token = _is_token(wanted)
        by_row.append(difference.mean(axis=1) if is_token else difference.max(axis=1))
        found.append(difference)
    difference, errors = np.concatenate(found, axis=1), np.max(by_row, axis=0)
    figures = {
        "error": float(np.sort(errors)[-1 - (draws and _spared(len(errors)))]),
        "p999_error": float(np.quantile(difference, PERCENTILE, method="higher")),
        "mean_error": float(difference.mean()),
    }
    first = {k: v[: batch_size or 1] for k, v in pieces[0].items()}
    return {**figures, "latency_ms": latency(call, first)}, problems


def _differences_of(
    received: np.ndarray,
    expected: np.ndarray,
    holds: dict[str, Any],
    columns: Sequence[dict[str, Any]],
    of_missing: float,
) -> np.ndarray:
    """Differences of one output, as fits what it holds."""
    kind = holds.get("kind")
    if kind == "columns":
        return column_differences(received, expected, columns, of_missing)
    if kind in OF_NUMBERS:  # one column
        pair = received[:, None], expected[:, None]
        return column_differences(*pair, [holds], of_missing)
    by_channel = kind in OF_ANY_SIZE and "maximum" not in holds
    return differences(received, expected, of_missing, by_channel=by_channel)


def batches(inputs: Arrays, batch_size: int | None) -> Iterator[Arrays]:
    """The rows in batches of one size. The last is filled up from the beginning."""
    rows = len(next(iter(inputs.values())))
    size = batch_size or rows
    for start in range(0, rows, size):
        chosen = np.arange(start, start + size) % rows
        yield {k: v[chosen] for k, v in inputs.items()}


def latency(call: Call, inputs: Arrays) -> float:
    """Median time of a call in milliseconds."""
    call(inputs)
    times: list[float] = []
    while len(times) < LATENCY_CALLS and sum(times) < LATENCY_SECONDS:
        start = time.perf_counter()
        call(inputs)
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def column_differences(
    received: np.ndarray,
    expected: np.ndarray,
    columns: Sequence[dict[str, Any]],
    of_missing: float,
) -> np.ndarray:
    """Differences of the rows of a table, column by column.

    It is 1 where categories differ. Other columns are divided by their largest value.
    A difference of one step counts as 0, because rounding decides at the edge of two
    steps.
    """
    found = []
    pairs = zip(expected.T, received.T, columns, strict=True)
    for wanted, column, facts in pairs:
        if "values" in facts:
            apart = (column != wanted).astype(float)
        else:
            step = float(facts.get("step", 0))
            spacing = np.spacing(np.abs(wanted)) if step else 0.0
            is_near = np.abs(column - wanted) <= 1.01 * np.maximum(step, spacing)
            near = np.where(is_near, wanted, column)
            rows = near[:, None], wanted[:, None]
            apart = differences(*rows, of_missing, by_channel=True)[:, 0]
        found.append(apart)
    return np.stack(found, axis=-1)


def differences(
    received: np.ndarray,
    expected: np.ndarray,
    of_missing: float = np.inf,
    *,
    by_channel: bool = False,
) -> np.ndarray:
    """Absolute differences over max(1, largest finite value).

    For tokens and strings it is 1 where they differ, and 0 elsewhere. Where only one of
    both is NaN, it is `of_missing`.

    Args:
        received: The output, `(rows, ...)`.
        expected: The expected output.
        of_missing: The difference of a number and NaN.
        by_channel: Whether to divide by the largest value of each place of the last
            axis, also if it is less than 1. Columns may be in any units.
    """
    if _is_token(expected):
        return (received.astype(expected.dtype.kind) != expected).astype(float)
    finite = np.where(np.isfinite(expected), np.abs(expected), 0.0)
    if by_channel:
        scale = finite.max(axis=tuple(range(finite.ndim - 1)), initial=0.0)
        scale = np.where(scale > 0, scale, 1.0)
    else:
        scale = max(1.0, float(finite.max(initial=0.0)))
    with np.errstate(invalid="ignore"):
        apart = np.abs(received.astype(np.float64) - expected) / scale
    absent = np.isnan(received), np.isnan(expected)
    apart = np.where(absent[0] != absent[1], of_missing, apart)
    return np.where((received == expected) | (absent[0] & absent[1]), 0.0, apart)


def _spared(rows: int) -> int:
    """The number of rows of draws that may differ."""
    return min(max(1, rows // 8), rows - 1)


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays have the same bits, or the same texts."""
    if a.dtype == object:
        return a.tolist() == b.tolist()
    return a.shape == b.shape and a.tobytes() == b.tobytes()


def line(error: Exception) -> str:
    """The first line of an error's message."""
    lines = [part.strip() for part in str(error).splitlines() if part.strip()]
    return (lines or [type(error).__name__])[0][:300]


def _is_token(values: np.ndarray) -> bool:
    return values.dtype.kind in "Si"


def _numbers(values: np.ndarray) -> np.ndarray:
    return np.zeros(values.shape) if values.dtype.kind in "SO" else values


def load_saved_model(path: Path, endpoints: dict[str, Any]) -> dict[str, Call]:
    """The signatures of a SavedModel, with its default one.

    Raises:
        ValueError: If a signature is not listed, or its inputs or output differ from
            the manifest.
    """
    import tensorflow as tf

    model = tf.saved_model.load(str(path))

    def caller(signature: Any) -> Call:
        # `model` stays referenced here: its variables live as long as it does.
        def call(inputs: Arrays, model: Any = model) -> Arrays:
            tensors = {k: tf.constant(v) for k, v in inputs.items()}
            return {k: v.numpy() for k, v in signature(**tensors).items()}

        return call

    none_else([*model.signatures], endpoints)
    for name, facts in endpoints.items():
        signature = model.signatures[name]
        found = {"inputs": signature.structured_input_signature[1]}
        found["outputs"] = signature.structured_outputs
        for key, specs in found.items():
            shown = {k: (s.shape, s.dtype.name) for k, s in specs.items()}
            agree(f"{key} of {name}", facts[key], shown, whole=key == "inputs")
    names = [*endpoints, *({DEFAULT} & set(model.signatures))]
    return {name: caller(model.signatures[name]) for name in names}


def load_interpreter(path: Path, endpoints: dict[str, Any]) -> dict[str, Call]:
    """The signatures of a `.tflite` file with `Interpreter`, on one thread.

    Raises:
        ValueError: If a signature is not listed, or its inputs or output differ from
            the manifest.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    none_else([*interpreter.get_signature_list()], endpoints)
    calls = {}
    for name, facts in endpoints.items():
        runner = interpreter.get_signature_runner(name)
        for key in ("inputs", "outputs"):
            found = getattr(runner, f"get_{key[:-1]}_details")()
            shown = {k: (d["shape_signature"], d["dtype"]) for k, d in found.items()}
            agree(f"{key} of {name}", facts[key], shown, whole=key == "inputs")
        calls[name] = lambda inputs, runner=runner: runner(**inputs)
    return calls


def none_else(found: list[str], endpoints: dict[str, Any]) -> None:
    """Raises ValueError if an artifact offers what the manifest does not list."""
    others = sorted(set(found) - {*endpoints, DEFAULT})
    if others:
        raise ValueError(f"{', '.join(others)} is not listed in the manifest.")


def agree(
    what: str, stated: dict[str, Any], found: dict[str, Any], *, whole: bool
) -> None:
    """Raises ValueError if the tensors of an artifact differ from the manifest.

    Args:
        what: Name of the tensors.
        stated: Shapes and dtypes by name in the manifest.
        found: Shape and dtype by name in the artifact. -1 and None are any size. A
            shape of unknown rank fits outputs.
        whole: Whether a dynamic size in the artifact must be dynamic in the manifest.
    """
    if set(stated) != set(found):
        raise ValueError(
            f"{what} are {', '.join(found)}, in the manifest {', '.join(stated)}."
        )
    for name, facts in stated.items():
        sizes, dtype = found[name]
        wanted = [-1 if n is None else n for n in facts["shape"]]
        is_open = getattr(sizes, "rank", 0) is None and not whole
        shape = wanted if is_open else [-1 if n is None else int(n) for n in sizes]
        pairs = zip(shape, wanted, strict=False)
        fits = all(n == w or (n < 0 and not whole) for n, w in pairs)
        dtype = dtype if isinstance(dtype, str) else np.dtype(dtype).name
        if len(shape) != len(wanted) or not fits or dtype != facts["dtype"]:
            raise ValueError(
                f"{what}: {name} is {dtype} {shape}, in the manifest {facts['dtype']} "
                f"{wanted}."
            )


def load_compiled_model(path: Path, endpoints: dict[str, Any]) -> dict[str, Call]:
    """The signatures of a `.tflite` file with `CompiledModel`, on one thread."""
    from ai_edge_litert.compiled_model import CompiledModel

    model = CompiledModel.from_file(str(path))

    def caller(name: str, outputs: dict[str, Any]) -> Call:
        made: dict[str, Any] = {}

        def call(inputs: Arrays) -> Arrays:
            if not made:  # buffers are reused for every call, as in an app
                made["in"] = {
                    k: model.create_input_buffer_by_name(name, k) for k in inputs
                }
                made["out"] = {
                    k: model.create_output_buffer_by_name(name, k) for k in outputs
                }
            for key, array in inputs.items():
                made["in"][key].write(array)
            model.run_by_name(name, made["in"], made["out"])
            return {k: read(made["out"][k], facts) for k, facts in outputs.items()}

        return call

    def read(buffer: Any, facts: dict[str, Any]) -> np.ndarray:
        shape, dtype = facts["shape"], np.dtype(facts["dtype"])
        return buffer.read(int(np.prod(shape)), dtype).reshape(shape)

    return {name: caller(name, facts["outputs"]) for name, facts in endpoints.items()}


def foreign_operators(path: Path) -> list[str]:
    """Sentences about operators that LiteRT lacks, or that keep a state."""
    problems = []
    for name in operators(path):
        if name.startswith("custom:"):
            operator = name.removeprefix("custom:")
            problems.append(f"operator {operator} is not a LiteRT builtin operator.")
        elif name in STATEFUL:
            problems.append(f"operator {name} keeps a state, so outputs can differ.")
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
    folder, name, reference = sys.argv[1:]
    print(json.dumps(main(Path(folder), name, Path(reference))))
