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
    of_spec = extractors.random_features(kg.specs.Images(16, 12, 3), 20, seed=1)
    np.testing.assert_array_equal(of_spec(x).values, first(x).values)
    with pytest.raises(
        ValueError, match="inputs must be a spec or shape of images, ser"
    ):
        extractors.random_features(kg.specs.Vectors(3))


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
    shape = zoo.load(name).inputs.shape
    extractor = extractor_for(shape, name.removeprefix("classifier_"))
    assert extractor.name == f"{name} (not Inception)"
    features = extractor(RNG.random((3, *shape)).astype("float32"))
    assert features.values.shape == (3, extractor.num_features)
    assert features.probabilities.shape == (3, 10)


def test_a_classifier_serves_no_data_but_its_own():
    for shape in ((28, 28, 1), (8, 8, 1), (16, 16, 3)):
        for data in (None, "cifar10", "photos"):
            assert extractor_for(shape, data).name == "random convolutions, seed 0"
    assert "random" in extractor_for((28, 28, 1), "digits").name  # of another size
    for shape in ((5,), (4, 4, 1)):
        assert extractor_for(shape, "digits").name == "raw values"


def test_vectors_are_standardized_by_their_reference():
    rng = np.random.default_rng(0)
    units = np.array([1e7, 1e-3, 1.0])
    reference = rng.normal(size=(500, 3)) * units + [1.7e9, 0, 5]
    extractor = extractors.raw((3,)).fitted(reference)
    values = extractor(reference).values
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(values.std(axis=0), 1, rtol=1e-5)
    moved = extractor(reference + 2 * reference.std(axis=0)).values
    np.testing.assert_allclose(moved - values, 2, rtol=1e-4)
    again = extractors.raw((3,), reference)
    assert extractor.name == again.name != extractors.raw((3,), reference + units).name
    assert extractor.fitted(values) is extractor


def test_columns_of_large_integers_keep_their_digits():
    times = np.arange(1_700_000_000, 1_700_000_100)[:, None]
    values = extractors.raw((1,), times)(times).values[:, 0]
    np.testing.assert_allclose(np.diff(values), 1 / times.std(), rtol=1e-5)


def test_constant_columns_are_told_apart_by_their_magnitude():
    reference = np.tile(np.float32([0.0, 4e6, -2e-9]), (10, 1))
    extractor = extractors.raw((3,), reference)
    np.testing.assert_allclose(extractor(reference).values, 0, atol=1e-7)
    off = extractor(reference + [0.5, 4e5, 1e-9]).values
    np.testing.assert_allclose(off, np.tile([0.5, 0.1, 0.5], (10, 1)), rtol=1e-5)


def test_a_reference_is_checked():
    with pytest.raises(ValueError, match="reference must have 3 columns"):
        extractors.raw((3,), np.zeros((4, 2)))
    with pytest.raises(
        ValueError, match="reference must hold finite values, received 1 NaN"
    ):
        extractors.raw((2,)).fitted([[0.0, np.nan]])


def test_missing_inception_weights_are_named(tmp_path):
    with pytest.raises(RuntimeError, match="weights of InceptionV3 are missing"):
        extractors.inception_v3(str(tmp_path / "none.h5"))


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (16, 16, 3)])
def test_bytes_stand_for_fractions_of_255(shape):
    x = RNG.integers(0, 256, (6, *shape), np.uint8)
    extractor = extractor_for(shape, {8: "digits", 28: "mnist"}.get(shape[0]))
    bytes_, floats = extractor(x).values, extractor(x / np.float32(255)).values
    np.testing.assert_allclose(bytes_, floats, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(0, 8, 8, 1), (5, 8, 4, 1)])
def test_an_extractor_refuses_what_does_not_fit(shape):
    x = np.zeros(shape, np.float32)
    for extractor in (
        extractors.raw((8, 8, 1)),
        extractors.random_features((8, 8, 1)),
        extractor_for((8, 8, 1), "digits"),
    ):
        with pytest.raises(ValueError, match="at least one example|shape"):
            extractor(x)


def test_a_missing_number_is_the_mean_and_a_flag():
    """1, 3 and the mean in place of the missing one have the deviation sqrt(2/3)."""
    spec = kg.specs.Columns([kg.specs.Numeric("a", has_missing=True)])
    x = np.array([[1.0], [3.0], [np.nan]])
    found, far = extractors.raw(spec).fitted(x)(x).values, np.sqrt(1.5)
    np.testing.assert_allclose(found, [[-far, 0], [far, 0], [0, 1]], atol=1e-6)
