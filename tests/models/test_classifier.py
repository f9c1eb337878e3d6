"""Classifier: its terms, features and probabilities agree with each other."""

import random

import keras
import numpy as np
import pytest
from keras import layers

import keras_gen as kg
from keras_gen import networks

SHAPE = (8, 8, 1)


@pytest.fixture
def model():
    random.seed(0)
    features = networks.conv_features(SHAPE, 16, channels=(4, 8))
    model = kg.Classifier(features, 10, augmentation=kg.RandomShift(1), seed=3)
    model.compile()
    return model


@pytest.fixture
def data(make_case):
    case = make_case("conditional_vae")
    return case.x, case.y


def test_features_and_head_give_the_probabilities(model, data):
    x, _ = data
    kernel, bias = (w.numpy().astype(np.float64) for w in model.head.weights)
    logits = model.features(x) @ kernel + bias
    expected = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(model.log_probabilities(x), expected, atol=1e-5)
    np.testing.assert_array_equal(model.classify(x), expected.argmax(axis=1))
    np.testing.assert_allclose(model(x), logits, atol=1e-5)


def test_evaluate_is_the_mean_of_the_log_probabilities(model, data):
    x, labels = data
    logs = model.evaluate(x, labels, verbose=0, return_dict=True)
    log_probabilities = model.log_probabilities(x)
    nats = -log_probabilities[np.arange(len(x)), labels].mean()
    assert logs["loss"] == pytest.approx(nats, rel=1e-5)
    assert logs["accuracy"] == pytest.approx((model.classify(x) == labels).mean())
    figure = kg.metrics.evaluate(model, x, labels)["accuracy"]
    assert figure.value == pytest.approx(logs["accuracy"])


def test_training_learns_and_survives_saving(model, data, tmp_path):
    x, labels = data
    model.compile(keras.optimizers.Adam(1e-2))
    history = model.fit(x, labels, batch_size=16, epochs=30, verbose=0).history
    assert history["accuracy"][-1] > 0.8 > history["accuracy"][0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.features(x), model.features(x))
    assert loaded.augmentation == model.augmentation


def images():
    return keras.Input(SHAPE)


WRONG = {
    "one class": (lambda n: kg.Classifier(n, 1), "at least 2, received 1"),
    "no network": (lambda n: kg.Classifier(len, 10), "network must be"),
    "maps": (
        lambda n: kg.Classifier(keras.Sequential([images(), layers.Conv2D(2, 3)]), 10),
        r"features \(batch, num_features\)",
    ),
    "augmentation": (lambda n: kg.Classifier(n, 10, augmentation=1), "augmentation"),
    "small image": (lambda n: networks.conv_features((4, 8, 1)), "at least 8 for"),
}


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused(make, message):
    network = networks.conv_features(SHAPE, 4, channels=(2,))
    with pytest.raises((TypeError, ValueError), match=message):
        make(network)


def test_labels_are_needed(model, data):
    with pytest.raises(ValueError, match="labels"):
        model.fit(data[0], verbose=0)
