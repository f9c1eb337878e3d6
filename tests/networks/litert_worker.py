"""Converts networks and compares them, in a process of its own.

    python litert_worker.py FOLDER ...

A folder holds `network.keras` and `case.npz`, its named inputs and the expected
output.
"""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_gen  # noqa: F401  registers the layers


def convert(network, rows):
    """A `.tflite` file of builtin operators, for `rows` rows, None for any number."""
    specs = [tf.TensorSpec((rows, *t.shape[1:]), name=t.name) for t in network.inputs]
    module = tf.Module()
    module.weights = [w.value for w in network.weights]
    function = tf.function(lambda *inputs: {"output": network(list(inputs))})
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function(*specs)], module
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return converter.convert()


def main(folder):
    network = keras.saving.load_model(Path(folder) / "network.keras")
    inputs = dict(np.load(Path(folder) / "case.npz"))
    expected = inputs.pop("expected")
    for rows in (1, None):
        interpreter = Interpreter(model_content=convert(network, rows))
        operators = {op["op_name"] for op in interpreter._get_ops_details()}
        assert "VAR_HANDLE" not in operators
        run = interpreter.get_signature_runner()
        received = run(**{name: value[:rows] for name, value in inputs.items()})
        error = np.abs(received["output"] - expected[:rows]).max()
        limit = 1e-5 * max(1, np.abs(expected).max())
        print(f"{rows}: error {error:.1e} of {np.abs(expected).max():.1e}", operators)
        assert error <= limit, f"error {error} above {limit} at {rows} rows"


if __name__ == "__main__":
    for folder in sys.argv[1:]:
        main(folder)
