"""Texts with classes: read, trained, sampled, evaluated, judged."""

import csv
import json

import numpy as np
import pytest

from keras_gen import export, zoo
from keras_gen.tokenizers import ByteTokenizer
from keras_gen.writing import Writer
from keras_gen.zoo import data, store
from keras_gen.zoo.inspecting import describe
from keras_gen.zoo.languages import InLines, InWindows
from keras_gen.zoo.recipe import UsageError
from keras_gen.zoo.texts import by_lines

from .runs import assert_equal_runs, interrupted
from .test_records import write_json

pytestmark = pytest.mark.usefixtures("without_xla")
RNG = np.random.default_rng(0)
KINDS = RNG.choice(["up", "low"], 120)
TEXTS = [
    "".join(RNG.choice([*("ABC" if kind == "up" else "xyz")], RNG.integers(3, 8)))
    for kind in KINDS
]
HOW = {"size": "tiny", "epochs": 1, "batch_size": 18}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(Writer, "compiles_loops", False)


def write_csv(path, rows, header=("text", "kind")):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def kind_of(text):
    return "up" if text[:1].isupper() else "low"


def pairs_of(loaded):
    """Text and class of all records."""
    found = []
    for split in (loaded.train, loaded.test):
        texts = split.source.texts()
        names = [loaded.class_names[label] for label in split.labels]
        found += zip(texts, names, strict=True)
    return found


# Reading


def test_the_class_of_each_record_is_read_with_its_text(tmp_path):
    rows = [*zip(TEXTS, KINDS, strict=True), ("", "up"), ("", "")]
    path = write_csv(tmp_path / "a.csv", rows)
    write_json(
        tmp_path / "a.jsonl", [{"text": text, "kind": str(kind)} for text, kind in rows]
    )
    for loaded in (
        data.load(path, column="text", target="kind"),
        data.load(tmp_path / "a.jsonl", target="kind"),  # the only other text
    ):
        assert loaded.class_names == ("low", "up")
        pairs = pairs_of(loaded)
        assert sorted(text for text, _ in pairs) == sorted(TEXTS)
        assert all(kind == kind_of(text) for text, kind in pairs)
    plain = data.load(path, column="text")
    assert plain.train.labels is None
    classed = data.load(path, column="text", target="kind")
    assert data.content_hash(plain) != data.content_hash(classed)


def test_integers_are_classes_in_the_order_of_numbers(tmp_path):
    records = [{"text": "a" * n, "stars": 13 - n} for n in (2, 3, 11)]
    write_json(tmp_path / "a.jsonl", records)
    loaded = data.load(tmp_path / "a.jsonl", target="stars")
    assert loaded.class_names == ("2", "10", "11")
    assert all(13 - len(text) == int(name) for text, name in pairs_of(loaded))


WRONG = {
    "missing": ([("ab", "up"), ("cd", "")], "kind", r"line 3 has no class in column"),
    "column": ([("ab", "up")], "sort", "no column 'sort'. Columns: 'text', 'kind'"),
    "itself": ([("ab", "up")], "text", "holds the texts, so it cannot hold their cl"),
    "many": ([("ab", i) for i in range(101)], "kind", "at most 100 values .* 101"),
}


@pytest.mark.parametrize(("rows", "target", "words"), WRONG.values(), ids=WRONG)
def test_classes_that_do_not_fit_are_named(tmp_path, rows, target, words):
    path = write_csv(tmp_path / "a.csv", rows)
    with pytest.raises(ValueError, match=words):
        data.load(path, column="text", target=target)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"text": "b"}, "line 2 has no class in column 'kind': .* Columns: 'text'"),
        ({"text": "b", "kind": 0.5}, "line 2: column 'kind' must hold classes, .* 0.5"),
    ],
)
def test_records_without_a_class_are_named(tmp_path, record, words):
    write_json(tmp_path / "a.jsonl", [{"text": "a", "kind": "x"}, record])
    with pytest.raises(ValueError, match=words):
        data.load(tmp_path / "a.jsonl", column="text", target="kind")


def folder_of(tmp_path, files):
    for kind, letter in (("low", "x"), ("up", "A")):
        (tmp_path / "texts" / kind).mkdir(parents=True)
        for i in range(files):
            text = f"{letter * 40}\n" * (3 + i)
            (tmp_path / "texts" / kind / f"{i}.txt").write_text(text)
    return tmp_path / "texts"


@pytest.mark.parametrize("files", [2, 8])
def test_sub_folders_of_texts_are_classes(tmp_path, files):
    """By windows and by lines, whether whole files or ends of them are held out."""
    folder = folder_of(tmp_path, files)
    loaded = data.load(folder, target="folders")
    assert loaded.class_names == ("low", "up")
    assert data.load(folder).train.labels is None
    lines = by_lines(loaded.train, loaded.test, "texts")
    assert sum(len(split.labels) for split in lines) == 2 * sum(range(3, 3 + files))
    for splits, take in (
        ((loaded.train, loaded.test), InWindows(9)),
        (lines, InLines(41)),
    ):
        for split in splits:
            found = take.examples(split, ByteTokenizer())
            assert len(found.labels) == len(found)
            x = found.head(1000)
            for row, label in zip(x, found.labels, strict=True):
                own = [*(b"xA"[label], *b"\n")]
                assert set(row[row >= 0].tolist()) <= set(own)


def test_sub_folders_that_are_no_classes_are_named(tmp_path):
    folder = folder_of(tmp_path, 1)
    with pytest.raises(ValueError, match="choose folders, received 'kind'"):
        data.load(folder, target="kind")
    (folder / "low/0.txt").unlink()
    with pytest.raises(ValueError, match="at least 2 sub-folders .* received up"):
        data.load(folder, target="folders")
    (folder / "b.txt").write_text("abc")
    with pytest.raises(ValueError, match=r"b\.txt is in no sub-folder"):
        data.load(folder, target="folders")


def test_rows_of_tokens_have_labels(tmp_path):
    y = RNG.integers(0, 3, 50)
    x = np.repeat(y[:, None], 4, axis=1)
    np.savez(tmp_path / "a.npz", x=x, y=y)
    loaded = data.load(tmp_path / "a.npz", kind="tokens")
    assert loaded.class_names == ("0", "1", "2")
    counts = ", ".join(f"{i} ({(loaded.train.labels == i).sum()})" for i in range(3))
    assert dict(describe(loaded))["classes"] == counts
    for split in (loaded.train, loaded.test):
        np.testing.assert_array_equal(split.source[:, 0], split.labels)
    np.savez(tmp_path / "b.npz", x=y, y=y)
    with pytest.raises(ValueError, match="one sequence of tokens, which has no labels"):
        data.load(tmp_path / "b.npz", kind="tokens")


# Runs


def test_conditions_that_texts_do_not_have_are_refused(tmp_path):
    path = write_csv(tmp_path / "a.csv", zip(TEXTS, KINDS, strict=True))
    how = {"data": path, "column": "text", "condition": "sort", **HOW}
    with pytest.raises(ValueError, match="no column 'sort'"):
        zoo.train("lstm", tmp_path / "run", **how)
    path = tmp_path / "a.txt"
    path.write_text("\n".join(TEXTS))
    with pytest.raises(UsageError, match=r"jsonl file or folders, received 'kind'"):
        zoo.train("lstm", tmp_path / "run", data=path, condition="kind", **HOW)


@pytest.mark.slow
def test_a_run_with_classes_is_sampled_evaluated_judged_and_exported(tmp_path, run):
    path = write_csv(tmp_path / "a.csv", zip(TEXTS, KINDS, strict=True))
    out, scores = tmp_path / "run", tmp_path / "scores.csv"
    arguments = ("--data", path, "--column", "text", "--condition", "kind")
    how = ("--size", "tiny", "--epochs", "30", "--batch-size", "8")
    status, printed, error = run("train", "lstm", *arguments, *how, "--out", out)
    assert status == 0, error
    assert "given Classes(num_classes=2)" in printed
    figures = json.loads((out / store.METRICS).read_text())
    agreement = figures["label_agreement"]
    assert agreement["reference"] == 1
    assert agreement["value"] >= 0.75  # of 12; see the samples below
    report = (out / store.REPORT).read_text()
    assert "sample 1 (low)" in report
    assert "<mark>" in report
    sample = ("sample", out, "--labels", "up", "--num", "20", "--out")
    assert run(*sample, tmp_path / "up.txt")[0] == 0
    drawn = (tmp_path / "up.txt").read_text().split()
    assert np.mean([kind_of(text) == "up" for text in drawn]) > 0.8
    detect = ("detect", out, path, "--out", scores, "--false-alarms", "0.2")
    status, printed, error = run(*detect)
    assert status == 0, error
    with scores.open(newline="") as file:
        lines = [*csv.DictReader(file)]
    assert [line["text"] for line in lines] == TEXTS
    assert [line["class"] for line in lines] == KINDS.tolist()
    (tmp_path / "b.txt").write_text("\n".join(TEXTS))
    status, _, error = run("evaluate", out, "--data", tmp_path / "b.txt")
    assert status == 2
    assert "b.txt must have them in the column 'kind' beside the texts" in error
    named = [*zip(TEXTS[:20], KINDS, strict=False)]
    write_csv(tmp_path / "c.csv", named, ("message", "kind"))
    evaluate = ("evaluate", out, "--data", tmp_path / "c.csv", "--json")
    assert run(*evaluate)[0] == 2
    status, printed, error = run(*evaluate, "--column", "message")
    assert status == 0, error
    assert json.loads(printed)["metrics"]["log_prob"]["num_samples"] == 2
    to = tmp_path / "served"
    served = ("export", out, "--to", to, "--endpoints", "log_prob")
    assert run(*served, "--format", "saved_model")[0] == 0
    assert "log_prob" in str(export.check(to / "1"))


@pytest.mark.slow
@pytest.mark.long
def test_a_text_vae_is_conditioned_on_classes(tmp_path, run):
    path = write_csv(tmp_path / "a.csv", zip(TEXTS, KINDS, strict=True))
    out, to = tmp_path / "run", tmp_path / "served"
    arguments = ("--data", path, "--column", "text", "--condition", "kind")
    how = ("--size", "tiny", "--epochs", "30", "--batch-size", "8")
    status, printed, error = run("train", "text_vae", *arguments, *how, "--out", out)
    assert status == 0, error
    assert "given Classes(num_classes=2)" in printed
    figures = json.loads((out / store.METRICS).read_text())
    assert figures["label_agreement"]["value"] >= 0.75
    assert {"elbo", "rate", "active_units"} <= {*figures}
    sample = ("sample", out, "--labels", "up", "--num", "20", "--out")
    status, _, error = run(*sample, tmp_path / "up.txt")
    assert status == 0, error
    drawn = (tmp_path / "up.txt").read_text().split()
    assert np.mean([kind_of(text) == "up" for text in drawn]) > 0.8
    between = ("--num", "2", "--steps", "3", "--out", tmp_path / "lines.txt")
    status, _, error = run("interpolate", out, *between)
    assert status == 0, error
    status, _, error = run("detect", out, path, "--out", tmp_path / "scores.csv")
    assert status == 0, error
    status, _, error = run("export", out, "--to", to, "--format", "tflite")
    assert status == 0, error
    (file,) = to.glob("*.tflite")
    endpoints = export.artifact(file)["endpoints"]
    assert all("labels" in facts["inputs"] for facts in endpoints.values())
    assert export.artifact(file)["class_names"] == ["low", "up"]


@pytest.mark.slow
def test_runs_by_folders_resume_bit_for_bit(tmp_path):
    how = {"data": folder_of(tmp_path, 2), "by": "windows", "length": 8, **HOW}
    how |= {"condition": "folders", "epochs": 2}
    zoo.train("lstm", tmp_path / "whole", **how)
    with interrupted(1):
        zoo.train("lstm", tmp_path / "cut", **how)
    zoo.train("lstm", tmp_path / "cut", condition="folders", resume=True)
    assert_equal_runs(tmp_path / "whole", tmp_path / "cut")
    settings = store.settings_of(tmp_path / "cut")
    assert settings["condition"] == "folders"
    assert settings["class_names"] == ["low", "up"]
