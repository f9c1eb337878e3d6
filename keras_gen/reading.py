"""Text files of any size, read in chunks."""

import codecs
import functools
import io
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

CHUNK_BYTES = 2**20
BOUNDARY = re.compile(r"(?<=\S)(?=[ \n]\S)")  # byte pairs never cross it
SEARCHED = 4096  # characters at the end of a chunk that are searched for a boundary


@dataclass(frozen=True)
class FilePart:
    r"""A UTF-8 file, or the part of it between two bytes, read at each use.

    Line ends become "\n", as in Python's `open`: "\r\n" and "\r" too. A byte order mark
    is left out.

    Attributes:
        path: The file.
        start: First byte of the part, at the beginning of a character.
        stop: The byte after the last one. None for the end of the file.
        chunk_bytes: Approximate size of a chunk in bytes, at least 4.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "text.txt"
        >>> _ = path.write_text("To be, or not to be", "utf-8")
        >>> part = kg.texts.FilePart(path, start=7)
        >>> "".join(part.chunks())
        'or not to be'
    """

    path: str | os.PathLike
    start: int = 0
    stop: int | None = None
    chunk_bytes: int = CHUNK_BYTES

    def __str__(self) -> str:
        return os.fspath(self.path)

    def __len__(self) -> int:
        """Number of characters."""
        return self._length

    @functools.cached_property
    def _length(self) -> int:
        return sum(map(len, self.chunks()))

    def first_line(self) -> int:
        """Number of the line on which the part begins, from 1."""
        count, before = 1, b""
        for block in self._blocks(0, self.start):
            block = before + block
            count += sum(map(block.count, (b"\n", b"\r"))) - block.count(b"\r\n")
            count -= len(before)
            before = block[-1:] if block.endswith(b"\r") else b""
        return count

    def chunks(self) -> Iterator[str]:
        """Yields the text in parts that end before white space, if there is any.

        Raises:
            ValueError: If the file is not UTF-8. The message names the byte and line.
        """
        text, data, position = "", b"", self.start
        line_ends = io.IncrementalNewlineDecoder(None, translate=True)
        for block in self._blocks(self.start, self.stop):
            data += block
            decoded, used = self._decode(data, position, final=False)
            if position == self.start and self._begins_in_line_end:
                decoded = decoded.removeprefix("\n")
            decoded = decoded.removeprefix("\ufeff") if position == 0 else decoded
            text += line_ends.decode(decoded)
            data, position = data[used:], position + used
            ends = BOUNDARY.finditer(text, max(0, len(text) - SEARCHED))
            cut = max((end.start() for end in ends), default=len(text))
            yield text[:cut]
            text = text[cut:]
        rest = self._decode(data, position, final=True)[0]
        yield text + line_ends.decode(rest, final=True)

    @property
    def _begins_in_line_end(self) -> bool:
        """Whether the part begins inside of a line end of two characters."""
        before = self.start - 1
        return self.start > 0 and [*self._blocks(before, before + 1)] == [b"\r"]

    def _blocks(self, start: int, stop: int | None) -> Iterator[bytes]:
        with open(self.path, "rb") as file:
            stop = os.fstat(file.fileno()).st_size if stop is None else stop
            file.seek(start)
            while block := file.read(min(self.chunk_bytes, stop - file.tell())):
                yield block

    def _decode(self, data: bytes, position: int, *, final: bool) -> tuple[str, int]:
        try:
            return codecs.utf_8_decode(data, "strict", final)
        except UnicodeDecodeError as error:
            byte = position + error.start
            line = FilePart(self.path, byte).first_line()
            raise ValueError(
                f"{self} must be text in UTF-8: byte {byte}, on line {line}, is "
                f"0x{data[error.start]:02x} ({error.reason}). Convert it: iconv -f "
                f"{self._likely} -t utf-8 {os.path.basename(self.path)} > utf8.txt"
            ) from None

    @property
    def _likely(self) -> str:
        """The encoding that a file that is not UTF-8 most likely has."""
        first = next(self._blocks(0, 2), b"")
        return (
            "utf-16"
            if first in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
            else "latin1"
        )


Text = str | os.PathLike | FilePart | Iterable[str]


def chunks_of(text: Text) -> Iterator[str]:
    """Yields the parts of a text.

    Args:
        text: A `str`, the `pathlib.Path` of a UTF-8 file, a `FilePart`, or an iterable
            of consecutive strings.

    Raises:
        TypeError: If `text` has another type.
        ValueError: If a `str` is the name of a file, or if a file is not UTF-8.
    """
    if isinstance(text, os.PathLike):
        text = FilePart(text)
    if isinstance(text, FilePart):
        return text.chunks()
    if isinstance(text, bytes) or not isinstance(text, Iterable):
        raise TypeError(
            "text must be a str, the pathlib.Path of a file or an iterable of texts, "
            f"received {text!r}."
        )
    if not isinstance(text, str):
        return iter(text)
    if 0 < len(text) < 1024 and text.isprintable() and os.path.isfile(text):
        raise ValueError(
            f"text must be the text itself, received the name of a file, {text!r}. "
            f"Pass Path({text!r}) to read it."
        )
    return iter([text])


def name_of(text: Text) -> str:
    """The name of a text in an error: the path of its file, if it has one."""
    is_file = isinstance(text, os.PathLike | FilePart)
    return str(text) if is_file else getattr(text, "name", "text")


def with_line_feeds(text: str) -> str:
    r"""The text with "\n" at the end of each line, in place of "\r\n" or "\r"."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def whole_lines(text: Text) -> Iterator[list[str]]:
    r"""Yields complete lines without their ends, several at a time.

    Lines end in "\n", "\r\n" or "\r".
    """
    line_ends, rest = io.IncrementalNewlineDecoder(None, translate=True), ""
    for chunk in chunks_of(text):
        *whole, rest = (rest + line_ends.decode(chunk)).split("\n")
        yield whole
    yield (rest + line_ends.decode("", final=True)).split("\n")
