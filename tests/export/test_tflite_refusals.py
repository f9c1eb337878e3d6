"""What no `.tflite` file is written for, in words that help."""

import json
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

import keras_gen as kg
from keras_gen import export, networks
from keras_gen.export import convert, manifest, runner

tflites = sys.modules["keras_gen.export.tflite"]
DIGITS = (load_digits().images / 16).astype(np.float32)[..., None]
NOISE = np.random.default_rng(0).random((200, 8, 8, 1)) / 50
GREYS = np.linspace(0, 1, 200).reshape((-1, 1, 1, 1))  # images of one value each


class WithoutBuiltin(keras.layers.Layer):
    """Two functions that LiteRT has no operators for."""

    def call(self, x):
        return tf.math.digamma(10 + tf.math.erfinv(0.5 * tf.math.tanh(x)))


class LosesRows(keras.layers.Layer):
    """A loop whose body does not know how many rows there are."""

    def call(self, x):
        rows = tf.shape(x)[0]
        body = lambda i, y: (i + 1, y / 2 + tf.ones((rows, 3)))  # noqa: E731
        return tf.while_loop(lambda i, _: i < 3, body, (0, x))[1]


def vae(decoder_layers=(), likelihood=None):
    encoder, _ = networks.mlp_vae((8, 8, 1), 3, units=(4,))
    decoder = keras.Sequential(
        [
            keras.Input((3,)),
            *decoder_layers,
            keras.layers.Dense(64),
            keras.layers.Reshape((8, 8, 1)),
        ]
    )
    return kg.VAE(encoder, decoder, likelihood=likelihood)


@pytest.mark.usefixtures("quick")
def test_an_operator_without_builtin_is_named(tmp_path):
    model, path = vae([WithoutBuiltin()]), tmp_path / "new" / "m.tflite"
    with pytest.raises(ValueError, match="cannot be written") as raised:
        export.tflite(model, path, endpoints=["encode", "decode"])
    assert str(raised.value) == (
        "m.tflite cannot be written: endpoint decode: LiteRT has no builtin operator "
        "for Digamma(tensor<1x3xf32>), Erfinv(tensor<1x3xf32>)."
    )
    assert not list(tmp_path.iterdir())


class Calls(keras.layers.Layer):
    """A function of one name of `keras.ops`."""

    def __init__(self, name):
        super().__init__()
        self.function = getattr(keras.ops, name)

    def call(self, x):
        if self.function is keras.ops.erf:
            return self.function(x)
        return x + keras.ops.cast(self.function(x, axis=-1), "float32")[..., None]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("argmax", r"endpoint decode: .* for BitwiseAnd\(.*: use tf\.argmax or"),
        ("erf", r"endpoint decode: .* for Erf\(tensor<1x3xf32>\)\. Use keras\.ops"),
    ],
)
def test_an_operator_without_builtin_has_a_cure(name, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        export.tflite(vae([Calls(name)]), tmp_path / "m.tflite", endpoints=["decode"])


def test_the_cure_of_erf_is_near_it():
    x = np.linspace(-5, 5, 1001)
    near = np.tanh(1.12838 * (x + 0.08943 * x**3))
    assert np.abs(near - tf.math.erf(x)).max() < 1e-3
    formula = "tanh(1.12838 * (x + 0.08943 * x**3)) is within 0.001"
    assert formula in convert.CURES["Erf"]


@pytest.mark.usefixtures("quick")
def test_loops_that_lose_the_number_of_rows(tmp_path):
    model = vae([LosesRows()])
    path = export.tflite(model, tmp_path / "m.tflite", endpoints=["decode"])
    facts = export.artifact(path)["endpoints"]["decode"]
    assert facts["error"] <= 1e-5
    assert facts["outputs"]["x"]["shape"] == [1, 8, 8, 1]
    assert export.check(path)


def test_a_failure_of_another_kind_keeps_to_one_line():
    message = "pages\n<unknown>:0: error: the reason\nmore pages\n"
    assert convert.reason(message) == "<unknown>:0: error: the reason"
    assert convert.reason("\nno such file\n") == "no such file"


def test_a_converter_that_dies_does_not_take_the_session_along(
    get_case, tmp_path, monkeypatch
):
    killer = tmp_path / "convert.py"
    killer.write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.setattr(tflites, "CONVERTER", killer)
    with pytest.raises(RuntimeError, match="convert was ended by SIGSEGV"):
        export.tflite(get_case("dense_vae").model, tmp_path / "m.tflite")
    assert list(tmp_path.iterdir()) == [killer]


@pytest.mark.usefixtures("quick")
def test_meaningless_integers_are_refused(digits, tmp_path):
    """One pixel of a range of 1e4 leaves no steps for the others."""
    model = vae(likelihood=kg.Bernoulli())
    kernel = np.random.default_rng(0).normal(size=(3, 64)).astype(np.float32)
    kernel[:, 0] *= 1e4
    model.decoder.layers[0].kernel.assign(kernel)
    arguments = {"endpoints": ["decode"], "examples": digits}
    with pytest.raises(
        export.ParityError, match=r"int8 is meaningless for decode: .* Use 'dynamic'"
    ):
        export.tflite(model, tmp_path / "m.tflite", quantization="int8", **arguments)
    assert not list(tmp_path.iterdir())
    export.tflite(model, tmp_path / "m.tflite", quantization="none", **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"endpoints": ["sample"]}, "'int8' is unsupported for sample: random"),
        ({"endpoints": ["decode", "elbo"]}, "'int8' is unsupported for elbo"),
        ({"examples": None}, "'int8' requires examples"),
        ({"examples": np.zeros((0, 8, 8, 1))}, "examples is empty"),
        (
            {"examples": DIGITS[:19]},
            "at least 20 different and not constant.* received 19",
        ),
        (
            {"examples": np.repeat(DIGITS[:9], 30, 0)},
            "received 270 examples, 9 of them",
        ),
        (
            {"examples": np.repeat(DIGITS[:1], 200, 0)},
            "received 200 examples, 1 of them",
        ),
        (
            {"examples": np.ones((200, 8, 8, 1)) * GREYS},
            "200 examples, 0 of them",
        ),
        (
            {"examples": DIGITS[:1] * 0.9 + NOISE},
            "received 200 nearly equal images",
        ),
        ({"batch_size": 0}, "batch_size must be at least 1, received 0"),
        ({"batch_size": -3}, "batch_size must be at least 1, received -3"),
        (
            {"batch_size": 2.0},
            "batch_size must be an integer > 0, or None .*received 2.0",
        ),
        ({"batch_size": True}, "batch_size must be an integer > 0, or None"),
        ({"batch_size": "dynamic"}, "batch_size must be an integer > 0, or None"),
        ({"quantization": "int4"}, "one of none, float16, dynamic, int8, received"),
        ({"endpoints": ["decoder"]}, "Did you mean 'decode'"),
    ],
)
def test_unfit_arguments_are_refused(arguments, message, get_case, digits, tmp_path):
    arguments = {"quantization": "int8", "examples": digits} | arguments
    with pytest.raises(ValueError, match=message):
        export.tflite(
            get_case("dense_vae").model, tmp_path / "new" / "m.tflite", **arguments
        )
    assert not list(tmp_path.iterdir())


def test_another_ending_is_refused(get_case, tmp_path):
    with pytest.raises(ValueError, match=r"path must end in \.tflite"):
        export.tflite(get_case("dense_vae").model, tmp_path / "m.lite")


def test_integers_leave_out_what_they_cannot_compute(get_tflite):
    path = get_tflite("wide_vae", "int8")
    artifact = json.loads((path.parent / "manifest.json").read_text())["artifacts"]
    wanted = ["generate", "reconstruct", "encode", "decode"]
    assert list(artifact[path.name]["endpoints"]) == wanted


@pytest.mark.usefixtures("quick")
def test_files_of_one_folder_share_a_manifest(get_case, phone, tree):
    folder, model = phone.parent, get_case("dense_vae").model
    first = phone.read_bytes(), manifest.read(folder)["artifacts"][phone.name]
    second = export.tflite(model, folder / "second.tflite", endpoints=["encode"])
    artifacts = manifest.read(folder)["artifacts"]
    assert list(artifacts) == [phone.name, "second.tflite"]
    assert (phone.read_bytes(), artifacts[phone.name]) == first
    assert list(export.check(folder)) == [phone.name, "second.tflite"]
    assert list(export.check(second)["second.tflite"]) == ["encode"]
    before = tree(folder)
    with pytest.raises(FileExistsError, match="never overwritten"):
        export.tflite(model, second, endpoints=["encode"])
    assert tree(folder) == before


def converted(function, *specs, allow=()):
    """A `.tflite` file of a function, as a careless converter would write it."""
    module = tf.Module()
    module.call = function
    concrete = function.get_concrete_function(*specs)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, *allow]
    return converter.convert()


def test_a_flex_operator_is_refused(phone):
    """Even if the manifest vouches for the file."""
    phone.write_bytes(
        converted(
            tf.function(lambda z: {"x": tf.linalg.cholesky(z)}),
            tf.TensorSpec((None, 3, 3), name="z"),
            allow=[tf.lite.OpsSet.SELECT_TF_OPS],
        )
    )
    assert runner.operators(phone) == ["custom:FlexCholesky"]
    artifact = manifest.read(phone.parent)["artifacts"][phone.name]
    artifact["files"][phone.name] = manifest._facts(phone)
    manifest.write(phone.parent, phone.name, artifact)
    with pytest.raises(
        export.ParityError, match="FlexCholesky is not a LiteRT builtin"
    ):
        export.check(phone)


def test_operators_in_any_subgraph_are_reported(phone):
    """A random number in the body of a loop keeps a state all the same."""

    @tf.function
    def walk(z):
        body = lambda i, z: (i + 1, z + tf.random.normal((2, 3)))  # noqa: E731
        return {"x": tf.while_loop(lambda i, _: i < 3, body, (0, z))[1]}

    phone.write_bytes(converted(walk, tf.TensorSpec((2, 3), name="z")))
    assert {"WHILE", "RANDOM_STANDARD_NORMAL"} <= set(runner.operators(phone))
    (problem,) = runner.foreign_operators(phone)
    assert problem.startswith("operator RANDOM_STANDARD_NORMAL keeps a state")


@pytest.mark.usefixtures("quick")
def test_a_stated_tolerance(get_case, tmp_path):
    model, path = get_case("dense_vae").model, tmp_path / "m.tflite"
    with pytest.raises(export.ParityError, match=r"in the mean, more than 1e-13"):
        export.tflite(model, path, endpoints=["decode"], tolerance=1e-12)
    assert not [*tmp_path.iterdir()]
    export.tflite(model, path, endpoints=["decode", "encode"], tolerance=5e-4)
    artifact = export.artifact(path)
    assert artifact["stated_tolerance"] == 5e-4
    facts = artifact["endpoints"]
    assert facts["encode"]["tolerance"] == facts["decode"]["tolerance"] == 5e-4
    assert facts["decode"]["mean_tolerance"] == pytest.approx(5e-5)
    assert export.check(path)


@pytest.mark.parametrize(
    ("quantization", "tolerance", "limit"),
    [
        ("none", 0.01, "0.001"),
        ("none", 0, "0.001"),
        ("none", float("nan"), "0.001"),
        ("none", float("inf"), "0.001"),
        ("float16", 0.6, "0.5"),
        ("dynamic", 1.5, "1"),
        ("int8", True, "1"),
    ],
)
def test_an_unfit_tolerance_is_refused(
    quantization, tolerance, limit, get_case, tmp_path
):
    model, how = get_case("dense_vae").model, {"quantization": quantization}
    message = f"tolerance must be > 0 and <= {limit} for .*received {tolerance}"
    with pytest.raises(ValueError, match=message):
        export.tflite(
            model, tmp_path / "m.tflite", tolerance=tolerance, examples=DIGITS, **how
        )
    if quantization == "none":
        with pytest.raises(ValueError, match=message):
            export.saved_model(model, tmp_path / "m", tolerance=tolerance)
    assert not [*tmp_path.iterdir()]


@pytest.mark.usefixtures("quick")
def test_integers_are_measured_on_rows_that_they_were_not_calibrated_with(
    get_case, tmp_path, monkeypatch
):
    """Both kinds of examples are held out, although each kind is one half."""
    model, seen = get_case("dense_vae").model, {}
    write = manifest.write_reference

    def spy(path, inputs, outputs):
        seen[path.name] = inputs["encode"]["x"]
        write(path, inputs, outputs)

    monkeypatch.setattr(manifest, "write_reference", spy)
    path = tmp_path / "m.tflite"
    halves = np.concatenate([DIGITS[:300] / 10, DIGITS[300:600]])
    export.tflite(
        model, path, quantization="int8", endpoints=["encode"], examples=halves
    )
    calibrated, held_out = (seen[f"{k}.npz"] for k in ("calibration", "reference"))
    assert (len(calibrated), len(held_out)) == (200, 20)
    rows = {row.tobytes() for row in calibrated}
    assert len(rows) == 200
    assert not rows & {row.tobytes() for row in held_out}
    for x in (calibrated, held_out):
        assert 0.4 < np.mean(x.max(axis=(1, 2, 3)) < 0.2) < 0.6
    found = [p.name for p in tmp_path.rglob("*") if p.is_file()]
    assert sorted(found) == ["m.reference.npz", "m.tflite", "manifest.json"]
    stored = np.load(tmp_path / "checks" / "m.reference.npz")
    np.testing.assert_array_equal(stored["encode/inputs/x"], held_out)


def test_endpoints_that_rounding_makes_meaningless_are_left_out(
    get_case, tmp_path, monkeypatch
):
    """With a warning, unless they are asked for by name or nothing is left."""
    model, tried = get_case("dense_vae").model, []
    module = sys.modules["keras_gen.export.tflite"]

    def write(model, path, chosen, *rest, **how):
        tried.append([endpoint.name for endpoint in chosen])
        if "encode" in tried[-1]:
            raise module.MeaninglessError("encode", "dynamic is meaningless for encode")
        return path

    monkeypatch.setattr(module, "_write", write)
    path = tmp_path / "m.tflite"
    with pytest.warns(UserWarning, match="written without encode"):
        assert export.tflite(model, path, quantization="dynamic") == path
    assert tried[1] == [name for name in tried[0] if name != "encode"]
    for names in (["encode"], ["encode", "decode"]):
        with pytest.raises(export.ParityError, match="meaningless for encode"):
            export.tflite(model, path, quantization="dynamic", endpoints=names)
