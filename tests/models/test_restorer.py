"""Restoration by diffusion: what the network sees, and what comes out."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen.callbacks.previews import translations
from keras_gen.networks import dit, unet
from keras_gen.random import RowNoise, row_seeds
from keras_gen.samplers import Sampling

IMAGES = np.random.default_rng(0).random((16, 8, 8, 1), np.float32)


def small(num_classes=None, **options):
    network = dit(
        (8, 8, 1),
        patch=4,
        width=16,
        depth=1,
        condition_channels=1,
        num_classes=num_classes,
    )
    options = {"sampling": Sampling("ddim", num_steps=3), "seed": 0, **options}
    model = kg.Restorer(network, **{"corruption": kg.LowResolution(2)} | options)
    model.compile(keras.optimizers.Adam(1e-2))
    return model


@keras.saving.register_keras_serializable(package="tests")
class Copies(keras.layers.Layer):
    """Denoises by saying what it was told."""

    def call(self, inputs):
        return inputs[-1] + 0 * inputs[0]


def told():
    shapes = [(8, 8, 1), (1,), (8, 8, 1)]
    inputs = [keras.Input(shape) for shape in shapes]
    network = keras.Model(inputs, Copies()(inputs))
    example = kg.parameterizations.X0()
    options = {"parameterization": example, "ema_decay": None}
    return kg.Restorer(network, corruption=kg.LowResolution(2), **options)


def test_blocks_become_their_means():
    found = kg.LowResolution(2).sample(IMAGES)
    means = IMAGES.reshape(16, 4, 2, 4, 2, 1).mean(axis=(2, 4))
    np.testing.assert_allclose(found[:, ::2, 1::2], means, atol=1e-6)
    np.testing.assert_array_equal(found[:, 1::2], found[:, ::2])
    small = kg.LowResolution(2).enlarged(means, (8, 8, 1))
    np.testing.assert_allclose(small, found, atol=1e-6)


def test_what_the_network_is_told_reaches_the_result():
    corrupted = kg.LowResolution(2).sample(IMAGES)
    np.testing.assert_allclose(told().restore(corrupted, seed=0), corrupted, atol=1e-5)
    for few in (corrupted[:, ::2, ::2], corrupted[:, ::2, ::2].tolist()):
        found = told().restore(few, seed=0)
        assert isinstance(found, np.ndarray)
        np.testing.assert_allclose(found, corrupted, atol=1e-5)


def test_bytes_are_read_as_grey_values():
    x = np.round(255 * kg.LowResolution(2).sample(IMAGES)).astype(np.uint8)
    for corrupted in (x, x[:, ::2, ::2]):
        found = told().restore(corrupted, seed=0)
        np.testing.assert_allclose(found, x / np.float32(255), atol=1e-5)
    found = told().restore(tf.constant(x), seed=0)
    np.testing.assert_allclose(found, x / np.float32(255), atol=1e-5)
    found = told().predict_x0(IMAGES, *2 * [np.full(16, 0.7)], corrupted=x)
    np.testing.assert_allclose(found, x / np.float32(127.5) - 1, atol=1e-5)


def test_the_loss_is_the_error_of_the_corrupted_example():
    noise = RowNoise(tf.constant(row_seeds(0, 16)))
    found = told().loss_terms(tf.constant(IMAGES), None, noise, training=True)["loss"]
    error = 2 * (IMAGES - kg.LowResolution(2).sample(IMAGES))
    np.testing.assert_allclose(found, np.mean(error**2), rtol=1e-5)


def test_training_serves_restoration(tmp_path):
    model = small(num_classes=2, guidance_scale=2.0)
    labels = np.arange(16) % 2
    model.fit(IMAGES, labels, batch_size=8, epochs=2, verbose=0)
    corrupted = kg.LowResolution(2).sample(IMAGES)
    found = model.restore(corrupted, condition=labels, seed=0)
    assert found.shape == IMAGES.shape
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        copy.restore(corrupted, condition=labels, seed=0), found
    )
    other = model.restore(1 - corrupted, condition=labels, seed=0)
    assert np.abs(other - found).max() > 1e-3


def test_one_call_of_the_network_is_told_too():
    corrupted = kg.LowResolution(2).sample(IMAGES)
    levels = [np.full(16, value, np.float32) for value in (0.6, 0.8)]
    found = told().predict_x0(2 * IMAGES - 1, *levels, corrupted=corrupted)
    np.testing.assert_allclose(found, 2 * corrupted - 1, atol=1e-6)


@pytest.mark.slow
def test_restoration_is_exported(tmp_path):
    model = small()
    for weight in model.average.weights:
        weight.assign(weight + 0.1 * tf.random.stateless_normal(weight.shape, [0, 1]))
    file = kg.export.tflite(model, tmp_path / "restore.tflite", examples=IMAGES)
    facts = kg.export.manifest.artifact(file)["endpoints"]
    assert set(facts) == {"translate", "predict_x0"}
    assert set(facts["translate"]["inputs"]) == {"x", "seed"}
    assert "corrupted" in facts["predict_x0"]["inputs"]
    assert max(endpoint["error"] for endpoint in facts.values()) < 1e-4


REFUSED = {
    "told nothing": (
        lambda: told().predict_x0(IMAGES, *2 * [np.ones(16)]),
        ValueError,
        "requires the argument corrupted",
    ),
    "vectors": (
        lambda: kg.LowResolution(2).sample(IMAGES[:, 0, :, 0]),
        ValueError,
        "LowResolution requires images",
    ),
    "corruption of diffusion": (
        lambda: kg.Diffusion(unet((8, 8, 1)), corruption=kg.LowResolution()),
        TypeError,
        "corruption must be a None",
    ),
    "no corruption": (
        lambda: kg.Restorer(unet((8, 8, 1), condition_channels=1)),
        TypeError,
        "corruption must be a Corruption",
    ),
    "no condition": (
        lambda: kg.Restorer(unet((8, 8, 1)), corruption=kg.LowResolution()),
        ValueError,
        "and corrupted examples",
    ),
    "factor": (lambda: kg.LowResolution(1), ValueError, "factor must be at least 2"),
    "unfit factor": (
        lambda: small(corruption=kg.LowResolution(3)),
        ValueError,
        "height and width, received factor=3 and images of 8x8",
    ),
    "sides": (
        lambda: kg.LowResolution(3).sample(IMAGES),
        ValueError,
        "height and width, received factor=3 and images of 8x8",
    ),
    "shape": (lambda: told().restore(IMAGES[:, :2]), ValueError, "x must have shape"),
}


@pytest.mark.parametrize(("act", "kind", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused(act, kind, message):
    with pytest.raises(kind, match=message):
        act()


def test_a_picture_of_a_conditional_restorer_has_the_classes_of_its_examples(tmp_path):
    how = {"channels": (8,), "groups": 4, "condition_channels": 1, "num_classes": 3}
    network = kg.networks.unet((8, 8, 1), **how)
    model = kg.Restorer(network, corruption=kg.LowResolution(2), seed=0)
    x = np.random.default_rng(0).random((8, 8, 8, 1), np.float32)
    y = np.arange(8) % 3
    grid = kg.callbacks.SampleGrid(tmp_path / "grid.png", examples=x, condition=y)
    grid.set_model(model)
    grid.on_train_begin()
    grid.draw()
    shown, columns = translations(model, x, condition=y)
    assert columns == 8
    np.testing.assert_array_equal(shown[:8], x)
    np.testing.assert_array_equal(shown[8:], model.translate(x, condition=y, seed=0))
    grid.condition = None
    with pytest.raises(ValueError, match="SampleGrid requires condition="):
        grid.on_train_begin()
