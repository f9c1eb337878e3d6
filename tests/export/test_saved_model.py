"""SavedModels: signatures, layout, and the same answers as Keras elsewhere."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import keras_gen as kg
from keras_gen import export, networks
from keras_gen.export import manifest
from keras_gen.export.saved_model import write_saved_model
from keras_gen.random import row_seeds

from ..marks import but_slow

AUTOENCODER = ("reconstruct", "encode", "decode")
VAE = ("sample", "generate", *AUTOENCODER, "elbo")
ENDPOINTS = {
    "dense_vae": VAE,
    "conditional_vae": VAE,
    "conv_vae": VAE,
    "autoencoder": AUTOENCODER,
    "fitted_autoencoder": VAE[:-1],
}
QUICK = [name for name in ENDPOINTS if name != "conv_vae"]
TOLERANCE = 1e-5  # seen: 0


def signatures(folder):
    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((folder / "saved_model.pb").read_bytes())
    found = dict(proto.meta_graphs[0].signature_def)
    del found["__saved_model_init_op"]
    return found


def facts(tensors):
    """Shape and dtype by name."""
    return {
        name: ([d.size for d in t.tensor_shape.dim], tf.as_dtype(t.dtype).name)
        for name, t in tensors.items()
    }


@pytest.mark.parametrize("name", but_slow([*ENDPOINTS], ["conv_vae"]))
def test_signatures_are_the_capabilities(name, get_case, get_saved_model, names):
    case, found = get_case(name), signatures(get_saved_model(name))
    model = case.model
    assert set(found) == {*ENDPOINTS[name], "serving_default"}
    for endpoint in ENDPOINTS[name]:
        shapes = {
            "seed": [],
            "x": model.inputs.shape,
            "z": model.latent.shape,
            "noise": model.latent.shape if endpoint == "elbo" else model.noise.shape,
        }
        wanted = {k: ([-1, *shapes[k]], "float32") for k in names.inputs[endpoint]}
        if endpoint == "sample":
            wanted["seed"] = ([-1], "int32")
        if name == "conditional_vae":
            wanted["labels"] = ([-1], "int32")
        assert facts(found[endpoint].inputs) == wanted
        output = [-1, *case.answers[endpoint].shape[1:]]
        assert facts(found[endpoint].outputs) == {
            names.outputs[endpoint]: (output, "float32")
        }
    default, first = found["serving_default"], found[ENDPOINTS[name][0]]
    assert facts(default.inputs) == facts(first.inputs)
    assert facts(default.outputs) == facts(first.outputs)


@pytest.fixture(scope="module")
def fresh(get_case, get_saved_model, run_fresh):
    """What all SavedModels answer where only TensorFlow is imported."""
    calls = {}
    for name in QUICK:
        path = get_saved_model(name)
        for endpoint, inputs in get_case(name).inputs.items():
            calls[f"{name}/{endpoint}"] = path, endpoint, inputs
        default = get_case(name).inputs[ENDPOINTS[name][0]]
        calls[f"{name}/serving_default"] = path, "serving_default", default
    path, seeds = get_saved_model("dense_vae"), row_seeds(11, 5)
    calls["reversed"] = path, "sample", {"seed": seeds[::-1]}
    calls["alone"] = path, "sample", {"seed": seeds[3:4]}
    return run_fresh(calls)


@pytest.mark.parametrize("name", QUICK)
def test_answers_are_those_of_keras_in_a_fresh_process(name, get_case, fresh):
    answers = get_case(name).answers
    assert set(answers) == set(ENDPOINTS[name])
    for endpoint, answer in answers.items():
        scale = max(1, np.abs(answer).max())
        error = np.abs(fresh[f"{name}/{endpoint}"] - answer).max() / scale
        assert error <= TOLERANCE, endpoint
    default = fresh[f"{name}/serving_default"]
    np.testing.assert_array_equal(default, fresh[f"{name}/{ENDPOINTS[name][0]}"])


def test_a_sample_is_decided_by_its_row_of_seeds(get_case, fresh):
    rows = get_case("dense_vae").model.sample(5, seed=11)
    assert np.abs(rows[0] - rows[1]).max() > 0.01
    np.testing.assert_allclose(fresh["reversed"][::-1], rows, rtol=0, atol=1e-6)
    np.testing.assert_allclose(fresh["alone"], rows[3:4], rtol=0, atol=1e-6)


def test_each_endpoint_is_traced_once(get_case, tmp_path):
    calls = []

    def watched(endpoint):
        def function(**inputs):
            calls.append(endpoint.name)
            return endpoint.function(**inputs)

        return dataclasses.replace(endpoint, function=function)

    endpoints = export.endpoints_of(get_case("dense_vae").model, ["encode", "decode"])
    write_saved_model([watched(endpoint) for endpoint in endpoints], tmp_path)
    assert calls == ["encode", "decode"]


def stored_variables(folder):
    """Shapes of the numbers in a checkpoint, without TensorFlow's book-keeping."""
    stored = tf.train.list_variables(str(folder / "variables" / "variables"))
    return sorted(
        tuple(shape)
        for name, shape in stored
        if "save_counter" not in name and "OBJECT_GRAPH" not in name
    )


@pytest.mark.parametrize(
    "name", but_slow(["dense_vae", "conv_vae", "fitted_autoencoder"], ["conv_vae"])
)
def test_each_variable_is_stored_once(name, get_case, get_saved_model):
    weights = sorted(tuple(w.shape) for w in get_case(name).model.weights)
    assert stored_variables(get_saved_model(name)) == weights


@pytest.mark.usefixtures("quick")
def test_only_variables_that_an_endpoint_reads_are_stored(
    get_case, get_saved_model, tmp_path
):
    model = get_case("dense_vae").model
    decoder = export.saved_model(model, tmp_path / "decoder", endpoints=["decode"])
    weights = sorted(tuple(w.shape) for w in model.decoder.weights)
    assert stored_variables(decoder) == weights
    assert set(signatures(decoder)) == {"decode", "serving_default"}

    def size(folder):
        return sum(p.stat().st_size for p in (folder / "variables").iterdir())

    assert size(decoder) < 0.6 * size(get_saved_model("dense_vae"))


@pytest.mark.usefixtures("quick")
def test_versions_lie_side_by_side_and_none_is_overwritten(get_case, tmp_path, tree):
    model, path = get_case("autoencoder").model, tmp_path / "models" / "digits"
    assert export.saved_model(model, path, endpoints=["decode"]) == path / "1"
    first = tree(path)
    second = export.saved_model(model, path, version=2, endpoints=["decode"])
    assert second == path / "2"
    assert {p.name for p in path.iterdir()} == {"1", "2", "checks"}
    both = tree(path)
    assert {k: v for k, v in both.items() if k in first} == first
    assert not [k for k in both if "2" not in k.split("/") and k not in first]
    with pytest.raises(FileExistsError, match="never overwritten"):
        export.saved_model(model, path, version=1)
    assert tree(path) == both


@pytest.mark.parametrize("version", [0, -1, True, "1", 1.0])
def test_an_unfit_version_is_refused(version, get_case, tmp_path):
    with pytest.raises(ValueError, match=f"received {version!r}"):
        export.saved_model(get_case("dense_vae").model, tmp_path / "m", version=version)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "endpoints", "message"),
    [
        ("dense_vae", ["decod"], "Did you mean 'decode'"),
        ("dense_vae", "decode", "a list of names, received 'decode'"),
        ("dense_vae", [], r"a list of names, received \[\]"),
        ("autoencoder", ["sample"], "fit_latent_density"),
        ("autoencoder", ["elbo"], "has reconstruct, encode, decode"),
    ],
)
def test_an_unknown_endpoint_is_refused(name, endpoints, message, get_case, tmp_path):
    with pytest.raises(ValueError, match=message):
        export.saved_model(get_case(name).model, tmp_path / "m", endpoints=endpoints)
    assert not list(tmp_path.iterdir())


def test_warm_up_records_replay(get_saved_model):
    folder = get_saved_model("conditional_vae")
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    path = folder / "assets.extra" / "tf_serving_warmup_requests"
    model, reference = (
        tf.saved_model.load(folder),
        np.load(manifest.reference_of(folder, ".")),
    )
    replayed = []
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        request = logs.PredictionLog.FromString(record).predict_log.request
        assert request.model_spec.name == "conditional_vae"
        endpoint = request.model_spec.signature_name
        given = {k: tf.constant(tf.make_ndarray(v)) for k, v in request.inputs.items()}
        (output,) = model.signatures[endpoint](**given).values()
        first = reference[f"{endpoint}/output"][:1]
        np.testing.assert_allclose(output, first, rtol=1e-5, atol=1e-5)
        replayed.append(endpoint)
    assert tuple(replayed) == ENDPOINTS["conditional_vae"]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_examples_of_any_dtype_are_compared(dtype, get_case, digits, tmp_path):
    x = (digits[:3] * 255).astype(dtype) if dtype == "uint8" else digits[:3]
    model = get_case("autoencoder").model
    folder = export.saved_model(
        model, tmp_path / "m", endpoints=["encode"], examples=x.astype(dtype)
    )
    stored = np.load(manifest.reference_of(folder, "."))["encode/inputs/x"]
    assert stored.dtype == np.float32
    np.testing.assert_allclose(stored[[0, 3, 6]], [digits[0]] * 3, atol=1 / 255)


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        (np.zeros((0, 8, 8, 1)), "examples is empty"),
        (np.zeros((4, 8, 8)), "examples must have shape"),
        (np.full((4, 8, 8, 1), 7.0), r"examples must hold values in \[0, 1\]"),
    ],
)
def test_unfit_examples_are_refused(examples, message, get_case, tmp_path):
    with pytest.raises(ValueError, match=message):
        export.saved_model(
            get_case("dense_vae").model, tmp_path / "m", examples=examples
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("quick")
def test_a_model_of_mixed_precision_keeps_it(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = kg.VAE(*networks.mlp_vae((8, 8, 1), 3, units=(16,)))
    finally:
        keras.config.set_dtype_policy("float32")
    folder = export.saved_model(model, tmp_path / "m", endpoints=["decode"])
    z = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    served = tf.saved_model.load(folder).signatures["decode"](z=tf.constant(z))["x"]
    np.testing.assert_allclose(served, model.decode(z), rtol=0, atol=1e-5)
