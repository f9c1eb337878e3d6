"""Training examples of rare classes are repeated."""

import dataclasses

import numpy as np
import pytest

from keras_gen import zoo
from keras_gen.zoo.data import balanced


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_classes_are_repeated_to_a_power_of_their_counts(balance):
    wine = zoo.load_data("wine")
    rows = np.flatnonzero((wine.train.labels > 0) | (np.arange(142) < 9))
    wine = dataclasses.replace(wine, train=wine.train.subset(rows))
    data = balanced(wine, balance)
    before, after = (np.bincount(d.train.labels) for d in (wine, data))
    wanted = before ** (1 - balance) * before.max() ** balance
    np.testing.assert_array_less(np.abs(after - wanted), 1.0)
    for number in range(3):
        own = wine.train.x[wine.train.labels == number]
        same = (data.train.x[data.train.labels == number][:, None] == own).all(-1)
        np.testing.assert_array_equal(same.sum(1), 1)  # each is one of the class
        counts = same.sum(0)
        assert counts.max() - counts.min() <= 1  # repeated alike
    np.testing.assert_array_equal(data.test.x, wine.test.x)


def test_data_without_classes_stay_as_they_are():
    wine = zoo.load_data("wine")
    bare = dataclasses.replace(wine, train=dataclasses.replace(wine.train, labels=None))
    assert balanced(bare, 0.5) is bare
