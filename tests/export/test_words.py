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

WORDS = WordTokenizer(("red", "blue", " left", " right"))
COLOURS = {"red": (1, 0, 0), "blue": (0, 0, 1)}
TEXTS = [f"{c} {s}" for c in COLOURS for s in ("left", "right")] + [*COLOURS, ""]


def picture(text, side):
    """One half in the colour of the text, on grey."""
    colour, place = text.split()
    x = np.full((side, side, 3), 0.5, np.float32)
    half = slice(None, side // 2) if place == "left" else slice(side // 2, None)
    x[:, half] = COLOURS[colour]
    return x


@pytest.fixture(scope="module")
def trained():
    """Two colours at two places, each named by a word."""
    keras.utils.set_random_seed(0)
    reader = networks.TextReader(6, 3, width=16, depth=1, heads=2)
    network = networks.dit((8, 8, 3), patch=4, width=48, depth=1, heads=2, text=reader)
    how = {"sampling": Sampling("ddim", num_steps=4), "seed": 0, "ema_decay": 0.9}
    model = kg.Diffusion(network, condition=specs.Tokens(6, 3, WORDS), **how)
    model.compile(keras.optimizers.Adam(4e-3))
    texts = [TEXTS[i % 4] for i in range(64)]
    x = np.stack([picture(text, 8) for text in texts])
    model.fit(x, texts, epochs=60, batch_size=32, verbose=0)
    return model


@pytest.mark.slow
def test_each_word_is_learned(trained):
    made = trained.sample(4, condition=TEXTS[:4], seed=0)
    expected = np.stack([picture(text, 8) for text in TEXTS[:4]])
    assert np.abs(made - expected).mean() < 0.1


@pytest.mark.slow
def test_artifacts_take_tokens_and_texts(trained, tmp_path):
    file = export.tflite(trained, tmp_path / "words.tflite", endpoints=["sample"])
    folder = export.saved_model(trained, tmp_path / "served")
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
    assert set(served) >= {"sample", "sample_text", "generate", "encode", "predict_x0"}
    how = {"seed": tf.constant(seeds), "guidance_scale": tf.constant(ones)}
    short = tf.constant(tokens[:, :2])
    for name, given in (("sample", {"text": short}), ("sample_text", {"texts": TEXTS})):
        given = {k: tf.constant(v) for k, v in given.items()}
        made = served[name](**how, **given)["sample"]
        np.testing.assert_allclose(made, expected, atol=1e-4)
    facts = export.artifact(folder)["endpoints"]["sample"]["inputs"]["text"]
    assert (facts["kind"], facts["maximum"], facts["padding"]) == ("tokens", 5, -1)
    assert facts["dtype"] == "int32"
