"""Artifacts of priors over codes: from seed to image, and the rest of an image."""

import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen import export
from keras_gen.random import normal, row_seeds

from ..models.test_latent import Halves, pixels, tokens, unordered

pytestmark = pytest.mark.usefixtures("quick")
ENDPOINTS = ["sample", "generate", "complete_image", "reconstruct", "encode", "decode"]
ROWS = 5


def latent(make):
    prior, rng = make(), np.random.default_rng(1)
    for weight in prior.trainable_weights:
        weight.assign_add(rng.normal(0, 0.5, weight.shape))
    return kg.Latent(Halves(), prior)


@pytest.mark.slow
@pytest.mark.parametrize("make", [tokens, pixels, unordered])
def test_an_artifact_draws_and_completes_codes_as_keras_does(make, tmp_path):
    model = latent(make)
    x = (np.random.default_rng(2).integers(0, 3, (24, 2, 2, 1)) / 2).astype("float32")
    served = export.saved_model(model, tmp_path / "served", examples=x)
    phone = export.tflite(model, tmp_path / "phone.tflite", examples=x, batch_size=ROWS)
    for path in (served, phone):
        (found,) = export.check(path).values()
        assert list(found) == ENDPOINTS
        assert max(facts["p999_error"] for facts in found.values()) == 0
        facts = export.artifact(path)["endpoints"]
        assert [name for name in ENDPOINTS if facts[name].get("draws")] == [
            *("sample", "generate", "complete_image", "reconstruct", "encode")
        ]
    seed, kept = row_seeds(7, ROWS), np.arange(ROWS, dtype=np.int32) % 3
    rows = {"x": x[:ROWS], "kept": kept, "seed": seed}
    rows["temperature"] = np.linspace(0.5, 1.5, ROWS, dtype=np.float32)
    given = {
        "sample": {"seed": seed},
        "generate": {"noise": normal(seed, model.noise.shape).numpy()},
        "complete_image": rows,
    }
    expected = {
        "sample": model.sample(ROWS, seed=7),
        "generate": model.sample(ROWS, seed=7),
        "complete_image": model.complete_image_rows(**rows),
    }
    loaded = tf.saved_model.load(str(served)).signatures
    lite = tf.lite.Interpreter(str(phone))
    for name, inputs in given.items():
        tensors = {k: tf.constant(v) for k, v in inputs.items()}
        (answer,) = loaded[name](**tensors).values()
        np.testing.assert_array_equal(answer, expected[name])
        (answer,) = lite.get_signature_runner(name)(**inputs).values()
        np.testing.assert_array_equal(answer, expected[name])
