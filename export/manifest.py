"""The manifest of an export folder, and how artifacts appear whole or not at all."""

import contextlib
import hashlib
import importlib.metadata
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from .endpoint import Endpoint

FILE = "manifest.json"
PACKAGES = ("keras-gen", "keras", "tensorflow", "ai-edge-litert")


@contextlib.contextmanager
def staging(destination: Path) -> Iterator[Path]:
    """A folder beside `destination`, removed at the end whatever happens.

    So are the parents that it made, if nothing came to lie in them.
    """
    parents = [folder for folder in destination.parents if not folder.exists()]
    destination.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(
        tempfile.mkdtemp(prefix=f".{destination.name}-", dir=destination.parent)
    )
    try:
        os.chmod(folder, 0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            for parent in parents:
                parent.rmdir()


def write_reference(
    path: Path,
    inputs: dict[str, dict[str, np.ndarray]],
    outputs: dict[str, np.ndarray],
) -> None:
    """Writes reference inputs and outputs as one `.npz` file."""
    arrays = {
        f"{e}/inputs/{k}": v for e, named in inputs.items() for k, v in named.items()
    }
    np.savez_compressed(
        path, **arrays, **{f"{e}/output": v for e, v in outputs.items()}
    )


def describe(
    folder: Path,
    artifact_format: str,
    endpoints: Sequence[Endpoint],
    outputs: dict[str, np.ndarray],
    *,
    reference: str,
    quantization: str,
    tolerances: dict[str, float | None],
) -> dict[str, Any]:
    """The manifest entry of the artifact whose files lie in `folder`."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != FILE)
    return {
        "format": artifact_format,
        "quantization": quantization,
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "files": {str(p.relative_to(folder)): _facts(p) for p in paths},
        "reference": reference,
        "endpoints": {
            e.name: {
                "inputs": {
                    k: {"shape": spec.shape.as_list(), "dtype": spec.dtype.name}
                    for k, spec in e.inputs.items()
                },
                "outputs": {
                    e.output: {
                        "shape": [None, *outputs[e.name].shape[1:]],
                        "dtype": tf.as_dtype(outputs[e.name].dtype).name,
                        **_refused(artifact_format, outputs[e.name]),
                    }
                },
                "tolerance": tolerances[e.name],
                **e.facts,
            }
            for e in endpoints
        },
    }


def read(folder: Path) -> dict[str, Any]:
    """The manifest of a folder, empty if there is none.

    Raises:
        ValueError: If the file is no manifest.
    """
    path = folder / FILE
    if not path.exists():
        return {"manifest": 1, "artifacts": {}}
    try:
        manifest = json.loads(path.read_text())
        manifest["artifacts"].items()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no manifest of an export: {error}.") from error
    return manifest


def artifact(path: str | Path) -> dict[str, Any]:
    """What the manifest says of an artifact.

    Args:
        path: A version folder of a SavedModel, or a `.tflite` file.

    Returns:
        `format`, `quantization`, `versions`, `files` (sha256 and bytes by name),
        `reference`, and `endpoints` by name: `inputs`, `outputs`, `tolerance`, `error`,
        `mean_error`, `latency_ms`.

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
    """The error that no manifest describes `path`; it names a version beneath it."""
    versions = [found.parent for found in path.glob(f"*/{FILE}")]
    newest = max(versions, key=lambda v: (len(v.name), v.name), default=None)
    hint = f" Did you mean {newest}?" if newest else ""
    return FileNotFoundError(
        f"{path} is no export: found no {FILE} that describes it.{hint}"
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


def publish(staged: Path, path: Path, artifact: dict[str, Any]) -> None:
    """Moves a file and those beside it from `staged` to `path`, and tells the manifest.

    The file comes last: where it is, all is. If one step fails, the others are undone.
    """
    beside = [name for name in artifact["files"] if name != path.name]
    listed, before = path.with_name(FILE), staged / "before"
    if listed.exists():
        shutil.copyfile(listed, before)
    try:
        for name in beside:
            os.replace(staged / name, path.with_name(name))
        write(path.parent, path.name, artifact)
        os.rename(staged / path.name, path)
    except BaseException:
        for name in beside:
            path.with_name(name).unlink(missing_ok=True)
        if before.exists():
            before.replace(listed)
        else:
            listed.unlink(missing_ok=True)
        raise


def _refused(artifact_format: str, output: np.ndarray) -> dict[str, Any]:
    """What stands throughout the rows of a `.tflite` file that Keras refuses."""
    if artifact_format != "tflite":
        return {}
    return {"refused": "NaN" if output.dtype.kind == "f" else -1}


def _facts(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
