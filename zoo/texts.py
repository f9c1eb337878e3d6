"""Texts, in memory or as parts of a file, and their splits."""

from dataclasses import dataclass
from pathlib import Path

from keras_gen.reading import FilePart

IN_MEMORY = 2**26  # bytes of the largest file that is read completely


@dataclass(frozen=True)
class TextSplit:
    """One text.

    Attributes:
        source: The text, or the part of a large file. `texts.tokens_of`, `texts.lines`
            and `CharacterTokenizer.from_text` take both.
    """

    source: str | FilePart

    def __len__(self) -> int:
        """Number of characters."""
        return len(self.source)

    @property
    def text(self) -> str:
        """The whole text. A file is read at each use."""
        return self.source if isinstance(self.source, str) else _whole(self.source)


def split_text(text: str) -> tuple[TextSplit, TextSplit]:
    """The first nine tenths of a text and its rest."""
    cut = len(text) * 9 // 10
    return TextSplit(text[:cut]), TextSplit(text[cut:])


def split_file(path: Path) -> tuple[TextSplit, TextSplit]:
    """The first nine tenths of a file and its rest. Large files stay on the disk.

    Raises:
        ValueError: If the file is empty or not UTF-8.
    """
    if path.stat().st_size > IN_MEMORY:
        return _parts(path)
    text = _whole(FilePart(path))
    if len(text.strip()) < 2:
        raise ValueError(f"{path} is empty: expected at least two characters.")
    return split_text(text)


def _parts(path: Path) -> tuple[TextSplit, TextSplit]:
    cut = path.stat().st_size * 9 // 10
    with path.open("rb") as file:
        file.seek(cut)
        following = file.read(3)
    for byte in following:
        if byte & 0b1100_0000 != 0b1000_0000:  # the first byte of a character
            break
        cut += 1
    parts = FilePart(path, 0, cut), FilePart(path, cut)
    for part in parts:
        len(part)  # reads the part, to find invalid UTF-8 now
    return TextSplit(parts[0]), TextSplit(parts[1])


def _whole(part: FilePart) -> str:
    return "".join(part.chunks())
