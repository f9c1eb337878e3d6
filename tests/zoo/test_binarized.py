"""Digits that are binarized once."""

import numpy as np
import pytest

from keras_gen.zoo import binarized
from keras_gen.zoo.embedded import ArraySplit


def test_grey_values_are_the_probabilities_of_white():
    levels = np.array([0, 51, 128, 204, 255], np.uint8)
    x = np.broadcast_to(levels, (4000, 1, 5))[..., None]
    labels = np.arange(4000, dtype=np.int32)
    given = ArraySplit(x, labels), ArraySplit(x[:7], labels[:7]), ("a",)
    train, test, names = binarized.binarized(*given)
    assert set(np.unique(train.x)) == {0, 255}
    share = train.x.mean(axis=(0, 1, 3)) / 255
    np.testing.assert_allclose(share, levels / 255, atol=0.03)
    assert (share[0], share[-1]) == (0, 1)  # black and white stay
    np.testing.assert_array_equal(train.labels, labels)
    assert (names, len(test)) == (("a",), 7)
    again, _, _ = binarized.binarized(*given)
    np.testing.assert_array_equal(again.x, train.x)


def test_only_grey_levels_can_be_binarized():
    x = ArraySplit(np.zeros((2, 1, 1, 1), np.float32), None)
    with pytest.raises(ValueError, match="must be uint8, received float32 and float32"):
        binarized.binarized(x, x, ())
