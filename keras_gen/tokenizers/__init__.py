"""Text to tokens and back: characters, bytes and byte pairs."""

from .base import GraphTokenizer, Tokenizer, UnknownCharacter
from .characters import Characters
from .pairs import BytePairs
from .utf8 import Bytes

__all__ = [
    "BytePairs",
    "Bytes",
    "Characters",
    "GraphTokenizer",
    "Tokenizer",
    "UnknownCharacter",
]
