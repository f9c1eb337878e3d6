"""The longest run that texts share, against a search of all runs."""

import numpy as np
import pytest

from keras_gen import metrics
from keras_gen.metrics.copies import as_sequence


def longest_by_search(text, tokens):
    runs = {tuple(text[i:j]) for i in range(len(text)) for j in range(i, len(text) + 1)}
    there = {
        tuple(tokens[i:j])
        for i in range(len(tokens))
        for j in range(i, min(len(tokens), i + len(text)) + 1)
    }
    return max(map(len, runs & there))


@pytest.mark.parametrize("size", [1, 2, 9, 60])
def test_runs_are_the_longest_and_stand_where_they_are_said_to(size):
    rng = np.random.default_rng(size)
    tokens = rng.integers(-1, 3, size)
    texts = [rng.integers(-1, 3, n) for n in (1, 3, 8, 20)]
    for text, run in zip(texts, metrics.longest_shared(texts, tokens), strict=True):
        assert run.length == longest_by_search(text.tolist(), tokens.tolist())
        shared = text[run.start : run.start + run.length]
        for place in run.places:
            np.testing.assert_array_equal(tokens[place : place + run.length], shared)
        assert len(run.places) or not run.length


def test_tokens_that_do_not_occur_share_nothing():
    [run, none] = metrics.longest_shared([[7, 8], []], np.uint8([1, 2]))
    assert (run.length, run.places.tolist(), none.length) == (0, [], 0)
    with pytest.raises(ValueError, match="number of tokens"):
        metrics.longest_shared([[7]], [])


def test_rows_stand_between_separators():
    rows = np.array([[1, 2, -1], [3, -1, -1]])
    tokens, starts = as_sequence(rows)
    assert tokens.tolist() == [-1, 1, 2, -1, 3, -1]
    assert starts.tolist() == [0, 3]
    [across, whole] = metrics.longest_shared([[2, 3], [-1, 3, -1]], tokens)
    assert across.length == 1  # a run does not go on in the next row
    assert (whole.length, whole.places.tolist()) == (3, [3])
