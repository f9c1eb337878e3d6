"""Presets: families at a size, for data of any shape, from one command."""

import json
import math
import re

import numpy as np
import pytest
from PIL import Image

import keras_gen as kg
from keras_gen import zoo
from keras_gen.specs import (
    Classes,
    Clips,
    Columns,
    Images,
    Integer,
    Series,
    Vectors,
)
from keras_gen.zoo import data, diffusions, inspecting, store
from keras_gen.zoo.preset import SIZES, Preset, sides
from keras_gen.zoo.recipe import UsageError, find, preset_names

from ..marks import but_slow
from .runs import assert_equal_runs, interrupted

pytestmark = [
    pytest.mark.usefixtures("without_xla"),
    pytest.mark.filterwarnings("ignore:.*needed for a:UserWarning"),
]
RNG = np.random.default_rng(0)
SPECS = [Images(8, 8, 1), Images(18, 22, 3), Images(64, 64, 3), Vectors(5)]
SPECS += [Images(16, 16, 2), Images(16, 16, 4)]
SPECS += [Series(62, 2), Series(4, 2), Clips(3, 8, 10, 3)]
LARGE = {Images(64, 64, 3), Images(16, 16, 2), Images(16, 16, 4), Series(4, 2)}
TEXT = "the cat sat on the mat, and the dog sat on the cat.\n" * 60
ARRAYS = [name for name in preset_names() if "Vectors" in find(name).kinds]
PICTURES = {
    *"autoencoder consistency diffusion flow gan pixel_cnn restorer vae vq_vae".split()
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures of 20x12 pixels in two classes, with transparency."""
    root = tmp_path_factory.mktemp("pictures")
    for name, count in {"cat": 14, "dog": 10}.items():
        (root / name).mkdir()
        for i in range(count):
            pixels = RNG.integers(0, 256, (20, 12, 4), np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i}.png")
    return root


@pytest.mark.parametrize("spec", but_slow(SPECS, LARGE), ids=str)
@pytest.mark.parametrize("name", preset_names())
def test_a_preset_builds_models_of_its_data(name, spec):
    preset = find(name)
    assert isinstance(preset, Preset)
    is_small = min(sides(spec), default=8) < preset.smallest
    if type(spec).__name__ not in preset.kinds or is_small:
        with pytest.raises(UsageError, match="this preset takes "):
            preset.pinned(spec, None, "tiny")
        return
    conditions = (Images(*spec.shape[:2], 1),) if preset.reads else (None, Classes(3))
    for condition in conditions:
        model = preset.pinned(spec, condition, "tiny").build(0)
        assert model.inputs.shape == spec.shape
        assert model.compiled
        if name != "autoencoder":
            assert model.condition == condition


@pytest.mark.parametrize("name", ARRAYS)
def test_sizes_have_more_weights_each(name):
    models = [find(name).pinned(Vectors(4), None, size).build(0) for size in SIZES]
    counts = [model.count_params() for model in models]
    assert counts == sorted(counts)
    assert counts[0] * 20 < counts[-1]


def test_few_data_are_passed_over_more_often_in_smaller_batches():
    preset, found = find("vae"), {}
    for number in (20, 142, 360, 5000):
        batch = preset.batch_of(number)
        found[number] = batch, preset.epochs_of(math.ceil(number / batch))
    assert found == {20: (8, 334), 142: (16, 112), 360: (32, 84), 5000: (64, 50)}
    assert find("lstm").epochs_of(1) == 50


def test_many_rows_are_trained_in_larger_batches():
    preset, table = find("gan"), Columns([Integer("a"), Integer("b")])
    numbers = (48_546, 130_000, 1_000_000, 5_000_000)
    found = [preset.batch_of(number, table) for number in numbers]
    assert found == [64, 128, 512, 1024]
    assert preset.batch_of(1_000_000, Vectors(4)) == 512
    assert preset.batch_of(1_000_000, Images(16, 16)) == 64


@pytest.mark.slow
def test_a_folder_trains_at_a_chosen_size_and_resumes(folder, tmp_path, capsys):
    how = {"data": folder, "size": "tiny", "image_size": (16, 8), "batch_size": 8}
    whole = zoo.train("vae", tmp_path / "whole", epochs=2, **how)
    assert whole.inputs == Images(16, 8, 3)
    assert whole.condition == Classes(2)
    settings = json.loads((tmp_path / "whole/recipe.json").read_text())
    assert settings["image_shape"] == [16, 8, 3]
    assert settings["size"] == "tiny"
    told = capsys.readouterr().out
    assert "22 examples to train and 2 held out, Images(height=16" in told
    assert "given Classes(num_classes=2)\n24 of 24 images are resized to 16x8" in told
    assert f"vae, tiny: {whole.count_params():,} weights, 6 steps" in told

    with interrupted(1):
        zoo.train("vae", tmp_path / "cut", epochs=2, **how)
    with pytest.raises(UsageError, match=r"image_shape=\[16, 8\], received \[8, 8\]"):
        zoo.train("vae", tmp_path / "cut", image_size=(8, 8), resume=True)
    again = {k: v for k, v in how.items() if k != "data"}  # the same command
    zoo.train("vae", tmp_path / "cut", data=folder, resume=True, epochs=2, **again)
    assert_equal_runs(tmp_path / "whole", tmp_path / "cut")
    with pytest.raises(UsageError, match="complete"):
        zoo.train("vae", tmp_path / "cut", resume=True)


@pytest.mark.slow
def test_labels_can_be_left_out(folder, tmp_path):
    how = {"data": folder, "size": "tiny", "image_size": (8, 8, 1), "epochs": 1}
    model = zoo.train("vae", tmp_path / "run", condition="none", **how)
    assert model.condition is None
    assert model.inputs == Images(8, 8, 1)
    assert zoo.load(tmp_path / "run").sample(2, seed=0).shape == (2, 8, 8, 1)


@pytest.mark.slow
def test_tables_of_numbers_and_texts_train(tmp_path):
    np.save(tmp_path / "numbers.npy", RNG.normal(1e4, 30, (60, 3)).astype("float32"))
    how = {"size": "tiny", "epochs": 1}
    model = zoo.train("flow", tmp_path / "a", data=tmp_path / "numbers.npy", **how)
    settings = store.settings_of(tmp_path / "a")
    assert (settings["batch_size"], settings["steps"]) == (8, 7)
    assert model.sample(400, seed=0).mean() == pytest.approx(1e4, abs=30)
    (tmp_path / "text.txt").write_text(TEXT)
    model = zoo.train("lstm", tmp_path / "b", data=tmp_path / "text.txt", **how)
    assert set(model.complete("the", 20, seed=0)) <= set(TEXT)


@pytest.mark.slow
def test_a_restorer_undoes_what_is_chosen():
    def made(spec, **settings):
        recipe = find("restorer").tuned(settings, "restorer")
        return recipe.pinned(spec, None, "tiny").build(0).corruption

    image = Images(8, 12, 3)
    assert made(image) == kg.LowResolution(4)
    assert made(Images(18, 22, 3)) == kg.LowResolution(2)
    assert made(Images(9, 8, 1)) == kg.objectives.GaussianNoise(0.2)
    assert made(Series(16, 1)) == kg.objectives.GaussianNoise(0.2)
    noise = made(image, corruption="noise", strength=0.5)
    assert noise == kg.objectives.GaussianNoise(0.5)
    assert made(image, corruption="masking") == kg.objectives.Masking(0.5)
    assert made(image, corruption="salt_and_pepper") == kg.SaltAndPepper(0.5)
    with pytest.raises(UsageError, match=r"received strength=3 and Images\(height=8"):
        made(image, strength=3)
    with pytest.raises(UsageError, match=r"received strength=2 and Series\("):
        made(Series(16, 1), corruption="low_resolution")
    with pytest.raises(UsageError, match="a share below 1 for masking, received 1"):
        made(image, corruption="masking", strength=1)


WRONG = {
    "no data": ({}, "vae requires data: pass --data"),
    "size": ({"size": "huge"}, "size must be one of tiny, small, base, large"),
    "condition": (
        {"condition": "colour"},
        "must be labels or none, any or a column",
    ),
    "text": (
        {"data": "pydocs"},
        "vae takes Images, .*, received text. .*: lstm,",
    ),
}


@pytest.mark.parametrize(("how", "words"), WRONG.values(), ids=WRONG)
def test_wrong_use_is_refused_before_training(how, words, folder, tmp_path):
    how = {"data": folder, **how} if how else how
    with pytest.raises(UsageError, match=words):
        zoo.train("vae", tmp_path / "run", **how)
    assert not (tmp_path / "run").exists()


def test_a_file_is_no_run_folder(folder, tmp_path):
    (tmp_path / "run").touch()
    with pytest.raises(UsageError, match="run is a file: expected a new or empty fol"):
        zoo.train("vae", tmp_path / "run", data=folder)


def test_a_size_is_never_ignored(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((20, 12, 12, 1), "uint8"))
    np.save(tmp_path / "v.npy", RNG.normal(size=(20, 3)))
    holds = {"x": r"is expected, .* \(12, 12, 1\)", "v": r"for .*v\.npy, .* \(3,\)"}
    for name, words in holds.items():
        how = {"data": tmp_path / f"{name}.npy", "image_size": (8, 8)}
        with pytest.raises(ValueError, match=rf"\(8, 8\) {words}"):
            zoo.train("vae", tmp_path / "run", **how)


def test_large_images_need_a_size(tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(2):
        Image.new("RGB", (200, 150)).save(tmp_path / f"in/{i}.png")
    words = "150x200 pixels, more than 128: choose a size with --image-size"
    with pytest.raises(UsageError, match=words):
        zoo.train("vae", tmp_path / "run", data=tmp_path / "in")


def test_recipes_are_not_resized(folder, tmp_path):
    with pytest.raises(UsageError, match="size can be chosen for presets only, and"):
        zoo.train("vae_digits", tmp_path / "run", data=folder, size="tiny")


@pytest.mark.parametrize(
    ("spec", "sizes"),
    [
        (Images(9, 9, 1), "9x9 .* 8x8 or 10x10"),
        (Images(33, 48, 3), "33x48 .* 32x48 or 34x48"),
        (Series(187, 1), "187 .* --window, such as 186 or 188"),
    ],
)
def test_sides_that_cannot_be_halved_are_named_with_the_nearest(spec, sizes):
    with pytest.raises(UsageError, match=rf"flow halves .* received {sizes}\."):
        find("flow").pinned(spec, None, "tiny").build(0)


def test_data_are_described(folder, tmp_path):
    facts = dict(inspecting.describe(data.load(folder, (16, 8))))
    assert facts["kind"] == "Images"
    assert facts["examples"] == "22 and 2 held out"
    assert facts["shape"] == "16x8x3"
    counts = [int(n) for n in re.findall(r"\((\d+)\)", facts["classes"])]
    assert sum(counts) == 22
    assert facts["presets"].split(", ") == [n for n in preset_names() if n in PICTURES]

    x = np.stack([np.arange(40.0), np.full(40, 7.0)], axis=1)
    np.save(tmp_path / "x.npy", x)
    facts = dict(inspecting.describe(data.load(tmp_path / "x.npy")))
    assert re.fullmatch("float32, [01] to 3[89]", facts["values"])
    assert facts["constant columns"] == "1"
    assert facts["presets"] == "autoencoder, consistency, diffusion, flow, gan, vae"

    (tmp_path / "text.txt").write_text(TEXT)
    facts = dict(inspecting.describe(data.load(tmp_path / "text.txt")))
    assert facts["characters"] == f"{len(TEXT):,}"
    assert facts["distinct characters"] == str(len(set(TEXT)))
    assert facts["presets"] == "lstm, text_vae, transformer"


def test_every_player_of_a_preset_has_its_rate():
    recipe = find("gan").pinned(kg.specs.Vectors(3), None, "tiny")
    model = recipe.build(0)
    for optimizer in (model.generator_optimizer, model.discriminator_optimizer):
        config = optimizer.get_config()
        assert config["learning_rate"] == pytest.approx(2e-4)
        assert (config["beta_1"], config["beta_2"]) == (0.0, 0.99)


@pytest.mark.parametrize(
    ("inputs", "patch"),
    [
        (Images(28, 28, 1), 1),
        (Images(64, 64, 3), 2),
        (Images(70, 65, 3), 1),
        (Images(64, 128, 3), 2),
        (Images(128, 160, 3), 4),
        (Images(256, 256, 3), 4),
        (Series(256, 1), 1),
    ],
)
def test_large_images_are_seen_in_patches(inputs, patch):
    assert diffusions.usual_patch(inputs) == patch
