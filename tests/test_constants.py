"""Tables are one for all that use them, in memory and in a SavedModel."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from tensorflow.core.protobuf import saved_model_pb2

import keras_gen as kg
from keras_gen import bijectors
from keras_gen.constants import rows_of, table
from keras_gen.export import convert, endpoints
from keras_gen.export.saved_model import write_saved_model

LARGE = 4 * 400  # bytes; smaller ones are copied

FLOWS = {
    "masks": (lambda: bijectors.masked_autoregressive(3, units=(24, 24)), (4,)),
    "rotations": (
        lambda: [bijectors.InvertibleLinear(seed=i) for i in (1, 2)],
        (24,),
    ),
}


def large_constants(nodes):
    tensors = [node.attr["value"].tensor for node in nodes if node.op == "Const"]
    return [t.SerializeToString() for t in tensors if t.ByteSize() >= LARGE]


def test_equal_tables_are_one():
    one = table(np.tri(30))
    assert table(np.tri(30)) is one
    assert table(np.tri(30), "float64").dtype == tf.float64
    assert table(np.tri(31)) is not one
    traced = tf.function(lambda: one + table(np.tri(30)))
    np.testing.assert_array_equal(traced(), 2 * np.tri(30))
    assert len(traced.get_concrete_function().captured_inputs) == 1


@pytest.mark.parametrize(("layers", "shape"), FLOWS.values(), ids=FLOWS)
def test_a_saved_model_holds_a_table_once(layers, shape, tmp_path):
    model = kg.Flow(layers(), shape, seed=0)
    write_saved_model(endpoints.endpoints_of(model), tmp_path)
    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((tmp_path / "saved_model.pb").read_bytes())
    graph = proto.meta_graphs[0].graph_def
    inside = [node for f in graph.library.function for node in f.node_def]
    assert large_constants(inside) == []
    tables = large_constants(graph.node)
    assert 2 <= len(tables) == len(set(tables)) <= 10
    signatures = tf.saved_model.load(str(tmp_path)).signatures
    x = np.random.default_rng(0).normal(size=(5, *shape)).astype("float32")
    found = signatures["log_prob"](x=tf.constant(x))["log_prob"]
    np.testing.assert_allclose(found, model.log_prob(x), rtol=1e-5)


def test_rows_of_a_large_table_stay_exact_among_rounded_weights(tmp_path):
    """The converter would round the table to multiples of its largest number / 127."""
    values = np.stack([np.linspace(0, 1, 600), np.full(600, 1e9)], axis=1)
    weights = np.random.default_rng(0).normal(size=(64, 64))
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec((1,), "int32", "i")])
    def call(i):
        rows = rows_of(tf.constant(values, tf.float32), i)
        return {
            "y": tf.tile(rows, [1, 32]) @ tf.constant(weights, tf.float32),
            "r": rows,
        }

    tf.saved_model.save(module, str(tmp_path / "m"), {"read": call})
    out = tmp_path / "m.tflite"
    convert.main(str(tmp_path / "m"), str(out), "dynamic", "1", "none", "read")
    read = Interpreter(str(out)).get_signature_runner("read")
    for i in (0, 7, 599):
        found = read(i=np.array([i], np.int32))["r"]
        np.testing.assert_array_equal(found[0], values[i].astype(np.float32))
