"""The manifest of an export folder, and the atomic publication of artifacts."""

import contextlib
import hashlib
import importlib.metadata
import json
import math
import os
import re
import reprlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import tensorflow as tf

from keras_gen.files import ended_by_signals, locked
from keras_gen.specs import Columns, num_classes

from .endpoint import Endpoint
from .runner import output_keys

FILE = "manifest.json"
EDITION = 2
LARGEST_BYTES = 2**26
LONGEST_TURN = 60.0  # seconds
LIMITS = {"none": 1e-3, "float16": 0.5, "dynamic": 1.0, "int8": 1.0}
MEAN_SHARE = 0.1
DTYPES = ("float32", "int32", "string")
CHECKS, STAGED = "checks", ".export"
PACKAGES = ("keras-gen", "keras", "tensorflow", "ai-edge-litert")


def require_free(destination: Path) -> None:
    """Raises FileExistsError if `destination` exists."""
    if destination.exists() or destination.is_symlink():
        other = "" if destination.suffix == ".tflite" else " Choose another version."
        raise FileExistsError(
            f"{destination} exists: an export is never overwritten.{other}"
        )


@contextlib.contextmanager
def staging(destination: Path) -> Iterator[Path]:
    """Yields a folder beside `destination` that is removed at the end.

    New parent folders are removed too if they are empty. The artifact is made in its
    subfolder `artifact`. If the process is killed, a guard process removes the folder,
    or else the next export does.

    Args:
        destination: The path of the artifact.

    Raises:
        BlockingIOError: If another export writes to `destination`.
        FileExistsError: If `destination` exists.
    """
    parents = [folder for folder in destination.parents if not folder.exists()]
    destination.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _alone(destination), ended_by_signals():
            require_free(destination)
            _remove_stale(destination)
            folder = Path(
                tempfile.mkdtemp(STAGED, f".{destination.name}-", destination.parent)
            )
            with _guarded(folder):
                (folder / "artifact").mkdir(mode=0o755)
                yield folder
    finally:
        _remove_empty(parents)


@contextlib.contextmanager
def _alone(destination: Path) -> Iterator[None]:
    lock = destination.with_name(f".{destination.name}.lock")
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(lock))
        except BlockingIOError as error:
            raise BlockingIOError(
                f"another export writes {destination}: {error.strerror}. Wait for it, "
                "or choose another path."
            ) from None
        yield


@contextlib.contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    """Removes a folder at the end, also if this process is killed.

    The guard process waits for the end of a pipe that this process holds. It has its
    own session, so that closing the terminal does not end it.
    """
    guard = None
    with contextlib.suppress(OSError):  # a system without a shell has no guard
        guard = subprocess.Popen(
            ["/bin/sh", "-c", 'read -r _; rm -rf -- "$0"', str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if guard is not None:
            guard.communicate()  # closes the pipe and waits


def _remove_stale(destination: Path) -> None:
    """Removes remains of killed exports. The lock excludes other exports."""
    ours = re.compile(rf"\.{re.escape(destination.name)}-\w{{8}}{re.escape(STAGED)}")
    for path in destination.parent.iterdir():
        if ours.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)


def _remove_empty(folders: Sequence[Path]) -> None:
    """Removes folders, the innermost first, up to one that is not empty."""
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()


def reference_of(folder: Path, name: str) -> Path:
    """The path of the reference inputs and outputs of an artifact.

    They are not part of the artifact. For `vae.tflite` they are in
    `checks/vae.reference.npz` beside it, and for the SavedModel `vae/1` in
    `vae/checks/1/reference.npz`. TF Serving ignores folders that are not numbers.

    Args:
        folder: The folder that holds the manifest.
        name: The artifact's name in the manifest.
    """
    if name == ".":
        return folder.parent / CHECKS / folder.name / "reference.npz"
    return folder / CHECKS / f"{Path(name).stem}.reference.npz"


def write_reference(
    path: Path,
    inputs: dict[str, dict[str, np.ndarray]],
    outputs: dict[str, dict[str, np.ndarray]],
) -> None:
    """Writes reference inputs and outputs as one `.npz` file."""
    arrays: dict[str, Any] = {
        f"{e}/inputs/{k}": v for e, named in inputs.items() for k, v in named.items()
    }
    for e, named in outputs.items():
        keys = output_keys(e, named)
        arrays |= {keys[k]: v for k, v in named.items()}
    np.savez_compressed(path, **arrays)


def describe(
    folder: Path,
    artifact_format: str,
    endpoints: Sequence[Endpoint],
    outputs: dict[str, dict[str, np.ndarray]],
    *,
    reference: Path,
    quantization: str,
    tolerances: dict[str, float | None],
    **more: Any,
) -> dict[str, Any]:
    """The manifest entry of the artifact in `folder`.

    Args:
        folder: The artifact's files.
        artifact_format: "saved_model" or "tflite".
        endpoints: Its endpoints.
        outputs: Outputs of the model by endpoint and name.
        reference: The file of reference inputs and outputs.
        quantization: As in `export.tflite`.
        tolerances: Tolerances by endpoint. None if unknown or without limit.
        **more: Further facts of the artifact.
    """
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != FILE)
    batch = next(iter(endpoints[0].inputs.values())).shape[0]
    return {
        "format": artifact_format,
        "quantization": quantization,
        **more,
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "files": {str(p.relative_to(folder)): _facts(p) for p in paths},
        "reference": _facts(reference),
        "endpoints": {
            e.name: {
                "inputs": {
                    k: {
                        "shape": spec.shape.as_list(),
                        "dtype": spec.dtype.name,
                        **e.kinds[k].facts(),
                    }
                    for k, spec in e.inputs.items()
                },
                "outputs": {
                    k: {
                        "shape": [batch, *outputs[e.name][k].shape[1:]],
                        "dtype": tf.as_dtype(outputs[e.name][k].dtype).name,
                        **returns,
                        **_refused(artifact_format, outputs[e.name][k]),
                    }
                    for k, returns in e.outputs.items()
                },
                **_limits(e, tolerances[e.name]),
                **e.facts,
            }
            for e in endpoints
        },
    }


def facts_of_data(model: Any, class_names: Sequence[str]) -> dict[str, Any]:
    """The columns of a model's table, its end token, and the names of its classes.

    Raises:
        ValueError: If there is not one name for each class.
    """
    inputs = getattr(model, "inputs", None)
    found: dict[str, Any] = {}
    if isinstance(inputs, Columns):
        found["columns"] = [column.facts() for column in inputs.columns]
    if getattr(model, "end_token", None) is not None:
        found["end_token"] = int(model.end_token)
    count = num_classes(getattr(model, "condition", None))
    if not class_names:
        return found
    if count != len(class_names) or not _are_texts([*class_names]):
        expected = "empty for a model without classes"
        if count is not None:
            expected = f"{count} texts, one for each class"
        raise ValueError(
            f"class_names must be {expected}, received {reprlib.repr(class_names)}."
        )
    return found | {"class_names": [*class_names]}


def check_tolerance(tolerance: float | None, quantization: str) -> None:
    """Raises ValueError if a tolerance is larger than allowed."""
    if tolerance is None:
        return
    limit = LIMITS[quantization]
    if not (_is_number(tolerance) and 0 < tolerance <= limit):
        raise ValueError(
            f"tolerance must be > 0 and <= {limit:g} for quantization "
            f"{quantization!r}, received {tolerance!r}."
        )


def _limits(endpoint: Endpoint, tolerance: float | None) -> dict[str, Any]:
    """The tolerances. For pictures, that of the mean error is a tenth of it."""
    if not endpoint.is_picture or endpoint.facts.get("draws"):
        return {"tolerance": tolerance}
    mean = None if tolerance is None else MEAN_SHARE * tolerance
    return {"tolerance": tolerance, "mean_tolerance": mean}


def read(folder: Path) -> dict[str, Any]:
    """The manifest of a folder, or an empty one if the folder lacks it.

    Raises:
        ValueError: If the file is not a valid manifest.
    """
    path = folder / FILE
    if not path.is_file():
        return {"manifest": EDITION, "artifacts": {}}
    try:
        if path.stat().st_size > LARGEST_BYTES or path.is_symlink():
            raise ValueError("it is a link, or too large")
        found = json.loads(path.read_text(), parse_constant=_no_number)
        _check(found)
    except (ValueError, RecursionError) as error:
        reason = str(error).removesuffix(".")
        raise ValueError(f"{path} is not a manifest of an export: {reason}.") from error
    return found


def _check(found: Any) -> None:
    """Raises ValueError if a manifest is invalid."""
    _need(isinstance(found, dict) and "artifacts" in found, "it", "a manifest", found)
    edition, artifacts = found.get("manifest"), found["artifacts"]
    _need(edition == EDITION, "manifest", f"{EDITION} (export again)", edition)
    _need(isinstance(artifacts, dict), "artifacts", "an object", artifacts)
    for name, artifact in artifacts.items():
        _need(isinstance(artifact, dict), name, "an object", artifact)
        _check_artifact(name, artifact)


def _check_artifact(name: str, artifact: dict[str, Any]) -> None:
    """Raises ValueError if the entry of an artifact is invalid."""
    kind, quantization = artifact.get("format"), artifact.get("quantization")
    if name == ".":
        _need(kind == "saved_model", "format", "saved_model", kind)
        _need(quantization == "none", "quantization", "none", quantization)
        batch_size = None
    else:
        is_file = _is_name(name) and name.endswith(".tflite")
        _need(is_file and "/" not in name, "artifacts", "names of .tflite files", name)
        _need(kind == "tflite", "format", "tflite", kind)
        known = isinstance(quantization, str) and quantization in LIMITS
        _need(known, "quantization", f"one of {', '.join(LIMITS)}", quantization)
        batch_size = artifact.get("batch_size", 0)
        fits = batch_size is None or _is_size(batch_size)
        _need(fits, "batch_size", "an integer > 0 or null", batch_size)
    if "columns" in artifact:
        check_columns(artifact["columns"])
    names = artifact.get("class_names", [])
    _need(_are_texts(names), "class_names", "a list of texts", names)
    files = _object(artifact.get("files"), "files")
    _need(all(map(_is_name, files)), "files", "names inside the folder", list(files))
    for facts in (*files.values(), artifact.get("reference")):
        known = facts if isinstance(facts, dict) else {}
        fits = _is_digest(known.get("sha256")) and _is_size(known.get("bytes"))
        _need(fits, "files", "sha256 and bytes", facts)
    endpoints = _object(artifact.get("endpoints"), "endpoints")
    default = artifact.get("serving_default", next(iter(endpoints)))
    known = isinstance(default, str) and default in endpoints
    _need(known, "serving_default", "an endpoint", default)
    for endpoint, facts in endpoints.items():
        _need(isinstance(facts, dict), endpoint, "an object", facts)
        _check_endpoint(endpoint, facts, str(quantization), batch_size)


def check_columns(found: Any) -> None:
    """Raises ValueError unless the columns of a table have names, and numbers fit."""
    fits = isinstance(found, list) and bool(found)
    for facts in found if fits else ():
        fits &= isinstance(facts, dict) and isinstance(facts.get("name"), str)
        step = facts.get("step", 0) if fits else 0
        fits &= _is_number(step) and 0 <= step <= 1
    _need(fits, "columns", "a list of columns", found)


def _check_endpoint(
    name: str, facts: dict[str, Any], quantization: str, batch_size: int | None
) -> None:
    """Raises ValueError if the entry of an endpoint is invalid."""
    tensors = {
        kind: _object(facts.get(kind), f"{name}: {kind}")
        for kind in ("inputs", "outputs")
    }
    for kind, named in tensors.items():
        fits = all(map(_is_tensor, named.values()))
        _need(fits, f"{name}: {kind}", "tensors of a shape and dtype", named)
        batches = {tensor["shape"][0] for tensor in named.values()}
        _need(batches == {batch_size}, f"{name}: {kind}", "of the batch size", named)
    outputs = [*tensors["outputs"].values()]
    if len(outputs) > 1:
        are_columns = all("name" in output for output in outputs)
        _need(are_columns, f"{name}: outputs", "one tensor, or columns", outputs)
        check_columns(outputs)
    draws, limit = facts.get("draws", False), LIMITS[quantization]
    _need(isinstance(draws, bool), f"{name}: draws", "true or false", draws)
    tolerance = facts.get("tolerance")
    if tolerance is not None or not (draws and quantization != "none"):
        fits = _is_number(tolerance) and 0 <= tolerance <= limit
        _need(fits, f"{name}: tolerance", f"in [0, {limit:g}]", tolerance)
    if "mean_tolerance" in facts:
        mean = facts["mean_tolerance"]
        fits = _is_number(mean) and 0 <= mean <= MEAN_SHARE * limit
        _need(fits, f"{name}: mean_tolerance", f"in [0, {MEAN_SHARE * limit:g}]", mean)
        for output in outputs:
            axes = len(output["shape"])  # of images, or of clips
            is_picture = axes in (4, 5) and output["dtype"] == "float32"
            _need(is_picture, f"{name}: outputs", "pictures", output)
    for key in ("error", "p999_error", "mean_error", "latency_ms"):
        value = facts.get(key, 0.0)
        _need(_is_number(value) and value >= 0, f"{name}: {key}", "a number", value)


def _object(found: Any, what: str) -> dict[str, Any]:
    _need(isinstance(found, dict) and found, what, "an object, not empty", found)
    return found


def _need(fits: Any, what: str, wanted: str, received: Any) -> None:
    if not fits:
        raise ValueError(f"{what} must be {wanted}, received {reprlib.repr(received)}")


def _is_name(name: str) -> bool:
    """Whether a name is that of a file inside a folder, on any system."""
    parts = name.split("/")
    return not {"", ".", ".."} & set(parts) and name.isprintable() and "\\" not in name


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 < value < 2**62


def _is_number(value: Any) -> TypeGuard[float]:
    return type(value) in (int, float) and abs(value) < 1e300


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def _is_tensor(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("shape"), list):
        return False
    sizes = value["shape"]
    fits = all(n is None or _is_size(n) for n in sizes) and len(sizes) < 16
    numbers = [n for n in sizes if n is not None]
    return (
        bool(sizes)
        and fits
        and math.prod(numbers) < 2**31
        and (isinstance(value.get("dtype"), str) and value["dtype"] in DTYPES)
    )


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def artifact(path: str | Path) -> dict[str, Any]:
    """The manifest entry of an artifact.

    Args:
        path: A version folder of a SavedModel, or a `.tflite` file.

    Returns:
        `format`, `quantization`, `versions`, `files` (sha256 and bytes by name),
        `reference` (sha256 and bytes), `class_names` in the order of the labels if
        they were given, `columns` of a table, `end_token` of texts, `serving_default`
        of a SavedModel, `batch_size` of a `.tflite` file, and `endpoints` by name:
        `inputs` and `outputs` (shape, dtype, kind and limits), `tolerance`,
        `mean_tolerance` for pictures, `error`, `p999_error`, `mean_error`,
        `latency_ms`.

    Raises:
        FileNotFoundError: If no manifest describes it.
    """
    path = Path(path)
    is_file = path.suffix == ".tflite"
    found = read(path.parent if is_file else path)["artifacts"]
    name = path.name if is_file else "."
    if name not in found:
        raise no_export(path)
    return found[name]


def no_export(path: Path) -> FileNotFoundError:
    """The error that no manifest describes `path`. It suggests a version in it."""
    versions = [found.parent for found in path.glob(f"*/{FILE}")]
    newest = max(versions, key=lambda v: (len(v.name), v.name), default=None)
    hint = f" Did you mean {newest}?" if newest else ""
    return FileNotFoundError(
        f"{path} is not an export: found no {FILE} that describes it.{hint}"
    )


def write(folder: Path, name: str, artifact: dict[str, Any]) -> None:
    """Adds an artifact to the manifest of a folder, in one rename."""
    manifest = read(folder)
    manifest["artifacts"][name] = artifact
    temporary = folder / f".{FILE}.{os.getpid()}"
    try:
        temporary.write_text(json.dumps(manifest, indent=2) + "\n")
        temporary.replace(folder / FILE)
    finally:
        temporary.unlink(missing_ok=True)


def publish(staged: Path, path: Path, artifact: dict[str, Any] | None = None) -> None:
    """Moves an artifact and its reference from `staged` to `path`.

    The artifact itself is moved last, so that it is always complete. If one step fails,
    the others are undone.

    Args:
        staged: The folder of `staging`, with `artifact` and `reference.npz`.
        path: A version folder, or a `.tflite` file.
        artifact: The entry of a file in the manifest of the folder.
    """
    folder, name = (path.parent, path.name) if artifact else (path, ".")
    reference = reference_of(folder, name)
    moves = [(staged / "reference.npz", reference)]
    source = staged / "artifact"
    if artifact:
        beside = [file for file in artifact["files"] if file != name]
        moves += [(source / file, folder / file) for file in beside]
        source /= name
    made = [parent for parent in reference.parents if not parent.exists()]
    with _turn(folder / f".{FILE}.lock") if artifact else contextlib.nullcontext():
        _move(moves, source, path, artifact, staged / "before", made)


def _move(
    moves: list[tuple[Path, Path]],
    source: Path,
    path: Path,
    artifact: dict[str, Any] | None,
    before: Path,
    made: list[Path],
) -> None:
    """Moves files and writes the manifest, or undoes both; see `publish`."""
    listed, (_, reference) = path.parent / FILE, moves[0]
    if artifact and listed.exists():
        shutil.copyfile(listed, before)
    try:
        reference.parent.mkdir(parents=True, exist_ok=True)
        for staged_file, file in moves:
            os.replace(staged_file, file)
        if artifact:
            write(path.parent, path.name, artifact)
        os.rename(source, path)
    except BaseException:
        for _, file in moves:
            file.unlink(missing_ok=True)
        if before.exists():
            before.replace(listed)
        elif artifact:
            listed.unlink(missing_ok=True)
        _remove_empty(made)
        raise


@contextlib.contextmanager
def _turn(lock: Path) -> Iterator[None]:
    """Waits for a lock that is held for a short time only."""
    with contextlib.ExitStack() as stack:
        end = time.monotonic() + LONGEST_TURN
        while True:
            try:
                stack.enter_context(locked(lock))
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        yield


def _refused(artifact_format: str, output: np.ndarray) -> dict[str, Any]:
    """The output value of a `.tflite` file for rows that Keras rejects."""
    if artifact_format != "tflite":
        return {}
    return {"refused": "NaN" if output.dtype.kind == "f" else -1}


def _facts(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
