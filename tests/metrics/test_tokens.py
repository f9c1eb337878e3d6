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


# Scores of texts


def test_scores_are_nats_per_token_of_texts_of_any_length(model):
    """A long text is read in pieces that overlap by one token."""
    model = kg.Autoregressive(model.network, model.tokenizer, length=4)
    scores = metrics.anomaly_scores(model, ["abc", "c", "abd", "abcabcabca"])
    np.testing.assert_allclose(scores[:2], -model.log_prob(["abc", "c"]) / [3, 1], 1e-5)
    assert scores[2] == np.inf  # the model has no token for d
    logs = [model.token_log_probs([p])[0] for p in ("abca", "abca", "abca")]
    total = logs[0].sum() + logs[1][1:].sum() + logs[2][1:].sum()
    assert scores[3] == pytest.approx(-total / 10, rel=1e-5)
    rows = from_rows([[0, 1, 2], [2]])
    np.testing.assert_allclose(metrics.anomaly_scores(model, rows), scores[:2], 1e-6)
    with pytest.raises(ValueError, match=r"x\[1\] is empty"):
        metrics.text_scores(model, ["a", ""])


def test_texts_get_the_end_token_that_the_model_expects(model):
    ended = kg.Autoregressive(model.network, model.tokenizer, end_token="c")
    scores = metrics.text_scores(ended, ["ab"])
    np.testing.assert_allclose(scores, -model.log_prob(["abc"]) / 3, 1e-5)


def test_long_sentences_of_a_text_vae_are_sentences_piece_by_piece():
    encoder = networks.text_encoder(3, 2, width=4, units=(4,))
    decoder = networks.recurrent(3, width=4, units=(4,), condition_size=2)
    tokenizer = kg.tokenizers.CharacterTokenizer("ab\n")
    model = kg.TextVAE(encoder, decoder, tokenizer, length=4, seed=0)
    scores = metrics.anomaly_scores(model, ["ab", "abbab"], seed=3)
    rows = from_rows([[0, 1, 2], [0, 1, 1, 0], [1, 2]])
    bounds = -model.importance_log_prob(rows, 16, seed=3)
    expected = [bounds[0] / 3, (bounds[1] + bounds[2]) / 6]
    np.testing.assert_allclose(scores, expected, 1e-5)


def test_held_out_texts_give_the_threshold(model):
    held_out = ["abc", "ab", "bca", "cab"] * 10
    found = metrics.detect(model, ["abc", "d"], held_out, false_alarms=0.1)
    assert found.flagged.tolist() == [False, True]


# Agreement of samples with their classes


class Writes:
    """Samples of class 0 are of tokens 0 and 1, of class 1 of tokens 2 and 3."""

    condition = kg.specs.Classes(2)

    def __init__(self, follows):
        self.follows = follows

    def complete(self, prompt, *, condition, seed):
        del prompt
        return rows_of(condition if self.follows else np.zeros_like(condition), seed)


def rows_of(labels, seed):
    drawn = np.random.default_rng(seed).integers(0, 2, (len(labels), 6))
    return (drawn + 2 * np.asarray(labels)[:, None]).astype(np.int32)


@pytest.mark.parametrize(("follows", "share"), [(True, 1), (False, 0.5)])
def test_agreement_is_the_share_of_samples_of_the_class_asked_for(follows, share):
    labels = np.tile([0, 1], 20)
    given = (rows_of(labels, 1), labels, rows_of(labels, 2), labels)
    figure = metrics.text_agreement(Writes(follows), *given)
    assert (figure.value, figure.reference) == (share, 1)
    assert figure.num_samples == 40
