"""Parts of a batch: contiguous, of nearly equal size, and together the whole batch."""

import numpy as np
import pytest
import tensorflow as tf

from keras_gen import random
from keras_gen.engine import parts


def part_of(rows, replica, replicas):
    first, count = parts.split(rows, replica, replicas)
    return parts.Part(*map(tf.constant, (first, count, rows)))


@pytest.mark.parametrize("replicas", [1, 2, 3, 8])
@pytest.mark.parametrize("rows", [1, 2, 7, 16, 17])
def test_parts_are_contiguous_and_make_the_batch(rows, replicas):
    bounds = [parts.split(rows, replica, replicas) for replica in range(replicas)]
    held = [range(first, first + count) for first, count in bounds]
    assert [row for part in held for row in part] == list(range(rows))
    counts = [count for _, count in bounds]
    assert max(counts) - min(counts) <= 1
    assert all(first == 0 for first, count in bounds if not count)


def test_without_a_part_the_rows_are_the_batch():
    x = tf.zeros((5, 2))
    assert parts.first_row(x) == 0
    assert int(parts.num_rows(x)) == int(parts.batch_rows(x)) == 5
    assert parts.is_due() is None
    loss = tf.constant(3.0)
    assert parts.shared(loss, tf.constant(0.0)) is loss
    assert float(parts.counted(tf.constant(4.0))) == 4
    np.testing.assert_array_equal(parts.first_of_batch(x), x[:1])


@pytest.mark.parametrize("replicas", [2, 3])
def test_a_row_draws_the_same_noise_in_any_part(replicas):
    rows = 7
    whole = random.batch_noise(3, tf.zeros((rows, 1)), 5).normal((4,), 0)
    drawn = []
    for replica in range(replicas):
        part = part_of(rows, replica, replicas)
        with parts.acting(part, due=None):
            x = tf.zeros((int(part.num_rows), 1))
            drawn.append(random.batch_noise(3, x, 5).normal((4,), 0))
    np.testing.assert_array_equal(np.concatenate(drawn), whole)


def test_a_repeated_row_does_not_count():
    x = tf.zeros((1, 2))
    with parts.acting(part_of(1, 1, 2), due=True):
        assert int(parts.num_rows(x)) == 0
        assert float(parts.counted(tf.constant(9.0))) == 0
        assert parts.is_due()
    assert parts.is_due() is None
    with parts.acting(part_of(1, 0, 2), due=None):
        assert float(parts.counted(tf.constant(9.0))) == 9
