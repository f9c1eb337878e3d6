"""What a type checker knows of a user's program: checked by `make lint`, never run."""

from pathlib import Path
from typing import assert_type

import keras
import numpy as np
import tensorflow as tf

import keras_gen as kg


def images_of(x: np.ndarray, y: np.ndarray, tensor: tf.Tensor) -> None:
    encoder, decoder = kg.networks.mlp_vae((28, 28, 1), latent_dim=20)
    assert_type(encoder, keras.Model)
    model = kg.VAE(encoder, decoder, likelihood=kg.Bernoulli(), seed=0)
    assert_type(model, kg.VAE)
    model.compile(keras.optimizers.Adam(1e-3))
    history = model.fit(x, epochs=10, validation_data=(x, None))
    assert_type(history, keras.callbacks.History)
    assert_type(model.sample(16, seed=7), np.ndarray)
    assert_type(model.encode(x), np.ndarray)
    assert_type(model.encode(tensor), tf.Tensor)
    assert_type(model.elbo(x, seed=0), np.ndarray)
    assert_type(model.interpolate(x, x, 5), np.ndarray)
    assert_type(model.inputs, kg.specs.Spec)

    diffusion = kg.Diffusion(kg.networks.unet((28, 28, 1), num_classes=10))
    diffusion.fit(x, y, epochs=10, callbacks=[kg.callbacks.SampleGrid("samples.png")])
    assert_type(diffusion.sample(16, condition=3, guidance_scale=2.0), np.ndarray)

    gan = kg.GAN(
        *kg.networks.dcgan((28, 28, 1)),
        objective=kg.objectives.Hinge(),
        regularizers=[kg.R1(1.0)],
    )
    assert_type(gan.sample(16), np.ndarray)


def tables_and_texts(points: np.ndarray, text: str) -> None:
    rooms, kind = kg.specs.Integer("rooms", 1, 9), kg.specs.Category("kind", ["a", "b"])
    assert_type(kg.specs.Columns([rooms, kind]), kg.specs.Columns)
    assert_type(kg.specs.Images(28, 28, 1).shape, tuple[int, ...])

    flow = kg.Flow(kg.bijectors.neural_spline(2, num_bins=16), (2,))
    assert_type(flow.log_prob(points), np.ndarray)
    assert_type(kg.random.row_seeds(0, 3), np.ndarray)

    tokenizer = kg.tokenizers.CharacterTokenizer.from_text(text)
    network = kg.networks.recurrent(tokenizer.vocabulary_size)
    model = kg.Autoregressive(network, tokenizer, length=64)
    model.fit(kg.texts.Windows(kg.texts.tokens_of(text, tokenizer), 129))
    for piece in model.stream("It was", 200):
        print(piece, end="")


def own_latents(size: int) -> kg.GenerativeModel:
    """Specs are values whose arguments are checked, lists among them."""
    codes = kg.specs.Codes([7, 7], 512)
    return kg.GenerativeModel(kg.specs.Vectors(size), latent=codes)


def folder_of(path: Path) -> None:
    figures = kg.metrics.evaluate(kg.Autoencoder(*_pair()), np.load(path))
    assert_type(figures["reconstruction_error"].value, float)


def _pair() -> tuple[keras.Model, keras.Model]:
    return kg.networks.mlp_autoencoder((8, 8, 1), 2)
