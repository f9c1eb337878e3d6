"""The manifest, and `check`, which runs an artifact against it."""

import hashlib
import importlib.metadata
import json
import shutil
import subprocess
import sys
import sysconfig

import numpy as np
import pytest

from keras_gen import export
from keras_gen.export import manifest, parity, runner

HELD = {  # what inputs and outputs hold
    "seed": {"kind": "seeds"},
    "noise": {"kind": "noise"},
    "labels": {"kind": "classes", "minimum": 0, "maximum": 9},
    "x": {"kind": "images", "minimum": 0, "maximum": 1},
    "z": {"kind": "latents"},
    "elbo": {"kind": "nats"},
}


def read(folder):
    return json.loads((folder / "manifest.json").read_text())["artifacts"]


@pytest.fixture
def copy(get_saved_model, tmp_path):
    """A SavedModel that a test may damage."""
    path = get_saved_model("dense_vae")
    shutil.copytree(path.parent / "checks", tmp_path / "checks", dirs_exist_ok=True)
    return shutil.copytree(path, tmp_path / "1")


@pytest.mark.parametrize("artifact_format", ["saved_model", "tflite"])
def test_the_manifest_tells_the_facts(
    artifact_format, get_case, get_saved_model, get_tflite, names
):
    if artifact_format == "tflite":
        path = get_tflite("conditional_vae", "float16")
        folder, name = path.parent, path.name
    else:
        folder, name = get_saved_model("conditional_vae"), "."
    artifact, case = read(folder)[name], get_case("conditional_vae")
    assert artifact["format"] == artifact_format
    wanted = "float16" if artifact_format == "tflite" else "none"
    assert artifact["quantization"] == wanted
    for package in ("keras-gen", "keras", "tensorflow", "ai-edge-litert"):
        assert artifact["versions"][package] == importlib.metadata.version(package)
    files = {f: folder / f for f in artifact["files"]}
    if artifact_format == "saved_model":
        present = {p for p in folder.rglob("*") if p.is_file()}
        assert set(files.values()) == present - {folder / "manifest.json"}
    else:
        assert set(files) == {name}
        assert artifact["batch_size"] == 1
    reference = manifest.reference_of(folder, name)
    assert artifact["reference"] == manifest._facts(reference)
    batch = 1 if artifact_format == "tflite" else None
    for file, path in files.items():
        content, facts = path.read_bytes(), artifact["files"][file]
        assert facts["bytes"] == len(content)
        assert facts["sha256"] == hashlib.sha256(content).hexdigest()
    assert list(artifact["endpoints"]) == list(names.inputs)
    is_served = artifact_format == "saved_model"
    assert artifact.get("serving_default") == ("sample" if is_served else None)
    for endpoint, facts in artifact["endpoints"].items():
        rows = case.inputs[endpoint]
        assert facts["inputs"] == {
            k: {"shape": [batch, *v.shape[1:]], "dtype": v.dtype.name} | HELD[k]
            for k, v in rows.items()
        }
        shape = [batch, *case.answers[endpoint].shape[1:]]
        holds = HELD.get(names.outputs[endpoint], HELD["x"])
        output = {"shape": shape, "dtype": "float32", **holds}
        if artifact_format == "tflite":
            output["refused"] = "NaN"
        assert facts["outputs"] == {names.outputs[endpoint]: output}
        errors = [facts[f"{kind}error"] for kind in ("mean_", "p999_", "")]
        assert 0 <= errors[0] <= errors[1] <= errors[2] <= facts["tolerance"]
        tolerance = 1e-2 if wanted == "float16" else 1e-5
        assert facts["tolerance"] == tolerance
        is_picture = endpoint not in ("encode", "elbo")
        assert facts.get("mean_tolerance") == (tolerance / 10 if is_picture else None)
        assert 0 < facts["latency_ms"] < 1000


@pytest.mark.usefixtures("quick")
def test_check_returns_the_figures(copy):
    figures = export.check(copy)
    assert list(figures) == ["."]
    assert list(figures["."]) == list(read(copy)["."]["endpoints"])
    assert max(facts["error"] for facts in figures["."].values()) <= 1e-5


def test_check_takes_a_file_or_its_folder(phone):
    for path in (phone, phone.parent, str(phone)):
        figures = export.check(path)
        assert list(figures) == [phone.name]
        assert figures[phone.name]["decode"]["error"] <= 1e-5


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "file", ["variables/variables.data-00000-of-00001", "saved_model.pb"]
)
def test_check_finds_a_flipped_byte(file, copy):
    flip_a_byte(copy / file)
    with pytest.raises(export.ParityError, match=f"^{file} differs from its sha256"):
        export.check(copy)


def test_check_finds_a_missing_file(copy, phone):
    (copy / "variables" / "variables.index").unlink()
    with pytest.raises(export.ParityError, match="variables.index is missing"):
        export.check(copy)
    phone.unlink()
    with pytest.raises(export.ParityError, match=f"{phone.name} is missing"):
        export.check(phone)


def change_reference(folder, name):
    """Changes one expected number; returns the file of reference arrays."""
    path = manifest.reference_of(folder, name)
    arrays = dict(np.load(path))
    arrays["decode/output"][2] += 0.01
    np.savez_compressed(path, **arrays)
    return path


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("artifact_format", ["saved_model", "tflite"])
def test_check_finds_a_changed_reference(artifact_format, copy, phone):
    at, name = (phone, phone.name) if artifact_format == "tflite" else (copy, ".")
    folder = phone.parent if artifact_format == "tflite" else copy
    path = change_reference(folder, name)
    with pytest.raises(export.ParityError, match="differs from its sha256"):
        export.check(at)
    artifact = read(folder)[name]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    artifact["reference"]["sha256"] = digest
    manifest.write(folder, name, artifact)
    by = ["Interpreter", "CompiledModel"] if artifact_format == "tflite" else [None]
    with pytest.raises(export.ParityError) as raised:
        export.check(at)
    for interface in by:
        by_it = f" by {interface}" if interface else ""
        words = f"decode{by_it} differs from the Keras model by 0.01 in its 99.9th"
        assert words in str(raised.value)


WRONG = [  # what a manifest says of `decode`, and what is said of it
    (("inputs", "z"), {"shape": [None, 9]}, r"z is float32 \[-1, 3\], in the manifest"),
    (("inputs", "z"), {"dtype": "int32"}, r"z is float32 .*, in the manifest int32"),
    (("outputs", "x"), {"shape": [None, 8, 9, 1]}, r"x is float32 \[-1, 8, 8, 1\]"),
    (("outputs", "x"), {"dtype": "int32"}, r"outputs of decode: x is float32"),
    (("inputs",), {"y": {"shape": [None], "dtype": "int32"}}, "inputs of decode are z"),
]


@pytest.mark.parametrize(("keys", "facts", "message"), WRONG)
def test_tensors_that_the_manifest_describes_wrongly(keys, facts, message, copy):
    endpoints = read(copy)["."]["endpoints"]
    entry = endpoints["decode"]
    for key in keys:
        entry = entry[key]
    entry |= facts
    with pytest.raises(ValueError, match=message):
        runner.load_saved_model(copy, endpoints)


@pytest.mark.parametrize("artifact_format", ["saved_model", "tflite"])
def test_an_endpoint_that_the_manifest_does_not_list(artifact_format, copy, phone):
    path, name = (
        (copy, ".") if artifact_format == "saved_model" else (phone, phone.name)
    )
    endpoints = read(copy if path == copy else phone.parent)[name]["endpoints"]
    del endpoints["decode"]
    load = runner.load_saved_model if path == copy else runner.load_interpreter
    with pytest.raises(ValueError, match="decode is not listed in the manifest"):
        load(path, endpoints)


@pytest.mark.usefixtures("quick")
def test_the_default_signature_is_the_one_that_the_manifest_names(copy):
    artifact = read(copy)["."]
    reference = manifest.reference_of(copy, ".")
    assert runner.run_endpoints(copy, artifact, reference)[1] == []
    artifact["serving_default"] = "generate"
    _, problems = runner.run_endpoints(copy, artifact, reference)
    assert len(problems) == 1
    assert problems[0].startswith("generate fails: ")  # it has other inputs


def test_a_default_signature_that_answers_otherwise():
    calls = [lambda rows, y=y: {"y": rows["x"] * y} for y in (1.0, 1.0, 2.0)]
    rows = {"x": np.ones(1)}
    assert runner.strays(*calls[:2], rows) == []
    assert runner.strays(*calls[1:], rows) == ["is not what serving_default computes."]
    texts = [lambda _: {"y": np.array([b"a" * 30], object)} for _ in range(2)]
    assert runner.strays(*texts, rows) == []


def test_check_finds_no_export(tmp_path, phone):
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "nothing", tmp_path / "empty", tmp_path / "other.tflite"):
        with pytest.raises(FileNotFoundError, match="is not an export"):
            export.check(path)
    (tmp_path / "empty" / "2").mkdir()
    (tmp_path / "empty" / "2" / "manifest.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"Did you mean .*empty.2\?"):
        export.check(tmp_path / "empty")
    (tmp_path / "empty" / "manifest.json").write_text("{}")
    with pytest.raises(ValueError, match="is not a manifest of an export"):
        export.check(tmp_path / "empty")


@pytest.mark.parametrize(
    "artifact_format",
    [pytest.param("saved_model", marks=pytest.mark.slow), "tflite"],
)
def test_the_runner_works_where_the_package_is_absent(artifact_format, copy, phone):
    at = (phone.parent, phone.name) if artifact_format == "tflite" else (copy, ".")
    reference = manifest.reference_of(*at)
    packages = sysconfig.get_path("purelib")
    script = f"""
import importlib.util, runpy, sys
sys.path.append({packages!r})  # without its .pth files: no editable installs
assert importlib.util.find_spec("keras_gen") is None
sys.argv = ["runner.py", {str(at[0])!r}, {at[1]!r}, {str(reference)!r}]
runpy.run_path({str(parity.RUNNER)!r}, run_name="__main__")
assert ("tensorflow" in sys.modules) == ({artifact_format!r} == "saved_model")
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["problems"] == []
    assert report["endpoints"]["decode"]["error"] <= 1e-5


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import os; os.kill(os.getpid(), 11)", "script was ended by SIGSEGV"),
        ("import os; os.abort()", "script was ended by SIGABRT"),
        ("raise ValueError('first\\nlast')", "script failed: last"),
    ],
)
def test_a_script_that_dies_is_an_error_and_no_more(script, message, tmp_path):
    (tmp_path / "script.py").write_text(script)
    with pytest.raises(parity.ScriptError, match=message) as raised:
        parity.run_script(tmp_path / "script.py")
    assert raised.value.reason == ("last" if "last" in message else None)


def test_an_answer_of_another_shape_or_without_value_is_wrong():
    expected = np.ones((2, 3), np.float32)
    inputs, call = {"z": expected}, {"x": expected[:, :2]}
    figures, (problem,) = runner.compare(lambda _: call, inputs, {"x": expected})
    assert figures["error"] == float("inf")
    assert problem == "returns shape (2, 2), not (2, 3)."
    call = {"x": np.full((2, 3), np.nan, np.float32)}
    figures, (problem,) = runner.compare(lambda _: call, inputs, {"x": expected})
    assert not figures["error"] <= 1
    assert problem == "returns NaN or infinity where the Keras model does not."


def test_equal_infinities_are_no_error():
    """A density is -inf outside of its support."""
    expected = np.array([-np.inf, -2.0, 1.0], np.float32)
    call = {"y": expected + np.float32(0.5)}
    figures, problems = runner.compare(lambda _: call, {"x": expected}, {"y": expected})
    assert (figures["error"], problems) == (0.25, [])


def test_a_second_call_has_to_answer_as_the_first():
    expected, calls = np.ones((4, 3), np.float32), []

    def call(inputs):
        calls.append(len(inputs["z"]))
        return {"x": np.full((1, 3), 1 + 1e-6 * len(calls), np.float32)}

    _, (problem,) = runner.compare(
        call, {"z": expected}, {"x": expected}, batch_size=1, repeats=True
    )
    assert problem == "returns a different output for the same inputs."
    assert set(calls) == {1}


PICTURE = {"tolerance": 0.1, "mean_tolerance": 0.01}


@pytest.mark.parametrize(
    ("facts", "figures", "words"),
    [
        (PICTURE, (0.005, 0.09, 1.0), []),  # one pixel of thousands is not seen
        (PICTURE, (0.005, 0.11, 1.0), ["by 0.11 in its 99.9th percentile, more than"]),
        (PICTURE, (0.02, 0.09, 0.09), ["by 0.02 in the mean, more than 0.01."]),
        ({"tolerance": 0.1}, (0.005, 0.09, 1.0), ["model by 1, more than 0.1."]),
        (PICTURE, (np.nan,) * 3, ["99.9th", "mean"]),
        ({"tolerance": None}, (9.0,) * 3, []),
    ],
)
def test_pictures_are_judged_as_they_are_seen(facts, figures, words):
    named = dict(zip(("mean_error", "p999_error", "error"), figures, strict=True))
    said = runner.exceeded(facts, named)
    assert len(said) == len(words)
    assert all(part in sentence for part, sentence in zip(words, said, strict=True))


def test_percentile_of_the_errors():
    expected = np.zeros((1, 2000), np.float32)
    received = expected.copy()
    received[0, :2] = 1.0  # one value of a thousand is another
    figures, _ = runner.compare(
        lambda _: {"x": received}, {"z": expected}, {"x": expected}
    )
    assert figures["error"] == 1.0
    assert figures["mean_error"] == pytest.approx(0.001)
    assert figures["p999_error"] == 1.0
    received[0, 1] = 0.0
    figures, _ = runner.compare(
        lambda _: {"x": received}, {"z": expected}, {"x": expected}
    )
    assert (figures["error"], figures["p999_error"]) == (1.0, 0.0)


def test_a_script_that_hangs_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(parity, "TIMEOUT_SECONDS", 0.5)
    (tmp_path / "script.py").write_text("import time; time.sleep(60)")
    with pytest.raises(parity.ScriptError, match=r"script.py took over 0\.5 s"):
        parity.run_script(tmp_path / "script.py")
