"""Files in chunks are the file, and what is no UTF-8 is found where it is."""

import pytest

from keras_gen.reading import FilePart, chunks_of

TEXT = "Tö be,\r\nor not  to be:\n\n👩‍👩 that\u3000is\n" * 7
READ = TEXT.replace("\r\n", "\n")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.txt"


@pytest.mark.parametrize("size", [4, 5, 6, 7, 50, 10_000])
def test_chunks_join_to_the_file(path, size):
    path.write_bytes(TEXT.encode())
    part = FilePart(path, chunk_bytes=size)
    chunks = list(part.chunks())
    assert "".join(chunks) == READ
    assert len(part) == len(READ)
    assert all(len(chunk.encode()) < size + 30 for chunk in chunks)
    assert (len(chunks) > 3) == (size < 100)


def test_chunks_end_before_a_white_space_between_words(path):
    path.write_text("aa bb  cc\n\ndd ee" * 100)
    chunks = list(FilePart(path, chunk_bytes=61).chunks())
    for chunk, following in zip(chunks[:-1], chunks[1:], strict=True):
        assert not chunk[-1].isspace()
        assert following[0] == " "
        assert not following[1].isspace()


def test_parts_of_a_file(path):
    path.write_bytes(TEXT.encode())
    cut = len(TEXT[:50].encode())
    parts = FilePart(path, 0, cut, 8), FilePart(path, cut, None, 8)
    whole = ["".join(part.chunks()) for part in parts]
    assert whole == [text.replace("\r\n", "\n") for text in (TEXT[:50], TEXT[50:])]
    assert [part.first_line() for part in parts] == [1, 1 + TEXT[:50].count("\n")]


def test_byte_order_mark_is_left_out_at_the_start_only(path):
    path.write_bytes("\ufeffa\ufeffb".encode())
    assert "".join(FilePart(path, chunk_bytes=4).chunks()) == "a\ufeffb"
    assert "".join(FilePart(path, 4).chunks()) == "\ufeffb"


BROKEN = {
    "latin": (b"a\ncaf\xe9 au lait", 5, "0xe9 .invalid continuation byte"),
    "no start": (b"a\nb\x80\n", 3, "0x80 .invalid start byte"),
    "surrogate": (b"a\n\xed\xa0\x80", 2, "0xed"),
    "cut at the end": ("a\né".encode()[:-1], 2, "0xc3 .unexpected end of data"),
}


@pytest.mark.parametrize("size", [4, 1000])
@pytest.mark.parametrize(("content", "byte", "problem"), BROKEN.values(), ids=BROKEN)
def test_the_byte_that_is_no_utf8_is_named(path, content, byte, problem, size):
    path.write_bytes("é\n".encode() * 100 + content)
    message = rf"a\.txt must be .* byte {300 + byte}, on line 102, is {problem}"
    with pytest.raises(ValueError, match=message):
        list(FilePart(path, chunk_bytes=size).chunks())
    with pytest.raises(ValueError, match=message):
        len(FilePart(path, 150, chunk_bytes=size))


def test_sources_of_text(path):
    path.write_text("ab")
    sources = ("ab", path, FilePart(path), iter(["a", "b"]))
    assert ["".join(chunks_of(source)) for source in sources] == ["ab"] * 4
    with pytest.raises(ValueError, match=r"the name of a file, .* Pass Path\("):
        chunks_of(str(path))
    with pytest.raises(FileNotFoundError):
        list(chunks_of(path.with_name("absent.txt")))
