"""Batches: every row once per epoch, in an order of seed and step, in stacks."""

import concurrent.futures

import numpy as np
import pytest
import tensorflow as tf

from keras_gen.engine import batches

X = np.arange(50, dtype=np.float32)[:, None]
LABELS = np.arange(50, dtype=np.int32)


def joined(examples):
    """Rows and labels of many batches, which must agree."""
    x, labels = (np.concatenate(part) for part in zip(*examples, strict=True))
    np.testing.assert_array_equal(x[:, 0], labels)
    return labels


def unstacked(stacks):
    """The single batches of stacks of `(x, labels)`."""
    for (x, labels), count in stacks:
        yield from zip(x[:count].numpy(), labels[:count].numpy(), strict=True)


def order_of_pipelines(seed, step):
    source = batches.ArraySource(X, LABELS)
    epoch = batches.pipeline(source, 8, seed=seed, step=tf.Variable(step))
    assert len(epoch) == 7
    return joined(epoch.as_numpy_iterator())


def order_of_arrays(seed, step, steps=3):
    step = None if step is None else tf.Variable(step)
    epochs = batches.Epochs(
        batches.ArraySource(X, LABELS), 8, steps, seed=seed, step=step
    )
    calls = [list(unstacked(call)) for call in epochs]
    assert [len(call) for call in calls] == [3, 3, 1]
    assert epochs.num_batches == 7
    return joined(batch for call in calls for batch in call)


@pytest.mark.parametrize("order", [order_of_pipelines, order_of_arrays])
def test_order_is_a_permutation_that_seed_and_step_decide(order):
    first = order(0, 21)
    np.testing.assert_array_equal(np.sort(first), LABELS)
    np.testing.assert_array_equal(first, order(0, 21))
    assert (first != order(0, 28)).any()
    assert (first != order(1, 21)).any()


def test_pipelines_and_arrays_come_in_the_same_order():
    np.testing.assert_array_equal(order_of_pipelines(5, 14), order_of_arrays(5, 14))


@pytest.mark.parametrize("labels", [LABELS, None], ids=["labels", "alone"])
@pytest.mark.parametrize("seed", [5, None], ids=["at random", "in order"])
def test_a_pipeline_gives_the_batches_of_epochs(seed, labels):
    source = batches.ArraySource(X, labels)
    order = {} if seed is None else {"seed": seed, "step": tf.Variable(14)}
    expected = [
        tuple(t[i].numpy() for t in stack)
        for call in batches.Epochs(source, 8, 3, **order)
        for stack, count in call
        for i in range(count)
    ]
    found = list(batches.pipeline(source, 8, **order).as_numpy_iterator())
    assert len(found) == len(expected) == 7
    for one, other in zip(found, expected, strict=True):
        one = one if labels is not None else (one,)
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_batches_fetched_in_parallel_are_their_own():
    wide = np.repeat(np.arange(64, dtype=np.float32), 50_000).reshape(64, -1)
    source = batches.ArraySource(wide)

    def wrong(start):
        rows = np.arange(start, start + 16)
        return sum(
            (source.fetch(rows)[0].numpy() != wide[rows]).any() for _ in range(9)
        )

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(wrong, [0, 16, 32, 48])) == [0] * 4


def test_each_epoch_reads_the_step_anew():
    step = tf.Variable(0)
    source = batches.ArraySource(X, LABELS)
    pipeline = batches.pipeline(source, 50, seed=0, step=step)
    arrays = batches.Epochs(source, 50, 1, seed=0, step=step)

    def orders():
        (call,) = arrays
        return joined(pipeline.as_numpy_iterator()), joined(unstacked(call))

    first, again = orders(), orders()
    step.assign(7)
    later = orders()
    np.testing.assert_array_equal(first, again)
    assert (first[0] != later[0]).any()
    np.testing.assert_array_equal(*later)


def test_without_a_seed_the_order_is_kept():
    pipeline = batches.pipeline(batches.ArraySource(X, LABELS), 8)
    np.testing.assert_array_equal(joined(pipeline.as_numpy_iterator()), LABELS)
    np.testing.assert_array_equal(order_of_arrays(None, None), LABELS)


def test_a_stack_is_filled_up_but_for_a_single_batch():
    full, partial = batches.Epochs(batches.ArraySource(X), 8, 4)
    assert [(x.shape[:2], count) for (x,), count in full] == [((4, 8), 4)]
    ((two,), count), ((last,), one) = partial
    assert (two.shape[:2], count, last.shape[:2], one) == ((4, 8), 2, (1, 2), 1)
    np.testing.assert_array_equal(last[0], X[-2:])


def test_stacks_hold_neighbours_of_the_same_shape():
    sizes = [4, 4, 4, 2, 4, 4]
    stream = [(np.full((n, 3), i, np.float32), None) for i, n in enumerate(sizes)]
    stacks = list(batches.stacked(stream, 2))
    assert [count for _, count in stacks] == [2, 1, 1, 2]
    shapes = [x.shape.as_list() for (x, _), _ in stacks]
    assert shapes == [[2, 4, 3], [1, 4, 3], [1, 2, 3], [2, 4, 3]]
    assert all(labels is None for (_, labels), _ in stacks)
    firsts = [x.numpy()[:count, 0, 0] for (x, _), count in stacks]
    np.testing.assert_array_equal(np.concatenate(firsts), range(6))


@pytest.mark.parametrize("limit", [1, 8 * 4, 3 * 8 * 4])
def test_a_stack_keeps_its_memory_limit(monkeypatch, limit):
    monkeypatch.setattr(batches, "STACK_BYTES", limit)
    most = max(1, limit // (8 * 4))
    (call,) = batches.Epochs(batches.ArraySource(X), 8, 32)
    stacks = [*call, *batches.stacked(np.split(X[:48], 6), 32)]
    tensors = [x[0] if isinstance(x, tuple) else x for x, _ in stacks]
    assert max(len(tensor) for tensor in tensors) == most
    rows = [t[:n].numpy().ravel() for t, (_, n) in zip(tensors, stacks, strict=True)]
    np.testing.assert_array_equal(np.concatenate(rows), [*range(50), *range(48)])
