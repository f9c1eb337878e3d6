"""Text to tokens and back: characters, bytes and byte pairs."""

from .base import GraphTokenizer, Tokenizer, UnknownCharacter
from .characters import CharacterTokenizer
from .pairs import BytePairTokenizer
from .utf8 import ByteTokenizer

__all__ = [
    "BytePairTokenizer",
    "ByteTokenizer",
    "CharacterTokenizer",
    "GraphTokenizer",
    "Tokenizer",
    "UnknownCharacter",
]
