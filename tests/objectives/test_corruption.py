import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen.objectives import (
    GaussianNoise,
    Masking,
    RandomShift,
    SaltAndPepper,
    StochasticBinarization,
)
from keras_gen.random import RowNoise, row_seeds

NOISE = np.float32([[0.05, 0.2, 0.26, 0.5], [0.74, 0.76, 0.9, 0.999]])
GREY = np.full_like(NOISE, 0.6)
KEPT = np.float32(0.6)
CASES = {  # the corruption and what it makes of GREY with NOISE
    "masking": (Masking(0.25), [[0, 0, KEPT, KEPT], [KEPT] * 4]),
    "salt and pepper": (SaltAndPepper(0.5), [[0, 0, KEPT, KEPT], [KEPT, 1, 1, 1]]),
    "binarization": (StochasticBinarization(), [[1, 1, 1, 1], [0, 0, 0, 0]]),
    "gaussian noise": (GaussianNoise(0.5), KEPT + np.float32(0.5) * NOISE),
}
cases = pytest.mark.parametrize(("corruption", "expected"), CASES.values(), ids=CASES)
N = 200_000


def corrupt_many(corruption, grey):
    x = np.full((4, N // 4, 1), grey, np.float32)
    return corruption.apply(x, RowNoise(row_seeds(3, 4)), stream=1).numpy()


@cases
def test_exact_values(corruption, expected):
    np.testing.assert_array_equal(corruption(GREY, NOISE), np.float32(expected))


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.9])
def test_rates(rate):
    masked = corrupt_many(Masking(rate), 0.6)
    changed = corrupt_many(SaltAndPepper(rate), 0.6)
    tolerance = 4 * (0.25 / N) ** 0.5
    assert abs((masked == 0).mean() - rate) < tolerance
    assert abs((changed == 0).mean() - rate / 2) < tolerance
    assert abs((changed == 1).mean() - rate / 2) < tolerance
    for values in (masked, changed):
        assert set(np.unique(values)) <= {0, KEPT, 1}


@pytest.mark.parametrize("grey", [0.0, 0.1, 0.5, 1.0])
def test_binarization_keeps_the_mean_and_binary_values(grey):
    drawn = corrupt_many(StochasticBinarization(), grey)
    assert set(np.unique(drawn)) == ({grey} if grey in (0, 1) else {0, 1})
    assert abs(drawn.mean() - grey) <= 4 * (grey * (1 - grey) / N) ** 0.5


def test_gaussian_noise_has_its_stddev():
    added = corrupt_many(GaussianNoise(0.3), 0.5) - 0.5
    assert abs(added.mean()) < 4 * 0.3 / N**0.5
    assert abs(added.std() - 0.3) < 4 * 0.3 / (2 * N) ** 0.5


def test_shifts_are_whole_uniform_and_lose_what_leaves():
    image = np.zeros((5, 6, 1), np.float32)
    image[2, 3] = 1
    x = np.repeat(image[None], 9000, axis=0)
    shifted = RandomShift(1).apply(x, RowNoise(row_seeds(0, len(x))), 0).numpy()
    counts = shifted.sum(axis=(0, 3))
    assert counts.sum() == len(x)
    assert counts[1:4, 2:5].min() > 0
    assert np.abs(counts[1:4, 2:5] - 1000).max() < 5 * 30
    corner = np.zeros((1, 5, 6, 1), np.float32)
    corner[0, 0, 0] = 1
    up_left = RandomShift(2)(corner, np.full_like(corner, 0.999))
    down_right = RandomShift(2)(corner, np.full_like(corner, 0.001)).numpy()
    assert not up_left.numpy().any()
    assert down_right[0, 2, 2] == down_right.sum() == 1


@cases
def test_apply_draws_the_named_noise_of_its_stream(corruption, expected):
    noise = RowNoise(row_seeds(0, 2), step=3)
    applied = [corruption.apply(GREY, noise, stream) for stream in (0, 1)]
    drawn = getattr(
        noise, "normal" if "gauss" in repr(corruption).lower() else "uniform"
    )
    np.testing.assert_array_equal(applied[1], corruption(GREY, drawn((4,), 1)))
    assert not np.array_equal(*applied)


@cases
def test_survives_saving(corruption, expected):
    config = keras.saving.serialize_keras_object(corruption)
    assert keras.saving.deserialize_keras_object(config) == corruption


@cases
def test_batch_may_be_unknown_while_tracing(corruption, expected):
    signature = [tf.TensorSpec((None, 4)), tf.TensorSpec((None,), tf.int32)]
    traced = tf.function(
        lambda x, seeds: corruption.apply(x, RowNoise(seeds), 0),
        input_signature=signature,
    )
    seeds = row_seeds(5, 2)
    np.testing.assert_allclose(
        traced(GREY, seeds), corruption.apply(GREY, RowNoise(seeds), 0), atol=1e-6
    )


ERRORS = {
    "zero rate": (lambda: Masking(0.0), "rate must be > 0, received 0.0"),
    "full rate": (lambda: Masking(1.0), r"rate must be in \(0, 1\), received 1.0"),
    "salt rate": (lambda: SaltAndPepper(1.5), r"rate must be in \(0, 1\), .*1.5"),
    "text": (lambda: SaltAndPepper("0.1"), "rate must be a number > 0, .*'0.1'"),
    "stddev": (lambda: GaussianNoise(-0.5), "stddev must be > 0, received -0.5"),
    "pixels": (lambda: RandomShift(0), "pixels must be"),
    "no image": (lambda: RandomShift()(NOISE, NOISE), "requires images"),
    "nan": (lambda: GaussianNoise(float("nan")), "stddev must be > 0, received nan"),
}


@pytest.mark.parametrize(("build", "message"), ERRORS.values(), ids=ERRORS)
def test_errors_name_what_was_received(build, message):
    with pytest.raises(ValueError, match=message):
        build()
