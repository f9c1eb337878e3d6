"""Images to translate: folders with A and B, by pairs and without, and runs on them."""

import json

import numpy as np
import pytest
from PIL import Image

import keras_gen as kg
from keras_gen import zoo
from keras_gen.zoo.recipe import UsageError, find

from .runs import assert_equal_runs, interrupted

few = pytest.mark.filterwarnings("ignore:.*needed for a reliable:UserWarning")


def write(folder, numbers, mode):
    """Pictures of a colour that depends on their number, with a white square."""
    folder.mkdir(parents=True)
    for number in numbers:
        level = 40 + 4 * number
        colour = level if mode == "L" else (level, 20, 255 - level)
        picture = Image.new(mode, (16, 16), colour)
        picture.paste("white", (8, 8, 12, 12))
        picture.save(folder / f"p{number:02}.png")


@pytest.fixture
def folder(tmp_path):
    """20 grey pictures in A, and as many in colour in B."""
    write(tmp_path / "data" / "A", range(20), "L")
    write(tmp_path / "data" / "B", range(20), "RGB")
    return tmp_path / "data"


def test_pairs_are_examples_of_b_with_those_of_a_to_translate(folder):
    data = zoo.load_data(folder, kind="pairs")
    assert (len(data.train), len(data.test)) == (18, 2)
    assert data.inputs == kg.specs.Images(16, 16, 3)
    assert data.source == kg.specs.Images(16, 16, 1)
    for split in data.splits:
        red, grey = split.x[:, 0, 0, 0], split.labels[:, 0, 0, 0]
        np.testing.assert_array_equal(red, grey)  # of the same number
    assert dict(data.facts)["translated"] == "(16, 16, 1) to (16, 16, 3)"


def test_sets_without_pairs_have_any_number_and_names(folder):
    write(folder / "more", range(20, 30), "L")
    for path in (folder / "more").iterdir():
        path.rename(folder / "A" / path.name)
    data = zoo.load_data(folder, kind="unpaired")
    assert [len(part) for part in (data.train.x, data.train.labels)] == [18, 27]
    assert [len(part) for part in (data.test.x, data.test.labels)] == [2, 3]
    assert len(data.train) == 27
    shown = data.train.some(10)
    assert len(shown.x) == len(shown.labels) == 10
    with pytest.raises(ValueError, match="10 images without a partner"):
        zoo.load_data(folder, kind="pairs")


def test_a_set_of_one_picture_is_refused(tmp_path):
    write(tmp_path / "A", range(3), "L")
    write(tmp_path / "B", [0], "RGB")
    with pytest.raises(ValueError, match="B must hold at least 2 examples, received 1"):
        zoo.load_unpaired(tmp_path)


WRONG = {
    "other preset": (
        "vae",
        {"kind": "pairs"},
        "vae takes .* Presets for data: cycle_gan, diffusion, pix2pix",
    ),
    "no pairs": (
        "diffusion",
        {"kind": "unpaired"},
        "received two sets without pairs. Choose --kind pairs .* for data: cycle_gan",
    ),
    "array": ("pix2pix", {"data": "x.npy"}, "kind pairs is for a folder with A and B"),
    "kind": (
        "pix2pix",
        {"kind": "unpaired"},
        "pix2pix takes a folder .* pairs, receiv",
    ),
    "named": (
        "cycle_gan",
        {"data": "digits"},
        "takes a folder .* received digits",
    ),
}


@pytest.mark.parametrize("name", ["pix2pix", "cycle_gan", "diffusion"])
def test_images_of_two_sizes_are_refused_with_the_cure(name):
    both = kg.specs.Images(16, 16, 3), kg.specs.Images(32, 16, 1)
    with pytest.raises(
        UsageError, match=r"have one size, received .*32.* --image-size"
    ):
        find(name).pinned(*both, "tiny").build(0)


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_refused(case, folder, tmp_path):
    name, given, message = WRONG[case]
    np.save(tmp_path / "x.npy", np.zeros((4, 16, 16, 1), np.float32))
    how = {"data": folder, **given}
    if str(how["data"]).endswith(".npy"):
        how["data"] = tmp_path / "x.npy"
    with pytest.raises((UsageError, ValueError), match=message):
        zoo.train(name, tmp_path / "run", **how)


def test_a_model_that_does_not_translate_says_so(run, folder, tmp_path):
    out = tmp_path / "made"
    status, _, error = run("translate", "gan_digits", folder / "A", "--out", out)
    assert status != 0
    assert "does not translate images: that takes a run of the presets pix" in error


@few
@pytest.mark.slow
@pytest.mark.usefixtures("without_xla")
def test_a_run_on_pairs_translates_and_is_exported(folder, run, tmp_path):
    out = tmp_path / "run"
    status, printed, error = run(
        *("train", "pix2pix", "--data", folder, "--size", "tiny", "--epochs", "2"),
        *("--set", "dropout=0", "--out", out),
    )
    assert status == 0, error
    assert "translated: (16, 16, 1) to (16, 16, 3)" in printed
    figures = json.loads((out / "metrics.json").read_text())
    assert set(figures) == {"absolute_error", "ssim"}
    assert (out / "samples.png").exists()
    status, printed, error = run("evaluate", out, "--json")
    again = json.loads(printed)["metrics"]["absolute_error"]["value"]
    assert again == pytest.approx(figures["absolute_error"]["value"], abs=1e-6)
    made = tmp_path / "made"
    status, printed, error = run("translate", out, folder / "A", "--out", made)
    assert status == 0, error
    assert "translated 20 examples" in printed
    picture = np.asarray(Image.open(made / "p03.png"))
    given = np.asarray(Image.open(folder / "A" / "p03.png"))[None, ..., None]
    expected = zoo.load(out).translate(given)[0]
    np.testing.assert_allclose(picture / 255, expected, atol=1 / 255)
    status, printed, error = run(
        *("export", out, "--to", tmp_path / "lite", "--format", "tflite"),
        *("--quantization", "int8"),
    )
    assert status == 0, error


@few
@pytest.mark.slow
@pytest.mark.usefixtures("without_xla")
def test_a_run_without_pairs_reports_its_cycles(folder, run, tmp_path):
    out = tmp_path / "run"
    status, _, error = run(
        *("train", "cycle_gan", "--data", folder, "--size", "tiny", "--epochs", "2"),
        *("--set", "blocks=1", "--set", "channels=4,8", "--out", out),
    )
    assert status == 0, error
    figures = json.loads((out / "metrics.json").read_text())
    assert set(figures) == {"frechet_distance", "cycle_error"}
    assert 0 < figures["cycle_error"]["value"] < 1


@few
@pytest.mark.slow
@pytest.mark.long
@pytest.mark.usefixtures("without_xla")
def test_a_stopped_run_without_pairs_ends_as_if_never_stopped(folder, tmp_path):
    settings = {"blocks": 1, "channels": (2, 2)}
    how = {"data": folder, "size": "tiny", "epochs": 2, "settings": settings}
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    zoo.train("cycle_gan", whole, **how)
    with interrupted(1):
        zoo.train("cycle_gan", cut, **how)
    again = zoo.train("cycle_gan", cut, resume=True)
    assert all(np.any(h.stored.numpy()) for h in again._histories)
    assert_equal_runs(whole, cut)
