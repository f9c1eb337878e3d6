"""Checks before an artifact runs: its folder, files and operators.

A manifest may come from anyone. An artifact is run only if its files are those of the
manifest, are in its folder, and only calculate.
"""

import hashlib
import os
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from . import manifest

LARGEST_REFERENCE = 2**30
GRAPH = "saved_model.pb"
PARTS = (GRAPH, "fingerprint.pb", "variables/", "assets/", "assets.extra/")
CALCULATING = Path(__file__).with_name("operators.txt")
SAVING = frozenset(
    ("SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename")
)  # in the two functions by which a SavedModel writes and reads its variables


def problems(
    folder: Path, name: str, artifact: dict[str, Any], reference: Path
) -> list[str]:
    """Sentences with reasons not to run an artifact. Nothing is run.

    Args:
        folder: The folder that holds the manifest.
        name: The artifact's name in the manifest.
        artifact: Its entry in the manifest.
        reference: The file of reference inputs and outputs.
    """
    files = artifact["files"]
    found = list(_strangers(folder, name, files))
    found += _damage(folder, {folder / file: facts for file, facts in files.items()})
    checks = reference.parents[1] if name == "." else reference.parent
    found += _damage(checks.parent, {reference: artifact["reference"]})
    found = found or list(_bomb(reference))
    if not found and name == ".":
        found += graph_problems(folder / GRAPH)
    return found


def _strangers(folder: Path, name: str, files: Iterable[str]) -> Iterator[str]:
    """Sentences about files that are not listed, or do not belong here."""
    if name != ".":
        vocabulary = f"{Path(name).stem}.vocabulary.json"
        needed = [name, *[vocabulary] * (folder / vocabulary).exists()]
        allowed = (name, vocabulary)
        present: Iterable[str] = ()
    else:
        needed, allowed = [GRAPH], PARTS
        present = [
            str((Path(at) / file).relative_to(folder))
            for at, folders, names in os.walk(folder)
            for file in (*names, *(f for f in folders if (Path(at) / f).is_symlink()))
        ]
    for file in sorted({*needed, *present} - {*files, manifest.FILE}):
        yield f"{file} is not listed in the manifest."
    for file in sorted(files):
        if not any(
            file == a or a.endswith("/") and file.startswith(a) for a in allowed
        ):
            yield f"{file} is not part of such an artifact."


def _damage(root: Path, files: dict[Path, dict[str, Any]]) -> Iterator[str]:
    """Sentences about files that are missing, empty, changed, or outside `root`."""
    for path, facts in files.items():
        name = path.relative_to(root)
        if not path.is_file():
            yield f"{name} is missing."
        elif not path.resolve().is_relative_to(root.resolve()):
            yield f"{name} is a link to a file outside {root}."
        elif not path.stat().st_size:
            yield f"{name} is empty."
        else:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != facts["sha256"]:
                yield f"{name} differs from its sha256 in the manifest."


def _bomb(reference: Path) -> Iterator[str]:
    """Sentences about a reference that is not an archive, or is too large."""
    try:
        with zipfile.ZipFile(reference) as archive:
            size = sum(part.file_size for part in archive.infolist())
    except zipfile.BadZipFile:
        yield f"{reference.name} is not an archive of arrays."
        return
    if size > LARGEST_REFERENCE:
        yield f"{reference.name} holds {size:,} bytes: too many for a reference."


def graph_problems(path: Path) -> list[str]:
    """Sentences about operators of a SavedModel that do more than calculate.

    Args:
        path: The file `saved_model.pb`, which is parsed and not loaded.
    """
    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString(path.read_bytes())
    except DecodeError as error:
        return [f"{path.name} is not a SavedModel: {error}."]
    found = [p for graph in model.meta_graphs for p in _foreign(graph)]
    return found or [f"{path.name} holds no graph."] * (not model.meta_graphs)


def _foreign(graph: Any) -> list[str]:
    """Operators of one graph and of its functions that are not allowed.

    The two functions of the saver read and write files. They may if only the nodes that
    the saver names call them: neither loading nor the signatures run these.
    """
    nodes, objects = list(graph.graph_def.node), graph.object_graph_def
    functions = {f.signature.name: f.node_def for f in graph.graph_def.library.function}
    saver = graph.saver_def
    ends = {saver.save_tensor_name.split(":")[0], saver.restore_op_name}
    is_saver = [n.name in ends and n.op == "StatefulPartitionedCall" for n in nodes]
    savers = [node for node, yes in zip(nodes, is_saver, strict=True) if yes]
    others = [node for node, yes in zip(nodes, is_saver, strict=True) if not yes]
    others += [node for body in functions.values() for node in body]
    saving = {name for node in savers for name in _called(node)} & set(functions)
    saving -= {name for node in others for name in (node.op, *_called(node))}
    saving -= set(objects.concrete_functions)
    used = {node.op for node in nodes}
    for name, body in functions.items():
        used |= {node.op for node in body} - (SAVING if name in saving else set())
    found = [
        f"operator {operator} does more than calculate: it may access files, "
        "processes or the network."
        for operator in sorted(used - _calculating() - set(functions))
    ]
    called = {name for node in (*nodes, *others) for name in _called(node)}
    found += [f"function {name} is missing." for name in called - set(functions)]
    return found or [f"{GRAPH} holds no objects."] * (not objects.nodes)


def _called(node: Any) -> Iterator[str]:
    """Names of the functions that a node calls by its attributes."""
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        yield from (f.name for f in value.list.func)


def _calculating() -> set[str]:
    lines = CALCULATING.read_text().splitlines()
    return {name for row in lines if not row.startswith("#") for name in row.split()}
