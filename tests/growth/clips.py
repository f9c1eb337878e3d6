"""Clips of video, and signals of two channels, from training to export.

Prints figures as JSON.
"""

import json
import subprocess
import sys
import tempfile

import keras
import numpy as np
from keras import layers

import keras_gen as kg

FRAMES, SIDE, LENGTH, EPOCHS = 6, 12, 32, 25
OFFSET, AMPLITUDE = 100.0, 10.0


def squares(number, seed):
    """Clips of a square that falls, uint8 `(number, 6, 12, 12, 1)`."""
    x = np.zeros((number, FRAMES, SIDE, SIDE, 1), np.uint8)
    for clip, (row, column) in zip(
        x, np.random.default_rng(seed).integers(0, [4, 9], (number, 2)), strict=True
    ):
        for time, frame in enumerate(clip):
            frame[row + time : row + time + 4, column : column + 4] = 255
    return x


def sines(number, seed):
    """A noisy sine of any phase, and its double frequency, `(number, 32, 2)`."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 2 * np.pi, (number, 1, 1))
    angle = 2 * np.pi * np.arange(LENGTH)[:, None] / LENGTH * [1, 2] + phase
    signal = np.sin(angle) + 0.2 * rng.normal(size=angle.shape)
    return (OFFSET + AMPLITUDE * signal).astype(np.float32)


def video_network(channels=24):
    """Noisy clips and noise levels to values like the clips."""
    clip, level = keras.Input((FRAMES, SIDE, SIDE, 1)), keras.Input((1,))
    known = layers.Dense(channels, activation="silu")(level)
    y = layers.Conv3D(channels, 3, padding="same")(clip)
    for _ in range(3):
        shift = layers.Dense(channels, use_bias=False)(known)
        shift = layers.Reshape((1, 1, 1, channels))(shift)
        z = layers.Activation("silu")(y) + shift
        z = layers.Conv3D(channels, (3, 5, 5), padding="same")(z)
        y = y + layers.Activation("silu")(z)
    y = layers.Conv3D(1, 3, padding="same", kernel_initializer="zeros")(y)
    return keras.Model([clip, level], y)


def models():
    """What is trained, by name: a model without data, its data, and held-out ones."""
    signals, shape = (sines(2000, 1), sines(400, 2)), (LENGTH, 2)
    networks, bijectors = kg.networks, kg.bijectors
    clips = squares(600, 1), squares(64, 2)
    gan = networks.mlp_gan(shape, 8, generator_units=(128,), discriminator_units=(128,))
    vae = networks.conv_vae(shape, 4, values_per_channel=2)
    denoiser = networks.mlp_denoiser(shape, units=(256,) * 3)
    parts = [bijectors.Flatten(), *bijectors.real_nvp(6, units=(64,))]
    how = {"ema_decay": 0.98, "sampling": kg.samplers.Sampling(num_steps=20), "seed": 0}
    return {
        "clips": (lambda: kg.Diffusion(video_network(), **how), *clips),
        "vae": (lambda: kg.VAE(*vae, seed=0), *signals),
        "gan": (lambda: kg.GAN(*gan, ema_decay=0.98, seed=0), *signals),
        "diffusion": (lambda: kg.Diffusion(denoiser, **how), *signals),
        "flow": (lambda: kg.Flow(parts, shape, seed=0), *signals),
    }


def live(name, folder):
    """Trains, logs, saves, goes on elsewhere, samples, exports and evaluates."""
    make, x, held_out = models()[name]
    model, path = make(), f"{folder}/{name}"
    model.compile(**{} if name == "gan" else {"optimizer": keras.optimizers.Adam(2e-3)})
    suffix = "gif" if name == "clips" else "png"
    grid = kg.callbacks.SampleGrid(f"{path}.{suffix}", freq=5)
    callbacks = [keras.callbacks.CSVLogger(f"{path}.csv"), grid]
    fit = {"epochs": EPOCHS, "callbacks": callbacks, "verbose": 0}
    model.fit(x, validation_data=(held_out, None), **fit)
    model.save(f"{path}.keras")
    model.fit(x, epochs=1, verbose=0)
    command = [sys.executable, __file__, name, folder]
    subprocess.run(command, check=True)
    again = np.load(f"{path}.npz").values()
    both = zip(model.get_weights(), again, strict=True)
    off = [abs(np.subtract(a, b, dtype=float)).max() for a, b in both]
    only = {"examples": held_out, "endpoints": ["sample"]}
    served = kg.export.saved_model(model, path, **only)
    lite = kg.export.tflite(model, f"{path}.tflite", **only)
    checked = [v for path in (served, lite) for v in kg.export.check(path).values()]
    raw, samples = kg.metrics.extractors.raw(model.inputs), model.sample(400, seed=7)
    figures = kg.metrics.evaluate(model, held_out, extractor=raw)
    return {
        "inputs": type(model.inputs).__name__,
        "resumed": max(off),
        "parity": max(found["sample"]["error"] for found in checked),
        "mean": samples.mean((0, 1)).ravel()[:2],
        "deviation": samples.std((0, 1)).ravel()[:2],
        "range": [samples.min(), samples.max()],
        "lit": np.mean(samples > 0.5) / np.mean(held_out > 0.5),
        "figures": {key: figure.value for key, figure in figures.items()},
    }


if __name__ == "__main__":
    if len(sys.argv) > 1:  # elsewhere
        name, folder = sys.argv[1:]
        model = keras.saving.load_model(f"{folder}/{name}.keras")
        model.fit(models()[name][1], epochs=1, verbose=0)
        np.savez(f"{folder}/{name}.npz", *model.get_weights())
    else:
        with tempfile.TemporaryDirectory() as folder:
            found = {name: live(name, folder) for name in models()}
        print(json.dumps(found, default=lambda x: np.asarray(x).tolist()))
