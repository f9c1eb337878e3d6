"""Text to tokens and back: characters, bytes, byte pairs, and KerasHub's."""

from .base import GraphTokenizer, Tokenizer, UnknownCharacter
from .characters import CharacterTokenizer
from .hub import KerasHubTokenizer
from .pairs import BytePairTokenizer
from .utf8 import ByteTokenizer

__all__ = [
    "BytePairTokenizer",
    "ByteTokenizer",
    "CharacterTokenizer",
    "GraphTokenizer",
    "KerasHubTokenizer",
    "Tokenizer",
    "UnknownCharacter",
]
