"""Rows and their seeds are checked before anything is computed."""

import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg

MODEL = kg.Diffusion(kg.networks.mlp_denoiser((2,), units=(8,)), seed=0)
REFUSED = {
    "fraction": ([1.5], r"seed must hold one integer.*float64"),
    "matrix": ([[1, 2]], r"seed must hold one integer.*\(1, 2\)"),
    "number": (3, r"seed must hold one integer.*shape \(\)"),
    "word": (["a"], "seed must hold one integer"),
    "large": ([2**40], r"seed must fit into int32.*row_seeds"),
    "nothing": (np.zeros(0, np.int32), "seed must have rows"),
    "fraction_tensor": (tf.constant([1.5]), r"seed must hold one integer.*float32"),
    "number_tensor": (tf.constant(1), r"seed must hold one integer.*shape \(\)"),
    "empty_tensor": (tf.zeros(0, tf.int32), "seed must have rows"),
}


@pytest.mark.parametrize(("seed", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_seed_is_refused(seed, message):
    with pytest.raises(ValueError, match=message):
        MODEL.sample_rows(seed)


def test_tensors_without_rows_are_refused():
    with pytest.raises(ValueError, match="x must have rows"):
        MODEL.encode(tf.zeros((0, 2)))


@pytest.mark.parametrize("dtype", [np.int8, np.uint32, np.int64])
def test_integers_of_any_kind_are_seeds(dtype):
    seeds = np.array([1, 7], dtype)
    found = MODEL.sample_rows(seeds)
    np.testing.assert_array_equal(found, MODEL.sample_rows(seeds.astype(np.int32)))
