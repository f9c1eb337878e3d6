"""Text files of any size, read in chunks."""

import codecs
import functools
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

CHUNK_BYTES = 2**20
BOUNDARY = re.compile(r"(?<=\S)(?=[ \n]\S)")  # where byte pairs never reach across
SEARCHED = 4096  # characters at the end of a chunk in which a boundary is looked for


@dataclass(frozen=True)
class FilePart:
    """A file in UTF-8, or the part of it between two bytes, read anew at each use.

    The text is that of the file, with its line ends; a byte order mark is left out.

    Attributes:
        path: The file.
        start: First byte of the part, where a character begins.
        stop: The byte after the last, None for the end of the file.
        chunk_bytes: About how many bytes make a chunk, at least 4.
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
        """Number of the line in the file on which the part begins, from 1."""
        return 1 + sum(block.count(b"\n") for block in self._blocks(0, self.start))

    def chunks(self) -> Iterator[str]:
        """The text in parts that end before a white space, where there is one.

        Raises:
            ValueError: If the file is not UTF-8; says the byte and the line.
        """
        text, data, position = "", b"", self.start
        for block in self._blocks(self.start, self.stop):
            data += block
            decoded, used = self._decode(data, position, final=False)
            text += decoded.removeprefix("\ufeff") if position == 0 else decoded
            data, position = data[used:], position + used
            ends = BOUNDARY.finditer(text, max(0, len(text) - SEARCHED))
            cut = max((end.start() for end in ends), default=len(text))
            yield text[:cut]
            text = text[cut:]
        yield text + self._decode(data, position, final=True)[0]

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
                f"0x{data[error.start]:02x} ({error.reason})."
            ) from None


Text = str | os.PathLike | FilePart | Iterable[str]


def chunks_of(text: Text) -> Iterator[str]:
    """The parts of a text.

    Args:
        text: A `str`, the `pathlib.Path` of a file in UTF-8, a part of one, or an
            iterable of strings, of which one follows the other.

    Raises:
        TypeError: If it is none of these.
        ValueError: If a `str` is the name of a file, or a file is not UTF-8.
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
            f"text {text!r} is the name of a file: write Path({text!r}) to read it."
        )
    return iter([text])


def name_of(text: Text) -> str:
    """What to call a text in an error: the path of its file, if it has one."""
    is_file = isinstance(text, os.PathLike | FilePart)
    return str(text) if is_file else "text"
