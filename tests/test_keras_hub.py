"""Backbones and tokenizers of KerasHub, where it is installed."""

import doctest
import importlib.util
import io
import json
import os
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_gen as kg
from keras_gen import export, networks, tokenizers
from keras_gen.networks import backbones
from keras_gen.tokenizers import hub

LENGTH = 8
TEXT = "the cat sat on the mat. the dog sat on the log. " * 4
pytestmark = pytest.mark.filterwarnings("ignore:.* generates slowly")


def test_without_the_package_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    for call in (
        lambda: tokenizers.KerasHubTokenizer(None),
        lambda: networks.from_keras_hub(None),
    ):
        with pytest.raises(ImportError, match=r"pip install 'keras-gen\[hub\]'"):
            call()


@pytest.fixture(scope="module")
def keras_hub():
    if importlib.util.find_spec("keras_hub") is None:
        pytest.skip("keras_hub is missing: pip install keras-gen[hub]")
    with warnings.catch_warnings(action="ignore"):
        return importlib.import_module("keras_hub")


def on_hub(test):
    """A test that asks for KerasHub."""
    return pytest.mark.slow(pytest.mark.long(test))


def spread(network):
    rng = np.random.default_rng(0)
    for weights in network.trainable_variables:
        weights.assign(weights + 0.3 * rng.normal(size=weights.shape))


@pytest.fixture
def backbone(keras_hub):
    keras.utils.set_random_seed(0)
    sizes = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16}
    backbone = keras_hub.models.GPT2Backbone(
        vocabulary_size=256,
        intermediate_dim=32,
        max_sequence_length=LENGTH,
        **sizes,
    )
    spread(backbone)
    return backbone


@pytest.fixture
def tokenizer(keras_hub):
    layer = keras_hub.tokenizers.ByteTokenizer(lowercase=False)
    return tokenizers.KerasHubTokenizer(layer)


def hub_logits(keras_hub, backbone, tokens):
    lm = keras_hub.models.GPT2CausalLM(backbone, preprocessor=None)
    return lm({"token_ids": tokens, "padding_mask": np.ones_like(tokens)}).numpy()


@on_hub
def test_logits_are_those_of_kerashubs_language_model(keras_hub, backbone):
    network = networks.from_keras_hub(backbone, start_token=7)
    assert (network.context, network.vocabulary_size) == (LENGTH, 256)
    tokens = np.random.default_rng(0).integers(0, 256, (3, LENGTH)).astype("int32")
    before = np.concatenate([np.full((3, 1), 7), tokens[:, :-1]], axis=1)
    before = before.astype("int32")
    expected = hub_logits(keras_hub, backbone, before)
    np.testing.assert_allclose(network(before), expected, atol=1e-5)
    logs = tf.nn.log_softmax(expected).numpy()
    total = np.take_along_axis(logs, tokens[..., None], axis=2).sum(axis=(1, 2))
    model = kg.Autoregressive(network)
    np.testing.assert_allclose(model.log_prob(tokens), total, rtol=1e-5)
    lm = keras_hub.models.GPT2CausalLM(backbone, preprocessor=None)
    of_task = networks.from_keras_hub(lm, start_token=7)
    np.testing.assert_array_equal(of_task(before), network(before))
    assert of_task.network.backbone is backbone


GROUPED = {"num_query_heads": 2, "num_key_value_heads": 1}
DECODERS = {  # further arguments of the backbone
    "Bloom": {"num_heads": 2},
    "Falcon": {"num_attention_heads": 2},
    "GPTNeoX": {"num_heads": 2, "max_sequence_length": LENGTH},
    "Gemma": GROUPED | {"head_dim": 8},
    "Llama": GROUPED,
    "Mistral": GROUPED | {"sliding_window": 4},
    "OPT": {"num_heads": 2, "max_sequence_length": LENGTH},
    "Phi3": GROUPED,
    "Qwen": GROUPED,
}


@on_hub
@pytest.mark.parametrize("name", DECODERS)
def test_other_decoders_give_their_own_logits(keras_hub, name):
    sizes = {"vocabulary_size": 32, "num_layers": 1, "hidden_dim": 16}
    sizes |= {"intermediate_dim": 32, **DECODERS[name]}
    backbone = getattr(keras_hub.models, f"{name}Backbone")(**sizes)
    spread(backbone)
    lm = getattr(keras_hub.models, f"{name}CausalLM")(
        backbone=backbone, preprocessor=None
    )
    tokens = np.random.default_rng(0).integers(0, 32, (2, LENGTH)).astype("int32")
    expected = lm({"token_ids": tokens, "padding_mask": np.ones_like(tokens)})
    network = networks.from_keras_hub(backbone, context=LENGTH)
    np.testing.assert_allclose(network(tokens), expected, atol=1e-5)
    assert np.std(expected) > 0.1


@on_hub
def test_greedy_texts_are_those_of_kerashub(keras_hub, backbone, tokenizer):
    """Its own sampler with its cache, as long as the context holds the text."""
    network = networks.from_keras_hub(backbone, start_token=65)
    model = kg.Autoregressive(network, tokenizer)
    prompt = np.array([[65, 3, 4]], "int32")  # the start, then two tokens
    lm = keras_hub.models.GPT2CausalLM(backbone, preprocessor=None)
    lm.compile(sampler="greedy")
    filled = np.pad(prompt, [(0, 0), (0, LENGTH - 3)])
    given = {"token_ids": filled, "padding_mask": filled > 0}
    expected = lm.generate(given, stop_token_ids=None)["token_ids"]
    made = model.complete(prompt[:, 1:], LENGTH - 3, temperature=0)
    np.testing.assert_array_equal(made[0], np.asarray(expected)[0, 1:])


@on_hub
def test_a_model_is_trained_saved_and_exported(backbone, tokenizer, tmp_path, quick):
    network = networks.from_keras_hub(backbone)
    model = kg.Autoregressive(network, tokenizer, seed=0)
    model.compile(keras.optimizers.Adam(0.01))
    texts = [TEXT[i : i + LENGTH] for i in range(0, 160, 2)]
    losses = model.fit(texts, batch_size=16, epochs=15, verbose=0).history["loss"]
    assert losses[-1] < 2.2 < 4 < losses[0]
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.log_prob(texts), model.log_prob(texts))
    for one in (model, again):
        one.fit(texts, batch_size=16, verbose=0)
    np.testing.assert_array_equal(again.log_prob(texts), model.log_prob(texts))
    assert again.tokenizer.get_config() == tokenizer.get_config()
    text = model.complete("the ", 6, seed=3)
    assert again.complete("the ", 6, seed=3) == text
    inputs = {
        "prompt": tokenizer.encode_batch(["the "], LENGTH),
        "seed": np.array([3], "int32"),
        "temperature": np.array([1.0], "float32"),
        "top_k": np.array([0], "int32"),
        "top_p": np.array([1.0], "float32"),
        "max_new_tokens": np.array([6], "int32"),
        "stop_tokens": np.array([-1], "int32"),
    }
    inputs["seed"] = kg.random.row_seeds(3, 1)
    expected = model.complete_rows(**inputs)
    assert "the " + tokenizer.decode(expected[0]) == text
    folder = export.saved_model(model, tmp_path / "served")
    served = tf.saved_model.load(folder).signatures["complete"]
    given = {k: tf.constant(v) for k, v in inputs.items()}
    np.testing.assert_array_equal(served(**given)["tokens"], expected)
    file = export.tflite(model, tmp_path / "model.tflite")
    runner = Interpreter(str(file)).get_signature_runner("complete")
    np.testing.assert_array_equal(runner(**inputs)["tokens"], expected)


@on_hub
def test_what_is_no_decoder_is_refused(keras_hub, backbone, tokenizer):
    sizes = {"num_layers": 1, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 8}
    sizes |= {"vocabulary_size": 16, "max_sequence_length": LENGTH}
    with pytest.raises(ValueError, match="future tokens are rejected"):
        networks.from_keras_hub(keras_hub.models.RobertaBackbone(**sizes))
    with pytest.raises(ValueError, match="BertBackbone takes .*segment_ids"):
        networks.from_keras_hub(keras_hub.models.BertBackbone(**sizes))
    with pytest.raises(TypeError, match="backbone must be a Backbone, received"):
        networks.from_keras_hub(keras.Sequential())
    with pytest.raises(ValueError, match="networks.from_keras_hub takes backbones"):
        kg.Autoregressive(backbone, tokenizer)
    with pytest.raises(ValueError, match="cannot read 9 times the token 0"):
        networks.from_keras_hub(backbone, context=LENGTH + 1)


def byte_pairs(keras_hub):
    symbols = sorted({*TEXT.replace(" ", "Ġ"), "<|endoftext|>"})
    vocabulary = {symbol: i for i, symbol in enumerate([*symbols, "th", "the", "at"])}
    merges = ["t h", "th e", "a t"]
    return keras_hub.models.GPT2Tokenizer(vocabulary=vocabulary, merges=merges)


def word_pieces(keras_hub):
    words = sorted(set(TEXT.replace(".", " .").split()))
    return keras_hub.tokenizers.WordPieceTokenizer(
        vocabulary=["[UNK]", *words], oov_token="[UNK]"
    )


def sentence_pieces(keras_hub):
    import sentencepiece

    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([TEXT]), model_writer=out, vocab_size=18
    )
    return keras_hub.tokenizers.SentencePieceTokenizer(proto=out.getvalue())


KINDS = {
    "bytes": lambda hub: hub.tokenizers.ByteTokenizer(lowercase=False),
    "code points": lambda hub: hub.tokenizers.UnicodeCodepointTokenizer(
        vocabulary_size=300, lowercase=False
    ),
    "byte pairs": byte_pairs,
    "sentence pieces": sentence_pieces,
    "word pieces": word_pieces,
}


@on_hub
@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_a_tokenizer_is_kept(keras_hub, make):
    layer = make(keras_hub)
    tokenizer = tokenizers.KerasHubTokenizer(layer)
    text = "the cat sat"
    tokens = tokenizer.encode(text)
    assert tokens.tolist() == np.asarray(layer.tokenize(text)).tolist()
    assert tokenizer.decode(tokens) == text
    assert tokenizer.vocabulary_size == layer.vocabulary_size()
    both = tokenizer.encode_batch([text, "the"])
    assert tokenizer.decode_batch(both) == [text, "the"]
    assert (both[1] >= 0).sum() == len(tokenizer.encode("the"))
    saved = json.loads(json.dumps(keras.saving.serialize_keras_object(tokenizer)))
    again = keras.saving.deserialize_keras_object(saved)
    np.testing.assert_array_equal(again.encode(text), tokens)
    assert again.decode(tokens) == text
    assert json.loads(json.dumps(tokenizer.vocabulary()))["tokenizer"] == (
        "KerasHubTokenizer"
    )


@on_hub
def test_tokenizers_that_do_not_fit(keras_hub):
    make = keras_hub.tokenizers.ByteTokenizer
    with pytest.raises(ValueError, match="make it with sequence_length=None"):
        tokenizers.KerasHubTokenizer(make(sequence_length=4))
    with pytest.raises(TypeError, match="layer must be a Tokenizer, received"):
        tokenizers.KerasHubTokenizer("bytes")
    words = keras_hub.tokenizers.WordPieceTokenizer(
        vocabulary=["[UNK]"], oov_token="[UNK]", dtype="string"
    )
    with pytest.raises(ValueError, match='make it with dtype="int32"'):
        tokenizers.KerasHubTokenizer(words)


@on_hub
def test_a_tokens_bytes_stream_together(keras_hub, tokenizer):
    model = kg.Autoregressive(networks.recurrent(256, width=4, units=(4,)), tokenizer)
    pieces = list(model.stream("a", 20, seed=0))
    assert "a" + "".join(pieces) == model.complete("a", 20, seed=0)


@on_hub
@pytest.mark.parametrize(
    "cls", [backbones.from_keras_hub, hub.KerasHubTokenizer], ids=lambda c: c.__name__
)
def test_examples_run(keras_hub, cls):
    text = cls.__doc__.replace("# doctest: +SKIP", "")
    names = {"KerasHubTokenizer": hub.KerasHubTokenizer}
    test = doctest.DocTestParser().get_doctest(text, names, cls.__name__, None, 0)
    assert len(test.examples) >= 3
    assert doctest.DocTestRunner().run(test).failed == 0


@on_hub
def test_a_fresh_process_loads_a_model_and_its_tokenizer(
    backbone, tokenizer, tmp_path, keras_hub
):
    model = kg.Autoregressive(networks.from_keras_hub(backbone), tokenizer)
    model.save(tmp_path / "model.keras")
    code = "import sys, keras, keras_gen; m = keras.saving.load_model(sys.argv[1])\n"
    code += "print(repr(float(m.log_prob(['the cat'])[0])))"
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model.keras")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    loaded = float(run.stdout.splitlines()[-1])
    assert loaded == pytest.approx(model.log_prob(["the cat"])[0], rel=1e-6)
