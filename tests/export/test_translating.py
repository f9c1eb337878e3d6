"""A model of images to images that the package does not know: artifacts and grid."""

import keras
import matplotlib.image
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import keras_gen as kg
from keras_gen import export
from keras_gen.callbacks.previews import translations
from keras_gen.capabilities import Generates, Translates
from keras_gen.export.reference import example_spec, parted, reference_inputs
from keras_gen.pictures import image_grid

GREY, COLOUR = kg.specs.Images(6, 6, 1), kg.specs.Images(6, 6, 3)
X = np.random.default_rng(0).random((60, 6, 6, 1), "float32")
pytestmark = pytest.mark.usefixtures("quick")


class Paints(Translates, kg.GenerativeModel):
    """Colours of grey images; the seed shifts them where translations are drawn."""

    def __init__(self, *, drawn=False, **kwargs):
        network = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Dense(3)])
        players = [kg.Player("painter", network, ema_decay=0.5)]
        specs = {"condition": GREY, "players": players}
        super().__init__(COLOUR, **specs, signed=True, **kwargs)
        self.network, self.draws_translations = network, drawn

    def translate_rows(self, x, seed=None):
        given = {"x": (x, self.source), "seed": (seed, kg.specs.SEEDS)}
        return kg.rows.run_rows(self, self.painted, given)

    def painted(self, x, seed=None):
        raw = self.network_of("painter")(self.condition_scale.inward(x))
        if seed is not None:
            raw = raw + kg.random.normal(seed, (1, 1, 3))
        return self.scale.outward(raw)


def by_hand(model, x):
    kernel, bias = model.network.get_weights()
    return np.clip(0.5 + 0.5 * ((2 * x - 1) @ kernel + bias), 0, 1)


def test_one_image_has_one_translation_and_needs_no_seed():
    model = Paints()
    assert model.source is GREY
    assert isinstance(model, Translates)
    assert not isinstance(model, Generates)
    expected = by_hand(model, X)
    for seed in (None, 1, 2):
        np.testing.assert_allclose(model.translate(X, seed=seed), expected, atol=1e-6)
    small = (255 * X).astype("uint8")
    expected = by_hand(model, small / 255)
    np.testing.assert_allclose(model.translate(small), expected, atol=1e-6)
    assert model.translate(X[:0]).shape == (0, 6, 6, 3)
    with pytest.raises(ValueError, match=r"x must have shape \(batch, 6, 6, 1\)"):
        model.translate(X[..., 0])


def test_a_seed_decides_translations_that_are_drawn():
    model = Paints(drawn=True)
    first, again, other = (model.translate(X, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


@pytest.mark.parametrize("drawn", [False, True])
def test_artifacts_translate(drawn, tmp_path):
    model = Paints(drawn=drawn)
    (endpoint,) = export.endpoints_of(model)
    assert list(endpoint.inputs) == (["x", "seed"] if drawn else ["x"])
    assert endpoint.inputs["x"].shape == (None, 6, 6, 1)
    assert endpoint.is_picture
    path = export.tflite(model, tmp_path / "m.tflite", examples=X)
    folder = export.saved_model(model, tmp_path / "served")
    for place in (path, folder):
        found = export.artifact(place)["endpoints"]["translate"]
        assert found["error"] < 1e-5
    if not drawn:
        runner = Interpreter(str(path)).get_signature_runner("translate")
        rows = np.concatenate([runner(x=x[None])["x"] for x in X[:3]])
        np.testing.assert_allclose(rows, by_hand(model, X[:3]), atol=1e-6)


def test_examples_of_an_export_are_what_is_translated():
    model = Paints()
    assert example_spec(model) is GREY
    endpoints = export.endpoints_of(model)
    inputs = reference_inputs(model, endpoints, X, 4)
    np.testing.assert_array_equal(inputs["translate"]["x"], X[:4])
    inputs = reference_inputs(model, endpoints, None, 4)
    assert inputs["translate"]["x"].shape == (4, 6, 6, 1)
    calibrated, measured = parted(model, X)
    assert calibrated.shape[1:] == measured.shape[1:] == (6, 6, 1)
    with pytest.raises(
        ValueError, match=r"examples must have shape \(batch, 6, 6, 1\)"
    ):
        reference_inputs(model, endpoints, np.repeat(X, 3, axis=-1), 4)


def test_a_grid_shows_images_above_their_translations(tmp_path):
    model = Paints()
    grid = kg.callbacks.SampleGrid(tmp_path / "grid.png", examples=X[:13])
    grid.set_model(model)
    grid.draw()
    images, columns = translations(model, X[:13])
    assert columns == 8
    np.testing.assert_array_equal(images[:8], np.repeat(X[:8], 3, axis=-1))
    np.testing.assert_array_equal(images[8:], model.translate(X[:8]))
    drawn = np.round(matplotlib.image.imread(grid.path)[..., :3] * 255)
    np.testing.assert_array_equal(drawn, image_grid(images, columns))
    without = kg.callbacks.SampleGrid(tmp_path / "grid.png")
    without.set_model(model)
    with pytest.raises(
        ValueError, match="SampleGrid requires examples=, rows of Images"
    ):
        without.on_train_begin()


def test_errors_of_translations_stand_beside_those_of_untranslated_images():
    networks = kg.networks.pix2pix((8, 8, 1), channels=(8,), patch_channels=(8,))
    x = np.random.default_rng(0).random((6, 8, 8, 1), np.float32)
    found = kg.metrics.evaluate(kg.Pix2Pix(*networks, seed=0), 1 - x, x)
    error = np.abs(1 - 2 * x).mean()
    assert found["absolute_error"].reference == pytest.approx(error, rel=1e-5)
    same = kg.metrics.ssim(1 - x, x).mean()
    assert found["ssim"].reference == pytest.approx(same, rel=1e-5)
    assert found["ssim"].value != pytest.approx(same, rel=1e-3)


def test_pairs_are_evaluated():
    model = Paints()
    target = np.clip(by_hand(model, X) + 0.1, 0, 1)
    found = kg.metrics.evaluate(model, target, X)
    assert set(found) == {"absolute_error", "ssim"}
    expected = np.abs(target - by_hand(model, X)).mean()
    assert found["absolute_error"].value == pytest.approx(expected, rel=1e-4)
    expected = kg.metrics.ssim(target, model.translate(X)).mean()
    assert found["ssim"].value == pytest.approx(expected)
    same = kg.metrics.evaluate(model, model.translate(X), X)
    assert float(same["absolute_error"]) == 0
    assert float(same["ssim"]) == pytest.approx(1)
    with pytest.raises(ValueError, match="condition is missing: .* translates. Pass"):
        kg.metrics.evaluate(model, target)
    with pytest.raises(ValueError, match="received Unpaired: errors of translations"):
        kg.metrics.evaluate(model, kg.Unpaired(target, X))


def test_a_restorer_is_shown_its_own_kind():
    how = {"patch": 4, "width": 16, "depth": 1, "condition_channels": 1}
    network = kg.networks.dit((8, 8, 1), **how)
    model = kg.Restorer(network, corruption=kg.LowResolution(2), seed=0)
    assert example_spec(model) is model.inputs
    (endpoint,) = export.endpoints_of(model, ["translate"])
    assert list(endpoint.inputs) == ["x", "seed"]
