"""Extractors: the same features for any batch size, honest names."""

import numpy as np
import pytest

import keras_gen as kg
from keras_gen import networks, zoo
from keras_gen.metrics import extractors
from keras_gen.zoo.extractors import extractor_for

RNG = np.random.default_rng(0)


def test_raw_values_are_flat():
    x = RNG.normal(size=(7, 2, 3)).astype("float32")
    features = extractors.raw((2, 3))(x)
    np.testing.assert_array_equal(features.values, x.reshape(7, 6))
    assert features.probabilities is None


def test_random_features_are_decided_by_their_seed():
    x = RNG.random((9, 16, 12, 3)).astype("float32")
    first, same, other = (
        extractors.random_features((16, 12, 3), 20, seed=seed) for seed in (1, 1, 2)
    )
    assert first(x).values.shape == (9, 20) == (9, first.num_features)
    np.testing.assert_array_equal(first(x).values, same(x).values)
    assert np.abs(first(x).values - other(x).values).max() > 0.1
    assert first.name == same.name != other.name


def test_batches_do_not_change_the_features():
    x = RNG.random((23, 8, 8, 1)).astype("float32")
    network = networks.conv_features((8, 8, 1), 5, channels=(2,))
    extractor = extractors.classifier(kg.Classifier(network, 3, seed=0), "small")
    whole = extractor(x)
    parts = extractors.Extractor("parts", extractor.extract, 5, batch_size=4)(x)
    np.testing.assert_allclose(parts.values, whole.values, atol=1e-6)
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, atol=1e-6)
    np.testing.assert_allclose(whole.probabilities.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", ["classifier_digits", "classifier_mnist"])
def test_a_bundled_extractor_is_no_inception(name):
    shape = zoo.load(name).data_shape
    extractor = extractor_for(shape)
    assert extractor.name == f"{name} (not Inception)"
    features = extractor(RNG.random((3, *shape)).astype("float32"))
    assert features.values.shape == (3, extractor.num_features)
    assert features.probabilities.shape == (3, 10)


def test_other_shapes_need_no_classifier():
    assert extractor_for((5,)).name == "raw values"
    assert "random convolutions" in extractor_for((16, 16, 3)).name


def test_missing_inception_weights_are_named(tmp_path):
    with pytest.raises(RuntimeError, match="weights of InceptionV3 are missing"):
        extractors.inception_v3(str(tmp_path / "none.h5"))


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (16, 16, 3)])
def test_bytes_stand_for_fractions_of_255(shape):
    x = RNG.integers(0, 256, (6, *shape), np.uint8)
    extractor = extractor_for(shape)
    bytes_, floats = extractor(x).values, extractor(x / np.float32(255)).values
    np.testing.assert_allclose(bytes_, floats, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(0, 8, 8, 1), (5, 8, 4, 1)])
def test_an_extractor_refuses_what_does_not_fit(shape):
    x = np.zeros(shape, np.float32)
    for extractor in (
        extractors.raw((8, 8, 1)),
        extractors.random_features((8, 8, 1)),
        extractor_for((8, 8, 1)),
    ):
        with pytest.raises(ValueError, match="needs examples|shape"):
            extractor(x)
