"""Artifacts refuse what Keras refuses: by its words, or by rows of NaN or -1."""

import functools
import random

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_gen as kg
from keras_gen import bijectors, networks
from keras_gen.export import convert, endpoints, reference, runner
from keras_gen.export.saved_model import write_saved_model

from ..marks import but_slow

IMAGE, ROW = (4, 4, 1), 1
NAN, INF = np.nan, np.inf
UNITS = {"units": (8,)}
DIFFUSION = {"sampling": kg.samplers.Sampling(num_steps=2), "seed": 0}


def texts():
    tokenizer = kg.tokenizers.CharacterTokenizer.from_text("abc.")
    network = networks.recurrent(tokenizer.vocabulary_size, width=4, units=(4,))
    return kg.Autoregressive(network, tokenizer, length=6)


MODELS = {
    "gan": lambda: kg.GAN(
        *networks.mlp_gan(
            IMAGE, 3, num_classes=4, generator_units=(8,), discriminator_units=(8,)
        )
    ),
    "vae": lambda: kg.VAE(*networks.mlp_vae(IMAGE, 3, num_classes=4, **UNITS)),
    "flow": lambda: kg.Flow(
        [bijectors.Logit(), *bijectors.real_nvp(2, **UNITS)],
        (2,),
        condition=kg.specs.Vectors(1),
    ),
    "diffusion": lambda: kg.Diffusion(
        networks.mlp_denoiser(IMAGE, num_classes=4, **UNITS), **DIFFUSION
    ),
    "restorer": lambda: kg.Restorer(
        networks.dit((8, 8, 1), patch=4, width=8, depth=1, condition_channels=1),
        corruption=kg.objectives.GaussianNoise(0.1),
        **DIFFUSION,
    ),
    "pixels": lambda: kg.PixelAutoregressive(networks.pixel_made(IMAGE, **UNITS)),
    "texts": texts,
}
IN_UNIT = r"must hold values in \[0, 1\], received values in\] \[{}\]"
REFUSED = {  # of a model and endpoint: an input, a value, and what is said of it
    "gan sample": [
        ("labels", 4, r"labels must be in \[0, 4\), received .* \[4\] .* row\] \[1\]"),
        ("labels", -1, r"labels must be in \[0, 4\), received values in\] \[-1\]"),
    ],
    "gan generate": [("noise", NAN, "noise must hold finite values, .* .nan. .nan.")],
    "vae encode": [
        ("x", NAN, "x " + IN_UNIT.format("nan")),
        ("x", INF, "x must hold values .* .inf."),
        ("x", 1.5, "x must hold values .* .1.5."),
        ("labels", 4, "labels must be in"),
    ],
    "vae decode": [("z", -INF, "z must hold finite values")],
    "vae reconstruct": [("x", -0.1, "x " + IN_UNIT.format("-0.1"))],
    "vae elbo": [("noise", NAN, "noise must hold finite"), ("x", 255, "x must hold")],
    "flow log_prob": [
        ("x", NAN, "x must hold finite"),
        ("context", INF, "context must hold finite values"),
    ],
    "flow encode": [("x", 1.25, "x must be in the support .* with finite .* row")],
    "flow reconstruct": [],
    "diffusion sample": [("guidance_scale", NAN, "guidance_scale must be finite")],
    "diffusion predict_x0": [
        ("noisy", NAN, "noisy must hold finite"),
        ("alpha", INF, "alpha must be finite"),
        ("sigma", 0, "sigma must be > 0, received values in. .0."),
        ("sigma", NAN, "sigma must be > 0"),
    ],
    "restorer translate": [("x", NAN, "x must hold finite values")],
    "restorer predict_x0": [("corrupted", INF, "corrupted must hold finite values")],
    "pixels complete_image": [
        ("kept", 5, r"kept must be in \[0, 4\], received"),
        ("kept", -1, r"kept must be in \[0, 4\], received"),
        ("temperature", 0, "temperature must be > 0"),
        ("x", 2, "x must hold values"),
    ],
    "texts complete": [
        ("prompt", -7, r"prompt must be in \[0, 4\), or -1 after the end"),
        ("prompt", 4, r"prompt must be in \[0, 4\)"),
        ("prompt", [-1, 0, -1, -1, -1, -1], r"prompt must be in \[0, 4\)"),
        ("temperature", NAN, "temperature must be >= 0"),
        ("temperature", -1, "temperature must be >= 0"),
        ("temperature", INF, "temperature must be >= 0"),
        ("top_p", NAN, r"top_p must be in \(0, 1\]"),
        ("top_p", 0, r"top_p must be in \(0, 1\]"),
        ("top_p", 1.5, r"top_p must be in \(0, 1\]"),
        ("top_k", -5, "top_k must be >= 0, received values in"),
        ("max_new_tokens", 0, r"max_new_tokens must be in \[1, 6\], received"),
        ("max_new_tokens", 7, r"max_new_tokens must be in \[1, 6\], received"),
        ("stop_tokens", 4, r"stop_tokens must be in \[-1, 4\), received"),
    ],
    "texts next_logits": [("tokens", -7, "tokens must be in")],
    "texts log_prob": [("x", 9, "x must be in")],
    "texts complete_text": [("temperature", NAN, "temperature must be >= 0")],
}
REFUSED = {name: cases for name, cases in REFUSED.items() if cases}
named = pytest.mark.parametrize("name", REFUSED)


@functools.cache
def model_of(name):
    random.seed(0)
    return MODELS[name]()


@functools.cache
def rows_of(name):
    """Rows that are allowed, by endpoint."""
    model = model_of(name)
    found = endpoints.endpoints_of(model)
    return reference.reference_inputs(model, found, None, 3)


def spoilt(rows, name, value):
    """The rows with a value that is not allowed in one of them."""
    rows = {**rows, name: rows[name].copy()}
    row = rows[name][ROW : ROW + 1]
    row.reshape(-1)[: np.size(value)] = value
    return rows


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """The signatures of a SavedModel with all endpoints of a model."""

    @functools.cache
    def served(name):
        folder = tmp_path_factory.mktemp(name)
        write_saved_model(endpoints.endpoints_of(model_of(name)), folder)
        loaded = tf.saved_model.load(str(folder))
        loaded.signatures["serving_default"].loaded = loaded  # keeps its variables
        return loaded.signatures

    return served


def call(function, rows):
    (output,) = function(**{k: tf.constant(v) for k, v in rows.items()}).values()
    return output.numpy()


@named
def test_a_saved_model_says_what_keras_says(name, serve):
    name, endpoint = name.split()
    rows, function = rows_of(name)[endpoint], serve(name)[endpoint]
    assert len(call(function, rows)) == len(next(iter(rows.values())))
    for argument, value, words in REFUSED[f"{name} {endpoint}"]:
        with pytest.raises(tf.errors.InvalidArgumentError, match=words):
            call(function, spoilt(rows, argument, value))


def test_inputs_of_a_saved_model_have_as_many_rows_each(serve):
    rows = rows_of("texts")["complete"]
    rows = {**rows, "temperature": rows["temperature"][:1]}
    words = "the same number of rows: .*temperature"
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        call(serve("texts")["complete"], rows)


SLOW = {"gan generate", "vae decode", "vae elbo", "flow log_prob", "texts log_prob"}
SLOW |= {"diffusion sample", "restorer predict_x0"}  # little that the others have not


@pytest.mark.parametrize(
    "name", but_slow([n for n in REFUSED if "complete_text" not in n], SLOW)
)
def test_a_file_answers_refused_rows_by_nothing(name, tmp_path):
    name, endpoint = name.split()
    [found] = endpoints.endpoints_of(model_of(name), [endpoint])
    rows = rows_of(name)[endpoint]
    answers = run_as_tflite(found, rows, tmp_path)
    good = answers(rows)
    nothing = NAN if good.dtype == np.float32 else -1
    for argument, value, _ in REFUSED[f"{name} {endpoint}"]:
        answer = answers(spoilt(rows, argument, value))
        np.testing.assert_array_equal(answer[ROW], np.full_like(good[ROW], nothing))
        others = np.arange(len(good)) != ROW
        np.testing.assert_allclose(answer[others], good[others], atol=1e-6)


QUANTIZED = {("encode", "int8"), ("decode", "int8")}
QUANTIZED |= {("encode", "float16"), ("encode", "dynamic")}


@pytest.mark.parametrize(("endpoint", "quantization"), sorted(QUANTIZED))
def test_a_quantized_file_looks_at_floats_before_they_are_rounded(
    endpoint, quantization, tmp_path
):
    [found] = endpoints.endpoints_of(model_of("vae"), [endpoint])
    rows = rows_of("vae")[endpoint]
    answers = run_as_tflite(found, rows, tmp_path, quantization)
    good = answers(rows)
    assert np.isfinite(good).all()
    for argument, value, _ in REFUSED[f"vae {endpoint}"]:
        answer = answers(spoilt(rows, argument, value))
        assert np.isnan(answer[ROW]).all()
        np.testing.assert_array_equal(
            np.delete(answer, ROW, 0), np.delete(good, ROW, 0)
        )


def run_as_tflite(endpoint, rows, folder, quantization="none"):
    """Runs an endpoint as a `.tflite` file for as many rows, by both interfaces."""
    source, file = folder / "source", folder / "m.tflite"
    by_bits, size = quantization == "int8", len(next(iter(rows.values())))
    fixed = [endpoint.of_batch(size)]
    write_saved_model(fixed, source, asserts=False, by_bits=by_bits)
    arrays = {f"{endpoint.name}/inputs/{k}": v for k, v in rows.items()}
    np.savez(folder / "rows.npz", **arrays)
    files = str(source), str(file), quantization, str(size), str(folder / "rows.npz")
    convert.main(*files, endpoint.name)
    interpreted = Interpreter(str(file)).get_signature_runner(endpoint.name)
    (details,) = interpreted.get_output_details().values()
    output = {"shape": details["shape"], "dtype": details["dtype"]}
    facts = {endpoint.name: {"outputs": {endpoint.output: output}}}
    compiled = runner.load_compiled_model(file, facts)[endpoint.name]

    def answers(rows):
        (found,) = interpreted(**rows).values()
        for _ in range(2):
            (again,) = compiled(rows).values()
            np.testing.assert_allclose(again, found, atol=1e-6)
        return found

    return answers


def test_keras_refuses_in_a_function_of_the_user(tmp_path):
    vae = model_of("vae")
    encode = tf.function(lambda x, y: vae.encode(x, condition=y), autograph=False)
    x, labels = np.full((2, *IMAGE), 0.5, "float32"), np.array([0, 3])
    found = encode(tf.constant(x), tf.constant(labels))
    np.testing.assert_allclose(found, vae.encode(x, condition=labels), atol=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError, match="x must hold values in"):
        encode(tf.constant(x * 255), tf.constant(labels))
    with pytest.raises(ValueError, match=r"x must hold .* \[127.5, 127.5\].* row 0"):
        vae.encode(tf.constant(x * 255), condition=labels)
