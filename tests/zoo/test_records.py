"""Texts of one's own: JSON lines, columns, folders, lists, arrays of tokens."""

import json

import numpy as np
import pytest

from keras_gen.tokenizers import ByteTokenizer
from keras_gen.zoo import data, records, texts
from keras_gen.zoo.inspecting import describe
from keras_gen.zoo.languages import InLines, InWindows
from keras_gen.zoo.recipe import UsageError
from keras_gen.zoo.text_settings import check_choices
from keras_gen.zoo.texts import TextSplit, by_lines, fits_lines

NAMES = [f"{a}{b}{c}" for a in "ABCDEFGHIJ" for b in "aeiou" for c in ("n", "rt")]
POEMS = [f"{name},\n„süß“ {name}" for name in NAMES[:30]]


def text_of(loaded):
    """All texts of both splits."""
    return sorted(t for s in (loaded.train, loaded.test) for t in s.source.texts())


def write_json(path, rows, end="\n"):
    text = end.join(json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())


@pytest.mark.parametrize("limit", [0, 10**6])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_columns_are_read_alike(tmp_path, monkeypatch, end, limit):
    monkeypatch.setattr(records, "IN_MEMORY", limit)
    breaks = [poem.replace("\n", end) for poem in POEMS]
    write_json(tmp_path / "a.jsonl", [{"text": b, "n": 1} for b in breaks], end)
    write_json(tmp_path / "b.jsonl", [*breaks, "", " "], end)
    lines = ["n;text", *(f'1;"{poem}"' for poem in POEMS), '2;""']
    table = "\n".join(lines).replace("\n", end)
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + table.encode())
    loaded = {
        "text": data.load(tmp_path / "a.jsonl", column="text"),
        "the only one": data.load(tmp_path / "a.jsonl"),
        "bare": data.load(tmp_path / "b.jsonl"),
        "table": data.load(tmp_path / "a.csv", column="text"),
    }
    hashes = {data.content_hash(one) for one in loaded.values()}
    assert len(hashes) == 1
    for one in loaded.values():
        assert text_of(one) == sorted(POEMS)
        assert len(list(one.test.source.texts())) == 3
        assert one.train.source.end == "\x1e"
        assert one.test.text.count("\x1e") == 3
    rows = InLines(40, end="\x1e").examples(one.test, ByteTokenizer()).rows
    decoded = ByteTokenizer().decode_batch(rows)
    assert decoded == [f"{text}\x1e" for text in one.test.source.texts()]


BROKEN = {
    "json": ('{"text": "a"}\n\n{"text": "b"\n', "line 3 is broken JSON .* column 13"),
    "no column": (
        '{"text": "a"}\n{"word": "b"}\n',
        "line 2 has no column 'text'. Co.*",
    ),
    "number": ('{"text": "a"}\n{"text": 3}\n', "line 2: column 'text' must be text"),
    "list": ("[1]\n", "line 1 must be a JSON object with a text"),
    "empty": ("\n\n", "is empty: it holds no texts"),
    "blank": ('{"text": ""}\n{"text": null}\n', "is empty: it holds no texts"),
    "one": ('{"text": "a"}\n', "at least 2 texts to hold one out, received 1"),
    "bytes": ('{"text": "a"}\n\xe9\n', "must be text in UTF-8: byte 14, on line 2"),
}


@pytest.mark.parametrize(("content", "message"), BROKEN.values(), ids=BROKEN)
def test_broken_lines_are_named(tmp_path, content, message):
    (tmp_path / "a.jsonl").write_bytes(content.encode("latin1"))
    with pytest.raises(ValueError, match=rf"a\.jsonl.*{message}"):
        data.load(tmp_path / "a.jsonl", column="text")


TABLES = {
    "no column": ("name,n\nAna,1\nBo,2\n", "no column 'text'. Columns: 'name', 'n'"),
    "ragged": ("text,n\na,1\nb,2,3\n", "line 3 has 3 values, expected 2 as in"),
    "twice": ("text,text\na,1\nb,2\n", "the header has 'text' twice"),
    "empty": ("", "must begin with a header: names of columns"),
    "no rows": ("text,n\n", "is empty: it holds no texts"),
}


@pytest.mark.parametrize(("content", "message"), TABLES.values(), ids=TABLES)
def test_broken_tables_are_named(tmp_path, content, message):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(ValueError, match=rf"a\.csv.*{message}"):
        data.load(tmp_path / "a.csv", column="text")


def test_several_texts_need_a_choice(tmp_path):
    write_json(tmp_path / "a.jsonl", [{"a": "x", "b": "y", "n": 1}] * 3)
    with pytest.raises(
        ValueError, match=r"has 2 texts \('a', 'b'\): choose .*--column"
    ):
        data.load(tmp_path / "a.jsonl")
    with pytest.raises(ValueError, match="column is for .*, received 'a'"):
        data.load("digits", column="a")
    (tmp_path / "a.txt").write_text("x\n" * 30)
    with pytest.raises(ValueError, match="for .csv and .jsonl files, received 'a' for"):
        data.load(tmp_path / "a.txt", column="a")


@pytest.mark.parametrize("limit", [0, 10**6])
@pytest.mark.parametrize("count", [3, 12])
def test_folders_hold_out_files_or_the_end_of_each(tmp_path, monkeypatch, count, limit):
    monkeypatch.setattr(texts, "IN_MEMORY", limit)
    wholes = [f"file {i}\n" + "line\nend\n" * 10 for i in range(count)]
    (tmp_path / "more").mkdir()
    for i, whole in enumerate(wholes):
        name = f"more/{i}.txt" if i % 2 else f"{i:02}.TXT"
        (tmp_path / name).write_bytes(whole.replace("\n", "\r\n").encode())
    loaded = data.load(tmp_path)
    if count < records.FEWEST_FILES:
        parts = list(loaded.train.source.texts()), list(loaded.test.source.texts())
        joined = [data_of(a) + data_of(b) for a, b in zip(*parts, strict=True)]
        assert sorted(joined) == sorted(wholes)
    else:
        held_out = [data_of(text) for text in loaded.test.source.texts()]
        assert len(held_out) == 1
        assert held_out[0] in wholes
    lines = by_lines(loaded.train, loaded.test, "folder")
    found = [line for split in lines for line in split.source.texts()]
    assert sorted(found) == sorted(line for w in wholes for line in w.splitlines())
    assert len(list(lines[1].source.texts())) == len(found) // 10


def data_of(piece):
    return TextSplit(piece).text


@pytest.mark.filterwarnings("ignore:.*left out files:UserWarning")
def test_a_folder_with_images_is_one_of_images(tmp_path):
    (tmp_path / "readme.txt").write_text("about these pictures")
    (tmp_path / "a.png").write_bytes(b"broken")
    with pytest.raises(ValueError, match="png"):
        data.load(tmp_path)


@pytest.mark.parametrize("limit", [0, 10**6])
def test_held_out_lines_are_random_and_always_the_same(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(texts, "IN_MEMORY", limit)
    (tmp_path / "names.txt").write_text("\n".join(NAMES) + "\n\n")
    loaded = data.load(tmp_path / "names.txt")
    train, test = by_lines(loaded.train, loaded.test, "names")
    held_out = list(test.source.texts())
    assert len(held_out) == 10
    assert len({name[0] for name in held_out}) > 4
    assert sorted([*train.source.texts(), *held_out]) == sorted(NAMES)
    again = data.load(tmp_path / "names.txt")
    assert list(by_lines(again.train, again.test, "")[1].source.texts()) == held_out
    assert data.content_hash(again) == data.content_hash(loaded)
    assert loaded.train.text + loaded.test.text == "\n".join(NAMES) + "\n\n"


PROSE = "It was a day like any other day in the long and quiet valley of the river."
KINDS = {
    "names": ("\n".join(NAMES), True),
    "sentences": ("\n".join(f"{PROSE[i:]}" for i in range(60)), True),
    "paragraphs": (f"{PROSE}\n\n" * 40, False),
    "wrapped": ("\n".join([PROSE, PROSE[:-4], PROSE[3:]] * 30), False),
    "long lines": ("\n".join([PROSE * 9] * 40), False),
    "few lines": ("\n".join(NAMES[:10]), False),
    "unequal": ("\n".join(["Ana"] * 30 + [PROSE] * 20), False),
}


@pytest.mark.parametrize(("text", "expected"), KINDS.values(), ids=KINDS)
def test_lists_are_told_from_books(text, expected):
    assert fits_lines(TextSplit(text)) is expected


def test_windows_go_over_the_ends_of_records(tmp_path):
    write_json(tmp_path / "a.jsonl", NAMES)
    windows = (
        InWindows(5)
        .examples(data.load(tmp_path / "a.jsonl").test, ByteTokenizer())
        .rows
    )
    whole = ByteTokenizer().decode(np.array(windows.tokens))
    assert sorted(whole.split("\n")[:-1]) == sorted(whole.split())
    assert len(whole.split()) == 10


# Tokens


def test_rows_of_tokens_are_held_out_at_random(tmp_path):
    rows = np.arange(120).reshape(40, 3)
    rows[::2, 2] = -1
    np.save(tmp_path / "a.npy", rows)
    loaded = data.load(tmp_path / "a.npy", kind="tokens")
    assert loaded.train.source.shape == (36, 3)
    both = np.concatenate([loaded.train.source, loaded.test.source])
    np.testing.assert_array_equal(both[np.argsort(both[:, 0])], rows)
    facts = dict(describe(loaded))
    assert facts["tokens"] == "0 to 119"
    assert facts["examples"] == "36 and 4 held out"
    assert facts["presets"] == "lstm, text_vae, transformer"
    np.savez(tmp_path / "b.npz", x=np.arange(50, dtype="uint8"))
    loaded = data.load(tmp_path / "b.npz", kind="tokens")
    assert loaded.train.source.tolist() == [*range(45)]
    assert loaded.test.source.tolist() == [*range(45, 50)]


TOKENS = {
    "floats": (np.zeros((3, 2)), "integers .* received float64"),
    "three axes": (np.zeros((3, 2, 2), int), r"received int64 \(3, 2, 2\)"),
    "negative": (np.array([[0, -2], [1, 1]]), "tokens >= 0, received -2 to 1"),
    "padding": (np.array([[-1, 2], [1, 1]]), "padded at the end only"),
    "padded sequence": (np.array([3, -1, 2]), "tokens >= 0, received -1"),
    "one": (np.array([[1, 2]]), "at least 2 rows"),
}


@pytest.mark.parametrize(("tokens", "message"), TOKENS.values(), ids=TOKENS)
def test_wrong_tokens_are_refused(tmp_path, tokens, message):
    np.save(tmp_path / "a.npy", tokens)
    with pytest.raises(ValueError, match=message):
        data.load(tmp_path / "a.npy", kind="tokens")


def test_long_rows_of_tokens_are_cut():
    rows = np.array([[1, 2, 3], [4, 5, -1]], np.int32)
    with pytest.warns(UserWarning, match="1 of 2 rows have more than 2 tokens.*cut"):
        cut = InLines(2).examples(TextSplit(rows), None).rows
    assert cut.tolist() == [[1, 2], [4, 5]]


# Settings

CHOICES = {
    "by": ({"by": "words"}, "by must be one of lines, windows, received 'words'"),
    "tokenizer": ({"tokenizer": "wordpiece"}, "one of character, byte, word, bpe"),
    "length": ({"length": 1}, "length must be at least 2, received 1"),
    "vocabulary": ({"tokenizer": "bpe", "vocabulary": 200}, "at least 256, rec.* bpe"),
    "characters": (
        {"tokenizer": "character", "vocabulary": 9},
        "vocabulary is for the tokenizers word, bpe, received 9 for character",
    ),
    "none": ({"vocabulary": 0}, "vocabulary must be at least 1, received 0"),
}


@pytest.mark.parametrize(("choices", "message"), CHOICES.values(), ids=CHOICES)
def test_wrong_settings_are_refused(choices, message):
    with pytest.raises(UsageError, match=message):
        check_choices(choices)
