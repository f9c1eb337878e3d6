"""What `detect` judges of texts: lines, records, files, rows, in their order."""

import numpy as np
import pytest

from keras_gen.zoo import data
from keras_gen.zoo.text_judging import all_of, held_out_of, unit_of
from keras_gen.zoo.texts import by_lines

from .test_text_classes import write_csv

LINES = [f"line {i}" for i in range(30)]


def judged(source, own=None, **how):
    """Unit, names and texts of the data, and texts that are held out."""
    loaded = data.load(source, **how)
    unit = unit_of(loaded if own is None else own, loaded)
    found = [*all_of(loaded, unit, 4)]
    names, texts = [one.name for one in found], [one.text for one in found]
    held_out = [one.text for one in held_out_of(own or loaded, unit, 4)]
    return unit, names, texts, held_out


def test_lines_have_their_numbers_in_the_file(tmp_path):
    (tmp_path / "a.txt").write_bytes(
        b"\xef\xbb\xbf\r\n" + "\r\n".join(LINES).encode() + b"\r\n\r\n"
    )
    path = tmp_path / "a.txt"
    loaded = data.load(path)
    train, test = by_lines(loaded.train, loaded.test, "a")
    own = data.Data("a", train, test)
    unit, names, texts, held_out = judged(path, own)
    assert (unit, texts) == ("line", LINES)
    assert names == [str(number) for number in range(2, 32)]
    assert sorted(held_out) == sorted(test.source.texts())
    assert len(held_out) == 3


def test_records_have_their_numbers_with_empty_ones(tmp_path):
    rows = [("a\nb", "x"), ("", "x"), (" ", "y"), *((line, "y") for line in LINES)]
    path = write_csv(tmp_path / "a.csv", rows)
    unit, names, texts, held_out = judged(path, column="text", target="kind")
    assert (unit, texts) == ("row", ["a\nb", *LINES])
    assert names == ["0", *map(str, range(3, 33))]
    loaded = data.load(path, column="text", target="kind")
    labels = [one.label for one in all_of(loaded, unit, 4)]
    assert labels == [0] + [1] * 30
    assert next(all_of(loaded, unit, 4)).beginning == "a b"
    assert len(held_out) == 3


@pytest.mark.parametrize("files", [1, 3, 12])
def test_sentences_are_judged_by_a_model_that_was_trained_on_them(tmp_path, files):
    prose = [f"It is\nnumber {i}. " for i in range(30)]
    for i in range(files):
        (tmp_path / f"{i:02}.txt").write_text("".join(prose))
    paths = [str(tmp_path / f"{i:02}.txt") for i in range(files)]
    loaded = data.load(tmp_path if files > 1 else paths[0])
    unit = unit_of(loaded, loaded, by_sentences=True)
    found = [*all_of(loaded, unit, 4)]
    assert unit == "sentence"
    assert [one.text for one in found] == files * [
        f"It is number {i}." for i in range(30)
    ]
    before = [f"{path}:" if files > 1 else "" for path in paths]
    names = [f"{path}{n}" for path in before for n in range(1, 31)]
    assert [one.name for one in found] == names
    held_out = [one.text for one in held_out_of(loaded, unit, 4)]
    ends = [f"It is number {i}." for i in range(30)]
    assert held_out == (
        ends if files == 12 else ends[-len(held_out) // files :] * files
    )


@pytest.mark.parametrize("files", [3, 12])
def test_files_are_judged_whole_if_whole_files_were_held_out(tmp_path, files):
    for i in range(files):
        text = "".join(f"file {i} {line}\n" for line in LINES)
        (tmp_path / f"{i:02}.txt").write_text(text)
    unit, names, texts, held_out = judged(tmp_path)
    paths = [str(tmp_path / f"{i:02}.txt") for i in range(files)]
    if files == 12:
        assert (unit, names) == ("file", paths)
        assert texts[5].splitlines()[7] == "file 5 line 7"
        assert [text in texts for text in held_out] == [True]
        return
    assert unit == "line"
    assert names == [f"{path}:{n}" for path in paths for n in range(1, 31)]
    assert texts[37] == "file 1 line 7"
    ends = [f"file {i} line {n}" for i in range(3) for n in (28, 29)]
    assert held_out == ends  # of each file; line 27 is cut where the end begins


def test_rows_and_windows_of_tokens_are_in_order(tmp_path):
    x = np.arange(60).reshape(20, 3)
    x[3, 2] = -1
    labels = np.arange(20) % 4
    np.savez(tmp_path / "a.npz", x=x, y=labels)
    unit, names, texts, held_out = judged(tmp_path / "a.npz", kind="tokens")
    assert (unit, names) == ("row", [str(i) for i in range(20)])
    assert [row.tolist() for row in texts] == [row[row >= 0].tolist() for row in x]
    loaded = data.load(tmp_path / "a.npz", kind="tokens")
    assert [one.label for one in all_of(loaded, unit, 4)] == labels.tolist()
    assert len(held_out) == 2
    np.save(tmp_path / "b.npy", np.arange(30))
    unit, names, texts, held_out = judged(tmp_path / "b.npy", kind="tokens")
    assert (unit, names[:3], names[-1]) == ("token", ["0", "4", "8"], "28")
    np.testing.assert_array_equal(np.concatenate(texts), np.arange(30))
    np.testing.assert_array_equal(held_out[0], [27, 28, 29])
