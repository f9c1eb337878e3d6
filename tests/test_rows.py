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
    "fraction_tensor": (tf.constant([1.5]), r"seed must hold one integer.*float32"),
    "number_tensor": (tf.constant(1), r"seed must hold one integer.*shape \(\)"),
}


@pytest.mark.parametrize(("seed", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_seed_is_refused(seed, message):
    with pytest.raises(ValueError, match=message):
        MODEL.sample_rows(seed)


def test_tensors_with_values_are_checked_like_arrays():
    words = r"x must hold finite values, received values in \[nan, nan\], .* row 1\."
    with pytest.raises(ValueError, match=words):
        MODEL.encode(tf.constant([[0.0, 1.0], [np.nan, 1.0]]))


@pytest.mark.parametrize("dtype", [np.int8, np.uint32, np.int64])
def test_integers_of_any_kind_are_seeds(dtype):
    seeds = np.array([1, 7], dtype)
    found = MODEL.sample_rows(seeds)
    np.testing.assert_array_equal(found, MODEL.sample_rows(seeds.astype(np.int32)))
