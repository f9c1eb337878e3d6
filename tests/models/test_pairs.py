"""Diffusion given an image of another kind: pairs, translation, guidance."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen as kg
from keras_gen import networks, specs
from keras_gen.capabilities import can_translate, translates_condition
from keras_gen.export.reference import example_spec
from keras_gen.random import RowNoise, row_seeds
from keras_gen.samplers import Sampling

RNG = np.random.default_rng(0)
SOURCES = RNG.random((6, 8, 8, 1), np.float32)
COLOURED = RNG.random((6, 8, 8, 3), np.float32)
HOW = {"sampling": Sampling("ddim", num_steps=3), "seed": 0}


@keras.saving.register_keras_serializable(package="tests of pairs")
class Copies(keras.layers.Layer):
    """Denoises by saying what it was told, in three channels."""

    def call(self, inputs):
        return tf.repeat(inputs[2], 3, axis=-1) + 0 * inputs[0]


def told(**options):
    inputs = [keras.Input(shape) for shape in ((8, 8, 3), (1,), (8, 8, 1))]
    network = keras.Model(inputs, Copies()(inputs))
    example = kg.parameterizations.X0()
    how = HOW | {"parameterization": example, "ema_decay": None} | options
    return kg.Diffusion(network, **how)


def test_the_condition_is_an_image_of_another_kind():
    model = told()
    assert model.condition == model.source == specs.Images(8, 8, 1)
    assert can_translate(model)
    assert translates_condition(model)
    assert example_spec(model) == model.source
    expected = np.repeat(SOURCES, 3, axis=-1)
    np.testing.assert_allclose(model.translate(SOURCES, seed=0), expected, atol=1e-5)
    small = np.round(255 * SOURCES).astype(np.uint8)
    found = model.translate(small, seed=0)
    np.testing.assert_allclose(found, expected, atol=0.5 / 255 + 1e-5)


def test_a_translation_is_a_sample_given_the_image():
    network = networks.dit(
        (8, 8, 3), patch=4, width=16, depth=1, condition_channels=1, heads=2
    )
    for weight in network.weights:
        weight.assign_add(0.1 * np.random.default_rng(1).normal(size=weight.shape))
    model = kg.Diffusion(network, **HOW)
    made = model.translate(SOURCES, seed=3)
    sampled = model.sample(6, condition=SOURCES, seed=3)
    np.testing.assert_array_equal(made, sampled)
    one = model.sample(6, condition=SOURCES[0], seed=3)
    np.testing.assert_allclose(one[0], made[0], atol=1e-5)
    assert np.abs(one[1:] - made[1:]).max() > 1e-3


def test_the_loss_is_the_error_of_the_image():
    noise = RowNoise(tf.constant(row_seeds(0, 6)))
    images = tf.constant(COLOURED), tf.constant(SOURCES)
    found = told(label_dropout=0.0).loss_terms(*images, noise, training=True)["loss"]
    error = 2 * (COLOURED - SOURCES)
    np.testing.assert_allclose(found, np.mean(error**2), rtol=1e-5)
    dropped = told(label_dropout=1 - 1e-9)
    found = dropped.loss_terms(*images, noise, training=True)["loss"]
    expected = np.mean((2 * COLOURED - 1) ** 2)  # an unknown image is grey
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_guidance_leads_away_from_grey():
    made = told().translate(0.5 + (SOURCES - 0.5) / 4, seed=0, guidance_scale=2.0)
    expected = np.repeat(0.5 + (SOURCES - 0.5) / 2, 3, axis=-1)
    np.testing.assert_allclose(made, expected, atol=1e-5)


def test_only_images_are_translated():
    network = networks.mlp_denoiser((2,), units=(4,), num_classes=3)
    for model in (kg.Diffusion(network), kg.Diffusion(networks.mlp_denoiser((2,)))):
        assert not can_translate(model)
        with pytest.raises(ValueError, match="translate requires a condition of"):
            model.translate(np.zeros((3, 2)))
        names = {endpoint.name for endpoint in kg.export.endpoints_of(model)}
        assert "translate" not in names


def test_endpoints_name_the_image():
    found = {e.name: [*e.inputs] for e in kg.export.endpoints_of(told())}
    assert found["translate"] == ["x", "seed", "guidance_scale"]
    assert found["sample"] == ["seed", "image", "guidance_scale"]
    levels = ["noisy", "alpha", "sigma"]
    assert found["predict_x0"] == [*levels, "image", "guidance_scale"]


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: told().translate(COLOURED), r"image must have shape .*8, 8, 1"),
        (lambda: told().evaluate(COLOURED), "image of x is missing"),
        (lambda: told().evaluate(COLOURED, SOURCES[:4]), "For two sets without pairs"),
        (
            lambda: told().evaluate(COLOURED, SOURCES[:4]),
            "sets without pairs, train a CycleGAN",
        ),
        (lambda: told().sample(2), "image is missing: this model is conditional on"),
    ],
)
def test_what_does_not_fit_is_named(act, message):
    with pytest.raises(ValueError, match=message):
        act()


def test_two_sets_without_pairs_are_refused_before_training():
    inputs = [keras.Input(shape) for shape in ((8, 8, 3), (1,), (8, 8, 1))]
    network = keras.Model(inputs, keras.layers.Conv2D(3, 1)(Copies()(inputs)))
    model, sets = kg.Diffusion(network, **HOW), kg.Unpaired(COLOURED, SOURCES[:4])
    model.compile("adam")
    how = "must be pairs for .*, received Unpaired: .* or train a CycleGAN on two sets"
    with pytest.raises(ValueError, match=f"x {how}"):
        model.fit(sets)
    with pytest.raises(ValueError, match=f"validation_data {how}"):
        model.fit(COLOURED, SOURCES, validation_data=sets)
    with pytest.raises(ValueError, match=f"x {how}"):
        model.evaluate(sets)
    assert model.training_steps == 0


@pytest.mark.slow
def test_pairs_are_evaluated():
    found = kg.metrics.evaluate(told(), np.repeat(SOURCES, 3, -1), SOURCES)
    assert {"absolute_error", "ssim", "elbo", "bits_per_dim"} <= {*found}
    assert found["absolute_error"].value < 1e-5
    assert found["ssim"].value == pytest.approx(1, abs=1e-4)


def test_a_grid_shows_images_above_their_translations(tmp_path):
    grid = kg.callbacks.SampleGrid(tmp_path / "grid.png")
    grid.set_model(told())
    with pytest.raises(ValueError, match="SampleGrid requires examples="):
        grid.on_train_begin()
    grid.examples = SOURCES
    grid.on_train_begin()
    grid.draw()
    assert grid.path.exists()


@pytest.mark.slow
def test_training_and_artifacts_translate(tmp_path):
    network = networks.unet(
        (8, 8, 3), channels=(8, 8), groups=4, heads=2, condition_channels=1
    )
    model = kg.Diffusion(network, **HOW)
    model.compile(keras.optimizers.Adam(3e-3))
    x = np.repeat(1 - SOURCES, 3, axis=-1)  # negatives
    model.fit(x, SOURCES, batch_size=6, epochs=150, verbose=0)
    made = model.translate(SOURCES, seed=0)
    assert np.abs(made - x).mean() < 0.5 * np.abs(SOURCES - x).mean()
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(copy.translate(SOURCES, seed=0), made)
    names = ["translate", "predict_x0"]
    how = {"endpoints": names, "examples": SOURCES}
    file = kg.export.tflite(model, tmp_path / "pairs.tflite", **how)
    folder = kg.export.saved_model(model, tmp_path / "served", **how)
    for place in (file, folder):
        facts = kg.export.artifact(place)["endpoints"]
        assert max(endpoint["error"] for endpoint in facts.values()) < 1e-4
