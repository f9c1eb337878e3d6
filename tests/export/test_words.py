"""A model of words that was trained: what it learned, and its artifacts."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_gen as kg
from keras_gen import export, networks, specs
from keras_gen.random import row_seeds
from keras_gen.samplers import Sampling
from keras_gen.tokenizers import WordTokenizer

WORDS = WordTokenizer(("red", "blue", " square"))
COLOURS = {"red": (1, 0, 0), "blue": (0, 0, 1)}
TEXTS = ["red square", "blue square", "red", ""]


def picture(text):
    """A square in the colour of the text, on grey."""
    x = np.full((8, 8, 3), 0.5, np.float32)
    x[1:7, 1:7] = COLOURS[text.split()[0]]
    return x


@pytest.fixture(scope="module")
def trained():
    """Two colours, each named by a word."""
    keras.utils.set_random_seed(0)
    reader = networks.TextReader(5, 3, width=16, depth=1, heads=2)
    network = networks.dit((8, 8, 3), patch=4, width=32, depth=1, heads=2, text=reader)
    how = {"sampling": Sampling("ddim", num_steps=4), "seed": 0, "ema_decay": 0.9}
    how["parameterization"] = kg.parameterizations.X0()
    model = kg.Diffusion(network, condition=specs.Tokens(5, 3, WORDS), **how)
    model.compile(keras.optimizers.Adam(4e-3))
    texts = [TEXTS[i % 2] for i in range(64)]
    x = np.stack([picture(text) for text in texts])
    model.fit(x, texts, epochs=40, batch_size=16, verbose=0)
    return model


@pytest.mark.slow
def test_each_word_is_learned(trained):
    made = trained.sample(8, condition=TEXTS[:2] * 4, seed=0)
    shown = np.stack([picture(text) for text in TEXTS[:2]])
    errors = np.abs(made[:, None] - shown).mean(axis=(2, 3, 4))
    np.testing.assert_array_equal(errors.argmin(axis=1), [0, 1] * 4)
    assert errors.min(axis=1).mean() < 0.15


@pytest.mark.slow
def test_artifacts_take_tokens_and_texts(trained, tmp_path):
    file = export.tflite(trained, tmp_path / "words.tflite", endpoints=["sample"])
    names = [endpoint.name for endpoint in export.endpoints_of(trained)]
    assert names[:3] == ["sample", "generate", "sample_text"]
    how = {"endpoints": ["sample", "sample_text"]}
    folder = export.saved_model(trained, tmp_path / "served", **how)
    seeds = row_seeds(3, len(TEXTS))
    expected = trained.sample(len(TEXTS), condition=TEXTS, seed=3)
    tokens = trained.condition.check(TEXTS, "text")
    ones = np.ones(len(TEXTS), np.float32)
    runner = Interpreter(str(file)).get_signature_runner("sample")
    rows = zip(seeds, tokens, ones, strict=True)
    found = [
        runner(seed=s[None], text=t[None], guidance_scale=g[None])["sample"]
        for s, t, g in rows
    ]
    np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-4)
    vocabulary = json.loads((tmp_path / "words.vocabulary.json").read_text())
    assert vocabulary["words"] == [*WORDS.words]
    served = tf.saved_model.load(str(folder)).signatures
    how = {"seed": tf.constant(seeds), "guidance_scale": tf.constant(ones)}
    short = tf.constant(tokens[:, :2])
    for name, given in (("sample", {"text": short}), ("sample_text", {"texts": TEXTS})):
        given = {k: tf.constant(v) for k, v in given.items()}
        made = served[name](**how, **given)["sample"]
        np.testing.assert_allclose(made, expected, atol=1e-4)
    facts = export.artifact(folder)["endpoints"]["sample"]["inputs"]["text"]
    assert (facts["kind"], facts["maximum"], facts["padding"]) == ("tokens", 4, -1)
    assert facts["dtype"] == "int32"
