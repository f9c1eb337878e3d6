"""Converts a SavedModel to a `.tflite` file, in a separate process.

This is a script and not a module of the package: the converter can crash its process,
which must not end the user's session.

    python convert.py SAVED_MODEL OUT QUANTIZATION BATCH CALIBRATION ENDPOINT ...
"""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROUNDED = (
    "BATCH_MATMUL",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "TRANSPOSE_CONV",
)
CURES = {
    "BitwiseAnd": (
        "keras.ops.argmax and argmin of floats need it: use tf.argmax or tf.argmin."
    ),
    "Erf": (
        "Use keras.ops.gelu(x, approximate=True) for a GELU. Elsewhere, "
        "tanh(1.12838 * (x + 0.08943 * x**3)) is within 0.001 of erf(x)."
    ),
}
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main(
    saved_model: str,
    out: str,
    quantization: str,
    batch: str,
    calibration: str,
    *endpoints: str,
) -> None:
    """Writes the file `out`."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(
        saved_model, signature_keys=list(endpoints)
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantization == "dynamic":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "int8":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: calibration_rows(
            calibration, endpoints, int(batch)
        )
    try:
        content = converter.convert()
    except Exception as error:
        sys.exit(reason(str(error), lambda: operators_of(saved_model, endpoints)))
    Path(out).write_bytes(content)
    if quantization == "float16":
        Path(out).write_bytes(float16_weights(out))


def calibration_rows(
    path: str, endpoints: tuple[str, ...], batch: int
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Inputs to calibrate with, `batch` rows at a time, for each endpoint."""
    with np.load(path, allow_pickle=False) as arrays:
        inputs = {k: arrays[k] for k in arrays.files if "/inputs/" in k}
    for endpoint in endpoints:
        prefix = f"{endpoint}/inputs/"
        named = {k[len(prefix) :]: v for k, v in inputs.items() if k.startswith(prefix)}
        number = len(next(iter(named.values())))
        for start in range(0, number, batch):
            rows = np.arange(start, start + batch) % number
            yield endpoint, {k: v[rows] for k, v in named.items()}


def operators_of(path: str, endpoints: Sequence[str]) -> dict[str, set[str]]:
    """The operators of each endpoint of a SavedModel, with those of its functions."""
    import tensorflow as tf

    signatures, found = tf.saved_model.load(path).signatures, {}
    for endpoint in endpoints:
        graph = signatures[endpoint].graph.as_graph_def()
        nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
        found[endpoint] = {node.op for node in nodes}
    return found


def reason(message: str, found: Callable[[], dict[str, set[str]]] = dict) -> str:
    """The reason why the converter failed, in one line.

    Args:
        message: The messages of the converter.
        found: Returns the operators of each endpoint.
    """
    missing = re.findall(r"^\s*tf\.((\w+)\([^()]*\)) -> ", message, re.MULTILINE)
    if missing:
        names = {name for _, name in missing}
        where = ", ".join(name for name, has in found().items() if names & has)
        place = f"endpoint {where}: " if where else ""
        listed = ", ".join(sorted({shown for shown, _ in missing}))
        cures = [f" {cure}" for name, cure in CURES.items() if name in names]
        return f"{place}LiteRT has no builtin operator for {listed}.{''.join(cures)}"
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return next((line for line in lines if "error:" in line), lines[0])[:500]


def float16_weights(path: str) -> bytes:
    """The file with the weights of dense and convolution operators as float16.

    The converter's own float16 mode rounds every constant, which breaks random numbers
    and noise schedules.
    """
    from litert_quantizer import qtyping, quantizer

    unshare_weights(path)
    unshare_weights(path)
    weights = qtyping.TensorQuantizationConfig(
        num_bits=16, dtype=qtyping.TensorDataType.FLOAT
    )
    quantize = quantizer.Quantizer(path)
    quantize.update_quantization_recipe(
        regex=".*",
        operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
        op_config=qtyping.OpQuantizationConfig(
            weight_tensor_config=weights,
            compute_precision=qtyping.ComputePrecision.FLOAT,
        ),
        algorithm_key="float_casting",
    )
    return bytes(quantize.quantize().quantized_model or b"")


def unshare_weights(path: str) -> None:
    """Copies weights of such operators that other operators read too.

    The quantizer rounds the weights in place. Other tensors with the same bytes would
    then have the wrong type.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(Path(path).read_bytes(), 0)
    rounding = {getattr(schema.BuiltinOperator, name) for name in ROUNDED}
    readers: dict[tuple[int, bool], list[Any]] = {}
    for graph in model.subgraphs:
        for operator in graph.operators or []:
            code = model.operatorCodes[operator.opcodeIndex]
            rounds = max(code.builtinCode, code.deprecatedBuiltinCode) in rounding
            for tensor in (graph.tensors[i] for i in operator.inputs if i >= 0):
                readers.setdefault((tensor.buffer, rounds), []).append(tensor)
    for (buffer, rounds), tensors in readers.items():
        data = model.buffers[buffer].data
        if data is not None and not rounds and (buffer, True) in readers:
            copy = schema.BufferT()
            copy.data = data
            model.buffers.append(copy)
            for tensor in tensors:
                tensor.buffer = len(model.buffers) - 1
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    Path(path).write_bytes(bytes(builder.Output()))


if __name__ == "__main__":
    main(*sys.argv[1:])
