"""Text to tokens and back: characters, bytes, words, byte pairs, and KerasHub's."""

from .characters import CharacterTokenizer
from .hub import KerasHubTokenizer
from .pairs import BytePairTokenizer
from .tokenizer import GraphTokenizer, Tokenizer, UnknownCharacter
from .utf8 import ByteTokenizer
from .words import WordTokenizer

__all__ = [
    "BytePairTokenizer",
    "ByteTokenizer",
    "CharacterTokenizer",
    "GraphTokenizer",
    "KerasHubTokenizer",
    "Tokenizer",
    "UnknownCharacter",
    "WordTokenizer",
]
