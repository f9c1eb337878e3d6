"""Tokens of files are those of their texts, at a constant price in memory."""

import gc
import os
import sys
import tempfile
import tracemalloc

import numpy as np
import pytest

from keras_gen.reading import FilePart
from keras_gen.texts import lines, tokens_of
from keras_gen.tokenizers import BytePairTokenizer, ByteTokenizer, CharacterTokenizer

TEXT = (
    "When shall we three meet again?\r\n  In thunder,\tlightning, or\n\nin rain ☔\n"
    * 9
)
TOKENIZERS = {
    "characters": CharacterTokenizer.from_text(TEXT),
    "bytes": ByteTokenizer(),
    "pairs": BytePairTokenizer.train(TEXT, 290),
}
tokenizers = pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT.encode())
    return path


@tokenizers
@pytest.mark.parametrize("size", [64, 100, 10_000])
def test_tokens_of_a_file_are_those_of_its_text(path, tokenizer, size):
    expected = tokenizer.encode(TEXT)
    tokens = tokens_of(FilePart(path, chunk_bytes=size), tokenizer)
    assert isinstance(tokens, np.memmap)
    np.testing.assert_array_equal(tokens, expected)
    in_memory = tokens_of(TEXT, tokenizer)
    np.testing.assert_array_equal(in_memory, expected)
    assert tokens.dtype == in_memory.dtype
    assert not tokens.flags.writeable


def test_tokens_take_the_bytes_that_the_vocabulary_needs(path):
    wide = CharacterTokenizer("".join(map(chr, range(0x10000, 0x10000 + 2**16 + 1))))
    assert tokens_of(path, ByteTokenizer()).dtype == np.uint8
    assert tokens_of(path, TOKENIZERS["pairs"]).dtype == np.uint16
    assert tokens_of("\U00020000", wide).dtype == np.int32
    assert tokens_of("\U00020000", wide).tolist() == [2**16]


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux says")
def test_temporary_file_vanishes_with_its_last_use(path, tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))

    def mapped():
        with open("/proc/self/maps") as file:
            return sum(str(folder) in line for line in file)

    tokens = tokens_of(path, ByteTokenizer())
    view = tokens[5:]
    assert mapped() == 1
    del tokens
    gc.collect()
    assert view.tobytes() == TEXT.encode()[5:]
    del view
    gc.collect()
    assert mapped() == 0
    with pytest.raises(ValueError, match="lacks"):
        tokens_of(path, CharacterTokenizer("When "))
    assert os.listdir(folder) == []


def peak_of(num_bytes, chunk_bytes, tmp_path):
    path = tmp_path / "large.txt"
    with path.open("w") as file:
        for _ in range(num_bytes // len(TEXT)):
            file.write(TEXT)
    part = FilePart(path, chunk_bytes=chunk_bytes)
    tracemalloc.start()
    try:
        tokens = tokens_of(part, TOKENIZERS["characters"])
        return tracemalloc.get_traced_memory()[1], len(tokens)
    finally:
        tracemalloc.stop()


def test_memory_follows_the_chunk_and_not_the_file(tmp_path):
    peak, num_tokens = peak_of(4_000_000, 2**14, tmp_path)
    assert num_tokens > 3_500_000
    assert peak < 1_000_000


@pytest.mark.slow
def test_fifty_megabytes_need_little_memory(tmp_path):
    peak, num_tokens = peak_of(50_000_000, 2**20, tmp_path)
    assert num_tokens > 45_000_000
    assert peak < 40_000_000


@pytest.mark.parametrize("size", [4, 50, 1000])
@pytest.mark.parametrize("read", [tokens_of, lines])
def test_unknown_characters_are_found_by_line(path, read, size):
    path.write_text("ab\n" * 50 + "bbax" + "ab\n" * 3, encoding="utf-8")
    message = r"a\.txt, line 51, column 4, holds the character 'x' .*alphabet of 3"
    with pytest.raises(ValueError, match=message):
        read(FilePart(path, chunk_bytes=size), CharacterTokenizer("ab\n"))
    with pytest.raises(ValueError, match=message):
        read(FilePart(path, 90, chunk_bytes=size), CharacterTokenizer("ab\n"))
    with pytest.raises(ValueError, match="text, line 2, column 1, holds"):
        read("a\nxb", CharacterTokenizer("ab\n"))


@pytest.mark.parametrize("read", [tokens_of, lines])
def test_empty_texts_are_refused(path, read):
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"a\.txt is empty"):
        read(path, ByteTokenizer())
    with pytest.raises(ValueError, match="text is empty"):
        read("", ByteTokenizer())
    with pytest.raises(TypeError, match="tokenizer must be a Tokenizer"):
        read("a", "bytes")


# Lines


@tokenizers
@pytest.mark.parametrize("size", [16, 10_000])
def test_lines_are_rows_with_their_end(path, tokenizer, size):
    expected = [line.rstrip("\r") for line in TEXT.split("\n") if line]
    rows = lines(FilePart(path, chunk_bytes=size), tokenizer)
    assert rows.dtype == np.int32
    assert tokenizer.decode_batch(rows) == [f"{line}\n" for line in expected]
    assert ((rows >= 0).sum(axis=1) == rows.shape[1]).any()
    wider = lines(TEXT, tokenizer, rows.shape[1] + 2)
    np.testing.assert_array_equal(wider[:, :-2], rows)
    assert (wider[:, -2:] == -1).all()


def test_last_line_needs_no_end_and_empty_ones_are_left_out():
    rows = lines("CC\n\nCO\r\n\r\n \nN", ByteTokenizer(), end=".!")
    assert ByteTokenizer().decode_batch(rows) == ["CC.!", "CO.!", " .!", "N.!"]
    np.testing.assert_array_equal(
        lines("ab\nc", ByteTokenizer(), end=""), [[97, 98], [99, -1]]
    )


def test_long_lines_are_refused_or_counted():
    text = "ab\n\nabcde\nabc\nabcdefg\n"
    message = "text: 2 of 4 lines have more than 4 tokens with their end, the first is "
    message += "line 3 with 6"
    with pytest.raises(ValueError, match=f"{message}. Increase length"):
        lines(text, ByteTokenizer(), 4)
    with pytest.warns(UserWarning, match=f"{message}. They are dropped"):
        rows = lines(text, ByteTokenizer(), 4, drop_long=True)
    assert ByteTokenizer().decode_batch(rows) == ["ab\n", "abc\n"]
    with pytest.raises(ValueError, match="4 of 4 lines"):
        lines(text, ByteTokenizer(), 1, drop_long=True)
    with pytest.raises(ValueError, match="length must be > 0"):
        lines(text, ByteTokenizer(), 0)
    with pytest.raises(ValueError, match="alphabet of 2"):
        lines("ab", CharacterTokenizer("ab"))
