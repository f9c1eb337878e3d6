"""Sentences in artifacts: every endpoint answers as the model does."""

import json
import random

import numpy as np
import pytest

import keras_gen as kg
from keras_gen import export, networks
from keras_gen.writing import Writer

ENDPOINTS = ["complete", "next_logits", "reconstruct", "encode", "decode", "elbo"]
TEXTS = ["ab", "c", "abca", "", "cc", "ba", "a", "bbbbb"]


@pytest.fixture
def model(monkeypatch):
    monkeypatch.setattr(Writer, "compiles_loops", False)
    random.seed(0)
    encoder = networks.text_encoder(4, 3, width=8, units=(6, 5))
    decoder = networks.recurrent(4, width=8, units=(7,), condition_size=3)
    tokenizer = kg.tokenizers.CharacterTokenizer("\nabc")
    model = kg.TextVAE(encoder, decoder, tokenizer, length=6, seed=1)
    rng = np.random.default_rng(0)
    for weights in model.trainable_variables:
        weights.assign(rng.normal(size=weights.shape))
    return model


@pytest.mark.slow
@pytest.mark.parametrize("form", ["saved_model", "tflite"])
def test_sentences_are_those_of_the_model(model, form, tmp_path, quick):
    if form == "tflite":
        export.tflite(model, tmp_path / "m.tflite", examples=TEXTS)
        folder, name = tmp_path, "m.tflite"
    else:
        folder, name = export.saved_model(model, tmp_path, examples=TEXTS), "."
    manifest = json.loads((folder / "manifest.json").read_text())
    found = manifest["artifacts"][name]["endpoints"]
    texts = [] if form == "tflite" else ["complete_text"]
    assert sorted(found) == sorted(ENDPOINTS + texts)
    for endpoint in ("complete", "reconstruct", "decode", *texts):
        assert found[endpoint]["error"] == 0
    for endpoint in ("next_logits", "encode", "elbo"):
        assert found[endpoint]["error"] < 1e-5


def test_integers_stand_for_no_sentence(model, tmp_path):
    with pytest.raises(ValueError, match="int8"):
        export.tflite(model, tmp_path / "m.tflite", quantization="int8", examples=TEXTS)
