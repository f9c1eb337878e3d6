"""Dropout: unbiased, and it goes on where it stopped."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen.networks import Dropout

ONES = tf.ones((64, 1000))
RATE = 0.2


def masks(layer, num, *, jit_compile):
    """What becomes of ones in `num` steps."""
    step = tf.function(lambda: layer(ONES, training=True), jit_compile=jit_compile)
    return [step().numpy() for _ in range(num)]


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_share_of_the_values_is_dropped_and_the_mean_stays(jit_compile):
    first, second = masks(Dropout(RATE, seed=0), 2, jit_compile=jit_compile)
    size = first.size
    for y in (first, second):
        dropped = y == 0
        np.testing.assert_array_equal(y[~dropped], np.float32(1 / (1 - RATE)))
        assert abs(dropped.mean() - RATE) < 4 * np.sqrt(RATE * (1 - RATE) / size)
    both = np.mean((first == 0) & (second == 0))  # masks of two steps are independent
    assert abs(both - RATE**2) < 4 * np.sqrt(RATE**2 / size)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_saved_layer_draws_the_masks_that_follow(jit_compile):
    layer, store = Dropout(RATE, seed=0), {}
    masks(layer, 2, jit_compile=jit_compile)
    layer.save_own_variables(store)
    other = Dropout(RATE, seed=5)
    store = {name: value.numpy() for name, value in store.items()}
    expected = masks(layer, 2, jit_compile=jit_compile)
    other.load_own_variables(store)
    np.testing.assert_array_equal(masks(other, 2, jit_compile=jit_compile), expected)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_masks_are_those_of_keras(jit_compile):
    other = keras.layers.Dropout(RATE, seed=7)
    found, expected = (
        masks(layer, 2, jit_compile=jit_compile)
        for layer in (Dropout(RATE, seed=7), other)
    )
    np.testing.assert_array_equal(found, expected)


def test_nothing_is_dropped_outside_of_training():
    np.testing.assert_array_equal(Dropout(RATE)(ONES), ONES)
    np.testing.assert_array_equal(Dropout(0.0)(ONES, training=True), ONES)


def test_half_precision_stays():
    assert Dropout(RATE, dtype="mixed_bfloat16")(ONES, training=True).dtype == (
        tf.bfloat16
    )
