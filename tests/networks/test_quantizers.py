"""Quantizers: codebooks that follow vectors, and rounded numbers."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen.networks.quantizers import usage

RNG = np.random.default_rng(0)


def quantizer(book=((0.0, 0.0), (1.0, 1.0)), **options):
    """With codebooks `(levels, codes, width)`, or one of them."""
    book = np.asarray(book, "float32")
    book = book if book.ndim == 3 else book[None]
    made = kg.VectorQuantizer(book.shape[1], levels=len(book), **options)
    made.build((None, book.shape[2]))
    made.codebook.assign(book)
    return made


def follow(made, z, uniform=None):
    z = tf.constant(z, tf.float32)
    if uniform is None:
        uniform = np.full(made.num_draws, 0.5)
    made.follow(z, made.encode(z), tf.constant(uniform, tf.float32))
    return made.codebook.numpy()


def test_the_nearest_code_is_taken():
    made = quantizer(RNG.normal(size=(7, 3)))
    z = RNG.normal(size=(5, 4, 3)).astype("float32")
    distances = np.linalg.norm(z[..., None, :] - made.codebook[0].numpy(), axis=-1)
    np.testing.assert_array_equal(made.encode(z), distances.argmin(axis=-1))
    found = made.quantized(tf.constant(z))
    np.testing.assert_allclose(found.values, made.decode(found.codes), atol=1e-6)
    commitment = (distances.min(axis=-1) ** 2).sum(axis=1)
    np.testing.assert_allclose(found.commitment, commitment, rtol=1e-4)


def test_the_commitment_draws_the_vectors_and_not_the_codebook():
    made = quantizer([(0.0, 0.0), (2.0, 0.0)], commitment=0.5)
    z = tf.Variable([[[0.5, 0.0], [1.5, 1.0]]])
    with tf.GradientTape() as tape:
        loss = made.quantized(z).commitment
    assert loss.numpy().tolist() == [0.5 * (0.25 + 0.25 + 1)]
    gradient = tape.gradient(loss, z).numpy()
    assert gradient.tolist() == [[[0.5, 0.0], [-0.5, 1.0]]]  # 2 * 0.5 * (z - e)
    assert not made.trainable_variables


def test_without_a_past_a_code_is_the_mean_of_its_vectors():
    made = quantizer([(0.0, 0), (1, 1), (9, 9)], decay=0.0, restart_below=0.0)
    z = [[0.2, 0.0], [0.0, 0.4], [1.0, 1.4], [-0.2, 0.2]]
    [book] = follow(made, z)
    np.testing.assert_allclose(book, [[0, 0.2], [1, 1.4], [9, 9]], atol=1e-6)


def test_the_moving_average_is_not_biased_towards_the_start():
    made = quantizer([(5.0,), (-5.0,)], decay=0.9, restart_below=0.0)
    [book] = follow(made, [[4.0], [2.0], [-3.0]])
    np.testing.assert_allclose(book, [[3], [-3]], rtol=1e-6)
    [book] = follow(made, [[1.0], [-3.0]])
    weights, sums = 0.9 * 2 + 1, 0.9 * 6 + 1  # the common factor 0.1 is left out
    np.testing.assert_allclose(book, [[sums / weights], [-3]], rtol=1e-6)


def test_a_code_without_use_starts_again_at_a_vector_of_the_batch():
    made = quantizer([(0.0,), (100.0,), (200.0,)], restart_below=0.05)
    z = [[1.0], [2.0], [3.0], [4.0]]
    [book] = follow(made, z, uniform=[0.99, 0.3, 0.8])
    np.testing.assert_allclose(book[:, 0], [2.5, 2, 4], rtol=1e-6)
    uses = made.uses.numpy()[0]
    np.testing.assert_allclose(uses, [0.04, 0.04 / 3, 0.04 / 3], rtol=1e-4)
    unused = 0
    while made.codebook.numpy()[0, 1, 0] == pytest.approx(2, abs=1e-4):
        follow(made, [[2.5], [4.0]], uniform=[0.1, 0.9, 0.1])
        unused += 1
    assert 20 < unused < 400, "a new code has time to be found"


def test_each_level_quantizes_what_is_left():
    books = [[(0.0,), (10.0,)], [(-1.0,), (1.0,)], [(-0.25,), (0.25,)]]
    made = quantizer(books)
    z = np.array([[9.2], [0.8]], "float32")
    codes = made.encode(tf.constant(z)).numpy()
    assert codes.tolist() == [[1, 0, 1], [0, 1, 0]]
    np.testing.assert_allclose(made.decode(codes)[:, 0], [9.25, 0.75])
    assert made.dims((4, 4, 1)) == (4, 4, 3)
    found = made.quantized(tf.constant(z)).commitment  # sums of up to 1, 2, 3 levels
    np.testing.assert_allclose(found, [0.8**2 + 0.2**2 + 0.05**2] * 2, rtol=1e-3)


def test_the_error_falls_with_each_level():
    z = RNG.normal(size=(2000, 2)).astype("float32")
    errors = []
    for levels in (1, 2, 3):
        book = np.zeros((levels, 8, 2)) + 0.01 * RNG.normal(size=(levels, 8, 2))
        made = quantizer(book, decay=0.0)
        for _ in range(10):
            follow(made, z, uniform=RNG.random(made.num_draws))
        errors.append(float(np.mean((made.decode(made.encode(z)) - z) ** 2)))
    assert errors[1] < errors[0] / 3
    assert errors[2] < errors[1] / 3


@pytest.mark.parametrize("sizes", [(3,), (2, 4), (8, 5, 3)])
def test_all_combinations_of_levels_are_codes(sizes):
    made = kg.FiniteScalarQuantizer(sizes)
    number = int(np.prod(sizes))
    assert made.num_codes == number
    vectors = made.decode(tf.range(number)).numpy()
    levels = [
        [(k - size // 2) / (size // 2) for k in range(size)] for size in sizes[::-1]
    ]
    expected = [values[::-1] for values in itertools.product(*levels)]
    np.testing.assert_allclose(vectors, expected, rtol=1e-6)
    z = RNG.uniform(-3, 3, (20_000, len(sizes))).astype("float32")
    codes = made.encode(tf.constant(z)).numpy()
    assert np.unique(codes).tolist() == list(range(number))
    found = made.quantized(tf.constant(z))
    np.testing.assert_allclose(found.values, vectors[codes], atol=1e-6)
    assert not np.any(found.commitment)
    assert not made.weights
    middle = made.decode(made.encode(tf.zeros((1, len(sizes)))))
    assert np.abs(middle).max() == 0


def test_all_levels_of_small_sizes_are_found_near_0_and_have_slopes_there():
    """With the shift of other even sizes, the code of two levels changes at -3.8."""
    made = kg.FiniteScalarQuantizer((2, 3, 4))
    z = RNG.normal(size=(4000, 3)).astype("float32")
    vectors = made.quantized(tf.constant(z)).values.numpy()
    np.testing.assert_allclose(vectors[:, 0], np.where(z[:, 0] > 0, 0, -1), atol=1e-6)
    for i, size in enumerate(made.sizes):
        _, counts = np.unique(vectors[:, i].round(3), return_counts=True)
        assert len(counts) == size
        assert counts.min() > 100
    start = tf.zeros((1, 3))
    with tf.GradientTape() as tape:
        tape.watch(start)
        loss = tf.reduce_sum(made.quantized(start).values)
    assert tape.gradient(loss, start).numpy().min() > 0.4


def test_use_and_perplexity_of_counts():
    counts = tf.constant([[4.0, 4.0, 0.0, 0.0], [8.0, 0.0, 0.0, 0.0]])
    share, perplexity = usage(counts)
    assert (float(share), float(perplexity)) == (3 / 8, pytest.approx(1.5))
    made = quantizer(np.zeros((2, 3, 1)))
    codes = tf.constant([[0, 2], [0, 1], [1, 1]])
    assert made.counts(codes).numpy().tolist() == [[2, 1, 0], [0, 2, 1]]


WRONG = {
    "one code": (lambda: kg.VectorQuantizer(1), "num_codes must be at least 2"),
    "no code": (lambda: kg.VectorQuantizer(0), "num_codes must be > 0, received 0"),
    "levels": (lambda: kg.VectorQuantizer(8, levels=0), "levels must be > 0"),
    "decay": (lambda: kg.VectorQuantizer(8, decay=1.0), r"decay must .*received 1\.0"),
    "commitment": (
        lambda: kg.VectorQuantizer(8, commitment=-1),
        "commitment must .* received -1",
    ),
    "restart": (
        lambda: kg.VectorQuantizer(8, restart_below=1),
        "restart_below must .*received 1",
    ),
    "sizes": (
        lambda: kg.FiniteScalarQuantizer((8, 1)),
        r"sizes\[1\] must be at least 2, received 1",
    ),
    "width": (
        lambda: quantizer().dims((3, 3)),
        "quantizes vectors of 2 values, received 3",
    ),
}


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
