"""`.tflite` files: Keras' answers in plain LiteRT, at four quantizations."""

import itertools
import json

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.interpreter import Interpreter

import keras_gen as kg
from keras_gen import export, networks
from keras_gen.export import precision, runner

from ..marks import but_slow
from .lite import by_rows

TOLERANCES = {"none": 1e-5, "float16": 1e-2, "dynamic": 0.1, "int8": 0.1}
MEAN_TOLERANCES = {"none": 1e-6, "float16": 1e-3, "dynamic": 1e-2, "int8": 1e-2}
INTEGERS = ("generate", "reconstruct", "encode", "decode")
# The endpoints of the files that are tested; None means all.
CHOSEN = {"wide_vae": None, "conv_vae": INTEGERS, "fitted_autoencoder": None}


def answers(path, rows):
    """What plain LiteRT answers, by endpoint."""
    interpreter = Interpreter(str(path))
    assert set(interpreter.get_signature_list()) == set(rows)
    return {k: by_rows(interpreter.get_signature_runner(k), v) for k, v in rows.items()}


def facts_of(path):
    manifest = json.loads((path.parent / "manifest.json").read_text())
    return manifest["artifacts"][path.name]["endpoints"]


def differences(found, expected):
    return np.abs(found - expected) / max(1, np.abs(expected).max())


SLOW = {("conv_vae", "dynamic"), ("fitted_autoencoder", "float16")}
SLOW |= {("conv_vae", "float16"), ("fitted_autoencoder", "dynamic")}
SLOW |= {("conv_vae", "none")}
files = pytest.mark.parametrize(
    ("name", "quantization"),
    but_slow(itertools.product(CHOSEN, export.QUANTIZATIONS), SLOW),
)


@files
def test_answers_are_those_of_keras(name, quantization, get_case, get_tflite):
    case, path = get_case(name), get_tflite(name, quantization, CHOSEN[name])
    rows = case.inputs
    if quantization == "int8" or CHOSEN[name]:
        rows = {k: v for k, v in rows.items() if k in INTEGERS}
    for endpoint, found in answers(path, rows).items():
        expected = case.answers[endpoint]
        assert found.dtype == expected.dtype == np.float32
        assert found.shape == expected.shape
        error = differences(found, expected)
        assert error.max() <= TOLERANCES[quantization], endpoint
        assert error.mean() <= MEAN_TOLERANCES[quantization], endpoint
        recorded = facts_of(path)[endpoint]
        assert recorded["error"] <= TOLERANCES[quantization], endpoint
        assert recorded["mean_error"] <= MEAN_TOLERANCES[quantization], endpoint
        # The figure recorded on other rows is of the size that these rows show.
        if quantization != "none":
            assert error.mean() / 10 < recorded["mean_error"] < error.mean() * 10


def test_a_call_takes_one_row(get_case, get_tflite):
    case, path = get_case("fitted_autoencoder"), get_tflite("fitted_autoencoder")
    interpreter = Interpreter(str(path))
    for endpoint, facts in facts_of(path).items():
        runner = interpreter.get_signature_runner(endpoint)
        for details, stated in (
            (runner.get_input_details(), facts["inputs"]),
            (runner.get_output_details(), facts["outputs"]),
        ):
            found = {k: v["shape_signature"].tolist() for k, v in details.items()}
            assert found == {k: v["shape"] for k, v in stated.items()}
            assert {shape[0] for shape in found.values()} == {1}, endpoint
        (output,) = facts["outputs"].values()
        assert output["shape"] == [1, *case.answers[endpoint].shape[1:]]
        assert output["dtype"] == "float32"


def compiled(path, endpoint, given, output, expected, calls=2):
    """What `CompiledModel` answers to the same row several times."""
    model = CompiledModel.from_file(str(path))
    inputs = {k: model.create_input_buffer_by_name(endpoint, k) for k in given}
    outputs = {output: model.create_output_buffer_by_name(endpoint, output)}
    found = []
    for _ in range(calls):
        for key, value in given.items():
            inputs[key].write(value)
        model.run_by_name(endpoint, inputs, outputs)
        answer = outputs[output].read(expected.size, np.float32)
        found.append(answer.reshape(expected.shape))
    return found


@pytest.mark.parametrize("name", ["wide_vae", "fitted_autoencoder", "conv_vae"])
def test_the_compiled_interface_answers_as_keras(name, get_case, get_tflite):
    case, path = get_case(name), get_tflite(name, "none", CHOSEN[name])
    for endpoint, facts in facts_of(path).items():
        given = {k: v[1:2] for k, v in case.inputs[endpoint].items()}
        expected = case.answers[endpoint][1:2]
        (output,) = facts["outputs"]
        first, second = compiled(path, endpoint, given, output, expected)
        assert differences(first, expected).max() <= 1e-5, endpoint
        np.testing.assert_array_equal(first, second)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "quantization", ["none", pytest.param("int8", marks=pytest.mark.slow)]
)
def test_a_batch_of_three(quantization, get_case, digits, tmp_path):
    case = get_case("fitted_autoencoder")
    path = export.tflite(
        case.model,
        tmp_path / "m.tflite",
        quantization=quantization,
        batch_size=3,
        endpoints=["decode", "encode"],
        examples=digits,
    )
    interpreter = Interpreter(str(path))
    for endpoint in ("decode", "encode"):
        rows = np.arange(6) % 5
        given = {k: v[rows] for k, v in case.inputs[endpoint].items()}
        found = by_rows(interpreter.get_signature_runner(endpoint), given, 3)
        error = differences(found, case.answers[endpoint][rows])
        assert error.max() <= TOLERANCES[quantization], endpoint
        three = {k: v[:3] for k, v in given.items()}
        expected = case.answers[endpoint][:3]
        output = "x" if endpoint == "decode" else "z"
        for answer in compiled(path, endpoint, three, output, expected):
            assert differences(answer, expected).max() <= TOLERANCES[quantization]
    assert (
        json.loads((tmp_path / "manifest.json").read_text())["artifacts"][path.name][
            "batch_size"
        ]
        == 3
    )


@pytest.mark.usefixtures("quick")
def test_a_dynamic_batch_by_asking(get_case, tmp_path):
    case, path = get_case("fitted_autoencoder"), tmp_path / "m.tflite"
    with pytest.warns(UserWarning, match=r"CompiledModel.*and LiteRT.js .*cannot run"):
        export.tflite(case.model, path, batch_size=None, endpoints=["decode"])
    facts = facts_of(path)["decode"]
    assert [v["shape"][0] for v in (*facts["inputs"].values(),)] == [None]
    decode = Interpreter(str(path)).get_signature_runner("decode")
    for batch in (1, 3, 8):
        rows = np.arange(batch) % 5
        found = decode(z=case.inputs["decode"]["z"][rows])["x"]
        assert differences(found, case.answers["decode"][rows]).max() <= 1e-5
    assert export.check(path)[path.name]["decode"]["error"] <= 1e-5


@pytest.mark.parametrize("name", ["wide_vae", "conditional_vae", "fitted_autoencoder"])
def test_seeds_give_the_samples_of_keras(name, get_case, get_tflite):
    case, path = get_case(name), get_tflite(name)
    sample = Interpreter(str(path)).get_signature_runner("sample")
    found = by_rows(sample, case.inputs["sample"])
    assert np.abs(found[0] - found[1]).max() > 0.01
    np.testing.assert_allclose(found, case.answers["sample"], rtol=0, atol=1e-5)
    last = {k: v[4:] for k, v in case.inputs["sample"].items()}
    np.testing.assert_array_equal(sample(**last)["sample"], found[4:])


@pytest.mark.parametrize("quantization", ["none", "int8"])
def test_labels_count_at_every_quantization(quantization, get_case, get_tflite):
    case, path = get_case("conditional_vae"), get_tflite("conditional_vae")
    if quantization == "int8":
        path = get_tflite("conditional_vae", "int8")
    decode = Interpreter(str(path)).get_signature_runner("decode")
    z = np.repeat(case.inputs["decode"]["z"][:1], 10, axis=0)
    labels = np.arange(10, dtype=np.int32)
    expected = case.model.decode(z, labels)
    assert np.abs(expected - expected[0]).max() > 0.1
    error = differences(by_rows(decode, {"z": z, "labels": labels}), expected)
    assert error.max() <= (1e-5 if quantization == "none" else 0.05)


def weight_bytes(model):
    return 4 * sum(int(np.prod(w.shape)) for w in model.weights)


def test_signatures_share_one_copy_of_the_weights(get_case, get_tflite):
    size = get_tflite("wide_vae").stat().st_size
    weights = weight_bytes(get_case("wide_vae").model)
    assert weights < size < 1.2 * weights  # seen: 1.02


@pytest.mark.parametrize(
    ("quantization", "fraction"), [("float16", 0.51), ("dynamic", 0.3), ("int8", 0.3)]
)
def test_a_decoder_shrinks(quantization, fraction, get_case, get_tflite):
    exact = get_tflite("wide_vae", "none", ("decode",)).stat().st_size
    assert exact < 1.05 * weight_bytes(get_case("wide_vae").model.decoder)
    small = get_tflite("wide_vae", quantization, ("decode",)).stat().st_size
    assert small <= fraction * exact  # seen: 0.50, 0.26, 0.26


@files
def test_all_operators_are_builtin(name, quantization, get_tflite):
    path = get_tflite(name, quantization, CHOSEN[name])
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    assert len(model.subgraphs) >= len(model.signatureDefs) > 1
    custom = schema.BuiltinOperator.CUSTOM
    assert all(code.builtinCode != custom for code in model.operatorCodes)
    assert not any(code.customCode for code in model.operatorCodes)
    found = runner.operators(path)
    assert "FULLY_CONNECTED" in found
    samples = quantization != "int8" and CHOSEN[name] is None
    assert ("BITWISE_XOR" in found) == samples
    assert runner.foreign_operators(path) == []


@pytest.mark.parametrize("name", ["conditional_vae", "fitted_autoencoder"])
def test_every_tensor_has_a_name_of_its_own(name, get_tflite):
    """tf2onnx and OpenVINO know tensors by their names."""
    model = schema.ModelT.InitFromPackedBuf(get_tflite(name).read_bytes(), 0)
    check_names(model)
    ends = {}
    for signature in model.signatureDefs:
        tensors = model.subgraphs[signature.subgraphIndex].tensors
        (output,) = signature.outputs
        ends[signature.signatureKey.decode()] = tensors[output.tensorIndex].name
    assert ends["decode"] == b"decode_x:0"
    assert ends["reconstruct"] == b"reconstruct_x_out:0"  # beside the input
    named = sum(len(t.name) for graph in model.subgraphs for t in graph.tensors)
    nameless = 12 * sum(len(graph.tensors) for graph in model.subgraphs)
    assert named < nameless


def test_bodies_of_loops_share_no_name(get_tflite):
    """tf2onnx writes them into the graph around, where each name stands once."""
    path = get_tflite("guided_diffusion")
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    check_names(model)
    entries = {signature.subgraphIndex for signature in model.signatureDefs}
    graphs = list(enumerate(model.subgraphs))
    outer = {t.name for i, graph in graphs if i in entries for t in graph.tensors}
    inner = [t.name for i, graph in graphs if i not in entries for t in graph.tensors]
    assert inner
    assert len(set(inner)) == len(inner)
    assert not outer & set(inner)


def check_names(model):
    for graph in model.subgraphs:
        names = [tensor.name for tensor in graph.tensors]
        assert all(names)
        assert len(set(names)) == len(names)
        assert graph.name


def autoencoder(policy, digits):
    """An autoencoder that can sample, made under a dtype policy."""
    keras.config.set_dtype_policy(policy)
    try:
        pair = networks.conv_autoencoder((8, 8, 1), 3, channels=(4, 8), hidden=16)
        model = kg.Autoencoder(*pair, latent_components=2)
    finally:
        keras.config.set_dtype_policy("float32")
    return model.fit_latent_density(digits[:100])


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_float32_copy_has_the_same_numbers(policy, digits):
    model = autoencoder(policy, digits)
    exact = precision.as_float32(model)
    assert model.encoder.layers[1].compute_dtype == policy.removeprefix("mixed_")
    assert {layer.compute_dtype for layer in exact._flatten_layers()} == {"float32"}
    for a, b in zip(model.get_weights(), exact.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert exact.can_generate
    z, coarse = exact.encode(digits[:9]), model.encode(digits[:9])
    assert 1e-5 < np.abs(z - coarse).max() < 0.05
    np.testing.assert_allclose(
        exact.sample(4, seed=3), model.sample(4, seed=3), rtol=0, atol=0.05
    )


def normalized_vae(policy):
    """A VAE whose encoder begins with an adapted `Normalization`."""
    x = np.random.default_rng(0).normal(3, 2, (500, 4)).astype("f4")
    keras.config.set_dtype_policy(policy)
    try:
        normalization, inputs = keras.layers.Normalization(), keras.Input((4,))
        normalization.adapt(x)
        z = keras.layers.Dense(4, dtype="float32")(normalization(inputs))
        encoder = keras.Model(inputs, z)
        decoder = keras.Sequential(
            [keras.Input((2,)), keras.layers.Dense(4, dtype="float32")]
        )
    finally:
        keras.config.set_dtype_policy("float32")
    likelihood = kg.Gaussian(1.0, unit_interval=False)
    return kg.VAE(encoder, decoder, likelihood=likelihood, seed=0)


@pytest.mark.usefixtures("quick")
def test_the_float32_copy_of_an_adapted_layer_is_adapted(tmp_path, monkeypatch):
    model = normalized_vae("mixed_bfloat16")
    x = np.random.default_rng(1).normal(3, 2, (64, 4)).astype("f4")
    encoded, copied = model.encode(x), precision.as_float32(model).encode(x)
    assert np.abs(encoded).max() > 0.5
    assert np.abs(encoded - copied).max() < 0.05
    options = {"endpoints": ["encode"], "examples": x}
    path = export.tflite(model, tmp_path / "m.tflite", **options)
    assert 0 < facts_of(path)["encode"]["mixed_precision_error"] < 0.02
    monkeypatch.setattr(
        precision, "copy_state", lambda a, b: b.set_weights(a.get_weights())
    )
    words = "encode in float32 differs from the model in .*bfloat16.* on average"
    with pytest.raises(export.ParityError, match=words):
        export.tflite(model, tmp_path / "wrong.tflite", **options)
    assert not (tmp_path / "wrong.tflite").exists()


def test_a_model_of_single_precision_is_no_copy(get_case):
    model = get_case("fitted_autoencoder").model
    assert precision.as_float32(model) is model


@pytest.mark.usefixtures("quick")
def test_a_model_of_mixed_precision_becomes_float32(digits, tmp_path):
    model = autoencoder("mixed_bfloat16", digits)
    path = export.tflite(model, tmp_path / "m.tflite", endpoints=["sample", "encode"])
    assert max(facts["error"] for facts in facts_of(path).values()) <= 1e-5
    exact, interpreter = precision.as_float32(model), Interpreter(str(path))
    seed = kg.random.row_seeds(3, 4)
    sample = by_rows(interpreter.get_signature_runner("sample"), {"seed": seed})
    np.testing.assert_allclose(sample, exact.sample(4, seed=3), rtol=0, atol=1e-5)
    z = by_rows(interpreter.get_signature_runner("encode"), {"x": digits[:9]})
    np.testing.assert_allclose(z, exact.encode(digits[:9]), rtol=0, atol=1e-5)


@pytest.mark.usefixtures("quick")
def test_a_classifier_gives_probabilities(digits, tmp_path):
    network = networks.conv_features((8, 8, 1), 8, channels=(4, 8))
    model = kg.Classifier(network, 10, seed=3)
    path = export.tflite(model, tmp_path / "m.tflite")
    facts = facts_of(path)
    assert list(facts) == ["classify"]
    assert list(facts["classify"]["inputs"]) == ["x"]  # no label enters
    classify = Interpreter(str(path)).get_signature_runner("classify")
    found = by_rows(classify, {"x": digits[:20]})
    assert found.shape == (20, 10)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found, model.probabilities(digits[:20]), atol=1e-6)
    np.testing.assert_array_equal(found.argmax(axis=1), model.classify(digits[:20]))
    logs = np.log(found)
    np.testing.assert_allclose(logs, model.log_probabilities(digits[:20]), atol=1e-4)
