"""Text to tokens and back is the identity, and nothing is lost silently."""

import json
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen.model import GenerativeModel
from keras_gen.specs import Vectors
from keras_gen.tokenizers import (
    BytePairTokenizer,
    ByteTokenizer,
    CharacterTokenizer,
    UnknownCharacter,
    WordTokenizer,
)


def test_decode_inverts_encode(tokenizer, text):
    tokens = tokenizer.encode(text)
    assert tokens.dtype == np.int32
    assert tokens.ndim == 1
    assert tokenizer.decode(tokens) == text
    assert tokens.min(initial=0) >= 0
    assert tokens.max(initial=0) < tokenizer.vocabulary_size


def test_batches_hold_the_tokens_of_each_text(tokenizer, texts):
    batch = tokenizer.encode_batch(texts)
    rows = [tokenizer.encode(text) for text in texts]
    longest = max(map(len, rows))
    assert batch.shape == (len(texts), longest)
    assert batch.dtype == np.int32
    for row, tokens in zip(batch, rows, strict=True):
        np.testing.assert_array_equal(row[: len(tokens)], tokens)
        assert (row[len(tokens) :] == -1).all()
    assert tokenizer.decode_batch(batch) == texts
    wider = tokenizer.encode_batch(texts, length=longest + 3)
    np.testing.assert_array_equal(wider[:, :longest], batch)
    assert (wider[:, longest:] == -1).all()


def test_batch_of_an_empty_text_has_a_column(tokenizer):
    np.testing.assert_array_equal(tokenizer.encode_batch([""]), [[-1]])


@keras.saving.register_keras_serializable(package="tests")
class Reads(GenerativeModel):
    """The least model that owns a tokenizer."""

    arguments = ("tokenizer",)

    def __init__(self, tokenizer, seed=None, **kwargs):
        super().__init__(Vectors(4), term_names=["loss"], seed=seed, **kwargs)
        self.tokenizer = tokenizer

    def loss_terms(self, x, condition, noise, *, training):
        return {"loss": tf.reduce_mean(x)}


def test_keras_saves_the_tokenizer_with_the_model(tokenizer, texts, tmp_path):
    Reads(tokenizer).save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").tokenizer
    assert loaded == tokenizer
    assert type(loaded) is type(tokenizer)
    batch = tokenizer.encode_batch(texts)
    np.testing.assert_array_equal(loaded.encode_batch(texts), batch)
    assert loaded.decode_batch(batch) == texts


REFUSALS = {
    "no text": (lambda t: t.encode(b"a"), TypeError, "text must be a str"),
    "one text": (lambda t: t.encode_batch("ab"), ValueError, "list of texts.*'ab'"),
    "no texts": (lambda t: t.encode_batch([]), ValueError, "list of texts"),
    "number": (lambda t: t.encode_batch(["a", 1]), TypeError, r"texts\[1\] must"),
    "long": (
        lambda t: t.encode_batch(["a", "abc\n\n"], 2),
        ValueError,
        r"texts\[1\] must have at most 2 tokens \(length\), received \d",
    ),
    "no length": (lambda t: t.encode_batch(["a"], 0), ValueError, "length must be > 0"),
    "too large": (
        lambda t: t.decode([0, t.vocabulary_size]),
        ValueError,
        r"tokens must be in \[0, \d+\).* received \d+ at position 1",
    ),
    "too small": (lambda t: t.decode([-2]), ValueError, "received -2 at position 0"),
    "padding inside": (
        lambda t: t.decode_batch([[0, 1], [-1, 0]]),
        ValueError,
        r"tokens\[1\] must.*received -1 at position 0",
    ),
    "floats": (lambda t: t.decode([0.0]), ValueError, "integers.*float64"),
    "two axes": (lambda t: t.decode([[0]]), ValueError, r"\(n,\).*\(1, 1\)"),
    "one axis": (lambda t: t.decode_batch([0]), ValueError, r"\(batch, length\)"),
}


@pytest.mark.parametrize(("call", "error", "message"), REFUSALS.values(), ids=REFUSALS)
def test_wrong_use_is_refused(tokenizer, call, error, message):
    with pytest.raises(error, match=message):
        call(tokenizer)


@pytest.mark.parametrize(
    "make", [ByteTokenizer, lambda: BytePairTokenizer.train("ab", 256)]
)
def test_half_a_surrogate_pair_is_no_text(make):
    with pytest.raises(UnknownCharacter, match="position 2 .*U\\+D83D.* surrogate"):
        make().encode("ab\ud83d")
    with pytest.raises(ValueError, match=r"texts\[1\], position 0,"):
        make().encode_batch(["ab", "\ud83d"])


# Characters


def test_characters_are_numbered_as_in_the_alphabet():
    assert CharacterTokenizer("cab").encode("abc").tolist() == [1, 2, 0]
    assert CharacterTokenizer.from_text(["zb", "", "ab"]) == CharacterTokenizer("abz")
    assert CharacterTokenizer.from_text("ab", unknown="?").vocabulary_size == 3


def test_characters_of_a_file(tmp_path):
    (tmp_path / "a.txt").write_text("naïve 👩", encoding="utf-8")
    assert CharacterTokenizer.from_text(tmp_path / "a.txt") == CharacterTokenizer(
        " aenvï👩"
    )


def test_unknown_characters_are_named_with_their_place():
    tokenizer = CharacterTokenizer("ab")
    with pytest.raises(UnknownCharacter) as caught:
        tokenizer.encode("abéa")
    assert str(caught.value) == (
        "text holds at position 2 the character 'é' (U+00E9) that the alphabet of 2 "
        "characters lacks. Add it to the alphabet, pass a replacement as unknown, or "
        "use ByteTokenizer."
    )
    with pytest.raises(ValueError, match=r"texts\[3\], position 1, holds .*'\\x00'"):
        tokenizer.encode_batch(["a", "", "ab", "b\x00"])
    with pytest.raises(UnknownCharacter, match="U\\+10FFFF"):
        tokenizer.encode("\U0010ffff")


def test_unknown_characters_become_the_one_that_is_given():
    tokenizer = CharacterTokenizer("ab?", unknown="?")
    tokens = tokenizer.encode("aé\ud83db\U0010ffff!")
    assert tokenizer.decode(tokens) == "a??b??"


ALPHABETS = {
    "none": (("",), "must hold a character"),
    "twice": (("abca",), "each character once, received 'a' 2 times"),
    "surrogate": (("a\ud800",), "surrogate"),
    "unknown": (("ab", "c"), "unknown must be .* received 'c'"),
    "two unknown": (("ab", "ab"), "unknown must be .* received 'ab'"),
}


@pytest.mark.parametrize(("arguments", "message"), ALPHABETS.values(), ids=ALPHABETS)
def test_wrong_alphabets_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CharacterTokenizer(*arguments)


# Bytes and pairs


def test_bytes_are_those_of_utf8():
    assert ByteTokenizer().encode("aé").tolist() == [97, 195, 169]
    assert ByteTokenizer().vocabulary_size == 256


@pytest.mark.parametrize("name", ["bytes", "pairs"])
def test_what_is_no_utf8_decodes_to_replacements(name):
    tokenizer = ByteTokenizer()
    broken = tokenizer.encode("a👩b").tolist()
    del broken[3]
    if name == "pairs":
        tokenizer = BytePairTokenizer.train("ab", 256)
        broken = tokenizer.encode("a👩b").tolist()
        del broken[3]
    decoded = tokenizer.decode(broken)
    assert decoded.strip("\ufffd") == decoded
    assert decoded.replace("\ufffd", "") == "ab"
    assert "\ufffd" in decoded


def test_pairs_are_frequent_bytes():
    text = "the theme of the thesis\n" * 30
    pairs = BytePairTokenizer.train(text, 262)
    assert pairs.vocabulary_size == 262
    assert len(pairs.encode(text)) < len(text) / 2
    assert len(pairs.encode("the")) == 1
    assert BytePairTokenizer.train([text], 262) == pairs
    assert BytePairTokenizer.train("the the", 1000).vocabulary_size < 262
    for nothing in ("", ["", ""]):
        with pytest.raises(ValueError, match="is empty: it holds no characters"):
            BytePairTokenizer.train(nothing, 300)


def test_pairs_need_their_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ImportError, match=r"pip install 'keras-gen\[text\]'"):
        BytePairTokenizer.train("ab", 256)


def changed(change):
    config = json.loads(BytePairTokenizer.train("the the", 258).json)
    change(config)
    return json.dumps(config)


def lose_bytes(config):
    config["model"] = {"type": "WordLevel", "vocab": {"a": 0, "b": 1}, "unk_token": "a"}


def leave_a_gap(config):
    last = max(config["model"]["vocab"], key=config["model"]["vocab"].get)
    config["model"]["vocab"][last] += 1


JSONS = {
    "nothing": (lambda: "{}", "must be a tokenizer of the package"),
    "words": (lambda: changed(lose_bytes), "must be a byte-level tokenizer"),
    "lower case": (
        lambda: changed(lambda c: c.update(normalizer={"type": "Lowercase"})),
        "must be a byte-level tokenizer",
    ),
    "gap": (lambda: changed(leave_a_gap), "without gaps"),
}


@pytest.mark.parametrize(("make", "message"), JSONS.values(), ids=JSONS)
def test_tokenizers_that_lose_text_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        BytePairTokenizer(make())


def test_pairs_cannot_be_fewer_than_bytes():
    with pytest.raises(ValueError, match="vocabulary_size must be at least 256"):
        BytePairTokenizer.train("ab", 255)


# Words


def pieces(text):
    tokenizer = WordTokenizer.train(text, 10_000)
    return [tokenizer.decode([token]) for token in tokenizer.encode(text)]


def test_words_keep_the_space_before_them():
    assert pieces("The cat, don't!") == ["The", " cat", ",", " don't", "!"]
    assert pieces("a  b \n c") == ["a", " ", " b", " ", "\n", " c"]
    assert pieces("„Übermut“, süße Äpfel – ja…") == [
        *("„", "Übermut", "“", ",", " süße", " Äpfel", " –", " ja", "…")
    ]
    assert pieces("x_1 'quoted' rock'n'roll") == [
        *("x_1", " '", "quoted", "'", " rock'n'roll")
    ]


def test_unknown_words_keep_the_space_before_them():
    tokenizer = WordTokenizer.train("the cat, the hat", 8)
    assert tokenizer.words == ("\n", " cat", " hat", " the", ",", "the")
    assert tokenizer.vocabulary_size == 8
    assert tokenizer.encode("dog, the dog\n").tolist() == [0, 6, 5, 1, 2]
    assert tokenizer.decode(tokenizer.encode("dog, the dog\n")) == "�, the �\n"
    assert tokenizer.decode(tokenizer.encode("� the �")) == "� the �"


def test_the_most_frequent_words_are_known():
    text = "b a a c c c d\n"
    assert WordTokenizer.train(text, 5).words == ("\n", " c", " a")
    assert WordTokenizer.train([text, text], 5).words == ("\n", " c", " a")
    assert WordTokenizer.train("\ud83d a", 9).words == ("\n", " a")
    for nothing in ("", ["", ""]):
        with pytest.raises(ValueError, match="is empty: it holds no words"):
            WordTokenizer.train(nothing, 9)
    with pytest.raises(ValueError, match="vocabulary_size must be at least 4"):
        WordTokenizer.train("a", 3)


WORDS = {
    "two": (["a b"], "must hold words, marks and white space, received 'a b'"),
    "empty": ([""], "must hold words, marks and white space, received ''"),
    "half": (["\ud83d"], r"white space, received '\\ud83d'"),
    "unknown": ([" �"], "must not hold ' �', which stands for unknown words"),
    "twice": (["a", "b", "a"], "each word once, received 'a' 2 times"),
}


@pytest.mark.parametrize(("words", "message"), WORDS.values(), ids=WORDS)
def test_wrong_words_are_refused(words, message):
    with pytest.raises(ValueError, match=message):
        WordTokenizer(words)


def test_an_empty_file_and_what_is_no_text_are_named(tmp_path):
    path = tmp_path / "nothing.txt"
    path.touch()
    with pytest.raises(ValueError, match="nothing.txt is empty"):
        CharacterTokenizer.from_text(path)
    for text in (None, 3, b"ab"):
        with pytest.raises(TypeError, match=r"text must be a str.*received"):
            CharacterTokenizer.from_text(text)
