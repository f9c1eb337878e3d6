"""`.tflite` files: Keras' answers in plain LiteRT, at four quantizations."""

import itertools
import json

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

import keras_gen as kg
from keras_gen import export, networks
from keras_gen.export import precision, runner

from ..marks import but_slow

TOLERANCES = {"none": 1e-5, "float16": 1e-2, "dynamic": 0.1, "int8": 0.1}
MEAN_TOLERANCES = {"none": 1e-6, "float16": 1e-3, "dynamic": 1e-2, "int8": 1e-2}
INTEGERS = ("generate", "reconstruct", "encode", "decode")
# The endpoints of the files that are tested; None means all.
CHOSEN = {"wide_vae": None, "conv_vae": INTEGERS, "fitted_autoencoder": None}


def answers(path, rows):
    """What plain LiteRT answers, by endpoint."""
    interpreter = Interpreter(str(path))
    assert set(interpreter.get_signature_list()) == set(rows)
    found = {}
    for endpoint, given in rows.items():
        (found[endpoint],) = interpreter.get_signature_runner(endpoint)(
            **given
        ).values()
    return found


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


@pytest.mark.parametrize("quantization", ["none", "int8"])
@pytest.mark.parametrize("batch", [1, 3, 8])
def test_the_batch_is_dynamic(batch, quantization, get_case, get_tflite):
    case, path = get_case("fitted_autoencoder"), get_tflite("fitted_autoencoder")
    if quantization == "int8":
        path = get_tflite("fitted_autoencoder", "int8")
    interpreter = Interpreter(str(path))
    for endpoint in interpreter.get_signature_list():
        rows = np.arange(batch) % 5
        given = {k: v[rows] for k, v in case.inputs[endpoint].items()}
        (found,) = interpreter.get_signature_runner(endpoint)(**given).values()
        error = differences(found, case.answers[endpoint][rows])
        assert len(found) == batch
        assert error.max() <= TOLERANCES[quantization], endpoint


@pytest.mark.parametrize("name", ["wide_vae", "conditional_vae", "fitted_autoencoder"])
def test_seeds_give_the_samples_of_keras(name, get_case, get_tflite):
    case, path = get_case(name), get_tflite(name)
    sample = Interpreter(str(path)).get_signature_runner("sample")
    found = sample(**case.inputs["sample"])["sample"]
    assert np.abs(found[0] - found[1]).max() > 0.01
    np.testing.assert_allclose(found, case.answers["sample"], rtol=0, atol=1e-5)
    last = {k: v[4:] for k, v in case.inputs["sample"].items()}
    np.testing.assert_allclose(sample(**last)["sample"], found[4:], rtol=0, atol=1e-6)


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
    error = differences(decode(z=z, labels=labels)["x"], expected)
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
    sample = interpreter.get_signature_runner("sample")(seed=seed)["sample"]
    np.testing.assert_allclose(sample, exact.sample(4, seed=3), rtol=0, atol=1e-5)
    z = interpreter.get_signature_runner("encode")(x=digits[:9])["z"]
    np.testing.assert_allclose(z, exact.encode(digits[:9]), rtol=0, atol=1e-5)
