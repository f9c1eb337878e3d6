"""Runs of presets on texts and tokens of one's own, from data to artifacts."""

import json

import numpy as np
import pytest

from keras_gen import export, zoo
from keras_gen.tokenizers import CharacterTokenizer, WordTokenizer
from keras_gen.writing import Writer
from keras_gen.zoo import store
from keras_gen.zoo.compare import evaluate_source
from keras_gen.zoo.evaluation import data_of
from keras_gen.zoo.exporting import export_source
from keras_gen.zoo.nearest_texts import nearest_texts
from keras_gen.zoo.recipe import UsageError
from keras_gen.zoo.reporting import write_report
from keras_gen.zoo.sample import write_samples

from .runs import assert_equal_runs, interrupted
from .test_records import NAMES, POEMS, write_json

pytestmark = pytest.mark.usefixtures("without_xla")
RNG = np.random.default_rng(0)
ROWS = RNG.integers(0, 7, (60, 9))
HOW = {"size": "tiny", "epochs": 1, "batch_size": 30}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Runs are short, so compiling the loops over tokens does not pay either."""
    monkeypatch.setattr(Writer, "compiles_loops", False)


def settings_of(out):
    return json.loads((out / "recipe.json").read_text())


def test_a_list_trains_line_by_line(tmp_path, capsys):
    (tmp_path / "names.txt").write_bytes("\r\n".join(NAMES).encode())
    out = tmp_path / "run"
    model = zoo.train("lstm", out, data=tmp_path / "names.txt", **HOW)
    settings = settings_of(out)
    chosen = {k: settings.get(k) for k in ("by", "length", "tokenizer", "vocabulary")}
    assert chosen == {
        "by": "lines",
        "length": 5,
        "tokenizer": "character",
        "vocabulary": None,
    }
    told = capsys.readouterr().out
    assert "names: 90 examples to train and 10 held out, one text per line" in told
    assert "at most 5 character tokens with its end, vocabulary of 19 (--by win" in told
    assert model.tokenizer == CharacterTokenizer("\nABCDEFGHIJaeinortu")
    assert model.end_token == 0
    figures = json.loads((out / "metrics.json").read_text())
    assert figures["log_prob"]["num_samples"] == 10
    _, again, data = evaluate_source(str(out))
    assert again["log_prob"].value == figures["log_prob"]["value"]
    assert len(data.test) == 10
    (tmp_path / "names.txt").write_text("\n".join([*NAMES, "Ada"]))
    with pytest.raises(UsageError, match="does not hold the data on which"):
        evaluate_source(str(out))


@pytest.mark.slow
def test_rows_of_tokens_train_and_are_sampled(tmp_path):
    np.save(tmp_path / "rows.npy", ROWS)
    how = {**HOW, "data": tmp_path / "rows.npy", "kind": "tokens"}
    model = zoo.train("lstm", tmp_path / "run", **how)
    assert model.tokenizer is None
    assert (model.inputs.vocabulary_size, model.length) == (7, 9)
    samples = np.load(tmp_path / "run/samples.npy")
    assert samples.shape == (8, 9)
    assert samples.min() >= 0
    how = {"num": 3, "seed": 1, "labels": None}
    write_samples(model, tmp_path / "a.npy", **how, how={"prompt": "3,4"})
    made = np.load(tmp_path / "a.npy")
    np.testing.assert_array_equal(made[:, :2], [[3, 4]] * 3)
    for name, prompt, words in (
        ("a.txt", None, "--out must be .npy for tokens"),
        ("b.npy", "abc", "--prompt must be tokens such as 3,14,15 .* received 'abc'"),
    ):
        with pytest.raises(UsageError, match=words):
            write_samples(model, tmp_path / name, **how, how={"prompt": prompt})


WRONG = {
    "recipe": ("lstm_pydocs", {"by": "lines"}, "by can be chosen for presets only"),
    "images": (
        "lstm",
        {"data": "digits"},
        "takes text, received Images. .*: auto",
    ),
    "not text": ("vae", {"data": "digits", "length": 9}, "length can be chosen for te"),
    "windows": ("text_vae", {"by": "windows"}, "by must be lines for text_vae with"),
    "rows": ("lstm", {"by": "windows", "kind": "tokens"}, "must be lines for lstm"),
    "tokens": (
        "lstm",
        {"tokenizer": "bpe", "kind": "tokens"},
        "tokenizer is for texts, and rows holds tokens, received 'bpe'",
    ),
    "few": (
        "lstm",
        {"vocabulary": 6, "kind": "tokens"},
        "vocabulary must be at least 7, the largest token of rows plus 1, received 6",
    ),
    "kind": (
        "lstm",
        {"kind": "words"},
        "kind must be one of .*, captions, received 'words'",
    ),
    "short": ("lstm", {"by": "windows", "length": 300}, "too short: .* --length"),
    "one line": ("lstm", {"data": "one.txt", "by": "lines"}, "at least 2 texts to h"),
    "short line": ("lstm", {"data": "one.txt"}, "text is too short: nine tenths"),
    "no folders": (
        "lstm",
        {"condition": "folders"},
        r"for a folder whose sub-folders are classes, received .*names\.txt",
    ),
    "long": ("lstm", {"length": 3}, "have more than 3 tokens .* Increase length"),
}


@pytest.mark.parametrize(("name", "how", "words"), WRONG.values(), ids=WRONG)
def test_wrong_use_is_refused_before_training(tmp_path, name, how, words):
    np.save(tmp_path / "rows.npy", ROWS)
    (tmp_path / "names.txt").write_text("\n".join(NAMES))
    source = "rows.npy" if how.get("kind") == "tokens" else "names.txt"
    (tmp_path / "one.txt").write_text("only one line")
    how = {"data": source, **HOW, **how}
    if how["data"] != "digits":
        how["data"] = tmp_path / how["data"]
    how = {k: v for k, v in how.items() if name != "lstm_pydocs" or k == "by"}
    with pytest.raises(ValueError, match=words):
        zoo.train(name, tmp_path / "run", **how)
    assert not (tmp_path / "run").exists()


RUNS = {
    "pairs": ("lstm", {"tokenizer": "bpe", "vocabulary": 300, "by": "windows"}, {}),
    "words": ("lstm", {"tokenizer": "word", "vocabulary": 40}, {"length": 9}),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "how", "more"), RUNS.values(), ids=RUNS)
def test_runs_resume_bit_for_bit(tmp_path, name, how, more):
    write_json(tmp_path / "a.jsonl", [{"text": poem, "n": 0} for poem in POEMS * 3])
    how = {"data": tmp_path / "a.jsonl", "column": "text", **HOW, **how, **more}
    how |= {"epochs": 2, "length": more.get("length", 12)}
    zoo.train(name, tmp_path / "whole", **how)
    with interrupted(1):
        zoo.train(name, tmp_path / "cut", **how)
    with pytest.raises(UsageError, match=r"has length=\d+, received 7"):
        zoo.train(name, tmp_path / "cut", length=7, resume=True)
    zoo.train(name, tmp_path / "cut", resume=True)
    assert_equal_runs(tmp_path / "whole", tmp_path / "cut")
    settings = settings_of(tmp_path / "cut")
    assert {k: settings[k] for k in how if k in settings and k != "data"} == {
        k: v for k, v in how.items() if k != "data"
    }


@pytest.mark.slow
def test_words_are_exported_with_their_strings(tmp_path):
    write_json(tmp_path / "a.jsonl", POEMS)
    how = {**HOW, "data": tmp_path / "a.jsonl", "tokenizer": "word", "vocabulary": 20}
    model = zoo.train("lstm", tmp_path / "run", **how)
    assert isinstance(model.tokenizer, WordTokenizer)
    assert model.tokenizer.decode([model.end_token]) == "\x1e"
    assert store.settings_of(tmp_path / "run")["end"] == "\x1e"
    how = {"endpoints": ["complete_text"]}
    run = str(tmp_path / "run")
    path = export_source(run, tmp_path / "served", "saved_model", **how)
    assert "complete_text" in str(export.check(path))
    with pytest.raises(UsageError, match=r"a column of a \.csv"):
        zoo.train("vae", tmp_path / "x", data=tmp_path / "a.jsonl", condition="text")


@pytest.mark.slow
def test_a_run_of_lines_is_judged_interpolated_and_reported(tmp_path, run):
    """By the command line: lines, nearest texts, lines between the codes of two."""
    (tmp_path / "names.txt").write_bytes(("\r\n".join(NAMES) + "\r\n").encode())
    out = tmp_path / "run"
    told = zoo.train("text_vae", out, data=tmp_path / "names.txt", **HOW)
    assert told.length == 5
    new = ["", NAMES[0], "Zoë", NAMES[1] * 9]
    (tmp_path / "new.txt").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(new).encode())
    detect = ("detect", out, tmp_path / "new.txt", "--out", tmp_path / "scores.csv")
    status, printed, error = run(*detect, "--false-alarms", "0.2")
    assert status == 0, error
    assert "0.2 of 10 held-out" in printed
    assert "1, with a character that the model has no token for" in printed
    np.save(tmp_path / "x.npy", ROWS)
    judged = ("detect", out, tmp_path / "x.npy", "--out", tmp_path / "x.csv")
    status, _, error = run(*judged)
    assert status == 2
    assert "is a model of texts or tokens, and " in error
    assert "x.npy holds vectors" in error
    lines = (tmp_path / "scores.csv").read_text().splitlines()
    assert lines[0] == "line,score,flagged,text"
    assert [line.split(",")[0] for line in lines[1:]] == ["2", "3", "4"]
    assert lines[2] == "3,inf,1,Zoë"  # ë has no token
    assert lines[3].endswith(f",{(NAMES[1] * 9)[:60]}")
    between = ("interpolate", out, "--num", "2", "--steps", "3", "--out")
    status, _, error = run(*between, tmp_path / "between.txt")
    assert status == 0, error
    texts = (tmp_path / "between.txt").read_text().split("\n----\n")
    assert len(texts) == 2
    status, _, error = run(*between, tmp_path / "between.png")
    assert status == 2
    assert "--out must end in .txt or .npy for text_vae" in error


@pytest.mark.slow
def test_reports_mark_what_samples_copy(tmp_path, monkeypatch):
    """Samples that are training lines, or hold more of them than held-out lines do."""
    (tmp_path / "names.txt").write_text("\n".join(NAMES))
    out = tmp_path / "run"
    zoo.train("lstm", out, data=tmp_path / "names.txt", **HOW)
    model = store.load(out)
    data = data_of(out, model)
    rows = np.tile(data.train.rows[:1], (8, 1))
    rows[1:] = -1
    rows[1:, :2] = [[0, 1]] * 7
    monkeypatch.setattr(type(model), "complete", lambda self, *_, **__: rows)
    found = nearest_texts(model, data)
    name = model.tokenizer.decode(rows[0]).strip()
    first = found.found[0]
    assert "".join(first.sample) == "".join(first.nearest) == name
    assert (first.is_whole, first.is_copied, first.length) == (True, True, len(name))
    assert first.total == len(name)
    assert not found.found[1].is_whole
    report = write_report(out, model, data).read_text()
    assert f"<mark>{name}</mark>" in report
    assert "a whole training text: copied" in report


def test_texts_in_a_table_are_named_by_the_option_that_reads_them(tmp_path, run):
    lines = "".join(f"message {i},x\n" for i in range(120))
    (tmp_path / "a.csv").write_text("text,kind\n" + lines)
    status, _, error = run("inspect", tmp_path / "a.csv")
    assert status == 2
    assert "If it holds texts, choose it with --column" in error
    for kind in ("x", "y"):
        (tmp_path / "texts" / kind).mkdir(parents=True)
        (tmp_path / "texts" / kind / "a.txt").write_text("a line\n" * 20)
    status, out, _ = run("inspect", tmp_path / "texts")
    assert "x (1 files), y (1 files); --condition folders makes them classes" in out
