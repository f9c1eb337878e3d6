"""Latent diffusion: a VAE with a spatial latent of four channels, and its prior."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

import keras_gen as kg


def build():
    """A VAE of digits of 16x16 with a latent of 8x8x4, and a U-Net over it."""
    image, latent = keras.Input((16, 16, 1)), keras.Input((8, 8, 4))
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="silu")(image)
    y = layers.Conv2DTranspose(16, 3, 2, padding="same", activation="silu")(latent)
    encoder = keras.Model(image, layers.Conv2D(8, 3, padding="same")(x))
    decoder = keras.Model(latent, layers.Conv2D(1, 3, padding="same")(y))
    vae = kg.VAE(encoder, decoder, objective=kg.ELBO(beta=0.01), seed=0)
    network = kg.networks.unet(vae.latent.shape, channels=(16,), groups=4)
    how = {"inputs": vae.latent, "ema_decay": 0.9, "seed": 0}
    sampling = kg.samplers.Sampling("ddim", num_steps=12)
    return vae, kg.Diffusion(network, sampling=sampling, **how)


def go_on(model):
    """Two more epochs; the sum of all weights of the prior."""
    model.fit(X[:1000], epochs=2, batch_size=50, verbose=0)
    return float(sum(np.sum(w, dtype="float64") for w in model.prior.get_weights()))


def main(folder):
    """Trains both, saves, resumes, samples, exports and evaluates."""
    keras.utils.set_random_seed(0)
    train, test, (vae, prior) = X[:1000], X[1500:], build()
    vae.compile(keras.optimizers.Adam(3e-3))
    vae.fit(train, batch_size=50, epochs=8, verbose=0)
    model = kg.Latent(vae, prior)
    model.compile(keras.optimizers.Adam(2e-3))
    log = keras.callbacks.CSVLogger(folder / "prior.csv")
    held_out = {"validation_data": (test, None), "callbacks": [log], "verbose": 0}
    history = model.fit(train, batch_size=50, epochs=8, **held_out).history
    model.save(folder / "latent.keras")
    command = [sys.executable, __file__, folder / "latent.keras"]
    again = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    resumed, examples = abs(go_on(model) - float(again)), {"examples": test}
    served = kg.export.saved_model(model, folder / "served", **examples)
    phone = kg.export.tflite(model, folder / "phone.tflite", **examples)
    found = [f for p in (served, phone) for f in kg.export.check(p).values()]
    samples = model.sample(100, seed=1)
    return {
        "resumed": resumed,
        "parity": max(f["error"] for figures in found for f in figures.values()),
        "endpoints": sorted(found[0]),
        "losses": [history["val_loss"][0], history["val_loss"][-1]],
        "range": [float(samples.min()), float(samples.max())],
        "contrast": float(samples.std() / test.std()),
    }


if __name__ == "__main__":
    digits = load_digits().images / 16
    X = np.kron(digits, np.ones((1, 2, 2)))[..., None].astype("float32")
    if len(sys.argv) > 1:
        print(go_on(keras.saving.load_model(sys.argv[1])))
    else:
        with tempfile.TemporaryDirectory() as name:
            print(json.dumps(main(Path(name))))
