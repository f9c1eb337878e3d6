"""Batches: every row once per epoch, in an order of seed and step."""

import numpy as np
import pytest
import tensorflow as tf

from keras_gen import batches

X = np.arange(50, dtype=np.float32)[:, None]
LABELS = np.arange(50, dtype=np.int32)


def order(seed, step, **kwargs):
    fetch = batches.array_fetch(X, LABELS)
    step = tf.Variable(step)
    epoch = batches.shuffled(fetch, 50, 8, seed=seed, step=step, **kwargs)
    assert len(epoch) == 7
    x, labels = zip(*epoch.as_numpy_iterator(), strict=True)
    x = np.concatenate(x)[:, 0]
    np.testing.assert_array_equal(x, np.concatenate(labels))
    np.testing.assert_array_equal(np.sort(x), X[:, 0])
    return x


@pytest.mark.parametrize("parallel", [False, True])
def test_order_is_a_function_of_seed_and_step(parallel):
    first = order(0, 21, parallel=parallel)
    np.testing.assert_array_equal(first, order(0, 21))
    assert (first != order(0, 28)).any()
    assert (first != order(1, 21)).any()


def test_each_epoch_reads_the_step_anew():
    step = tf.Variable(0)
    epoch = batches.shuffled(batches.array_fetch(X), 50, 50, seed=0, step=step)
    (first,), (again,) = list(epoch), list(epoch)
    step.assign(7)
    (later,) = list(epoch)
    np.testing.assert_array_equal(first, again)
    assert (first.numpy() != later.numpy()).any()


def test_in_order_keeps_the_order():
    epoch = batches.in_order(batches.array_fetch(X), 50, 8)
    np.testing.assert_array_equal(np.concatenate(list(epoch)), X)
