"""Metrics and callbacks on small models."""

import warnings
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pytest

import keras_gen as kg
from keras_gen import callbacks, metrics, specs
from keras_gen.callbacks import (
    SampleEvaluation,
    SampleGrid,
    default_labels,
    reconstructions,
)
from keras_gen.pictures import image_grid
from keras_gen.zoo.extractors import extractor_for


def test_mean_has_the_standard_error_of_the_mean():
    values = np.random.default_rng(0).normal(3, 2, 400)
    figure = metrics.mean(values, "nats")
    assert figure.value == pytest.approx(values.mean())
    assert figure.standard_error == pytest.approx(values.std(ddof=1) / 20)
    assert figure.num_samples == 400
    assert metrics.mean(values[:1], "nats").standard_error is None


class Nearest(kg.capabilities.Classifies, kg.GenerativeModel):
    """A model of one's own, whose class is that of the nearest of three points."""

    def __init__(self, **kwargs):
        self.points = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]], np.float32)
        super().__init__(specs.Vectors(2), condition=specs.Classes(3), **kwargs)

    def log_probabilities(self, x):
        distances = ((np.asarray(x)[:, None] - self.points) ** 2).sum(axis=-1)
        return -distances


def test_models_that_classify_have_an_accuracy():
    x = np.array([[1, 0], [4, 1], [0, 4], [5, 5.5]], np.float32)
    figures = metrics.evaluate(Nearest(), x, np.array([0, 1, 2, 0]))
    assert {name: figure.value for name, figure in figures.items()} == {
        "accuracy": 0.75
    }


@pytest.mark.parametrize(
    "name", ["dense_vae", "conditional_vae", "denoising_autoencoder"]
)
def test_figures_are_means_of_the_model_s_methods(name, make_case):
    case = make_case(name)
    model = case.make()
    x, labels = case.x, case.y
    figures = metrics.evaluate(model, x, labels, importance_samples=7)
    if "vae" in name:
        elbo = model.elbo(x, condition=labels, seed=0)
        bound = model.importance_log_prob(x, 7, condition=labels, seed=0)
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
    classes = model.condition.num_classes
    num = 32 - 32 % classes
    labels = default_labels(model, num)
    assert list(labels[:classes]) == list(range(classes))
    images = model.sample(num, seed=3, condition=labels)
    drawn = np.round(matplotlib.image.imread(grid.path)[..., :3] * 255)
    np.testing.assert_array_equal(drawn, image_grid(images, classes))


def test_a_model_that_cannot_sample_shows_reconstructions(make_case, tmp_path):
    case = make_case("dense_autoencoder")
    model = case.make()
    x = case.x[:5]
    grid = SampleGrid(tmp_path / "grid.png", freq=2, examples=x)
    model.fit(case.x, epochs=3, verbose=0, callbacks=[grid])
    images, columns = reconstructions(model, x)
    assert columns == 5
    np.testing.assert_array_equal(images[:5], x)
    np.testing.assert_array_equal(images[5:], model.reconstruct(x))
    drawn = np.round(matplotlib.image.imread(grid.path)[..., :3] * 255)
    np.testing.assert_array_equal(drawn, image_grid(images, columns))


IMAGE_FIGURES = {
    *("frechet_distance", "kernel_distance", "precision", "recall"),
    *("density", "coverage", "inception_score", "class_distance"),
    *("ms_ssim", "memorization", "label_agreement"),
    *("classes_found", "smallest_class_share", "class_divergence"),
}


@pytest.mark.filterwarnings("ignore:.*needed for a reliable")
def test_samples_are_compared_with_held_out_and_training_examples(make_case):
    case = make_case("conditional_vae")
    model, extractor = case.make(), extractor_for((8, 8, 1), "digits")
    train, x, labels = case.x[:120], case.x[120:], case.y[120:]
    options = {"extractor": extractor, "importance_samples": 2}
    figures = metrics.evaluate(model, x, labels, train=train, **options)
    assert set(figures) >= IMAGE_FIGURES | {"elbo", "rate", "distortion"}
    samples = model.sample(120, seed=0, condition=labels)
    fake, real = extractor(samples).values, extractor(x).values
    distance = metrics.frechet_distance(real, fake)
    assert figures["frechet_distance"].value == pytest.approx(distance.value, rel=1e-4)
    ideal = metrics.frechet_distance(real, extractor(train).values)
    reference = figures["frechet_distance"].reference
    assert reference == pytest.approx(ideal.value, rel=1e-4)
    assert reference < distance.value
    assert figures["precision"].extractor == extractor.name
    without = metrics.evaluate(model, x, labels, **options)
    assert without["frechet_distance"].reference is None
    assert "memorization" not in without


@pytest.mark.filterwarnings("ignore:.*needed for a reliable")
def test_vectors_are_compared_as_they_are(make_case):
    case = make_case("gaussian_vae")
    raw = metrics.extractors.raw(case.x.shape[1:])
    figures = metrics.evaluate(
        case.make(), case.x, extractor=raw, train=case.x, importance_samples=2
    )
    assert figures["sliced_wasserstein"].reference == pytest.approx(0, abs=1e-6)
    assert figures["two_sample_accuracy"].value > 0.6
    assert "inception_score" not in figures


def test_an_autoencoder_without_a_density_has_no_samples(make_case):
    case = make_case("dense_autoencoder")
    figures = metrics.evaluate(
        case.make(), case.x, extractor=extractor_for((8, 8, 1), "digits")
    )
    assert set(figures) == {"reconstruction_error"}


@pytest.mark.filterwarnings("ignore:.*needed for a reliable")
@pytest.mark.parametrize("freq", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_the_callback_adds_its_figures_to_the_history(make_case, freq):
    case = make_case("conditional_vae")
    x, labels = case.x[:60], case.y[:60]
    extractor = extractor_for((8, 8, 1), "digits")
    callback = SampleEvaluation(
        x, extractor, condition=labels, freq=freq, max_share=None, seed=4
    )
    model = case.make()
    history = model.fit(case.x, case.y, epochs=4, verbose=0, callbacks=[callback])
    distances = history.history["frechet_distance"]
    assert len(distances) == len(history.history["kernel_distance"]) == 4 // freq
    fake = extractor(model.sample(60, seed=4, condition=labels)).values
    last = metrics.frechet_distance(extractor(x).values, fake)
    assert distances[-1] == pytest.approx(last.value, rel=1e-4)


def test_the_callback_keeps_to_its_share_of_the_time(monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(callbacks.evaluation.time, "perf_counter", lambda: clock.now)
    evaluated = []

    def sample(num, **options):
        clock.now += 3.0
        evaluated.append(num)
        return np.random.default_rng(0).normal(size=(num, 2))

    def extract(x):
        clock.now += 0.5
        return metrics.Features(np.asarray(x, np.float32))

    x = np.random.default_rng(1).normal(size=(20, 2))
    extractor = metrics.Extractor("slow", extract, 2)
    callback = SampleEvaluation(x, extractor, max_share=0.1)
    facts = {"can_generate": True, "condition": None, "inputs": specs.Vectors(2)}
    model = SimpleNamespace(sample=sample, **facts)
    callback.set_model(model)
    callback.on_train_begin()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for epoch in range(300):
            clock.now += 1.0
            callback.on_epoch_end(epoch, {})
    spent = 3.5 * len(evaluated)  # the first, a trial, and the features of x
    assert 0.08 < spent / (clock.now - spent) <= 0.1


REFUSED = {
    "no density": ("dense_autoencoder", {}, "cannot generate"),
    "labels missing": ("conditional_vae", {}, "labels are missing"),
    "few labels": ("conditional_vae", {"condition": [0] * 7}, "labels"),
    "share": ("dense_vae", {"max_share": -1}, "max_share must be"),
    "extractor": ("dense_vae", {"extractor": "classifier"}, "extractor must be"),
}


@pytest.mark.parametrize(("name", "options", "message"), REFUSED.values(), ids=REFUSED)
def test_the_callback_refuses_before_training(make_case, name, options, message):
    case = make_case(name)
    model = case.make()
    options = {"extractor": extractor_for((8, 8, 1), "digits"), **options}

    def train():
        callback = SampleEvaluation(case.x[:60], **options)
        model.fit(case.x, case.y, verbose=0, callbacks=[callback])

    with pytest.raises((TypeError, ValueError), match=message):
        train()
    assert int(model.optimizer.iterations) == 0


def test_what_cannot_be_evaluated_is_refused(make_case):
    case = make_case("classifier")
    with pytest.raises(ValueError, match="labels are missing"):
        metrics.evaluate(case.make(), case.x)
    with pytest.raises(TypeError, match="model must be"):
        metrics.evaluate("vae", case.x)
    case = make_case("dense_gan")
    with pytest.warns(UserWarning, match="no figures of .*Pass extractor= to compare"):
        assert metrics.evaluate(case.make(), case.x, case.y) == {}
