"""Text to tokens and back: characters, bytes, byte pairs, and KerasHub's."""

from .characters import CharacterTokenizer
from .hub import KerasHubTokenizer
from .pairs import BytePairTokenizer
from .tokenizer import GraphTokenizer, Tokenizer, UnknownCharacter
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
