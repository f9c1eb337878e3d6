"""Limits: which rows an input may have, eagerly, traced and under XLA."""

import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen import limits, networks
from keras_gen.limits import one_of, tokens_of
from keras_gen.validation import check_limit

NAN, INF = np.nan, np.inf
CASES = {  # a limit, rows, and which are allowed
    "images": (
        limits.UNIT,
        [[0, 1], [0.5, -1e-6], [1.1, 0], [NAN, 0], [0, INF]],
        "10000",
    ),
    "bytes": (limits.UNIT, np.array([[0, 255]], np.uint8), "1"),
    "integers of images": (limits.UNIT, np.array([[0, 1], [0, 255]], np.int32), "10"),
    "finite": (limits.FINITE, [[3e38, -3e38], [NAN, 0], [-INF, 0]], "100"),
    "finite integers": (limits.FINITE, np.array([[1, 2]], np.int32), "1"),
    "half": (limits.FINITE, np.array([[6e4], [INF]], np.float16), "10"),
    "noise levels": (limits.POSITIVE, [1e-3, 0, -1, NAN, INF], "10000"),
    "temperatures": (limits.NOT_NEGATIVE, [0, 2, -1, NAN, INF], "11000"),
    "top_p": (limits.SHARE, [1, 0.1, 0, 1.5, NAN, -INF], "110000"),
    "top_k": (limits.COUNT, np.array([0, 5, -5], np.int32), "110"),
    "labels": (one_of(10), np.array([0, 9, 10, -1], np.int32), "1100"),
    "seeds": (limits.INTEGER, np.array([-(2**31), 7], np.int32), "11"),
    "tokens": (
        tokens_of(5),
        np.array([[0, 4], [4, -1], [-1, -1], [-1, 0], [5, 0], [-7, -1]], np.int32),
        "111000",
    ),
    "flags": (limits.UNIT, np.array([[True, False]]), "1"),
}


@pytest.mark.parametrize("jit", [None, True], ids=["graph", "xla"])
@pytest.mark.parametrize(("limit", "rows", "allowed"), CASES.values(), ids=CASES)
def test_a_limit_holds_row_by_row(limit, rows, allowed, jit):
    rows = tf.constant(rows, None if hasattr(rows, "dtype") else tf.float32)
    holds = tf.function(limit.holds, jit_compile=jit, autograph=False)
    wanted = [digit == "1" for digit in allowed]
    np.testing.assert_array_equal(holds(rows), wanted)
    np.testing.assert_array_equal(limit.holds(rows), wanted)


WORDS = {
    "x must hold values in [0, 1]": limits.UNIT,
    "x must hold finite values": limits.FINITE,
    "x must be finite": limits.FINITE_NUMBER,
    "x must be > 0": limits.POSITIVE,
    "x must be >= 0": limits.NOT_NEGATIVE,
    "x must be in (0, 1]": limits.SHARE,
    "x must be in [0, 10)": one_of(10),
    "x must be integers": limits.INTEGER,
    "x must be in [0, 5), or -1 after the end": tokens_of(5),
}


@pytest.mark.parametrize(("words", "limit"), WORDS.items(), ids=WORDS)
def test_a_limit_says_what_a_value_must_be(words, limit):
    assert limit.message("x") == words


def test_limits_follow_from_the_specs():
    gan = kg.GAN(*networks.mlp_gan((8, 8, 1), num_classes=10))
    assert gan.inputs.limit == limits.UNIT
    assert gan.condition.limit == one_of(10)
    assert gan.noise.limit == limits.FINITE
    texts = kg.Autoregressive(networks.recurrent(5, units=(4,)), length=6)
    assert texts.inputs.limit == texts.prompts.limit == tokens_of(5)
    assert texts.condition is None
    plain = kg.Diffusion(networks.mlp_denoiser((2,), units=(4,)))
    assert plain.inputs.limit == limits.FINITE


def test_the_first_value_outside_is_named():
    words = r"top_p must be in \(0, 1\], received values in \[0.5, 2.0\], .* row 1\."
    with pytest.raises(ValueError, match=words):
        check_limit([0.5, 1.5, 2.0], limits.SHARE, "top_p")
    with pytest.raises(ValueError, match=r"top_p must be in \(0, 1\], received 1\.5"):
        check_limit(1.5, limits.SHARE, "top_p")
