"""Samples of a VAE that draws from p(x | z), in artifacts."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen import export, networks
from keras_gen.random import row_seeds

from ..marks import but_slow

FREE = {"unit_interval": False}
LIKELIHOODS = {
    "learned": kg.LearnedGaussian(**FREE),
    "levels": kg.DiscretizedLogistic(8),
    "bits": kg.Bernoulli(),
}


def drawing(likelihood):
    size = likelihood.values_per_channel
    pair = networks.mlp_vae((6,), 2, units=(8,), values_per_channel=size)
    model = kg.VAE(*pair, likelihood=likelihood, seed=0)
    model.samples_mean = False
    return model


@pytest.mark.parametrize("name", but_slow([*LIKELIHOODS], ("learned", "bits")))
def test_artifacts_draw_as_the_model_does(name, tmp_path, quick):
    model = drawing(LIKELIHOODS[name])
    seeds = row_seeds(7, 64)
    expected = model.sample(64, seed=7)
    assert np.abs(expected - model.sample(64, seed=7, mean=True)).max() > 0.1
    export.saved_model(model, tmp_path / "served", version=1, endpoints=["sample"])
    served = tf.saved_model.load(str(tmp_path / "served" / "1"))
    found = served.signatures["sample"](seed=tf.constant(seeds))["sample"].numpy()
    assert (np.abs(found - expected) > 1e-5).mean() < 0.01  # rounding may move a level
    export.tflite(model, tmp_path / "draws.tflite", endpoints=["sample"])


def test_means_are_exported_where_samples_are_means(tmp_path, quick):
    model = drawing(kg.Gaussian(**FREE))
    model.samples_mean = True
    model.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    export.saved_model(again, tmp_path / "served", version=1, endpoints=["sample"])
    served = tf.saved_model.load(str(tmp_path / "served" / "1"))
    seeds = tf.constant(row_seeds(7, 5))
    found = served.signatures["sample"](seed=seeds)["sample"].numpy()
    np.testing.assert_allclose(found, model.sample(5, seed=7, mean=True), atol=1e-5)
