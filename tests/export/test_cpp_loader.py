"""SavedModels load and answer in TensorFlow's C++ loader, that of TF Serving."""

import functools
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from ..marks import but_slow

SCRIPT = Path(__file__).with_name("c_loader.py")
LIBRARIES = Path(tf.__file__).parent
SLOW = ("dense_vae", "conv_vae", "guided_diffusion")
MODELS = ("conditional_vae", "fitted_autoencoder", *SLOW)
ENDPOINTS = ("sample", "decode")
TOLERANCE = 1e-6  # seen: 0


def tensor_names(folder, endpoint):
    """The names in the graph of a signature's inputs and of its output."""
    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((folder / "saved_model.pb").read_bytes())
    signature = proto.meta_graphs[0].signature_def[endpoint]
    (output,) = signature.outputs.values()
    return {k: v.name for k, v in signature.inputs.items()}, output.name


def run_c_loader(calls, arrays, folder):
    np.savez(folder / "in.npz", **arrays)
    files = folder / "in.npz", folder / "out.npz"
    return subprocess.run(
        [sys.executable, "-I", SCRIPT, LIBRARIES, *files],
        input=json.dumps(calls),
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def answers(get_case, get_saved_model, tmp_path_factory):
    """What the C++ loader's sessions answer, by endpoint, of a model by name."""
    library = LIBRARIES / "libtensorflow_cc.so.2"
    assert library.exists(), "this build of TensorFlow has no C++ loader to test with"

    @functools.cache
    def of(name):
        path, calls, arrays = get_saved_model(name), [], {}
        for endpoint in ENDPOINTS:
            tensors, output = tensor_names(path, endpoint)
            rows = get_case(name).inputs[endpoint]
            arrays |= {f"{endpoint}/{k}": v for k, v in rows.items()}
            feeds = {tensor: f"{endpoint}/{k}" for k, tensor in tensors.items()}
            calls.append([endpoint, str(path), feeds, output])
        folder = tmp_path_factory.mktemp("c_loader")
        done = run_c_loader(calls, arrays, folder)
        assert done.returncode == 0, done.stderr[-2000:]
        return dict(np.load(folder / "out.npz"))

    return of


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("name", but_slow(MODELS, SLOW))
def test_the_cpp_loader_answers_as_keras(name, endpoint, get_case, answers):
    expected = get_case(name).answers[endpoint]
    assert expected.std() > 0.01
    np.testing.assert_allclose(
        answers(name)[endpoint], expected, rtol=0, atol=TOLERANCE
    )


def test_the_cpp_loader_refuses_what_keras_refuses(get_case, get_saved_model, tmp_path):
    path, rows = get_saved_model("conditional_vae"), get_case("conditional_vae").inputs
    tensors, output = tensor_names(path, "sample")
    calls = [
        ["sample", str(path), {tensor: k for k, tensor in tensors.items()}, output]
    ]
    rows = rows["sample"] | {"labels": np.array([3, 1, 10, 1, 5], np.int32)}
    done = run_c_loader(calls, rows, tmp_path)
    assert done.returncode != 0
    assert "labels must be in [0, 10), received values in] [1] [10]" in done.stderr


def test_the_cpp_loader_finds_what_python_overlooks(tmp_path):
    """A model whose variables hang on a Keras model loads in Python alone."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    module = tf.Module()
    module.model = model
    spec = tf.TensorSpec((None, 2), name="z")
    call = tf.function(lambda z: {"x": model(z)}, input_signature=[spec])
    tf.saved_model.save(module, tmp_path / "1", signatures={"decode": call})
    z = np.ones((3, 2), np.float32)
    tf.saved_model.load(tmp_path / "1").signatures["decode"](z=tf.constant(z))
    tensors, output = tensor_names(tmp_path / "1", "decode")
    calls = [["decode", str(tmp_path / "1"), {tensors["z"]: "z"}, output]]
    done = run_c_loader(calls, {"z": z}, tmp_path)
    assert done.returncode != 0
    assert "Could not find variable" in done.stderr
