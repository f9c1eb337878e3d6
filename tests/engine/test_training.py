import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_gen import networks, players
from keras_gen.engine import loop, training

CALLBACKS = keras.callbacks


def ignore(*args):
    """A hook that does nothing."""


def with_hook(name):
    return type("Custom", (CALLBACKS.Callback,), {name: ignore})()


WATCHERS = {
    "custom end": with_hook("on_train_batch_end"),
    "custom begin": with_hook("on_train_batch_begin"),
    "custom old name": with_hook("on_batch_end"),
    "inherited": type("Child", (type(with_hook("on_batch_begin")),), {})(),
    "lambda": CALLBACKS.LambdaCallback(on_train_batch_end=ignore),
    "checkpoint": CALLBACKS.ModelCheckpoint("model.keras", save_freq=10),
    "backup": CALLBACKS.BackupAndRestore("backup", save_freq=10),
    "tensorboard": CALLBACKS.TensorBoard(update_freq="batch"),
    "profiler": CALLBACKS.TensorBoard(profile_batch=2),
}
OTHERS = {
    "custom epoch": with_hook("on_epoch_end"),
    "lambda": CALLBACKS.LambdaCallback(on_epoch_end=ignore),
    "checkpoint": CALLBACKS.ModelCheckpoint("model.keras"),
    "backup": CALLBACKS.BackupAndRestore("backup"),
    "tensorboard": CALLBACKS.TensorBoard(),
    "csv": CALLBACKS.CSVLogger("log.csv"),
    "early stopping": CALLBACKS.EarlyStopping(),
    "learning rate": CALLBACKS.ReduceLROnPlateau(),
    "progress bar": CALLBACKS.ProgbarLogger(),
    "terminate on nan": CALLBACKS.TerminateOnNaN(),
}


@pytest.mark.parametrize("callback", WATCHERS.values(), ids=WATCHERS)
def test_a_callback_that_watches_batches_gets_single_steps(callback):
    assert loop.default_steps([OTHERS["csv"], callback]) == 1


@pytest.mark.parametrize("callback", OTHERS.values(), ids=OTHERS)
def test_other_callbacks_leave_many_steps_per_call(callback):
    assert loop.default_steps([callback]) == loop.default_steps() > 1


def test_xla_compiles_dense_networks_outside_of_strategies(monkeypatch):
    dense, _ = networks.mlp_vae((8, 8, 1), 2)
    conv, _ = networks.conv_vae((8, 8, 1), 2)
    nested = keras.Sequential([keras.Input((8, 8, 1)), conv, layers.Dense(2)])
    assert loop.default_jit(dense)
    assert not loop.default_jit(conv)
    assert not loop.default_jit(nested)
    attends = networks.dit((8, 8, 1), patch=4, width=8, depth=1, heads=2)
    assert not loop.default_jit(attends)
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        assert not loop.default_jit(dense)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert loop.default_jit(conv) == "auto"


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_bad_term_is_remembered_and_named(bad, jit_compile):
    first = training.FirstNonFinite()
    watch = training.StopOnNonFinite(first)
    update = tf.function(first.update_state, jit_compile=jit_compile)
    good = {"loss": 3.0, "reconstruction_error": 2.0, "l1_sparsity": 1.0}
    steps = [good, good | {"l1_sparsity": bad}, dict.fromkeys(good, bad)]
    for iteration, terms in enumerate([good, *steps]):
        update({k: tf.constant(v) for k, v in terms.items()}, tf.constant(iteration))
    logs = dict(sorted(steps[1].items()))  # the order in which Keras hands them over
    message = "loss term 'l1_sparsity' became NaN or infinite at training step 3"
    with pytest.raises(FloatingPointError, match=message):
        watch.on_train_batch_end(2, logs)
    watch.on_train_begin()
    assert first.result() == 0


def test_the_norm_and_the_gradients_hold_weights_of_any_shape():
    shapes = [(), (3,), (2, 3), (3, 3, 2, 4)]
    rng = np.random.default_rng(0)
    values = [rng.normal(size=shape).astype("float32") for shape in shapes]
    gradients = [*map(tf.constant, values), None]
    norm = players.global_norm(gradients)
    expected = np.sqrt(sum(np.square(v, dtype=float).sum() for v in values))
    np.testing.assert_allclose(norm, expected, rtol=1e-6)
    *same, nothing = players.together(gradients, norm)
    assert nothing is None
    for value, gradient in zip(values, same, strict=True):
        np.testing.assert_array_equal(value, gradient)
