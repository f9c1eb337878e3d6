"""Texts as data: tokens of files of any size, windows, lines and sentences."""

from ..reading import FilePart
from .encoding import lines, tokens_of
from .prose import sentences
from .windows import Windows

__all__ = [
    "FilePart",
    "Windows",
    "lines",
    "sentences",
    "tokens_of",
]
