"""Pictures with texts: their words, and a run that draws what is written."""

import json
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import keras_gen as kg
from keras_gen import zoo
from keras_gen.tokenizers import WordTokenizer
from keras_gen.zoo import captions, data, sample, store
from keras_gen.zoo.data import ArraySplit, Data
from keras_gen.zoo.inspecting import describe, presets_for

from .test_emoji import emoji  # noqa: F401

COLOURS = {"red": (230, 20, 20), "blue": (20, 20, 230)}
SHAPES = "top", "bottom"
few = pytest.mark.filterwarnings("ignore:.*needed for a reliable:UserWarning")


def pictures(number):
    """Halves of 8x8 pictures in a colour, named by words."""
    texts = [
        f"{colour} {place}"
        for _, colour, place in zip(
            range(number),
            [*COLOURS] * number,
            np.repeat([SHAPES], number // 2, 1)[0],
            strict=False,
        )
    ]
    x = np.full((number, 8, 8, 3), 128, np.uint8)
    for row, text in zip(x, texts, strict=True):
        colour, place = text.split()
        half = slice(None, 4) if place == "top" else slice(4, None)
        row[half] = COLOURS[colour]
    return ArraySplit(x, np.array(texts))


@pytest.fixture
def named(monkeypatch):
    """The data set "halves": 32 pictures to train, 8 held out, with their texts."""

    def halves():
        return pictures(32), pictures(8), ()

    monkeypatch.setattr(data, "NAMES", (*data.NAMES, "halves"))
    monkeypatch.setitem(data.PREPARED, "halves", halves)


def test_words_are_those_that_occur_more_than_once():
    texts = ["red top", "red bottom", "blue top", "green side"]
    train, test = (ArraySplit(np.zeros((n, 8, 8, 1)), None) for n in (5, 1))
    train = ArraySplit(train.x, np.array([*texts, "blue top"]))
    test = ArraySplit(test.x, np.array(["red red red top"]))
    spec = captions.spec_of(Data("drawn", train, test))
    assert spec.tokenizer.words == ("\n", " top", "red")  # a text counts once
    assert spec.length == 4
    found = spec.tokenizer.encode_batch(["red top", "blue side", "green top"])
    assert spec.tokenizer.decode_batch(found) == ["red top", "� �", "� top"]


@pytest.fixture
def with_names(emoji):  # noqa: F811
    path, arrays = emoji
    names = [f"{w} {n}" for n in (1, 2, 3, 4) for w in ("CAT", "DOG", "FOX")]
    names = [*np.repeat([*names, "KEY 1", "OWL 2", "ELK 3"], 4), "tone"]
    np.savez(path, **arrays, name=np.array(names))
    return names[:60]


def test_held_out_names_are_new_combinations_of_known_words(with_names):
    loaded = data.load("emoji_words")
    assert (len(loaded.train), len(loaded.test)) == (112, 8)
    train, test = (set(split.labels.tolist()) for split in loaded.splits)
    assert train | test == {name.lower() for name in with_names}
    assert not train & test
    for name in test:
        for word in name.split():
            assert sum(word in other.split() for other in train) >= 2
    for split in loaded.splits:
        numbers = split.x[:, 0, 0, 0] * 2
        named = [with_names[number].lower() for number in numbers]
        assert named == split.labels.tolist()
    assert loaded.told == "captions"
    assert loaded.source is None
    assert presets_for(loaded) == ["diffusion"]
    assert dict(describe(loaded))["captions"].startswith("'cat 1', 'cat ")


def test_other_texts_are_other_data(with_names):
    loaded = data.load("emoji_words")
    labels = loaded.train.labels.copy()
    labels[0] = "other"
    other = ArraySplit(loaded.train.x, labels)
    changed = Data(loaded.name, other, loaded.test)
    assert data.content_hash(loaded) == data.content_hash(data.load("emoji_words"))
    assert data.content_hash(loaded) != data.content_hash(changed)


def test_other_presets_take_no_texts(named, tmp_path):
    with pytest.raises(zoo.recipe.UsageError, match="Presets for halves: diffusion"):
        zoo.train("vae", tmp_path / "run", data="halves")


@pytest.fixture
def folder(tmp_path):
    """Ten pictures, in two sub-folders, named by what they show."""
    split, place = pictures(10), tmp_path / "drawn"
    for i, (x, text) in enumerate(zip(split.x, split.labels, strict=True)):
        colour, half = text.split()
        path = place / half / f"{colour.title()}_{half}-{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(x).save(path)
    return place


def of_file(split):
    pairs = zip(split.paths, split.labels, strict=True)
    return {Path(path).name: text for path, text in pairs}


def test_names_of_files_are_texts(folder):
    loaded = zoo.load_data(folder, kind="captions")
    assert (len(loaded.train), len(loaded.test)) == (9, 1)
    assert loaded.class_names == ()
    assert dict(loaded.facts)["captions from"] == "the names of the files"
    for split in loaded.splits:
        for name, text in of_file(split).items():
            assert text == name.lower().replace("_", " ").split("-")[0]
            assert text in COLOURS_AND_PLACES


COLOURS_AND_PLACES = [f"{colour} {place}" for colour in COLOURS for place in SHAPES]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_table_holds_texts(folder, suffix):
    files = sorted(path.relative_to(folder) for path in folder.rglob("*.png"))
    rows = [
        {"file": file.as_posix(), "text": f"drawn, {i}"} for i, file in enumerate(files)
    ]
    table = folder / f"captions.{suffix}"
    if suffix == "csv":
        lines = [f'{row["file"]},"{row["text"]}"' for row in rows]
        table.write_text("\n".join(["file,text", *lines]))
    else:
        table.write_text("\n".join(map(json.dumps, rows)))
    loaded = zoo.load_data(folder, kind="captions")
    expected = {file.name: f"drawn, {i}" for i, file in enumerate(files)}
    assert of_file(loaded.train) | of_file(loaded.test) == expected
    assert dict(loaded.facts)["captions from"] == table.name


WRONG = {
    "missing": ("file,text\na.png,red", "must have a row for each image, it lacks .*p"),
    "column": ("name,text\na.png,red", "row 1 must have file and text"),
    "twice": ("file,text\na.png,red\na.png,blue", "row 2: 'a.png' stands there twice"),
    "empty": ("", "must have a row for each image"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_table_that_does_not_fit_is_refused(folder, case):
    text, message = WRONG[case]
    (folder / "captions.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        zoo.load_data(folder, kind="captions")


def test_words_that_a_model_does_not_know_are_named():
    words = WordTokenizer(("red", " heart"))
    condition = kg.specs.Tokens(words.vocabulary_size, 3, words)
    model = SimpleNamespace(name="painter", condition=condition)
    message = "painter does not know all words of 'Red heart': it reads '� heart'"
    with pytest.warns(UserWarning, match=message):
        assert sample._told(model, 3, ["red", "Red heart"]) == [
            "red",
            "Red heart",
            "red",
        ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sample._told(model, 3, ["red heart", ""])[1] == ""
        assert sample._told(model, 1, ["red heart", "green"]) == ["red heart"]


@few
@pytest.mark.slow
@pytest.mark.usefixtures("without_xla", "named")
def test_a_run_draws_what_is_written(run, tmp_path):
    out = tmp_path / "run"
    status, printed, error = run(
        *("train", "diffusion", "--data", "halves", "--size", "tiny"),
        *("--epochs", "2", "--out", out),
    )
    assert status == 0, error
    assert "given Tokens(" in printed
    assert (out / "samples.png").exists()
    assert "elbo" in json.loads((out / "metrics.json").read_text())
    status, _, error = run("sample", out, "--out", tmp_path / "a.png")
    assert status == 2
    assert "pass --text" in error
    texts = [f"{colour} {place}" for place in SHAPES for colour in COLOURS]
    asked = [part for text in texts for part in ("--text", text)]
    array = tmp_path / "a.npy"
    status, _, error = run("sample", out, *asked, "--num", "8", "--out", array)
    assert status == 0, error
    model = store.load(out)
    expected = model.sample(8, condition=[*texts, *texts], seed=0)
    np.testing.assert_array_equal(np.load(array), expected)
    status, _, error = run("evaluate", out, "--json")
    assert status == 0, error
    assert {*model.condition.tokenizer.words} == {"\n", *COLOURS, " top", " bottom"}


@few
@pytest.mark.slow
@pytest.mark.usefixtures("without_xla")
def test_a_run_on_pairs_translates(run, tmp_path, monkeypatch):
    def styles():
        train, test = pictures(32), pictures(8)
        return (
            *(ArraySplit(split.x, 255 - split.x[..., :1]) for split in (train, test)),
            (),
        )

    monkeypatch.setattr(data, "NAMES", (*data.NAMES, "styles"))
    monkeypatch.setitem(data.PREPARED, "styles", styles)
    out = tmp_path / "run"
    status, _, error = run(
        *("train", "diffusion", "--data", "styles", "--size", "tiny"),
        *("--epochs", "2", "--out", out),
    )
    assert status == 0, error
    figures = json.loads((out / "metrics.json").read_text())
    assert {"absolute_error", "ssim", "elbo"} <= set(figures)
    assert (out / "samples.png").exists()
    source = tmp_path / "x.npy"
    np.save(source, styles()[1].labels)
    made = tmp_path / "made.npy"
    status, _, error = run("translate", out, source, "--out", made)
    assert status == 0, error
    assert np.load(made).shape == (8, 8, 8, 3)
    status, _, error = run("sample", out, "--out", tmp_path / "a.png")
    assert status == 2
    assert "use keras-gen translate" in error
