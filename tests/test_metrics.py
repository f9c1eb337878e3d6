"""Metrics and callbacks on small models."""

import matplotlib.image
import numpy as np
import pytest

from keras_gen import metrics
from keras_gen.callbacks import SampleGrid, default_labels, reconstructions
from keras_gen.pictures import image_grid


def test_mean_has_the_standard_error_of_the_mean():
    values = np.random.default_rng(0).normal(3, 2, 400)
    figure = metrics.mean(values, "nats")
    assert figure.value == pytest.approx(values.mean())
    assert figure.standard_error == pytest.approx(values.std(ddof=1) / 20)
    assert figure.num_samples == 400
    assert metrics.mean(values[:1], "nats").standard_error is None


@pytest.mark.parametrize(
    "name", ["dense_vae", "conditional_vae", "denoising_autoencoder"]
)
def test_figures_are_means_of_the_model_s_methods(name, make_case):
    case = make_case(name)
    model = case.make()
    x, labels = case.x, case.y
    figures = metrics.evaluate(model, x, labels, importance_samples=7)
    if "vae" in name:
        elbo = model.elbo(x, labels=labels, seed=0)
        bound = model.importance_log_prob(x, 7, labels, seed=0)
        assert figures["elbo"].value == pytest.approx(elbo.mean(), rel=1e-5)
        value = figures["importance_log_prob"].value
        assert value == pytest.approx(bound.mean(), rel=1e-5)
    else:
        assert set(figures) == {"reconstruction_error", "denoising_error"}
        error = model.denoising_error(x, seed=0)
        assert figures["denoising_error"].value == pytest.approx(error.mean(), rel=1e-5)
        clean = model.reconstruction_error(x)
        assert np.abs(error - clean).max() > 1e-3


def test_the_grid_shows_the_samples_of_its_seed(make_case, tmp_path):
    model = make_case("conditional_vae").make()
    grid = SampleGrid(tmp_path / "grid.png", num_samples=32, seed=3)
    grid.set_model(model)
    grid.draw()
    num = 32 - 32 % model.num_classes
    labels = default_labels(model, num)
    assert list(labels[: model.num_classes]) == list(range(model.num_classes))
    images = model.sample(num, seed=3, labels=labels)
    drawn = np.round(matplotlib.image.imread(grid.path)[..., :3] * 255)
    np.testing.assert_array_equal(drawn, image_grid(images, model.num_classes))


def test_a_model_that_cannot_sample_shows_reconstructions(make_case, tmp_path):
    case = make_case("dense_autoencoder")
    model = case.make()
    x = case.x[:5]
    grid = SampleGrid(tmp_path / "grid.png", every=2, examples=x)
    model.fit(case.x, epochs=3, verbose=0, callbacks=[grid])
    images, columns = reconstructions(model, x)
    assert columns == 5
    np.testing.assert_array_equal(images[:5], x)
    np.testing.assert_array_equal(images[5:], model.reconstruct(x))
    drawn = np.round(matplotlib.image.imread(grid.path)[..., :3] * 255)
    np.testing.assert_array_equal(drawn, image_grid(images, columns))
