"""Tokens of files are those of their texts, at a constant price in memory."""

import gc
import os
import sys
import tempfile
import tracemalloc

import numpy as np
import pytest

from keras_gen.reading import FilePart
from keras_gen.texts import lines, rows, tokens_of
from keras_gen.tokenizers import BytePairTokenizer, ByteTokenizer, CharacterTokenizer

TEXT = (
    "When shall we three meet again?\r\n  In thunder,\tlightning, or\n\nin rain ☔\n"
    * 9
)
READ = TEXT.replace("\r\n", "\n")  # as files are read
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
    expected = tokenizer.encode(READ)
    tokens = tokens_of(FilePart(path, chunk_bytes=size), tokenizer)
    assert isinstance(tokens, np.memmap)
    np.testing.assert_array_equal(tokens, expected)
    in_memory = tokens_of(READ, tokenizer)
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
    assert view.tobytes() == READ.encode()[5:]
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


@pytest.mark.parametrize("size", [4, 5, 6, 7, 1000])
def test_all_line_ends_are_read_alike(path, size):
    text = "ab\n\nc\ndé\n"
    parts = [tokens_of(text, ByteTokenizer())]
    for end in ("\r\n", "\r", "\n"):
        for mark in (b"", b"\xef\xbb\xbf"):
            path.write_bytes(mark + text.replace("\n", end).encode())
            part = FilePart(path, chunk_bytes=size)
            parts.append(tokens_of(part, ByteTokenizer()))
            assert len(part) == len(text)
            cuts = range(len(mark), path.stat().st_size)
            cuts = [cut for cut in cuts if path.read_bytes()[cut] != 0xA9]  # half é
            for cut in cuts:
                halves = FilePart(path, 0, cut), FilePart(path, cut, chunk_bytes=size)
                assert "".join(c for half in halves for c in half.chunks()) == text
                lines_before = "".join(halves[0].chunks()).count("\n")
                assert halves[1].first_line() == 1 + lines_before
        rows = lines(text.replace("\n", end), ByteTokenizer())
        assert ByteTokenizer().decode_batch(rows) == ["ab\n", "c\n", "dé\n"]
        chunks = list(text.replace("\n", end))
        np.testing.assert_array_equal(lines(chunks, ByteTokenizer()), rows)
    for tokens in parts[1:]:
        np.testing.assert_array_equal(tokens, parts[0])


def test_texts_with_line_breaks_are_rows():
    table = rows(["a\nb", "", "c"], ByteTokenizer(), end="\x1e")
    assert table.tolist() == [[97, 10, 98, 30], [99, 30, -1, -1]]
    message = r"texts: 1 of 2 texts have more than 3 tokens .* text 1 with 4 \('a"
    with pytest.warns(UserWarning, match=message):
        table = rows(["a\nb", "c"], ByteTokenizer(), 3, drop_long=True)
    assert table.tolist() == [[99, 10, -1]]
    with pytest.raises(ValueError, match="poems, line 2, column 1, holds .* 'b'"):
        rows(["a", "b"], CharacterTokenizer("a\n"), name="poems")
    with pytest.raises(TypeError, match="must be a list of texts, received 'ab'"):
        rows("ab", ByteTokenizer())
    with pytest.raises(TypeError, match="texts must be texts, received 3 as 2"):
        rows(["a", 3], ByteTokenizer())
    with pytest.raises(ValueError, match="texts is empty"):
        rows(["", ""], ByteTokenizer())


def test_long_lines_are_refused_or_counted():
    text = "ab\n\nabcde\nabc\nabcdefg\n"
    message = "text: 2 of 4 lines have more than 4 tokens with their end, the first is "
    message += r"line 3 with 6 \('abcde'\.\.\.\)"
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
