"""`evaluate` and `compare`: one table, one picture, honest names."""

import json
import sys

import matplotlib.image
import numpy as np
import pytest

from keras_gen.zoo import cli, compare
from keras_gen.zoo.recipe import UsageError

pytestmark = pytest.mark.filterwarnings("ignore:.*needed for a reliable:UserWarning")
PAIR = ["vae_digits", "conditional_vae_digits"]


@pytest.fixture(scope="module")
def columns(tmp_path_factory):
    picture = tmp_path_factory.mktemp("compare") / "samples.png"
    return compare.compare(PAIR, picture=picture), picture


def test_every_figure_of_samples_has_what_makes_it_honest(columns):
    for figures in columns[0].values():
        for name in ("frechet_distance", "kernel_distance", "precision", "coverage"):
            figure = figures[name]
            assert figure["extractor"] == "classifier_digits (not Inception)"
            assert figure["num_samples"] == 360
            assert figure["standard_error"] > 0
            assert "reference" in figure


def test_real_digits_score_better_than_samples(columns):
    for figures in columns[0].values():
        for name in ("frechet_distance", "kernel_distance"):
            assert figures[name]["reference"] < figures[name]["value"]


def test_the_picture_shows_both_models(columns):
    height, width, _ = matplotlib.image.imread(columns[1]).shape
    assert width > 1.5 * height


def test_the_command_prints_one_table(monkeypatch, capsys):
    sources = ["autoencoder_digits", "denoising_autoencoder_digits"]
    monkeypatch.setattr(sys, "argv", ["keras-gen", "compare", *sources])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out = capsys.readouterr().out
    assert not ended.value.code
    header, *lines = out.splitlines()
    assert header.split() == ["metric", *sources, "real", "unit"]
    row = next(line for line in lines if line.startswith("reconstruction_error"))
    assert "15.38 ± " in row
    assert "16.05 ± " in row


def test_json_has_a_column_per_model(monkeypatch, capsys):
    monkeypatch.setattr(
        sys, "argv", ["keras-gen", "compare", "classifier_digits", "--json"]
    )
    with pytest.raises(SystemExit):
        cli.main()
    models = json.loads(capsys.readouterr().out)["models"]
    assert models["classifier_digits"]["accuracy"]["value"] >= 0.98


WRONG = {
    "twice": (["vae_digits"] * 2, "once"),
    "other data": (["vae_digits", "vae_mnist"], "different data.*--data"),
    "unknown": (["vae_digit"], "Did you mean 'vae_digits'"),
}


@pytest.mark.parametrize(("sources", "message"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_compared_is_refused(sources, message):
    with pytest.raises(UsageError, match=message):
        compare.compare(sources)


def test_a_picture_needs_a_model_that_generates(tmp_path):
    with pytest.raises(UsageError, match="no model generates images"):
        compare.compare(["classifier_digits"], picture=tmp_path / "none.png")


def test_other_images_are_not_judged_by_the_classifier_of_digits(tmp_path):
    """A file of the user's is not the data set whose name it bears."""
    images = np.random.default_rng(0).random((100, 8, 8, 1), "float32")
    np.savez(tmp_path / "digits.npz", x=images, y=np.arange(100) % 10)
    path = str(tmp_path / "digits.npz")
    _, figures, dataset = compare.evaluate_source("conditional_gan_digits", path)
    assert (dataset.name, dataset.known) == ("digits", False)
    extractors = {figure.extractor for figure in figures.values()} - {None}
    assert extractors == {"random convolutions, seed 0"}
    assert figures["frechet_distance"].value > 0
    of_classes = ("classes_found", "inception_score", "label_agreement")
    assert not {*of_classes, "class_distance", "smallest_class_share"} & {*figures}
