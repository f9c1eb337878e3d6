"""A VQ-VAE with a spatial code, and a transformer over its codes as the prior."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from sklearn.datasets import load_digits

import keras_gen as kg
from keras_gen.rows import run_rows


@keras.saving.register_keras_serializable("growth")
class VQVAE(kg.capabilities.Encodes, kg.GenerativeModel):
    """van den Oord et al. 2017: the nearest of `num_codes` vectors at each place."""

    arguments = ("encoder", "decoder", "num_codes")

    def __init__(self, encoder, decoder, num_codes, **kwargs):
        *places, width = encoder.output_shape[1:]
        inputs = kg.specs.Images(*encoder.input_shape[1:])
        super().__init__(inputs, latent=kg.specs.Codes(places, num_codes), **kwargs)
        self.encoder, self.decoder, self.num_codes = encoder, decoder, num_codes
        shape, uniform = (num_codes, width), keras.initializers.RandomUniform(-1, 1)
        self.codebook = self.add_weight(shape, uniform, name="codebook")

    def nearest(self, z):
        """The number of the nearest code, int32 `(batch, height, width)`."""
        book = ops.convert_to_tensor(self.codebook)
        distances = ops.sum(book**2, axis=1) - 2 * ops.matmul(z, ops.transpose(book))
        return tf.argmin(distances, axis=-1, output_type=tf.int32)

    def embedded(self, codes):
        return ops.take(ops.convert_to_tensor(self.codebook), codes, axis=0)

    def loss_terms(self, x, condition, noise, *, training):
        """Equation 3, with the squared error of the reconstruction."""
        z = self.encoder(x, training=training)
        q = self.embedded(self.nearest(z))
        straight = z + ops.stop_gradient(q - z)
        error = ops.mean((self.decoder(straight, training=training) - x) ** 2)
        moves = ops.mean((q - ops.stop_gradient(z)) ** 2)
        stays = ops.mean((z - ops.stop_gradient(q)) ** 2)
        return {"loss": error + moves + 0.25 * stays, "squared_error": error}

    def code(self, x):
        return self.nearest(self.encoder(x))

    def picture(self, z):
        return ops.clip(self.decoder(self.embedded(z)), 0, 1)

    def encode(self, x, *, condition=None):
        """Codes, int32 `(batch, *latent.shape)`."""
        return run_rows(self, self.code, {"x": (x, self.inputs)})

    def decode(self, z, *, condition=None):
        """Images in [0, 1]."""
        return run_rows(self, self.picture, {"z": (z, self.latent)})


def build():
    """An autoencoder of digits of 8x8 with 4x4 codes of 16, and a prior over them."""
    image, code = keras.Input((8, 8, 1)), keras.Input((4, 4, 4))
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(image)
    y = layers.Conv2DTranspose(16, 3, 2, padding="same", activation="relu")(code)
    encoder = keras.Model(image, layers.Conv2D(4, 1)(x))
    decoder = keras.Model(code, layers.Conv2D(1, 3, padding="same")(y))
    network = kg.networks.causal_transformer(16, width=32, depth=2, heads=2, context=16)
    return VQVAE(encoder, decoder, 16, seed=0), kg.Autoregressive(network, seed=0)


def go_on(model):
    """Two more epochs; the sum of all weights of the prior."""
    model.fit(X[:1500], epochs=2, batch_size=50, verbose=0)
    return float(sum(np.sum(w, dtype="float64") for w in model.prior.get_weights()))


def main(folder):
    """Trains both, saves, resumes, samples, exports and evaluates."""
    keras.utils.set_random_seed(0)
    train, test, (vq_vae, prior) = X[:1500], X[1500:], build()
    vq_vae.compile(keras.optimizers.Adam(3e-3))
    log = keras.callbacks.CSVLogger(folder / "vq_vae.csv")
    vq_vae.fit(train, batch_size=50, epochs=15, verbose=0, callbacks=[log])
    model = kg.Latent(vq_vae, prior)
    model.compile(keras.optimizers.Adam(3e-3))
    before = model.evaluate(test, verbose=0)
    model.fit(train, batch_size=50, epochs=4, validation_split=0.1, verbose=0)
    model.save(folder / "latent.keras")
    command = [sys.executable, __file__, folder / "latent.keras"]
    again = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    resumed, examples = abs(go_on(model) - float(again)), {"examples": test}
    served = kg.export.saved_model(model, folder / "served", **examples)
    phone = kg.export.tflite(model, folder / "phone.tflite", **examples)
    found = [f for p in (served, phone) for f in kg.export.check(p).values()]
    error = np.mean((vq_vae.reconstruct(test) - test) ** 2)
    return {
        "resumed": resumed,
        "parity": max(f["error"] for figures in found for f in figures.values()),
        "unexplained": float(error / test.var()),
        "nats_before": before,
        "nats_after": model.evaluate(test, verbose=0),
        "contrast": float(model.sample(200, seed=1).std() / test.std()),
    }


if __name__ == "__main__":
    X = (load_digits().images / 16)[..., None].astype("float32")
    if len(sys.argv) > 1:
        print(go_on(keras.saving.load_model(sys.argv[1])))
    else:
        with tempfile.TemporaryDirectory() as name:
            print(json.dumps(main(Path(name))))
