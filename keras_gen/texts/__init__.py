"""Texts as data: tokens of files of any size, windows, lines and sentences."""

from ..reading import FilePart
from .encoding import lines, rows, tokens_of
from .prose import sentences
from .windows import Windows

__all__ = [
    "FilePart",
    "Windows",
    "lines",
    "rows",
    "sentences",
    "tokens_of",
]
