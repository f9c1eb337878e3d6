"""Training in mixed precision and on two devices."""

import subprocess
import sys

import keras
import numpy as np
import pytest


@pytest.fixture(params=["mixed_bfloat16", "mixed_float16"])
def policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("name", ["conv_autoencoder", "dense_vae"])
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


TWO_DEVICES = """
import keras, numpy as np, tensorflow as tf, keras_gen as kg
cpu = tf.config.list_physical_devices("CPU")[0]
logical = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(cpu, [logical, logical])
x = np.random.default_rng(0).random((32, 8, 8, 1), "float32")

def make(kind, pair):
    keras.utils.set_random_seed(0)
    model = kind(*pair((8, 8, 1), 3, units=(16,)), seed=3)
    model.compile(keras.optimizers.SGD(0.1))
    return model

def fit(model, x):
    return model.fit(x, batch_size=32, verbose=0, shuffle=False).history["loss"][0]

pair = kg.networks.mlp_autoencoder
single = make(kg.Autoencoder, pair)
loss = fit(single, x)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    model, vae = make(kg.Autoencoder, pair), make(kg.VAE, kg.networks.mlp_vae)
np.testing.assert_allclose(fit(model, x), loss, rtol=1e-6)
for a, b in zip(single.trainable_variables, model.trainable_variables, strict=True):
    np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)
assert np.isfinite(fit(vae, x)) and vae.steps_per_execution == 1
rows = lambda: vae._noise(tf.zeros((16, 1)), tf.constant(0)).normal((3,), 0)
noise = strategy.experimental_local_results(tf.function(strategy.run)(rows))
assert not set(noise[0].numpy().ravel()) & set(noise[1].numpy().ravel())
assert np.isfinite(fit(model, np.concatenate([x, x[:1]])))  # one row for two
assert all(np.isfinite(w.numpy()).all() for w in model.trainable_variables)
broken = np.stack([x, x, np.concatenate([x[:-1], x[-1:] * np.nan])])
try:
    model.fit(tf.data.Dataset.from_tensor_slices(broken), verbose=0)
except FloatingPointError as error:
    assert "at training step 6" in str(error), error
    print("two devices agree")
"""


def test_two_devices_make_the_step_of_one():
    command = [sys.executable, "-c", TWO_DEVICES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert "two devices agree" in done.stdout, done.stderr[-2000:]
