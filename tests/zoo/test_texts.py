"""Texts in memory and on disk are split at the same kind of place."""

import numpy as np
import pytest

from keras_gen.reading import FilePart
from keras_gen.texts import Windows, sentences, tokens_of
from keras_gen.tokenizers import Bytes, Characters
from keras_gen.zoo import data, texts


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.txt"


@pytest.mark.parametrize("text", ["0123456789\r\n" * 9, "é👩ß\n" * 30, "👩" * 50])
@pytest.mark.parametrize("extra", range(5))
def test_large_files_stay_on_disk(path, monkeypatch, text, extra):
    text += "x" * extra
    path.write_bytes(text.encode())
    in_memory = data.load(path)
    monkeypatch.setattr(texts, "IN_MEMORY", 10)
    on_disk = data.load(path)
    for split in (on_disk.train, on_disk.test):
        assert isinstance(split, data.TextSplit)
        assert isinstance(split.source, FilePart)
        assert len(split) == len(split.text)
    assert on_disk.train.text + on_disk.test.text == text
    assert in_memory.train.text + in_memory.test.text == text
    num_bytes = len(text.encode())
    assert 0 <= len(on_disk.train.text.encode()) - num_bytes * 9 // 10 < 4
    assert Characters.of(on_disk.train.source) == Characters.of(on_disk.train.text)
    for split in (on_disk.train, on_disk.test):
        tokens = tokens_of(split.source, Bytes())
        np.testing.assert_array_equal(tokens, Bytes().encode(split.text))


@pytest.mark.parametrize("limit", [10, 10_000])
def test_broken_files_are_refused_by_byte_and_line(path, monkeypatch, limit):
    monkeypatch.setattr(texts, "IN_MEMORY", limit)
    for place in (20, 990):
        content = bytearray(b"a\n" * 500)
        content[place] = 0xFF
        path.write_bytes(content)
        line = place // 2 + 1
        message = rf"a\.txt must be text in UTF-8: byte {place}, on line {line},"
        with pytest.raises(ValueError, match=message):
            data.load(path)


def test_too_short_a_text_says_how_long_it_is(path):
    path.write_text("0123456789")
    split = data.load(path).test
    with pytest.raises(ValueError, match="too few: 1, a window has 5"):
        Windows(tokens_of(split.source, Bytes()), 5)


def test_named_texts_become_tokens_and_sentences():
    docs = data.load("pydocs")
    tokens = tokens_of(docs.test.source, Bytes())
    assert Bytes().decode(tokens) == docs.test.text
    found = sentences(docs.test.text)
    assert len(found) > 100
    assert np.median([len(sentence) for sentence in found]) < 200
