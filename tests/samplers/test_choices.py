"""Tokens from logits, against logits made by hand."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_gen.samplers.choices import Choice, draw, penalized, probabilities

LOGITS = np.log([[0.1, 0.4, 0.2, 0.3]]).astype("float32")


def chosen(logits, temperature=1.0, top_k=0, top_p=1.0):
    """Probabilities with the same settings for all rows."""
    rows = len(logits)
    choice = Choice(*(tf.fill([rows], float(v)) for v in (temperature, top_k, top_p)))
    return probabilities(tf.constant(logits), choice).numpy()


CASES = {
    "as they are": ({}, [0.1, 0.4, 0.2, 0.3]),
    "greedy": ({"temperature": 0}, [0, 1, 0, 0]),
    "half the temperature": (
        {"temperature": 0.5},
        np.square([0.1, 0.4, 0.2, 0.3]) / 0.30,
    ),
    "two likeliest": ({"top_k": 2}, [0, 4 / 7, 0, 3 / 7]),
    "more than there are": ({"top_k": 9}, [0.1, 0.4, 0.2, 0.3]),
    "top-p within the first": ({"top_p": 0.3}, [0, 1, 0, 0]),
    "top-p takes the token that reaches it": ({"top_p": 0.6}, [0, 4 / 7, 0, 3 / 7]),
    "top-p of what top-k leaves": ({"top_k": 2, "top_p": 0.5}, [0, 1, 0, 0]),
    "all but the least": ({"top_p": 0.85}, [0, 4 / 9, 2 / 9, 3 / 9]),
}


@pytest.mark.parametrize(("how", "expected"), CASES.values(), ids=CASES)
def test_probabilities_are_those_computed_by_hand(how, expected):
    np.testing.assert_allclose(chosen(LOGITS, **how)[0], expected, atol=1e-6)


def test_each_row_has_settings_of_its_own():
    choice = Choice(*map(tf.constant, ([0.0, 1.0], [0.0, 1.0], [1.0, 1.0])))
    weights = probabilities(tf.constant(LOGITS.repeat(2, axis=0)), choice)
    np.testing.assert_array_equal(weights, [[0, 1, 0, 0]] * 2)


@pytest.mark.parametrize("temperature", [-1.0, 0.0, np.nan])
def test_what_is_no_temperature_takes_the_likeliest(temperature):
    logits = np.array([[0.0, 2.0, 2.0, 1.0]], "float32")
    np.testing.assert_array_equal(chosen(logits, temperature), [[0, 1, 0, 0]])


@pytest.mark.parametrize("top_p", [-1.0, 0.0, np.nan])
def test_what_is_no_top_p_takes_the_likeliest(top_p):
    np.testing.assert_array_equal(chosen(LOGITS, top_p=top_p), [[0, 1, 0, 0]])


def test_tokens_as_likely_as_the_last_that_counts_count():
    logits = np.array([[0.0, 1.0, 1.0, 3.0]], "float32")
    np.testing.assert_array_equal(chosen(logits, top_k=2), chosen(logits, top_k=3))


def test_logits_that_nearly_agree_draw_alike_in_either_order():
    """Rounding decides which of two tokens is the likelier; the draw goes on."""
    logits = np.log([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]).astype("float32")
    logits[0, 1], logits[1, 2] = np.nextafter(logits[0, 1:], np.float32(0))
    choice = Choice(*(tf.fill([2], v) for v in (1.0, 0.0, 1.0)))
    for u in (0.6, 0.7, 0.8, 0.9):
        first, second = draw(tf.constant(logits), tf.fill([2], u), choice)
        assert first == second == (1 if u < 0.75 else 2)


def test_a_temperature_near_0_is_greedy():
    logits = np.random.default_rng(0).normal(size=(50, 7)).astype("float32")
    greedy = chosen(logits, temperature=0)
    np.testing.assert_array_equal(greedy.argmax(axis=1), logits.argmax(axis=1))
    np.testing.assert_allclose(chosen(logits, temperature=1e-4), greedy, atol=1e-6)


def test_draws_have_the_probabilities():
    uniform = (np.arange(1000, dtype="float32") + 0.5) / 1000
    choice = Choice(*(tf.fill([1000], v) for v in (1.0, 0.0, 1.0)))
    tokens = draw(
        tf.constant(LOGITS.repeat(1000, axis=0)), tf.constant(uniform), choice
    )
    np.testing.assert_allclose(np.bincount(tokens, minlength=4), [100, 400, 200, 300])


def test_a_draw_never_takes_a_token_that_was_left_out():
    uniform = tf.constant([np.nextafter(np.float32(1), np.float32(0))] * 3)
    choice = Choice(*map(tf.constant, ([1.0] * 3, [1.0, 2.0, 3.0], [1.0] * 3)))
    tokens = draw(tf.constant(LOGITS.repeat(3, axis=0)), uniform, choice)
    np.testing.assert_array_equal(tokens, [1, 3, 3])


def test_extreme_logits_give_probabilities():
    logits = np.array([[1e30, 0.0, -1e30], [-1e30, -1e30, -1e30]], "float32")
    weights = chosen(logits)
    np.testing.assert_allclose(weights, [[1, 0, 0], [1 / 3] * 3], atol=1e-6)


def test_a_penalty_lowers_what_was_seen():
    logits = tf.constant([[2.0, -2.0, 2.0, -2.0]])
    seen = tf.constant([[True, True, False, False]])
    lowered = penalized(logits, seen, tf.constant([2.0]))
    np.testing.assert_array_equal(lowered, [[1.0, -4.0, 2.0, -2.0]])
    np.testing.assert_array_equal(penalized(logits, seen, tf.constant([1.0])), logits)


def test_all_settings_together_stay_a_distribution():
    logits = np.random.default_rng(1).normal(size=(1, 9)).astype("float32")
    for temperature, k, p in itertools.product([0.3, 2.0], [0, 1, 4], [0.1, 0.7, 1.0]):
        weights = chosen(logits, temperature, k, p)
        assert weights.sum() == pytest.approx(1, abs=1e-6)
        kept = weights[0] > 0
        assert weights[0, logits.argmax()] == weights.max()
        assert logits[0][kept].min() > logits[0][~kept].max(initial=-np.inf)
