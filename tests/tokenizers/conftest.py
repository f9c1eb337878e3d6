"""Tokenizers and hard texts: one line per case, shared by the tests."""

import pytest

from keras_gen.tokenizers import (
    BytePairTokenizer,
    ByteTokenizer,
    CharacterTokenizer,
    WordTokenizer,
)

TEXTS = {
    "plain": "To be, or not to be: that is the question.\n",
    "empty": "",
    "line ends": "a\r\nb\n\rc\r\n\r\n",
    "white space": "  two  spaces \t\n \n   end  ",
    "control": "a\x00b\x00\x00\x1c\x7f\x85",
    "combining": "e\u0301 n\u0303o \u1e9b\u0323",
    "emoji": "👩‍👩‍👧‍👦 👍🏽 🇫🇷",
    "scripts": "Ελλάδα Россия 中文没有空格 العربية हिन्दी",
    "byte order mark": "\ufeffa\ufeff",
    "outermost": "\ud7ff\ue000\uffff\ufdd0\U00010000\U0010ffff",
    "markup": "<|endoftext|> [UNK] Ġ ▁ ##s",
}
TOKENIZERS = {
    "characters": lambda: CharacterTokenizer.from_text(TEXTS.values()),
    "characters with unknown": lambda: CharacterTokenizer.from_text(
        TEXTS.values(), unknown="?"
    ),
    "bytes": ByteTokenizer,
    "words": lambda: WordTokenizer.train(TEXTS.values(), 200),
    "pairs": lambda: BytePairTokenizer.train([TEXTS["plain"] * 20], 300),
}


@pytest.fixture(scope="session", params=TOKENIZERS)
def tokenizer(request):
    return TOKENIZERS[request.param]()


@pytest.fixture(
    scope="session", params=["characters", "characters with unknown", "bytes", "words"]
)
def graph_tokenizer(request):
    return TOKENIZERS[request.param]()


@pytest.fixture(params=TEXTS.values(), ids=TEXTS)
def text(request):
    return request.param


@pytest.fixture
def texts():
    return list(TEXTS.values())
