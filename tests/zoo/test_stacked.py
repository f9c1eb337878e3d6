"""Stacked digits: which pictures, which classes, and how channels are classified."""

import numpy as np
import pytest

from keras_gen import zoo
from keras_gen.metrics import extractors
from keras_gen.zoo import stacked
from keras_gen.zoo.embedded import ArraySplit
from keras_gen.zoo.extractors import extractor_for

DIGITS = zoo.load_data("digits")


def test_a_stack_is_three_digits_and_its_class_spells_them(monkeypatch):
    monkeypatch.setattr(stacked, "TRAIN", 3000)
    monkeypatch.setattr(stacked, "TEST", 50)
    train, test, names = stacked.stacked(DIGITS.train, DIGITS.test, DIGITS.class_names)
    assert (train.x.shape, len(test)) == ((3000, 8, 8, 3), 50)
    assert (names[0], names[407], len(names)) == ("000", "407", 1000)
    rows = zip(DIGITS.train.x, DIGITS.train.labels, strict=True)
    ids = {digit.tobytes(): label for digit, label in rows}
    channels = np.ascontiguousarray(np.moveaxis(train.x, -1, 1))
    found = [[ids[part.tobytes()] for part in stack] for stack in channels]
    np.testing.assert_array_equal(np.array(found) @ [100, 10, 1], train.labels)
    pairs = np.corrcoef(np.array(found).T) - np.eye(3)
    assert np.abs(pairs).max() < 4 / np.sqrt(3000)  # channels are independent
    again = stacked.stacked(DIGITS.train, DIGITS.test, DIGITS.class_names)[0]
    np.testing.assert_array_equal(again.x, train.x)
    others = {digit.tobytes() for digit in DIGITS.test.x}
    parts = np.ascontiguousarray(np.moveaxis(test.x, -1, 1)).reshape(-1, 8, 8)
    assert {part.tobytes() for part in parts} <= others


def test_stacks_need_labels():
    with pytest.raises(ValueError, match="must have labels"):
        stacked.stacked(ArraySplit(DIGITS.train.x, None), DIGITS.test, ())


def test_each_channel_is_classified_on_its_own():
    model = zoo.load("classifier_digits")
    extractor = extractors.classifier(model, channels=2)
    x = DIGITS.test.x[:6]
    both = np.concatenate([x, x[::-1]], axis=-1)
    values, joint = extractor(both)
    single = extractors.classifier(model)(x)
    assert extractor.num_features == values.shape[1] == 2 * single.values.shape[1]
    expected = np.concatenate([single.values, single.values[::-1]], axis=1)
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)
    first, second = single.probabilities, single.probabilities[::-1]
    np.testing.assert_allclose(
        joint, np.einsum("na,nb->nab", first, second).reshape(6, 100), atol=1e-6
    )
    with pytest.raises(ValueError, match=r"only grey images .* channel by channel"):
        extractors.classifier(zoo.load("classifier_emoji"), channels=3)


def test_stacked_mnist_is_measured_by_the_classifier_of_mnist():
    extractor = extractor_for((28, 28, 3), "stacked_mnist")
    assert extractor.name == "classifier_mnist (not Inception) of each channel"
    assert extractor(np.zeros((2, 28, 28, 3))).probabilities.shape == (2, 1000)
    assert extractor_for((28, 28, 3), "mnist").name.startswith("random convolutions")
