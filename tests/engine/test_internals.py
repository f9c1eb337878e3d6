"""What `engine/internals.py` assumes of Keras, one test each; and the way out."""

import itertools
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.backend.tensorflow import trainer

from keras_gen.engine import internals, loop

from ..marks import but_slow

X = np.arange(12, dtype="float32")[:, None]


class Batches(internals.Adapter):
    """Notes what Keras asks of it."""

    num_batches, batch_size = 3, 4

    def __init__(self, batches=(0, 1, 2), *, is_known=True):
        self.batches, self.calls = batches, []
        self.num_batches = len(batches) if is_known else None

    def __iter__(self):
        self.calls.append("iter")
        return iter(self.batches)

    def on_epoch_begin(self):
        self.calls.append("begin")

    def on_epoch_end(self):
        self.calls.append("end")


class Watched(internals.OwnFunctions, keras.Model):
    """Notes the batches of each call."""

    def __init__(self, steps=2):
        super().__init__()
        self.built, self.train_calls, self.test_calls = True, [], []
        self.compile(optimizer=None, steps_per_execution=steps, jit_compile=False)

    def make_train_function(self, *_):
        self.train_function = lambda it: self.note(self.train_calls, it)

    def make_test_function(self, *_):
        self.test_function = lambda it: self.note(self.test_calls, it)

    def note(self, calls, iterator):
        calls.append(next(iterator))
        return {}


def test_an_adapter_is_gone_through_by_iter_once_per_epoch():
    data, model = Batches(), Watched()
    model.fit(data, epochs=2, verbose=0)
    assert model.train_calls == [0, 1, 0, 1]  # two calls of two batches per epoch
    assert data.calls.count("iter") >= 2
    assert data.calls.count("begin") == 2


def test_a_distribution_strategy_leaves_an_adapter_as_it_is():
    data = Batches()
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        model = Watched(steps=1)
        model.fit(data, verbose=0)
    assert model.train_calls == [0, 1, 2]


def test_validation_and_evaluate_call_the_test_function():
    model = Watched()
    model.fit(Batches(), epochs=2, validation_data=Batches(range(4)), verbose=0)
    assert model.test_calls == [0, 1, 0, 1]
    model.evaluate(Batches([7, 8]), verbose=0)
    assert model.test_calls[4:] == [7]


def test_validation_is_announced_and_kept_data_are_dropped():
    seen = []

    class Announced(Watched):
        def evaluate(self, *args, **kwargs):
            seen.append(internals.is_validation_of_fit(kwargs))
            return super().evaluate(*args, **kwargs)

    model = Announced()
    model.fit(Batches(), validation_data=Batches(), verbose=0)
    model.evaluate(Batches(), verbose=0)
    assert seen == [True, False]
    model._eval_epoch_iterator = object()
    internals.forget_validation(model)
    assert model._eval_epoch_iterator is None


def test_single_batches_reach_the_functions_as_iterators():
    model = Watched()
    model.train_on_batch(X, X)
    model.test_on_batch(X)
    ((x, y, weights),) = model.train_calls
    assert x is X
    assert y is X
    assert weights is None
    assert model.test_calls[0][0] is X


def test_stop_iteration_ends_an_epoch_of_unknown_length():
    data, model = Batches("abc", is_known=False), Watched(steps=1)
    with warnings.catch_warnings():  # some versions of Keras say that data ran out
        warnings.simplefilter("ignore")
        model.fit(data, epochs=1, verbose=0)
    assert model.train_calls == ["a", "b", "c"]


class Sequence(keras.utils.PyDataset):
    """Three batches of four rows."""

    def __init__(self):
        super().__init__()
        self.ended = 0

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return (X[4 * index : 4 * index + 4],)

    def on_epoch_end(self):
        self.ended += 1


STREAMS = {
    "array": (X, 3),
    "tf.data": (tf.data.Dataset.from_tensor_slices((X,)).batch(4), 3),
    "PyDataset": (Sequence(), 3),
    "generator": (((X[i : i + 4],) for i in (0, 4, 8)), None),
}


@pytest.mark.parametrize(("data", "num"), STREAMS.values(), ids=STREAMS)
def test_a_stream_gives_the_batches_of_any_data(data, num):
    stream = internals.Stream(data, batch_size=4)
    assert stream.num_batches == num
    stream.on_epoch_begin()
    batches = stream.get_tf_dataset()
    batches = [b[0] if isinstance(b, tuple) else b for b in batches]
    stream.on_epoch_end()
    np.testing.assert_array_equal(np.concatenate(batches), X)
    if isinstance(data, Sequence):
        assert data.ended == 1


def test_the_last_rows_are_split_off():
    first, last = internals.split_off((X, None), 0.25)
    np.testing.assert_array_equal(first[0], X[:9])
    np.testing.assert_array_equal(last[0], X[9:])
    assert first[1] is None


def test_a_profiling_callback_is_known():
    watch = keras.callbacks.TensorBoard
    assert internals.profiles_batches(watch(profile_batch=2))
    assert not internals.profiles_batches(watch(profile_batch=0))


def network():
    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(2)], name="inner")


def test_layers_of_any_depth_are_found():
    outer = keras.Sequential([keras.Input((1,)), network(), keras.layers.Dense(1)])
    names = [type(layer).__name__ for layer in internals.layers_of(outer)]
    assert names.count("Dense") == 2
    assert names.count("Sequential") == 2
    assert internals.layers_of(outer)[0] is outer


def test_the_way_to_a_tensor_is_found():
    dense = keras.layers.Dense(2)
    start = keras.Input((3,))
    first, second = keras.ops.split(dense(start), 2, axis=-1)
    split, inputs, index = internals.origin(second)
    assert index == 1
    assert internals.origin(first).operation is split
    layer, (entered,), _ = internals.origin(inputs[0])
    assert layer is dense
    assert entered is start
    assert internals.origin(start).inputs == []


def test_built_models_are_not_built_anew():
    model = Watched()
    model.build = lambda *_: pytest.fail("built again")
    model.fit(Batches(), verbose=0)


def test_weights_and_averages_of_an_optimizer_are_found():
    weights = network().trainable_variables
    optimizer = keras.optimizers.SGD(use_ema=True, ema_momentum=0.5)
    scaled = keras.optimizers.LossScaleOptimizer(optimizer)
    scaled.build(weights)
    assert internals.inner(scaled) is optimizer is internals.inner(optimizer)
    assert [w is v for w, v in zip(weights, internals.moved_by(scaled), strict=True)]
    averages = internals.averages_of(scaled)
    assert [a.shape for a in averages] == [w.shape for w in weights]
    shown = keras.optimizers.SGD()
    internals.show_averages(shown, weights, averages)
    model = Watched()
    model.optimizer = shown
    swap = keras.callbacks.SwapEMAWeights()
    swap.set_model(model)
    for average in averages:
        average.assign(np.full(average.shape, 7.0))
    swap.on_test_begin()
    assert all((w.numpy() == 7).all() for w in weights)


@pytest.mark.parametrize("steps", [None, 3])
def test_whether_an_optimizer_will_move_is_known(steps):
    (weight,) = [keras.Variable(0.0)]
    optimizer = keras.optimizers.SGD(1.0, gradient_accumulation_steps=steps)
    optimizer.build([weight])
    for _ in range(7):
        expected, before = bool(internals.will_update(optimizer)), float(weight)
        optimizer.apply_gradients([(tf.constant(1.0), weight)])
        assert (float(weight) != before) == expected


@pytest.mark.parametrize("known", [True, False], ids=["as assumed", "without"])
def test_summed_gradients_are_not_summed_again(known, monkeypatch):
    """One replica stands for two here: twice the gradient, unless it is not summed."""
    weight = keras.Variable(1.0)
    optimizer = keras.optimizers.SGD(1.0)
    optimizer.build([weight])
    reduces = internals.REDUCES
    if known:
        twice = [(tf.constant(2.0), weight)]
        monkeypatch.setitem(vars(optimizer), reduces, lambda _: twice)
        del vars(optimizer)[reduces]
        assert hasattr(optimizer, reduces)
    else:
        monkeypatch.setattr(internals, "REDUCES", "_unknown")
    internals.apply_summed(optimizer, [tf.constant(0.5)], [weight], 2)
    assert float(weight) == (0.5 if known else 0.75)  # Keras would sum two of 0.25
    assert reduces not in vars(optimizer)


@pytest.mark.parametrize("limit", [None, "epochs", "steps_per_epoch"])
def test_the_loop_of_this_keras_is_as_assumed(limit):
    """Also where Keras is told, for debugging, to stop early."""
    internals.loop_fault.cache_clear()
    if limit is None:
        assert internals.loop_fault() is None
        return
    choose = getattr(keras.config, f"set_max_{limit}")
    choose(1)
    try:
        assert internals.loop_fault() is None
    finally:
        choose(None)


# The way out


class Lists(trainer.TFEpochIterator):
    """Hands lists of batches over, as the loops of other backends do."""

    def _enumerate_iterator(self):
        for begin, end, iterator in super()._enumerate_iterator():
            batches = list(itertools.islice(iterator, self.steps_per_execution))
            if not batches:
                return
            yield begin, end, batches


@pytest.fixture
def other_loop(monkeypatch):
    """Makes Keras' loop hand over what the engine does not expect."""

    def forget():
        internals.loop_fault.cache_clear()
        loop._warn_of.cache_clear()

    def use():
        monkeypatch.setattr(trainer, "TFEpochIterator", Lists)
        forget()

    yield use
    forget()


@pytest.mark.parametrize("kind", but_slow(["array", "tf.data"], ["tf.data"]))
def test_fit_works_with_another_loop_and_says_so_once(kind, make_case, other_loop):
    case = make_case("conditional_vae")
    x, y = case.rows(case, 0, 40)
    held_out = case.rows(case, 0, 20)
    data = {"x": x, "y": y, "batch_size": 16}
    if kind == "tf.data":
        data = {"x": tf.data.Dataset.from_tensor_slices((x, y)).batch(16)}
    runs = []
    for use in (lambda: None, other_loop):
        use()
        model = case.make(keras.optimizers.Adam(0.01), jit_compile=False)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            history = model.fit(**data, epochs=2, validation_data=held_out, verbose=0)
            loss = model.evaluate(*held_out, verbose=0, return_dict=True)["loss"]
        told = [str(w.message) for w in caught if "keras_gen" in str(w.message)]
        runs.append((model, history.history, loss, told))
    (model, history, loss, none), (other, others, again, told) = runs
    assert none == []
    assert len(told) == 1
    assert "own functions are used, which are slower" in told[0]
    assert "TypeError: 'list' object is not an iterator" in told[0]
    assert model.training_steps == other.training_steps == 6
    assert loss == pytest.approx(again, rel=1e-5)
    for name, values in history.items():
        assert values == pytest.approx(others[name], rel=1e-5), name
    for a, b in zip(model.weights, other.weights, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)


def test_a_keras_without_adapters_is_noticed(monkeypatch, make_case, other_loop):
    internals.loop_fault.cache_clear()
    monkeypatch.setattr(internals, "MISSING", "no module named 'data_adapters'")
    case = make_case("dense_autoencoder")
    model = case.make()
    with pytest.warns(UserWarning, match="no module named 'data_adapters'"):
        model.fit(case.x[:32], batch_size=16, verbose=0)
    assert model.training_steps == 2


def test_names_within_the_context_do_not_count():
    first = keras.layers.Dense(1).name
    with internals.names_kept():
        inside = keras.layers.Dense(1).name
    after = keras.layers.Dense(1).name
    assert inside == after != first
