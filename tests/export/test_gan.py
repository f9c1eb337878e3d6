"""Artifacts of a GAN: its average, its codes, its integers."""

import json
import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_gen as kg
from keras_gen import export, networks
from keras_gen.export import manifest, precision, runner
from keras_gen.random import row_seeds

from ..marks import but_slow
from .lite import by_rows

NOISE = np.random.default_rng(3).normal(size=(50, 6)).astype(np.float32)
pytestmark = pytest.mark.usefixtures("quick")


def make(**options):
    """An untrained model whose average is another generator than the live one."""
    random.seed(0)
    model = kg.GAN(*networks.dcgan((8, 8, 1), 6, channels=(8, 16), **options), seed=0)
    rng = np.random.default_rng(1)
    for network in (model.generator, model.average):
        for weight in network.weights:
            weight.assign(weight + 0.1 * rng.random(weight.shape))
    return model


def codes():
    pair = networks.mlp_gan((8, 8, 1), 6, generator_units=(32,), auxiliary_outputs=5)
    return kg.GAN(*pair, auxiliary=kg.InfoGAN(3, 1), seed=0)


def answer(path, **inputs):
    interpreter = Interpreter(str(path))
    endpoint = "sample" if "seed" in inputs else "generate"
    return by_rows(interpreter.get_signature_runner(endpoint), inputs)


def facts_of(path):
    manifest = json.loads((path.parent / "manifest.json").read_text())
    return manifest["artifacts"][path.name]["endpoints"]


@pytest.mark.parametrize(
    "build", but_slow({"dcgan": make, "infogan": codes}, ["infogan"])
)
def test_artifacts_answer_like_keras(build, tmp_path):
    model = build()
    path = export.tflite(model, tmp_path / "m.tflite")
    folder = export.saved_model(model, tmp_path / "served")
    assert runner.foreign_operators(path) == []
    expected = model.generate(NOISE), model.sample(9, seed=4)
    assert np.ptp(expected[0], axis=0).max() > 0.05
    seeds = row_seeds(4, 9)
    served = tf.saved_model.load(folder).signatures
    found = [
        (answer(path, noise=NOISE), answer(path, seed=seeds)),
        (
            served["generate"](noise=tf.constant(NOISE))["sample"],
            served["sample"](seed=tf.constant(seeds))["sample"],
        ),
    ]
    for answers in found:
        for a, b in zip(answers, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-5)
    assert set(facts_of(path)) == {"sample", "generate"}


def test_an_export_holds_the_chosen_generator_only(tmp_path):
    model, size = make(), {}
    by = {
        chosen: (np.asarray(network(NOISE)) + 1) / 2
        for chosen, network in ((True, model.average), (False, model.generator))
    }
    assert np.abs(by[True] - by[False]).max() > 0.01
    for chosen in (True, False):
        model.use_ema = chosen
        path = tmp_path / f"{chosen}.tflite"
        export.tflite(model, path, endpoints=["generate"])
        found = answer(path, noise=NOISE)
        np.testing.assert_allclose(found, by[chosen], rtol=0, atol=1e-5)
        size[chosen] = path.stat().st_size
    weights = 4 * sum(int(np.prod(w.shape)) for w in model.generator.weights)
    assert size[True] == size[False] < 1.2 * weights + 10_000


@pytest.mark.parametrize("chosen", [True, False])
def test_a_float32_copy_samples_from_the_chosen_generator(chosen):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = make()
    finally:
        keras.config.set_dtype_policy("float32")
    model.use_ema = chosen
    exact = precision.as_float32(model)
    assert exact is not model
    np.testing.assert_allclose(
        exact.generate(NOISE), model.generate(NOISE), rtol=0, atol=0.03
    )


def test_integers_are_calibrated_by_noise(tmp_path):
    model = make()
    path = export.tflite(model, tmp_path / "m.tflite", quantization="int8")
    (name,) = facts_of(path)
    assert name == "generate"
    expected, found = model.generate(NOISE), answer(path, noise=NOISE)
    error = np.abs(found - expected)
    assert error.max() < 0.1
    assert 1e-5 < error.mean() < 0.01
    assert error.mean() / 5 < facts_of(path)[name]["mean_error"] < error.mean() * 5
    stored = np.load(manifest.reference_of(tmp_path, path.name))
    reference = stored["generate/inputs/noise"]
    assert len(reference) == 20
    assert abs(reference.mean()) < 4 / np.sqrt(reference.size)
    assert reference.std() == pytest.approx(1, abs=4 / np.sqrt(2 * reference.size))


def test_meaningless_integers_are_refused(tmp_path):
    pair = networks.mlp_gan((8, 8, 1), 6, generator_units=(16,))
    model = kg.GAN(*pair, ema_decay=None, seed=0)
    kernel = next(w for w in model.generator.weights if w.shape[-1] == 64)
    loud = kernel.numpy()
    loud[:, 0] *= 1e4
    kernel.assign(loud)
    with pytest.raises(export.ParityError, match="int8 is meaningless for generate"):
        export.tflite(model, tmp_path / "m.tflite", quantization="int8")
    assert not list(tmp_path.iterdir())
