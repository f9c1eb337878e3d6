"""Figures of models of tokens, by hand."""

import numpy as np
import pytest

import keras_gen as kg
from keras_gen import metrics, networks
from keras_gen.tokens import from_rows

ROWS = from_rows([[0, 1, 2], [2], [1, 1]])


@pytest.fixture(scope="module")
def model():
    network = networks.recurrent(3, width=4, units=(4,))
    rng = np.random.default_rng(0)
    for weights in network.trainable_variables:
        weights.assign(rng.normal(size=weights.shape))
    return kg.Autoregressive(network, kg.tokenizers.CharacterTokenizer("abc"))


def test_figures_are_means_over_tokens(model):
    logs = model.token_log_probs(ROWS).astype(float)
    figures = metrics.token_figures(model, ROWS)
    mean = -logs.sum() / 6
    assert figures["nats_per_token"].value == pytest.approx(mean)
    assert figures["perplexity"].value == pytest.approx(np.exp(mean))
    assert figures["bits_per_character"].value == pytest.approx(mean / np.log(2))
    assert figures["log_prob"].value == pytest.approx(logs.sum(axis=1).mean())


def test_given_tokens_are_not_predicted(model):
    rows = ROWS[[0, 2]]
    logs = model.token_log_probs(rows).astype(float)
    figures = metrics.token_figures(model, rows, given=1)
    assert "log_prob" not in figures
    assert figures["nats_per_token"].value == pytest.approx(-logs[:, 1:].sum() / 3)
    assert figures["nats_per_token"].num_samples == 3


def test_tokens_of_several_characters_count_as_such():
    tokenizer = kg.tokenizers.ByteTokenizer()  # two bytes make an umlaut
    network = networks.recurrent(256, width=4, units=(4,))
    model = kg.Autoregressive(network, tokenizer)
    figures = metrics.token_figures(model, model.inputs.check(["ü", "aü"], "x"))
    ratio = figures["bits_per_character"].value / figures["nats_per_token"].value
    assert ratio == pytest.approx(5 / 3 / np.log(2))
