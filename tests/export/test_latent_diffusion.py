"""Artifacts of latent diffusion: from seed, class and guidance to image."""

import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen import export
from keras_gen.random import normal, row_seeds

from ..models.test_latent_editing import LARGE, diffusion, vae

pytestmark = pytest.mark.usefixtures("quick")
ROWS = 4


@pytest.mark.slow
def test_an_artifact_draws_guided_classes_as_keras_does(tmp_path, run_fresh):
    autoencoder = vae()
    model = kg.Latent(autoencoder, diffusion(autoencoder.latent, num_classes=3))
    x = np.resize(LARGE, (24, 16, 16, 1))
    names = ["sample", "generate", "reconstruct"]
    how = {"examples": x, "endpoints": names}
    served = export.saved_model(model, tmp_path / "served", **how)
    phone = tmp_path / "phone.tflite"
    export.tflite(model, phone, batch_size=ROWS, **how)
    for path in (served, phone):
        (found,) = export.check(path).values()
        assert list(found) == names
        facts = export.artifact(path)["endpoints"]
        assert {*facts["sample"]["inputs"]} == {"seed", "labels", "guidance_scale"}
        assert {*facts["reconstruct"]["inputs"]} == {"x", "labels"}
        for name in names:
            assert found[name]["error"] <= facts[name]["tolerance"] <= 1e-4
    seed, labels = row_seeds(7, ROWS), np.array([0, 1, 2, 1], np.int32)
    told = {"labels": labels, "guidance_scale": np.array([1, 2, 0, 4], np.float32)}
    noise = normal(seed, model.noise.shape).numpy()
    given = {"sample": {"seed": seed, **told}, "generate": {"noise": noise, **told}}
    expected = model.sample(
        ROWS, condition=labels, guidance_scale=told["guidance_scale"], seed=7
    )
    calls = {name: (served, name, inputs) for name, inputs in given.items()}
    fresh, lite = run_fresh(calls), tf.lite.Interpreter(str(phone))
    for name, inputs in given.items():
        np.testing.assert_allclose(fresh[name], expected, atol=1e-5)
        (answer,) = lite.get_signature_runner(name)(**inputs).values()
        np.testing.assert_allclose(answer, expected, atol=1e-4)
