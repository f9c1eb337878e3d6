"""Artifacts of models of tokens: whole loops, with their caches inside."""

import json
import random

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_gen as kg
from keras_gen import export, networks
from keras_gen.export import runner
from keras_gen.random import row_seeds

from ..marks import but_slow
from .lite import by_rows

TEXT, LENGTH, ROWS = "the cat sat on the mat. ", 12, 20
SIZES = {"width": 16, "depth": 1, "heads": 2, "context": 8}
NETWORKS = {
    "transformer": lambda n: networks.causal_transformer(n, **SIZES, kv_heads=1),
    "learned": lambda n: networks.causal_transformer(n, **SIZES, positions="learned"),
    "lstm": lambda n: networks.recurrent(n, width=8, units=(12,)),
    "gru": lambda n: networks.recurrent(n, width=8, units=(12,), cell="gru"),
}


SLOW = ("learned", "gru", "lstm")


@pytest.fixture(scope="module", params=but_slow([*NETWORKS], SLOW))
def model(request):
    random.seed(0)
    tokenizer = kg.tokenizers.CharacterTokenizer.from_text(TEXT)
    network = NETWORKS[request.param](tokenizer.vocabulary_size)
    rng = np.random.default_rng(0)
    for weights in network.trainable_variables:
        if weights.ndim > 1:
            weights.assign(rng.normal(0, 0.5, weights.shape))
    return kg.Autoregressive(network, tokenizer, length=LENGTH)


def questions(model):
    """Twenty prompts with their settings, and what Keras answers."""
    prompts = [TEXT[i : i + i % (LENGTH + 1)] for i in range(ROWS)]
    tokens = model.tokenizer.encode_batch(prompts, LENGTH)
    given = {
        "prompt": tokens,
        "seed": row_seeds(7, ROWS),
        "temperature": np.resize(np.float32([0, 1, 0.8]), ROWS),
        "top_k": np.resize(np.int32([0, 0, 4]), ROWS),
        "top_p": np.resize(np.float32([1, 0.9, 1]), ROWS),
        "max_new_tokens": np.resize(np.int32([LENGTH, 1, 5, LENGTH, 3]), ROWS),
    }
    third = model.complete_rows(**given)[:, 2]  # which ends every fourth row
    given["stop_tokens"] = np.where(np.arange(ROWS) % 4 == 3, third, -1).astype(
        np.int32
    )
    expected = model.complete_rows(**given)
    counts = (expected >= 0).sum(axis=1)
    stopped = (expected == given["stop_tokens"][:, None]).any(axis=1) & (third >= 0)
    assert (counts <= given["max_new_tokens"]).all()
    assert (counts == given["max_new_tokens"])[given["stop_tokens"] < 0].all()
    assert (stopped & (counts < given["max_new_tokens"])).any()
    assert len(np.unique(expected)) > 5
    return prompts, given, expected


def test_a_file_writes_the_same_texts(model, tmp_path, quick):
    path = export.tflite(model, tmp_path / "m.tflite")
    _, given, expected = questions(model)
    interpreter = Interpreter(str(path))
    assert set(interpreter.get_signature_list()) == {
        "complete",
        "next_logits",
        "log_prob",
    }
    run = interpreter.get_signature_runner("complete")
    np.testing.assert_array_equal(by_rows(run, given), expected)
    one = run(**{name: value[3:4] for name, value in given.items()})
    np.testing.assert_array_equal(one["tokens"], expected[3:4])
    logits = interpreter.get_signature_runner("next_logits")
    found = by_rows(logits, {"tokens": given["prompt"]})
    np.testing.assert_allclose(found, model.next_logits(given["prompt"]), atol=1e-5)
    density = interpreter.get_signature_runner("log_prob")
    found = by_rows(density, {"x": given["prompt"]})
    np.testing.assert_allclose(found, model.log_prob(given["prompt"]), atol=1e-4)
    assert runner.foreign_operators(path) == []
    assert "WHILE" in runner.operators(path)


def test_a_server_writes_the_same_texts(model, tmp_path, quick):
    path = export.saved_model(model, tmp_path / "m")
    prompts, given, expected = questions(model)
    loaded = tf.saved_model.load(str(path))
    tensors = {name: tf.constant(value) for name, value in given.items()}
    found = loaded.signatures["complete"](**tensors)["tokens"]
    np.testing.assert_array_equal(found, expected)
    few = {name: value[:4] for name, value in tensors.items()}
    few["prompt"] = few["prompt"][:, :3]
    found = loaded.signatures["complete"](**few)["tokens"]
    np.testing.assert_array_equal(found, expected[:4])
    few["prompt"] = tf.zeros((4, LENGTH + 1), tf.int32)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="must have at most 12 tokens"
    ):
        loaded.signatures["complete"](**few)
    few |= {"prompt": tensors["prompt"][:4], "max_new_tokens": tf.fill([4], LENGTH + 1)}
    words = r"max_new_tokens must be in \[1, 12\], received values in\] \[13\]"
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        loaded.signatures["complete"](**few)
    del tensors["prompt"]
    found = loaded.signatures["complete_text"](text=tf.constant(prompts), **tensors)
    follow = model.tokenizer.decode_batch(expected)
    texts = [prompt + text for prompt, text in zip(prompts, follow, strict=True)]
    assert [text.decode() for text in found["text"].numpy()] == texts
    facts = json.loads((path / "manifest.json").read_text())["artifacts"]["."]
    strings = facts["endpoints"]["complete_text"]
    texts = {"shape": [None], "dtype": "string", "kind": "texts"}
    assert strings["inputs"]["text"] == strings["outputs"]["text"] == texts
    assert strings["error"] == 0


def test_quantized_weights_are_compared_by_logits(tmp_path, quick):
    random.seed(0)
    model = kg.Autoregressive(
        networks.causal_transformer(64, width=64, depth=1, context=8)
    )
    path = export.tflite(model, tmp_path / "m.tflite", quantization="dynamic")
    facts = export.artifact(path)["endpoints"]
    assert 0 < facts["next_logits"]["error"] <= facts["next_logits"]["tolerance"]
    assert facts["complete"]["tolerance"] is None
    export.check(path)


def test_integers_are_refused(tmp_path):
    model = kg.Autoregressive(networks.recurrent(5, width=4, units=(4,)))
    with pytest.raises(ValueError, match="a different token changes"):
        export.tflite(model, tmp_path / "m.tflite", quantization="int8")


def test_strings_are_refused_on_a_phone(tmp_path):
    tokenizer = kg.tokenizers.CharacterTokenizer("ab\n")
    model = kg.Autoregressive(networks.recurrent(3, width=4, units=(4,)), tokenizer)
    with pytest.raises(ValueError, match=r"strings .* received complete_text"):
        export.tflite(model, tmp_path / "m.tflite", endpoints=["complete_text"])


def test_the_vocabulary_lies_beside_the_file(tmp_path, quick):
    tokenizer = kg.tokenizers.CharacterTokenizer("ab\n")
    model = kg.Autoregressive(networks.recurrent(3, width=4, units=(4,)), tokenizer)
    path = export.tflite(model, tmp_path / "m.tflite", endpoints=["next_logits"])
    listed = json.loads((tmp_path / "m.vocabulary.json").read_text())
    assert listed == {
        "tokenizer": "CharacterTokenizer",
        "alphabet": "ab\n",
        "unknown": None,
    }
    assert "m.vocabulary.json" in export.artifact(path)["files"]
