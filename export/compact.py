"""Makes a `.tflite` file smaller by removing duplicates and unused content."""

import itertools
from collections.abc import Container, Hashable, Iterable, Iterator
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

IDENTIFIER = b"TFL3"
ALIGNMENT = 16  # alignment of weights in bytes, as the schema requires


class SharingBuilder(flatbuffers.Builder):
    """Writes equal vectors of numbers, such as shapes, and equal names once."""

    def __init__(self) -> None:
        super().__init__(1024)
        self._places: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:  # noqa: N802
        """The offset of a vector; see the base class."""
        key = x.dtype.str, x.tobytes()
        if key not in self._places:
            self._places[key] = super().CreateNumpyVector(x)
        return self._places[key]

    def CreateString(self, s: str | bytes, *more: str) -> int:  # noqa: N802
        """The offset of a text; see the base class."""
        key = "text", s.encode() if isinstance(s, str) else bytes(s)
        if key not in self._places:
            self._places[key] = super().CreateString(s, *more)
        return self._places[key]


class AlignedBuffer(schema.BufferT):
    """A buffer with aligned bytes, which LiteRT can read in place."""

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802
        """Writes the buffer; see the generated class."""
        if self.data is not None:
            builder.Prep(ALIGNMENT, len(self.data))
        return super().Pack(builder)


def compact(path: Path) -> None:
    """Rewrites a file with one copy of each buffer and of each loop body.

    The converter writes the network into the body of every loop that calls it, so equal
    solvers have equal bodies. Names of the inputs and outputs of signatures are kept.
    All other names are shortened, since tools that convert the file need names.
    """
    content = path.read_bytes()
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    _take_in(model, content)
    _merge_buffers(model)
    _drop_names(model)
    for i, graph in enumerate(model.subgraphs):
        signatures = [s for s in model.signatureDefs if s.subgraphIndex == i]
        _renumber(graph, [t for s in signatures for t in (*s.inputs, *s.outputs)])
    while _merge_subgraphs(model):
        pass
    _give_names(model)
    path.write_bytes(_packed(model, IDENTIFIER))


def _take_in(model: schema.ModelT, content: bytes) -> None:
    """Reads buffers after the table of a file, where the quantizer puts them."""
    for buffer in model.buffers:
        if buffer.offset > 1:
            data = content[buffer.offset : buffer.offset + buffer.size]
            buffer.data = np.frombuffer(data, np.uint8)


def _merge_buffers(model: schema.ModelT) -> None:
    """Keeps one of equal buffers. The first buffer stays empty."""
    keys = [None if b.data is None else bytes(b.data) for b in model.buffers]
    places, kept = _places([None, *keys[1:]])
    users = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    for user in [*users, *(model.metadata or [])]:
        user.buffer = places[user.buffer]
    model.buffers = [AlignedBuffer(model.buffers[i].data) for i in kept]


def _drop_names(model: schema.ModelT) -> None:
    """Drops names of inner tensors, and empty descriptions of quantization."""
    entries = {signature.subgraphIndex for signature in model.signatureDefs}
    for i, graph in enumerate(model.subgraphs):
        named = {*graph.inputs, *graph.outputs} if i in entries else ()
        graph.name = graph.name if i in entries else None
        for j, tensor in enumerate(graph.tensors):
            if j not in named:
                tensor.name = None
            if tensor.quantization and tensor.quantization.scale is None:
                tensor.quantization = None


def _give_names(model: schema.ModelT) -> None:
    """Names tensors without a name.

    Graphs of signatures share their names, so that each name is written once. Bodies
    and conditions of loops have different names, since tools that inline them, such as
    tf2onnx, would otherwise mix up tensors.
    """
    for signature in model.signatureDefs:
        tensors = model.subgraphs[signature.subgraphIndex].tensors
        taken = {tensor.name for tensor in tensors}
        for output in signature.outputs:  # the converter calls each of them the same
            name = b"_".join((signature.signatureKey, output.name))
            if name + b":0" in taken:  # the input of this name
                name += b"_out"
            tensors[output.tensorIndex].name = name + b":0"
    entries = {signature.subgraphIndex for signature in model.signatureDefs}
    taken = {tensor.name for graph in model.subgraphs for tensor in graph.tensors}
    within = _short_names(taken, max(len(model.subgraphs[i].tensors) for i in entries))
    for i, graph in enumerate(model.subgraphs):
        graph.name = graph.name or f"graph{i}"
        names = _short_names(taken) if i in entries else within
        for tensor in graph.tensors:
            tensor.name = tensor.name or next(names)


def _short_names(taken: Container[bytes], start: int = 0) -> Iterator[bytes]:
    names = (f"t{j}".encode() for j in itertools.count(start))
    return (name for name in names if name not in taken)


def _renumber(graph: schema.SubGraphT, entries: list[schema.TensorMapT]) -> None:
    """Numbers tensors in the order of their use, without unused ones."""
    lists = [(graph, "inputs")]
    for operator in graph.operators or []:
        lists += [(operator, name) for name in ("inputs", "intermediates", "outputs")]
    lists = [(o, name) for o, name in (*lists, (graph, "outputs")) if _has(o, name)]
    numbers = [int(n) for owner, name in lists for n in getattr(owner, name) if n >= 0]
    places, kept = _places(numbers)
    place = {-1: -1, **dict(zip(numbers, places, strict=True))}
    for owner, name in lists:
        renamed = [place[int(n)] for n in getattr(owner, name)]
        setattr(owner, name, np.array(renamed, np.int32))
    for entry in entries:
        entry.tensorIndex = place[entry.tensorIndex]
    graph.tensors = [graph.tensors[numbers[i]] for i in kept]


def _has(owner: Any, name: str) -> bool:
    return getattr(owner, name) is not None


def _merge_subgraphs(model: schema.ModelT) -> bool:
    """Keeps one of equal subgraphs. Returns whether there were any."""
    entries = {signature.subgraphIndex for signature in model.signatureDefs}
    places, kept = _places(
        i if i in entries else _packed(graph) for i, graph in enumerate(model.subgraphs)
    )
    for user, name in _references(model):
        setattr(user, name, places[getattr(user, name)])
    is_smaller = len(kept) < len(model.subgraphs)
    model.subgraphs = [model.subgraphs[i] for i in kept]
    return is_smaller


def _references(model: schema.ModelT) -> Iterator[tuple[Any, str]]:
    """Objects that refer to a subgraph by number, and the name of the attribute."""
    users = list(model.signatureDefs)
    for graph in model.subgraphs:
        for operator in graph.operators or []:
            users += [operator.builtinOptions, operator.builtinOptions2]
    for user in users:
        for name in vars(user) if user is not None else ():
            if name.lower().endswith("subgraphindex"):
                yield user, name


def _places(keys: Iterable[Hashable]) -> tuple[list[int], list[int]]:
    """For each key the index of its first occurrence, and the first positions."""
    found: dict[Hashable, int] = {}
    places, kept = [], []
    for i, key in enumerate(keys):
        if key not in found:
            found[key] = len(kept)
            kept.append(i)
        places.append(found[key])
    return places, kept


def _packed(table: Any, identifier: bytes | None = None) -> bytes:
    builder = SharingBuilder()
    builder.Finish(table.Pack(builder), identifier)
    return bytes(builder.Output())
