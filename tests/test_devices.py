"""Training in mixed precision and on two devices."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from .marks import but_slow


@pytest.fixture(
    params=but_slow(["mixed_bfloat16", "mixed_float16"], ["mixed_bfloat16"])
)
def policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize(
    "name", [pytest.param("conv_autoencoder", marks=pytest.mark.slow), "dense_vae"]
)
def test_mixed_precision_trains_and_goes_on(
    name, policy, make_case, tmp_path, assert_same_state
):
    case = make_case(name)
    model = case.make(keras.optimizers.Adam(0.01))
    loss = model.fit(case.x[:16], epochs=15, verbose=0).history["loss"]
    assert np.isfinite(loss).all()
    assert loss[-1] < loss[0]
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (policy == "mixed_float16")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for m in (model, loaded):
        m.fit(case.x[:16], verbose=0)
    assert_same_state(model, loaded)
    assert model.reconstruct(case.x[:2]).dtype == np.float32


def test_half_precision_takes_the_step_of_single_precision(make_case):
    """Each player has a scale of its own, which leaves no trace in the step."""
    rate, steps = 0.1, []
    case = make_case("dense_gan")
    before = keras.config.dtype_policy()
    for name in ("float32", "mixed_float16"):
        keras.config.set_dtype_policy(name)
        try:
            model = case.make(keras.optimizers.SGD(rate))
        finally:
            keras.config.set_dtype_policy(before)
        start = [w.numpy() for w in model.trainable_variables]
        logs = model.fit(case.x[:16], verbose=0).history
        moved = zip(start, model.trainable_variables, strict=True)
        steps.append([a - b.numpy() for a, b in moved])
        lengths = [np.sqrt(sum(np.square(s).sum() for s in steps[-1]))]
        norms = [v[0] for k, v in logs.items() if k.endswith("gradient_norm")]
        assert rate * np.linalg.norm(norms) == pytest.approx(lengths[0], rel=1e-3)
    for exact, coarse in zip(*steps, strict=True):
        np.testing.assert_allclose(coarse, exact, atol=0.02 * np.abs(exact).max())
    optimizers = model.discriminator_optimizer, model.generator_optimizer
    for optimizer in optimizers:
        assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        assert float(optimizer.dynamic_scale) == 2.0**15
    assert optimizers[0].dynamic_scale is not optimizers[1].dynamic_scale


def test_gradients_too_large_for_half_precision_are_left_out(
    make_case, tmp_path, assert_same_state
):
    case = make_case("conditional_wgan")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = case.make(keras.optimizers.SGD(1e-3))
    finally:
        keras.config.set_dtype_policy(before)
    model.discriminator_optimizer.dynamic_scale.assign(2.0**40)
    rows = case.rows(case, 0, 64)
    fit = {"batch_size": 16, "verbose": 0}
    start = [w.numpy() for w in model.trainable_variables]
    logs = model.fit(*rows, **fit).history
    assert logs["discriminator_gradient_norm"] == [0.0]
    assert logs["generator_gradient_norm"] == [0.0]
    for a, b in zip(start, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(a, b.numpy())
    assert int(model.generator_optimizer.iterations) == 0
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for m in (model, loaded):
        m.fit(*rows, epochs=10, **fit)
    assert_same_state(model, loaded)
    steps = int(model.optimizer.iterations)
    assert int(model.generator_optimizer.iterations) == steps // 3 > 0


BEGINNING = """
import keras, numpy as np, tensorflow as tf, keras_gen as kg
cpu = tf.config.list_physical_devices("CPU")[0]
logical = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(cpu, [logical, logical])
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
"""


def assert_two_devices_agree(script):
    command = [sys.executable, "-c", BEGINNING + script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert "two devices agree" in done.stdout, done.stderr[-2000:]


TWO_DEVICES = """
x = np.random.default_rng(0).random((32, 8, 8, 1), "float32")

def make(kind, pair):
    keras.utils.set_random_seed(0)
    model = kind(*pair((8, 8, 1), 3, units=(16,)), seed=3)
    model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    return model

def fit(model, x):
    return model.fit(x, batch_size=32, verbose=0, shuffle=False).history["loss"][0]

pair = kg.networks.mlp_autoencoder
single = make(kg.Autoencoder, pair)
loss = fit(single, x)
with strategy.scope():
    model, vae = make(kg.Autoencoder, pair), make(kg.VAE, kg.networks.mlp_vae)
np.testing.assert_allclose(fit(model, x), loss, rtol=1e-6)
for a, b in zip(single.trainable_variables, model.trainable_variables, strict=True):
    np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)
assert np.isfinite(fit(vae, x)) and vae.steps_per_execution == 1
rows = lambda: kg.random.batch_noise(3, tf.zeros((16, 1)), 0).normal((3,), 0)
noise = strategy.experimental_local_results(tf.function(strategy.run)(rows))
assert not set(noise[0].numpy().ravel()) & set(noise[1].numpy().ravel())
assert np.isfinite(fit(model, np.concatenate([x, x[:1]])))  # one row for two
assert all(np.isfinite(w.numpy()).all() for w in model.trainable_variables)
broken = np.stack([x, x, np.concatenate([x[:-1], x[-1:] * np.nan])])
stream = tf.data.Dataset.from_tensor_slices(broken)
for call in (model.fit, model.evaluate):
    try:
        call(stream, verbose=0)
        raise SystemExit("a broken batch was taken")
    except ValueError as error:
        assert "x of batch 3 must hold values in [0, 1], received 64 NaN" in str(error)
with strategy.scope():
    conv = make(kg.VAE, lambda *args, units: kg.networks.conv_vae(*args, channels=(4,)))
    layers = keras.layers
    norm = make(kg.Autoencoder, lambda shape, size, units: (
        keras.Sequential([keras.Input(shape), layers.Conv2D(2, 8),
                          layers.BatchNormalization(), layers.Flatten()]),
        keras.Sequential([keras.Input((2,)), layers.Dense(64), layers.Reshape(shape)]),
    ))
odd = np.concatenate([x, x[:1]])  # of the last row each replica gets a copy
for m in (conv, norm):
    for data in (odd, tf.data.Dataset.from_tensor_slices(odd).batch(32)):
        logs = m.fit(data, batch_size=None if data is not odd else 32, verbose=0,
                     validation_data=(odd, None), validation_batch_size=32).history
        assert np.isfinite([v[0] for v in logs.values()]).all(), logs
        assert all(np.isfinite(w.numpy()).all() for w in m.weights)
assert conv.training_steps == 4, conv.training_steps
print("two devices agree")
"""


@pytest.mark.slow
def test_two_devices_make_the_step_of_one():
    assert_two_devices_agree(TWO_DEVICES)


TWO_PLAYERS = """
from keras_gen import random
from keras_gen.objectives.augmentation import AdaptiveAugmentation
x = np.random.default_rng(0).random((32, 8, 8, 1), "float32")

def make(**options):
    keras.utils.set_random_seed(0)
    units = {"generator_units": (16,), "discriminator_units": (16,)}
    pair = kg.networks.mlp_gan((8, 8, 1), 3, **units)
    options = {"regularizers": [kg.R1(1.0)], "ema_decay": 0.05} | options
    model = kg.GAN(*pair, seed=3, **options)
    model.compile(*(keras.optimizers.SGD(0.1) for _ in range(2)), jit_compile=False)
    return model

def fit(model, x):
    return model.fit(x, batch_size=32, verbose=0, shuffle=False).history

def half_of(seed, x, step):
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    rows = tf.range(tf.shape(x)[0]) + replica * tf.shape(x)[0]
    return random.RowNoise(random.row_seeds(seed, 1)[0] + rows * 7, step)

from keras_gen import model as base
draws, base.batch_noise = base.batch_noise, half_of
single = make()
alone = fit(single, x)
held_out = single.evaluate(x, batch_size=32, verbose=0, return_dict=True)
with strategy.scope():
    model = make()
    augmented = make(augmentation=AdaptiveAugmentation(images_to_full=100))
together = fit(model, x)
assert set(together) == set(alone), (set(together), set(alone))
for name in ("discriminator_loss", "generator_loss", "r1", "real_accuracy"):
    np.testing.assert_allclose(together[name], alone[name], rtol=1e-5, err_msg=name)
for a, b in zip(single.weights, model.weights, strict=True):
    np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6, err_msg=a.path)
assert model.generator_optimizer.iterations.numpy() == 1
both = model.evaluate(x, batch_size=32, verbose=0, return_dict=True)
assert set(both) == set(held_out), (set(both), set(held_out))
assert not any("norm" in name for name in both), both
base.batch_noise = draws
assert np.isfinite(fit(model, np.concatenate([x, x[:1]]))["r1"])  # one row for two
assert all(np.isfinite(w.numpy()).all() for w in model.weights)
probability = fit(augmented, np.concatenate([x, x]))["augmentation_probability"][0]
assert 0 <= probability <= 0.64
try:
    with strategy.scope():
        make(discriminator_steps=2)
except ValueError as error:
    assert "discriminator_steps must be 1 under" in str(error)
    print("two devices agree")
"""


@pytest.mark.slow
def test_two_devices_make_the_steps_of_two_players():
    assert_two_devices_agree(TWO_PLAYERS)


TEXT = """
x = np.random.default_rng(0).integers(0, 9, (32, 6)).astype("int32")
size = {"width": 8, "units": (8,)}
networks = {
    "transformer": lambda: kg.networks.causal_transformer(9, width=8, depth=1, heads=2),
    "lstm": lambda: kg.networks.recurrent(9, **size),
}

def compiled(make):
    keras.utils.set_random_seed(0)
    model = make()
    model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    return model

def fit(model, x):
    return model.fit(x, batch_size=32, verbose=0, shuffle=False).history["loss"][0]

for name, network in networks.items():
    make = lambda: kg.Autoregressive(network(), length=6, seed=3)
    single = compiled(make)
    loss = fit(single, x)
    with strategy.scope():
        model, windowed = compiled(make), compiled(make)
    np.testing.assert_allclose(fit(model, x), loss, rtol=1e-6)
    for a, b in zip(single.weights, model.weights, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6, err_msg=a.path)
    same = (m.complete(x[:2, :3], 4, temperature=0) for m in (single, model))
    np.testing.assert_array_equal(*same)
    windows = kg.texts.Windows(np.arange(500) % 9, 7, 41)
    how = {"batch_size": 8, "verbose": 0, "validation_data": (windows, None)}
    losses = windowed.fit(windows, epochs=3, **how).history["val_loss"]
    assert losses[-1] < losses[0], losses
with strategy.scope():
    vae = compiled(lambda: kg.TextVAE(
        kg.networks.text_encoder(9, 2, **size),
        kg.networks.recurrent(9, condition_size=2, **size),
        length=6,
        seed=3,
    ))
assert np.isfinite(fit(vae, x))
print("two devices agree")
"""


@pytest.mark.slow
def test_two_devices_make_the_steps_of_language_models():
    assert_two_devices_agree(TEXT)
