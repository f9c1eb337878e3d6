"""The command line as a user meets it."""

import contextlib
import errno
import importlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import files, zoo
from keras_gen.engine import loop
from keras_gen.zoo import demo, evaluation, store
from keras_gen.zoo.data import content_hash
from keras_gen.zoo.quiet import reason_of

TRAIN = importlib.import_module("keras_gen.zoo.training")
pytestmark = pytest.mark.filterwarnings("ignore:.*needed for a reliable:UserWarning")
PRETRAINED = [name for name in zoo.recipe_names() if store.is_pretrained(name)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run folder of two epochs."""
    out = tmp_path_factory.mktemp("runs") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "default_jit", lambda model: False)
        zoo.train("conditional_vae_digits", out, epochs=2)
    return out


def test_a_run_folder_holds_what_it_promises(trained):
    names = {path.name for path in trained.iterdir()}
    assert names == {
        "model.keras",
        "recipe.json",
        "history.csv",
        "metrics.json",
        "samples.png",
        "report.html",
    }
    lines = (trained / "history.csv").read_text().splitlines()
    assert lines[0].startswith("epoch,elbo,kl,loss")
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "2"]
    settings = json.loads((trained / "recipe.json").read_text())
    assert settings["epochs"] == 2
    assert settings["recipe"] == "conditional_vae_digits"
    elbo = json.loads((trained / "metrics.json").read_text())["elbo"]
    assert elbo["unit"] == "nats"
    assert elbo["num_samples"] == 360
    assert elbo["standard_error"] > 0


def test_samples_follow_seed_and_labels(run, trained, tmp_path):
    first, again, other = (tmp_path / f"{n}.npy" for n in "abc")
    for path, seed in ((first, 1), (again, 1), (other, 2)):
        status, _, error = run(
            "sample",
            trained,
            "--num",
            5,
            "--seed",
            seed,
            "--labels",
            "3,4",
            "--out",
            path,
        )
        assert status == 0, error
    model = zoo.load(trained)
    expected = model.sample(5, seed=1, condition=[3, 4, 3, 4, 3])
    np.testing.assert_array_equal(np.load(first), expected)
    np.testing.assert_array_equal(np.load(again), np.load(first))
    assert np.abs(np.load(other) - np.load(first)).max() > 0.1


@pytest.mark.filterwarnings("always:.*had no training examples:UserWarning")
def test_classes_without_training_examples_are_said(run, trained, tmp_path):
    copy = shutil.copytree(trained, tmp_path / "run")
    settings = json.loads((copy / "recipe.json").read_text())
    assert settings["classes"] == [*range(10)]
    settings["classes"] = [1, 4]
    (copy / "recipe.json").write_text(json.dumps(settings))
    drawn = []
    for labels in (["--labels", "1,4"], [], ["--labels", "4,7,2"]):
        out = tmp_path / f"{len(drawn)}.npy"
        drawn.append(out)
        status, _, told = run("sample", copy, "--num", 4, "--out", out, *labels)
        assert status == 0
        assert ("classes 2, 7 had no training examples" in told) == ("4,7,2" in labels)
    np.testing.assert_array_equal(*map(np.load, drawn[:2]))


def test_evaluate_prints_only_json(run, trained):
    status, out, _ = run("evaluate", trained, "--json")
    metrics = json.loads(out)["metrics"]
    assert status == 0
    stored = json.loads((trained / "metrics.json").read_text())
    assert metrics == stored
    assert set(metrics["elbo"]) == {"value", "standard_error", "unit", "num_samples"}
    assert metrics["importance_log_prob"]["value"] > metrics["elbo"]["value"]


@pytest.mark.usefixtures("quick")
def test_export_and_check_both_formats(run, trained, tmp_path):
    status, out, error = run(
        "export", trained, "--to", tmp_path / "serving", "--format", "saved_model"
    )
    assert status == 0, error
    assert (tmp_path / "serving/1/manifest.json").exists()
    status, out, error = run(
        *("export", trained, "--to", tmp_path / "phone", "--format", "tflite"),
        *("--quantization", "dynamic", "--endpoints", "decode"),
    )
    assert status == 0, error
    status, out, _ = run("check", tmp_path / "phone", "--json")
    figures = json.loads(out)["conditional_vae_digits.tflite"]
    assert status == 0
    assert list(figures) == ["decode"]
    assert 0 < figures["decode"]["error"] < 0.1
    status, out, _ = run("check", tmp_path / "serving/1")
    assert status == 0
    assert "sample" in out
    model_file = tmp_path / "phone/conditional_vae_digits.tflite"
    model_file.write_bytes(model_file.read_bytes()[:-1] + b"?")
    status, _, error = run("check", tmp_path / "phone")
    assert status == 1
    assert "sha256" in error


def test_list_is_complete_and_honest(run):
    status, out, _ = run("list", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert status == 0
    files = Path(zoo.__file__).parent.joinpath("recipes").glob("*_*.py")
    assert sorted(rows) == sorted(path.stem for path in files if path.stem[0] != "_")
    _, out, _ = run("list")
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    for name, row in rows.items():
        assert all(f"{k} {v:g}" in lines[name] for k, v in row["results"].items())
    keys = {"name", "family", "data", "parameters", "stages", "pretrained", "results"}
    assert all(set(row) == keys for row in rows.values())
    assert rows["vae_mnist"]["stages"] == {"model": 10}
    assert {n for n, row in rows.items() if row["pretrained"]} == set(PRETRAINED)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["train", "vae_digit", "--out", "x"], 2, ["vae_digit", "'vae_digits'"]),
        (["train", "vae_digits", "--out", "."], 2, ["already holds", "--resume"]),
        (["train", "vae_digits", "--out", "x", "--epochs", "0"], 2, ["epochs", "0"]),
        (
            ["train", "vae_digits", "--out", "x", "--data", "digit"],
            2,
            ["digit", "digits"],
        ),
        (
            ["train", "vae_digits", "--out", "x", "--data", "wine"],
            2,
            ["(13,)", "(8, 8, 1)"],
        ),
        (["train", "vae_digits", "--out", "x", "--resume"], 2, ["no run to resume"]),
        (["train", "vae_digits", "--out", "x", "--data", ""], 2, ["source ''"]),
        (["evaluate", "vae_digits", "--data", ""], 2, ["source ''"]),
        (["sample", "nowhere", "--out", "x.png"], 2, ["nowhere", "unknown recipe"]),
        (
            ["sample", "runs/b", "--out", "x.png"],
            2,
            ["the folder 'runs/b' does not exist"],
        ),
        (["sample", ".", "--out", "x.png"], 2, ["not a run"]),
        (["sample", "iwae_mnist", "--out", "x.png"], 2, ["no pretrained", "train"]),
        (
            ["sample", "vae_digits", "--out", "x.jpg"],
            2,
            [".png, .gif, .npy, .csv, .wav, .txt", "x.jpg"],
        ),
        (["sample", "vae_digits", "--out", "x.png", "--num", "0"], 2, ["--num", "0"]),
        (
            ["sample", "vae_digits", "--out", "no/x.png"],
            2,
            ["the folder no does not exist"],
        ),
        (["sample", "vae_digits", "--out", "x.png", "--labels", "a"], 2, ["--labels"]),
        (
            ["sample", "vae_digits", "--out", "x.png", "--labels", "1"],
            2,
            ["no classes"],
        ),
        (["evaluate", "vae_digits", "--data", "nowhere.npz"], 2, ["nowhere.npz"]),
        (
            ["export", "vae_digits", "--to", "x", "--format", "onnx"],
            2,
            ["tflite", "onnx"],
        ),
        (
            [*"export vae_digits --to x --format tflite --quantization int4".split()],
            2,
            ["int4", "float16"],
        ),
        (["check", "."], 2, ["not an export"]),
        (["sample"], 2, ["Missing argument", "keras-gen sample --help"]),
        (["sample", "vae_digits", "--new"], 2, ["No such option: --new"]),
        (["train", "vae_digits", "--out", "x", "--epochs", "a"], 2, ["--epochs", "a"]),
        (["train", "vae_digits", "--out", "x", "--seed", "-1"], 2, ["seed", "-1"]),
        (["sample", "vae_digits", "--out", "x.npy", "--num", "1" * 30], 2, ["2**31"]),
        (["draw"], 2, ["No such command 'draw'"]),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else None,
)
def test_mistakes_are_one_line(run, arguments, status, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    code, out, error = run(*arguments)
    assert code == status, error
    assert "Traceback" not in out + error
    assert error.startswith("keras-gen: ")
    assert error.count("\n") == 1
    assert all(word in error for word in words), error
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def resume(run):
    return ["train", "conditional_vae_digits", "--out", run, "--resume"]


def test_damaged_and_unfinished_runs_are_named(run, trained, tmp_path):
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    content = (trained / "model.keras").read_bytes()
    (damaged / "model.keras").write_bytes(content[: len(content) // 2])
    (damaged / "recipe.json").write_bytes((trained / "recipe.json").read_bytes())
    status, _, error = run("sample", damaged, "--out", tmp_path / "x.png")
    assert status == 1
    assert "model.keras is damaged" in error
    assert error.count("\n") == 1
    settings = json.loads((trained / "recipe.json").read_text())
    wrong = [{"epochs": "2"}, {"epochs": True}, {"batch_size": None}, {"seed": 1.5}]
    wrong += [{"data": 5}, {"recipe": ["x"]}, {"steps": 0}, {"data_sha256": 7}]
    wrong += [{"versions": {"keras": 3}}]
    texts = ["", "{", "{}", "[]", "[" * 100_000, "null"]
    for text in (*texts, *(json.dumps(settings | change) for change in wrong)):
        (damaged / "recipe.json").write_text(text)
        for command in (["evaluate", damaged], resume(damaged)):
            status, _, error = run(*command)
            assert status == 1
            assert "recipe.json is damaged" in error
            assert error.count("\n") == 1
    (damaged / "recipe.json").unlink()
    (damaged / "model.keras").write_bytes(content)
    status, _, error = run("evaluate", damaged)
    assert (status, "holds no recipe.json" in error) == (2, True)
    assert run("sample", damaged, "--num", 1, "--out", tmp_path / "x.npy")[0] == 0
    (damaged / "recipe.json").touch()
    (damaged / "model.keras").unlink()
    status, _, error = run("sample", damaged, "--out", tmp_path / "x.png")
    assert status == 2
    assert "--resume" in error


def test_data_named_by_a_run_are_those_of_its_training(
    run, trained, tmp_path, monkeypatch
):
    """A run folder of a stranger's leads to no file that the user did not name."""
    monkeypatch.setattr(evaluation, "evaluate_on", lambda *_: {})
    copy, data = tmp_path / "run", tmp_path / "mine.npz"
    shutil.copytree(trained, copy)
    np.savez(data, x=np.zeros((20, 8, 8), np.uint8), y=np.arange(20) % 10)
    settings = json.loads((trained / "recipe.json").read_text())
    told = {"data": str(data), "data_sha256": content_hash(zoo.load_data(data))}

    def answer(*options, **changes):
        new = {k: v for k, v in (settings | changes).items() if v is not None}
        (copy / "recipe.json").write_text(json.dumps(new))
        status, out, error = run("evaluate", copy, "--json", *options)
        errors = [x for x in error.splitlines() if x.startswith("keras-gen: ")]
        assert len(errors) == bool(status), error
        return status, out, "".join(errors)

    up = "../" * len(tmp_path.parts) + str(data)[1:]
    assert answer(**told)[0] == 0
    for changes, words in (
        (told | {"data_sha256": None}, "Pass their path with --data"),
        (told | {"data": up}, "not by an absolute path"),
        (
            told | {"data": str(data.parent / "a" / ".." / "mine.npz")},
            "not by an absolute",
        ),
        (told | {"data_sha256": "0" * 64}, "does not hold the data"),
        (told | {"data": str(tmp_path / "no.npz")}, "Pass their path with --data"),
    ):
        status, out, error = answer(**changes)
        assert (status, out) == (2, "")
        assert words in error
    assert answer("--data", data, **told | {"data_sha256": None})[0] == 0


def test_models_with_code_are_refused_without_bad_advice(run, tmp_path):
    code = keras.layers.Lambda(lambda x: 2 * x)
    inner = keras.Sequential([keras.Input((2,)), code])
    for name, model in (
        ("plain", inner),
        ("nested", keras.Sequential([keras.Input((2,)), inner])),
    ):
        (tmp_path / name).mkdir()
        model.save(tmp_path / name / "model.keras")
        status, _, error = run("sample", tmp_path / name, "--out", tmp_path / "x.npy")
        assert status == 1
        assert "holds Python code" in error
        assert error.count("\n") == 1
        assert "safe_mode" not in error
        assert "unsafe" not in error


OOM = "{{function_node __wrapped__Fill_device_/job}} OOM when allocating tensor with "
OOM += "shape[9] [Op:Fill] name: "
FULL = (
    "Graph execution error:\n\nDetected at node a defined at (most recent call last):\n"
)
FULL += (
    "<stack traces unavailable>\nNo space left on device\n\t [[{{node a}}]] [Op:b_1]"
)
CONFIG = (
    "could not be deserialized.\n\nconfig={'a': 1}.\n\nException encountered: no class"
)
STREAM = (
    "Error in user-defined function passed to Map:4 transformation with iterator: "
    "Iterator::Root::Map: FileNotFoundError: no a.png\nTraceback (most recent call "
    'last):\n\n  File "x.py", line 2, in read\n\n\t [[{{node PyFunc}}]]'
)
REASONS = {
    "key": (KeyError("x"), 1, "KeyError: 'x'"),
    "type": (TypeError("a\n  b"), 1, "TypeError: a b"),
    "empty": (AssertionError(), 1, "AssertionError"),
    "end of file": (EOFError("Ran out of input"), 1, "EOFError: Ran out of input"),
    "interrupt": (KeyboardInterrupt(), 130, "interrupted"),
    "memory": (
        MemoryError(),
        1,
        "out of memory: use a smaller batch size or fewer examples",
    ),
    "disk": (OSError(errno.ENOSPC, "full", "/x"), 1, "[Errno 28] full: '/x'"),
    "value": (ValueError("a is 1,\nnot 2"), 2, "a is 1, not 2"),
    "configuration": (TypeError(CONFIG), 1, "TypeError: no class"),
    "no memory in a graph": (
        tf.errors.ResourceExhaustedError(None, None, OOM),
        1,
        "out of memory (OOM when allocating tensor with shape[9]): use a smaller "
        "batch size or fewer examples",
    ),
    "no file in a stream": (
        tf.errors.UnknownError(None, None, STREAM),
        1,
        "UnknownError: FileNotFoundError: no a.png",
    ),
    "no disk in a graph": (
        tf.errors.ResourceExhaustedError(None, None, FULL),
        1,
        "No space left on device",
    ),
}


@pytest.mark.parametrize(("error", "code", "words"), REASONS.values(), ids=REASONS)
def test_every_exception_is_one_line(run, monkeypatch, tmp_path, error, code, words):
    def fail(*_):
        raise error

    monkeypatch.setattr(store, "load", fail)
    command = ("sample", "vae_digits", "--out", tmp_path / "x.png")
    is_unexpected = words.startswith(type(error).__name__)
    hint = " (KERAS_GEN_TRACEBACK=1 shows where)" if is_unexpected else ""
    assert run(*command) == (code, "", f"keras-gen: {words}{hint}\n")
    monkeypatch.setenv("KERAS_GEN_TRACEBACK", "1")
    status, _, told = run(*command)
    assert status == code
    assert told.endswith(f"keras-gen: {words}\n")
    assert ("Traceback" in told) == (code != 130)


def test_long_reasons_are_cut():
    assert len(reason_of(ValueError("a " * 10_000))) < 700


def test_samples_are_written_whole_or_not_at_all(run, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    for name in ("x.npy", "x.png"):
        out = tmp_path / name
        status, _, error = run("sample", "vae_digits", "--out", out, "--num", 2)
        assert (status, "No space left" in error) == (1, True)
        assert [*tmp_path.iterdir()] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_an_array_that_finds_no_room_says_so(monkeypatch):
    @contextlib.contextmanager
    def full(_):
        yield Path("/dev/full")

    monkeypatch.setattr(files, "whole_file", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_array(Path("x.npy"), np.zeros(10**6))


@pytest.mark.parametrize("begun", [False, True])
def test_a_run_that_stops_says_how_to_go_on(run, monkeypatch, tmp_path, begun):
    out = tmp_path / "run"

    def fail(error):
        def train(*_, **__):
            if begun:
                out.mkdir(exist_ok=True)
                (out / "recipe.json").touch()
            raise error

        monkeypatch.setattr(TRAIN, "train", train)
        return run("train", "vae_digits", "--out", out)

    status, _, error = fail(KeyboardInterrupt())
    assert (status, "interrupted" in error, "--resume" in error) == (130, True, begun)
    status, _, error = fail(OSError(errno.ENOSPC, "No space left on device"))
    assert (status, "No space left" in error, "--resume" in error) == (1, True, begun)
    status, _, error = fail(PermissionError(errno.EACCES, "Permission denied", "a.csv"))
    expected = "a.csv: permission denied. Choose another path, or change its mode."
    assert (status, error) == (2, f"keras-gen: {expected}\n")


def test_help_is_quick_and_imports_no_tensorflow():
    program = Path(sys.executable).with_name("keras-gen")
    start = time.perf_counter()
    done = subprocess.run([program, "--help"], capture_output=True, text=True)
    seconds = time.perf_counter() - start
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("list", "train", "export", "check"))
    assert seconds < 3, "a second on a quiet machine"
    code = (
        "import sys; sys.argv = ['keras-gen', 'list']; from keras_gen.zoo import cli\n"
        "try: cli.main()\nfinally: assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "vae_digits" in done.stdout


def test_module_form_speaks_without_chatter(tmp_path):
    command = [sys.executable, "-m", "keras_gen.zoo", "sample", "vae_digits"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "x.png")],
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("TF_")},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.startswith("wrote 16 samples")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_the_demo_spares_what_is_no_demo(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(zoo.recipe.UsageError, match="contains other files"):
        demo.demo(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_no_command_overwrites_a_picture(run, trained, tmp_path):
    out = tmp_path / "samples.png"
    out.write_text("mine")
    for command in ("sample", "compare"):
        status, _, error = run(command, trained, "--out", out)
        assert status == 2
        assert "Files are not overwritten" in error
        assert out.read_text() == "mine"
