"""Trains tiny models on one device or several; run by `test_devices.py`.

    python devices.py FOLDER STRATEGY CASE...

writes `<case>.npz` with weights and history. STRATEGY is `none`, `mirrored` (two
logical devices) or `workers` (this process is one of those that TF_CONFIG names; the
model is saved by the chief after two of four epochs, loaded by all, and goes on).
"""

import sys
import time
from pathlib import Path

import tensorflow as tf

folder, kind, names = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
strategy = tf.distribute.get_strategy()
if kind == "mirrored":
    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [logical, logical])
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
elif kind == "workers":
    strategy = tf.distribute.MultiWorkerMirroredStrategy()

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

import keras_gen as kg  # noqa: E402
from keras_gen.objectives.augmentation import AdaptiveAugmentation  # noqa: E402

SHAPE = (8, 8, 1)
EPOCHS, BATCH = 4, 16
RNG = np.random.default_rng(0)
IMAGES = RNG.random((66, *SHAPE), "float32")  # a last batch of 2
TEXTS = RNG.integers(0, 9, (66, 6)).astype("int32")
TEXTS[::3, 4:] = -1
WINDOWS = kg.texts.Windows(np.arange(500) % 9, 7, 66)
HELD_OUT = 33  # a last batch of 1, of which the second replica has none


def vae():
    model = kg.VAE(*kg.networks.mlp_vae(SHAPE, 3, units=(16,)), seed=3)
    model.compile(keras.optimizers.Adam(0.01, clipnorm=0.5), jit_compile=False)
    return model


def gan(**options):
    units = {"generator_units": (16,), "discriminator_units": (16,)}
    pair = kg.networks.mlp_gan(SHAPE, 3, **units)
    options |= {"regularizers": [kg.R1(1.0)], "ema_decay": 0.05}
    model = kg.GAN(*pair, seed=3, **options)
    model.compile(*(keras.optimizers.SGD(0.1) for _ in range(2)), jit_compile=False)
    return model


def diffusion():
    model = kg.Diffusion(kg.networks.mlp_denoiser(SHAPE, units=(16,)), seed=3)
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    return model


def autoregressive(network=None):
    network = network or kg.networks.causal_transformer(9, width=8, depth=1, heads=2)
    model = kg.Autoregressive(network, length=6, seed=3)
    model.compile(keras.optimizers.SGD(0.02), jit_compile=False)
    return model


def recurrent():
    return autoregressive(kg.networks.recurrent(9, width=8, units=(8,)))


def text_vae():
    size = {"width": 8, "units": (8,)}
    encoder = kg.networks.text_encoder(9, 2, **size)
    decoder = kg.networks.recurrent(9, condition_size=2, **size)
    model = kg.TextVAE(encoder, decoder, length=6, seed=3)
    model.compile(keras.optimizers.SGD(0.01), jit_compile=False)
    return model


def vq_vae():
    pair = kg.networks.spatial_autoencoder(SHAPE, 2, channels=(4,), blocks=0)
    model = kg.VQVAE(*pair, kg.VectorQuantizer(8, decay=0.5), seed=3)
    model.compile(keras.optimizers.SGD(1e-4), jit_compile=False)
    return model


def judged():
    pair = kg.networks.mlp_vae(SHAPE, 3, units=(16,))
    features = kg.networks.conv_features(SHAPE, 4, channels=(4,))
    game = kg.PatchGame(kg.networks.patch_discriminator(SHAPE, channels=(4,)), start=7)
    how = {"perceptual": kg.FeatureLoss(features), "adversarial": game}
    model = kg.VAE(*pair, **how, seed=3)
    model.compile(keras.optimizers.SGD(1e-3), jit_compile=False)
    return model


def augmented():
    return gan(augmentation=AdaptiveAugmentation(images_to_full=300))


class Cycle(kg.GenerativeModel):
    """Two maps that move together, and two judges, one of which waits."""

    paired = False

    def __init__(self, **kwargs):
        self.networks = [kg.networks.mlp(SHAPE, SHAPE, units=(8,)) for _ in "ab"]
        self.networks += [kg.networks.mlp(SHAPE, (1,), units=(8,)) for _ in "cd"]
        hows = {"ema_decay": 0.5}, {}, {}, {"every": 3}
        players = [
            kg.Player(name, network, **how)
            for name, network, how in zip("abcd", self.networks, hows, strict=True)
        ]
        images = kg.specs.Images(*SHAPE)
        super().__init__(images, condition=images, players=players, **kwargs)

    def turns(self, x, condition, noise, *, training):
        to_x, to_y, judge_x, judge_y = self.networks
        made, back = to_x(condition), to_y(x)
        loss = keras.ops.mean((to_y(made) - condition) ** 2 + (to_x(back) - x) ** 2)
        yield (
            ("a", "b"),
            {"maps_loss": loss - keras.ops.mean(judge_x(made) + judge_y(back))},
        )
        for name, judge, real, fake in (
            ("c", judge_x, x, made),
            ("d", judge_y, condition, back),
        ):
            loss = keras.ops.softplus(judge(fake)) + keras.ops.softplus(-judge(real))
            yield name, {f"{name}_loss": keras.ops.mean(loss)}


def cycle():
    model = Cycle(seed=3)
    model.compile(keras.optimizers.SGD(0.05), jit_compile=False)
    return model


def stream():
    return tf.data.Dataset.from_tensor_slices(IMAGES).batch(BATCH)


CASES = {  # what makes the model, examples, held-out examples
    "vae": (vae, IMAGES, IMAGES[:HELD_OUT]),
    "cycle": (
        cycle,
        kg.Unpaired(IMAGES, IMAGES[5:47] / 2),
        kg.Unpaired(IMAGES[:9], IMAGES[:33]),
    ),
    "vae of a stream": (vae, stream(), stream()),
    "gan": (gan, IMAGES, IMAGES[:HELD_OUT]),
    "patient gan": (lambda: gan(discriminator_steps=3), IMAGES, IMAGES[:HELD_OUT]),
    "augmented gan": (augmented, IMAGES, IMAGES[:HELD_OUT]),
    "diffusion": (diffusion, IMAGES, IMAGES[:HELD_OUT]),
    "autoregressive": (autoregressive, TEXTS, TEXTS[:HELD_OUT]),
    "autoregressive of windows": (autoregressive, WINDOWS, WINDOWS),
    "recurrent": (recurrent, TEXTS, TEXTS[:HELD_OUT]),
    "text_vae": (text_vae, TEXTS, TEXTS[:HELD_OUT]),
    "vq_vae": (vq_vae, IMAGES, IMAGES[:HELD_OUT]),
    "judged vae": (judged, IMAGES, IMAGES[:HELD_OUT]),
}


def fit(model, x, held_out, **options):
    size = None if isinstance(x, tf.data.Dataset) else BATCH
    held_out = held_out if size is None else (held_out, None)
    how = {"batch_size": size, "validation_data": held_out, "verbose": 0}
    return model.fit(x, **how, **options).history


def saved(model, name):
    """The model as all workers load it from what the chief has saved."""
    path = folder / f"{name}.keras"
    if strategy.cluster_resolver.task_id == 0:
        model.save(folder / f"part {name}.keras")
        (folder / f"part {name}.keras").rename(path)
    while not path.exists():
        time.sleep(0.05)
    with strategy.scope():
        return keras.saving.load_model(path)


def trained(name):
    make, x, held_out = CASES[name]
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = make()
    half = EPOCHS // 2 if kind == "workers" else EPOCHS
    history = fit(model, x, held_out, epochs=half)
    if half < EPOCHS:
        model = saved(model, name)
        rest = fit(model, x, held_out, epochs=EPOCHS, initial_epoch=half)
        history = {term: values + rest[term] for term, values in history.items()}
    assert model.training_steps == 20, model.training_steps
    assert model.steps_per_execution == 32
    return model, history


def write(name):
    model, history = trained(name)
    weights = {w.path: w.numpy() for w in model.weights}
    weights = {f"w{i}": w for i, w in enumerate(weights.values())}
    task = strategy.cluster_resolver.task_id if kind == "workers" else 0
    np.savez(folder / f"{name} {task}.npz", **weights, **history)


def check_layers():
    """Layers that see only their replica's part train too, and give finite numbers."""
    layers = keras.layers
    with strategy.scope():
        encoder = keras.Sequential(
            [
                keras.Input(SHAPE),
                layers.Conv2D(4, 8),
                layers.BatchNormalization(),
                layers.Dropout(0.5),
                layers.Flatten(),
            ]
        )
        decoder = keras.Sequential(
            [keras.Input((4,)), layers.Dense(64), layers.Reshape(SHAPE)]
        )
        model = kg.Autoencoder(encoder, decoder, seed=3)
        model.compile(keras.optimizers.SGD(0.01))
    before = [w.numpy() for w in model.trainable_weights]
    for data in (IMAGES[:33], stream()):
        logs = fit(model, data, data)
        assert np.isfinite(list(logs.values())).all(), logs
    assert all(np.isfinite(w.numpy()).all() for w in model.weights)
    for old, new in zip(before, model.trainable_weights, strict=True):
        assert np.abs(old - new.numpy()).max() > 0, new.path
    assert model.steps_per_execution == 32
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    model.fit(IMAGES, verbose=0, callbacks=[watch])
    assert model.steps_per_execution == 1


def check_words():
    """What is refused, in words."""
    with strategy.scope():
        model = vae()
    broken = np.stack([IMAGES] * 3)
    broken[2, -1] = np.nan
    data = tf.data.Dataset.from_tensor_slices(broken)
    message = r"x of batch 3.* must hold values in \[0, 1\], received 64 NaN"
    for call in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match=message):
            call(data, verbose=0)
    with pytest.raises(ValueError, match=r"Pass the tf\.data\.Dataset"):
        model.fit(strategy.experimental_distribute_dataset(stream()), verbose=0)
    with pytest.raises(ValueError, match="jit_compile must be False or 'auto'"):
        model.compile(jit_compile=True)


def check_eager():
    """Line by line as in the graph."""
    with strategy.scope():
        models = [gan(discriminator_steps=2) for _ in range(2)]
        optimizers = [keras.optimizers.SGD(0.1) for _ in range(2)]
        models[1].compile(*optimizers, run_eagerly=True)
    for a, b in zip(models[0].weights, models[1].weights, strict=True):
        b.assign(a)
    for model in models:
        model.fit(IMAGES[:33], batch_size=BATCH, verbose=0)
    for a, b in zip(*(m.weights for m in models), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)


for name in names:
    check = {"layers": check_layers, "words": check_words, "eager": check_eager}
    check[name]() if name in check else write(name)
print("done")
