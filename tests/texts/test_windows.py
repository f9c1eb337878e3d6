"""Windows: which tokens they hold, and that seed, epoch and row decide it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen.engine.batches import Epochs
from keras_gen.engine.examples import first_rows
from keras_gen.model import GenerativeModel
from keras_gen.specs import Codes
from keras_gen.texts import Windows, tokens_of
from keras_gen.tokenizers import ByteTokenizer

PLACES = np.arange(203)  # each token tells its place


def rows_of(epochs):
    """The windows of one epoch, batch by batch."""
    stacks = [stack for call in epochs for stack in call]
    batches = [batch for (x,), count in stacks for batch in x[:count].numpy()]
    return np.concatenate(batches), [len(batch) for batch in batches]


def at_random(windows, *, seed=0, step=0, steps=3):
    return rows_of(Epochs(windows, 8, steps, seed=seed, step=tf.Variable(step)))


# In order


@pytest.mark.parametrize("length", [2, 5, 8, 102, 202, 203])
def test_each_token_but_the_first_is_predicted_once(length):
    windows = Windows(PLACES, length)
    rows, sizes = rows_of(Epochs(windows, 8, 3))
    assert rows.dtype == np.int32
    assert rows.shape == (windows.num_in_order, length)
    assert set(sizes[:-1]) <= {8}
    predicted = rows[:, 1:][rows[:, 1:] >= 0]
    np.testing.assert_array_equal(predicted, PLACES[1:])
    np.testing.assert_array_equal(rows[1:, 0], rows[:-1, -1])
    assert (rows[:-1] >= 0).all()
    np.testing.assert_array_equal(windows.head(10_000), rows)
    np.testing.assert_array_equal(windows.head(2), rows[:2])


# At random


def test_windows_are_pieces_of_the_text():
    windows = Windows(PLACES.astype(np.uint8), 9)
    rows, sizes = at_random(windows)
    assert rows.dtype == np.int32
    assert rows.shape == (203 // 9, 9)
    assert sizes == [8, 8, 6]
    np.testing.assert_array_equal(rows - rows[:, :1], np.tile(np.arange(9), (22, 1)))


def test_all_places_are_equally_likely():
    windows = Windows(PLACES[:24], 5, num=20_000)
    rows, _ = rows_of(Epochs(windows, 500, 8, seed=1, step=tf.Variable(0)))
    counts = np.bincount(rows[:, 0], minlength=20)
    assert counts.shape == (20,)
    assert np.sum((counts - 1000) ** 2 / 1000) < 50  # chi-square of 19, p < 1e-4


def test_seed_and_epoch_decide_the_windows():
    windows = Windows(PLACES, 9)
    first, _ = at_random(windows, step=3)
    again, _ = at_random(windows, step=3, steps=1)
    np.testing.assert_array_equal(first, again)
    for other in ({"step": 0}, {"step": 6}, {"step": 3, "seed": 1}):
        assert (at_random(windows, **other)[0] != first).any()
    within, _ = at_random(windows, step=4)  # of 3 steps per epoch
    np.testing.assert_array_equal(within, first)


@pytest.mark.parametrize("seed", [None, 0, 7])
def test_dataset_holds_the_same_batches(seed):
    windows, step = Windows(PLACES, 9), tf.Variable(3)
    order = {} if seed is None else {"seed": seed, "step": step}
    dataset = windows.dataset(8, **order)
    for value in (3, 6):
        step.assign(value)
        batches = list(dataset.as_numpy_iterator())
        expected, sizes = rows_of(Epochs(windows, 8, 3, **order))
        assert [len(batch) for batch in batches] == sizes
        np.testing.assert_array_equal(np.concatenate(batches), expected)
    assert len(dataset) == len(sizes)
    assert dataset.element_spec == tf.TensorSpec((None, 9), tf.int32)


# fit and evaluate


@keras.saving.register_keras_serializable(package="tests")
class Weighs(GenerativeModel):
    """Fits weights for the tokens of a row so that they sum to one."""

    arguments = ()

    def __init__(self, seed=None, **kwargs):
        super().__init__(Codes((9,), 500), term_names=["loss"], seed=seed, **kwargs)
        self.kernel = self.add_weight(shape=(9, 1), initializer="ones")

    def loss_terms(self, x, condition, noise, *, training):
        x = tf.cast(x, tf.float32) / 100.0
        return {"loss": tf.reduce_mean((x @ self.kernel - 1.0) ** 2)}


def compiled(seed=3):
    model = Weighs(seed=seed)
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    return model


def fit(model, **options):
    return model.fit(Windows(PLACES, 9), batch_size=8, verbose=0, **options)


def test_resumed_training_sees_the_same_windows(tmp_path, assert_same_state):
    whole, half, other = compiled(), compiled(), compiled(seed=4)
    losses = fit(whole, epochs=4).history["loss"]
    first = fit(half, epochs=2).history["loss"]
    half.save(tmp_path / "half.keras")
    loaded = keras.saving.load_model(tmp_path / "half.keras")
    rest = fit(loaded, epochs=4, initial_epoch=2).history["loss"]
    assert first + rest == losses
    assert_same_state(loaded, whole)
    assert fit(other, epochs=4).history["loss"] != losses


def test_windows_and_their_dataset_train_alike(assert_same_state):
    model, by_dataset, unshuffled = compiled(), compiled(), compiled()
    fit(model, epochs=2)
    step = by_dataset._counts["steps"]
    dataset = Windows(PLACES, 9).dataset(8, seed=3, step=step)
    by_dataset.fit(dataset, epochs=2, verbose=0)
    assert_same_state(model, by_dataset)
    fit(unshuffled, epochs=2, shuffle=False)
    assert int(unshuffled.optimizer.iterations) == 2 * 4  # 26 windows in order
    assert (unshuffled.kernel != model.kernel).numpy().any()


def test_held_out_windows_come_in_order():
    model, windows = compiled(), Windows(PLACES, 9)
    pair = fit(model, validation_data=(windows, None)).history["val_loss"]
    alone = fit(model, validation_data=windows, epochs=2, initial_epoch=1).history
    rows = tf.constant(windows.head(10_000), tf.float32)
    expected = model.loss_terms(rows, None, None, training=False)["loss"]
    assert alone["val_loss"] == [pytest.approx(float(expected), rel=1e-5)]
    assert model.evaluate(windows, batch_size=8, verbose=0) == alone["val_loss"][0]
    assert pair != alone["val_loss"]


@pytest.mark.filterwarnings("error:.*shuffle")
def test_a_distribution_strategy_sees_the_same_windows():
    model = compiled()
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        distributed = compiled()
    held_out = Windows(PLACES[::-1].copy(), 9)
    histories = [
        fit(m, epochs=2, validation_data=held_out).history for m in (model, distributed)
    ]
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(*(h[name] for h in histories), rtol=1e-5)
    np.testing.assert_allclose(model.kernel, distributed.kernel, rtol=1e-5)


def test_windows_of_a_memory_map(tmp_path):
    (tmp_path / "a.txt").write_bytes(bytes(range(14, 114)))
    tokens = tokens_of(tmp_path / "a.txt", ByteTokenizer())
    assert isinstance(tokens, np.memmap)
    on_disk, in_memory = Windows(tokens, 9), Windows(PLACES[14:114], 9)
    np.testing.assert_array_equal(at_random(on_disk)[0], at_random(in_memory)[0])
    assert np.shares_memory(on_disk.tokens, tokens)


def test_first_rows_of_windows():
    rows, labels = first_rows(compiled(), Windows(PLACES, 9), None, 5)
    np.testing.assert_array_equal(rows, Windows(PLACES, 9).head(5))
    assert labels is None


WINDOWS = {
    "short": (lambda: Windows(PLACES[:8], 9), "at least one window of 9, received 8"),
    "empty": (lambda: Windows(PLACES[:0], 9), "window of 9, received 0"),
    "floats": (lambda: Windows(PLACES / 2, 9), r"integers of shape \(n,\).*float64"),
    "rows": (lambda: Windows(PLACES[None], 9), r"\(1, 203\)"),
    "one token": (lambda: Windows(PLACES, 1), "length must be at least 2, received 1"),
    "no length": (lambda: Windows(PLACES, 2.5), "length must be an integer"),
    "none": (lambda: Windows(PLACES, 9, num=0), "num must be > 0"),
    "no batch": (lambda: Windows(PLACES, 9).dataset(0), "batch_size must be > 0"),
    "no step": (
        lambda: Windows(PLACES, 9).dataset(8, seed=0),
        "step must be the model's count",
    ),
    "vocabulary": (
        lambda: Windows(PLACES, 9).check_vocabulary(202),
        r"x must hold tokens in \[0, 202\), received tokens in \[0, 202\]",
    ),
    "padding": (
        lambda: Windows(PLACES - 1, 9).check_vocabulary(999),
        r"in \[-1, 201\]",
    ),
}


@pytest.mark.parametrize(("make", "message"), WINDOWS.values(), ids=WINDOWS)
def test_wrong_windows_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_tokens_within_the_vocabulary_pass():
    assert Windows(PLACES, 9).check_vocabulary(203) is None


FITS = {
    "labels": ({"y": np.zeros(22, int)}, "y must be None if x is Windows"),
    "steps": ({"steps_per_epoch": 2}, "steps_per_epoch must be None for Windows"),
    "split": ({"validation_split": 0.5}, "validation_split"),
    "length": (
        {"x": Windows(PLACES, 8)},
        r"the first of x must have shape \(batch, 9\)",
    ),
    "held-out length": ({"validation_data": Windows(PLACES, 8)}, "validation_data"),
    "held-out steps": (
        {"validation_data": Windows(PLACES, 9), "validation_steps": 2},
        "validation_steps must be None",
    ),
    "batch": ({"batch_size": 0}, "batch_size must be > 0"),
}


@pytest.mark.parametrize(("options", "message"), FITS.values(), ids=FITS)
def test_wrong_use_is_refused_before_training(options, message):
    model = compiled()
    with pytest.raises(ValueError, match=message):
        model.fit(**{"x": Windows(PLACES, 9), "verbose": 0, **options})
    assert int(model.optimizer.iterations) == 0


def test_evaluate_takes_no_steps():
    with pytest.raises(ValueError, match="steps must be None for Windows"):
        compiled().evaluate(Windows(PLACES, 9), steps=2)


# Of classes


def test_windows_hold_tokens_of_one_class():
    labels = np.repeat([3, 0, 1], [100, 4, 99])
    windows = Windows(PLACES, 9, num=2000, labels=labels)
    for starts in (windows.in_order(), windows.at_random(0, 0).numpy()):
        rows, of = (part.numpy() for part in windows.fetch(starts))
        known = np.where(rows < 0, of[:, None], labels[rows])
        np.testing.assert_array_equal(known, np.repeat(of[:, None], 9, axis=1))
        assert set(of.tolist()) == {0, 1, 3}
        np.testing.assert_array_equal(rows[:, 0], starts)
    np.testing.assert_array_equal(windows.labels_in_order(), labels[windows.in_order()])
    firsts = np.unique(windows.at_random(0, 0).numpy())
    expected = [*range(92), 100, *range(104, 195)]  # the short text has one place
    np.testing.assert_array_equal(firsts, expected)
    predicted = windows.at(windows.in_order())[:, 1:]
    left = sorted(set(PLACES.tolist()) - set(predicted.ravel().tolist()))
    assert left == [0, 100, 104]  # each token but the first of a class


def test_one_class_gives_the_windows_of_none():
    alone, labelled = (
        Windows(PLACES, 9, labels=labels) for labels in (None, np.zeros(203, int))
    )
    for windows in (alone, labelled):
        assert windows.num_in_order == 26
    same = [windows.at_random(5, 2).numpy() for windows in (alone, labelled)]
    np.testing.assert_array_equal(*same)


@pytest.mark.parametrize(
    ("labels", "words"),
    [(np.zeros(9, int), "9 rows for 203"), (np.zeros(203), "labels must be integers")],
)
def test_labels_that_do_not_fit_are_refused(labels, words):
    with pytest.raises(ValueError, match=words):
        Windows(PLACES, 9, labels=labels)
