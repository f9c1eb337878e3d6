"""The operations of TensorFlow do what Python does, in a SavedModel too."""

import numpy as np
import pytest
import tensorflow as tf

from keras_gen.tokenizers import (
    BytePairTokenizer,
    ByteTokenizer,
    CharacterTokenizer,
    GraphTokenizer,
    WordTokenizer,
)


def decoded(strings):
    return [string.decode() for string in strings.numpy()]


def test_graph_encodes_as_python(graph_tokenizer, texts):
    assert graph_tokenizer.has_graph
    expected = graph_tokenizer.encode_batch(texts)
    length = expected.shape[1]
    encode = tf.function(graph_tokenizer.encode_graph)
    tokens = encode(tf.constant(texts), length)
    assert tokens.dtype == tf.int32
    np.testing.assert_array_equal(tokens, expected)
    wider = encode(tf.constant(texts), length + 2)
    np.testing.assert_array_equal(
        wider, graph_tokenizer.encode_batch(texts, length + 2)
    )
    assert encode(tf.constant([], tf.string), 3).shape == (0, 3)


def test_graph_decodes_as_python(graph_tokenizer, texts):
    tokens = graph_tokenizer.encode_batch(texts, 200)
    decode = tf.function(graph_tokenizer.decode_graph)
    assert decoded(decode(tf.constant(tokens))) == texts


def test_graph_replaces_what_is_no_utf8_as_python():
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 256, (500, 9), np.int32)
    tokens[np.arange(9) >= rng.integers(0, 10, 500)[:, None]] = -1
    strings = ByteTokenizer().decode_graph(tf.constant(tokens))
    assert decoded(strings) == ByteTokenizer().decode_batch(tokens)


def test_graph_puts_the_unknown_as_python():
    tokenizer, texts = CharacterTokenizer("ab?", unknown="?"), ["aéb", "\U0010ffff"]
    tokens = tokenizer.encode_graph(tf.constant(texts), 3)
    np.testing.assert_array_equal(tokens, tokenizer.encode_batch(texts, 3))


class Echo(tf.Module):
    def __init__(self, tokenizer):
        super().__init__()
        self.tokenizer = tokenizer

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
    def tokens(self, texts):
        return self.tokenizer.encode_graph(texts, 60)

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32)])
    def texts(self, tokens):
        return self.tokenizer.decode_graph(tokens)


@pytest.mark.parametrize(
    "make", [ByteTokenizer, lambda: CharacterTokenizer("ab\x00👩")]
)
def test_saved_model_holds_the_tokenizer(make, tmp_path):
    tf.saved_model.save(Echo(make()), str(tmp_path))
    loaded, texts = tf.saved_model.load(str(tmp_path)), ["ab\x00", "", "👩"]
    tokens = loaded.tokens(tf.constant(texts))
    np.testing.assert_array_equal(tokens, make().encode_batch(texts, 60))
    assert decoded(loaded.texts(tokens)) == texts
    for wrong in (["a" * 61], [b"\xff" * 61]):
        with pytest.raises(tf.errors.InvalidArgumentError):
            loaded.tokens(tf.constant(wrong))
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be in"):
        loaded.texts(tf.constant([[0], [256]]))


def test_saved_model_holds_words(tmp_path):
    words = WordTokenizer.train("the cat, the hat", 8)
    tf.saved_model.save(Echo(words), str(tmp_path))
    loaded, texts = tf.saved_model.load(str(tmp_path)), ["the dog, the cat", "", "dog"]
    tokens = loaded.tokens(tf.constant(texts))
    np.testing.assert_array_equal(tokens, words.encode_batch(texts, 60))
    assert decoded(loaded.texts(tokens)) == ["the �, the cat", "", "�"]
    for wrong in ([", " * 61], [b"\xff"]):
        with pytest.raises(tf.errors.InvalidArgumentError):
            loaded.tokens(tf.constant(wrong))


RUNS = {
    "long": (lambda t: t.encode_graph(tf.constant(["ab", "abab"]), 3), "than 3 tokens"),
    "unknown": (lambda t: t.encode_graph(tf.constant(["aé"]), 3), "lacks, code points"),
    "no utf8": (lambda t: t.encode_graph(tf.constant([b"a\xff"]), 3), "nvalid"),
    "large": (lambda t: t.decode_graph(tf.constant([[0, 2]])), r"be in \[0, 2\)"),
    "negative": (lambda t: t.decode_graph(tf.constant([[-2]])), r"be in \[0, 2\)"),
    "padding": (lambda t: t.decode_graph(tf.constant([[-1, 0]])), "at the end only"),
}


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(("call", "message"), RUNS.values(), ids=RUNS)
def test_bad_input_is_refused_when_it_runs(call, message, compiled):
    run = tf.function(call) if compiled else call
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        run(CharacterTokenizer("ab"))


def test_pairs_have_no_graph():
    pairs = BytePairTokenizer.train("ab", 256)
    assert not pairs.has_graph
    assert not isinstance(pairs, GraphTokenizer)
    assert not hasattr(pairs, "encode_graph")


def test_length_of_the_graph_is_checked():
    with pytest.raises(ValueError, match="length must be > 0"):
        ByteTokenizer().encode_graph(tf.constant(["a"]), 0)
