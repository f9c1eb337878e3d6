"""Runs on folders of images: how files are read is said, recorded and kept."""

import importlib
import json
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pytest
from PIL import Image

from keras_gen import export, zoo
from keras_gen.callbacks.previews import picture_of
from keras_gen.export.manifest import facts_of_data
from keras_gen.pictures import image_grid
from keras_gen.specs import Classes, Images
from keras_gen.zoo import data, evaluation, store
from keras_gen.zoo.decoding import Framing
from keras_gen.zoo.fitting import arguments_of
from keras_gen.zoo.recipe import UsageError, find

TRAIN = importlib.import_module("keras_gen.zoo.training")

pytestmark = [
    pytest.mark.usefixtures("without_xla"),
    pytest.mark.filterwarnings("ignore:.*needed for a:UserWarning"),
]
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures of 12x20 pixels in unequal classes, transparent, and one broken."""
    root = tmp_path_factory.mktemp("pictures")
    for split, counts in {"train": (9, 5), "test": (3, 2), "val": (2, 4)}.items():
        for name, count in zip(("cat", "dog"), counts, strict=True):
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = RNG.integers(0, 256, (12, 20, 4), np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{i}.png")
    (root / "train/cat/bad.png").write_bytes(b"?")
    return root


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """A run of opaque and transparent pixels, padded with black."""
    out = tmp_path_factory.mktemp("runs") / "run"
    how = {"data": folder, "image_size": (6, 6, 4), "fit": "pad", "skip_broken": True}
    how |= {"background": "black", "condition": "folders", "size": "tiny"}
    zoo.train("vae", out, epochs=1, batch_size=8, **how)
    return out


@pytest.mark.slow
def test_a_run_records_how_files_were_read(run, folder):
    settings = store.settings_of(run)
    known = {"fit": "pad", "background": "black", "skip_broken": True}
    known |= {"image_shape": [6, 6, 4], "class_names": ["cat", "dog"]}
    assert {key: settings[key] for key in known} == known
    assert settings["condition"] == "labels"
    model = zoo.load(run)
    assert (model.inputs, model.condition) == (Images(6, 6, 4), Classes(2))
    found = evaluation.data_of(run, model)
    assert found.train.framing == Framing("pad", (0.0, 0.0, 0.0))
    assert [len(split) for split in found.splits] == [14, 5, 6]
    with pytest.warns(UserWarning, match="pictures") as told:
        given = evaluation.data_of(run, model, folder)
    assert [str(one.message).partition(": ")[2][:-1] for one in told] == [*given.notes]


@pytest.mark.slow
def test_pictures_name_the_classes(run):
    picture = matplotlib.image.imread(run / "samples.png")[..., :3]
    strip = picture[:16]
    assert strip.min() < 0.5, "a text"
    assert ((strip == strip[..., :1]).all(axis=-1)).all(), "in grey"
    tiles = picture[16:]
    assert tiles.shape[:2] == (32 * 65 + 5, 2 * 65 + 5)


@pytest.mark.slow
def test_a_resumed_run_reads_as_before(run, folder):
    for how, words in {
        "fit": ("crop", "fit=pad, received crop"),
        "background": ("white", "background=black, received white"),
        "image_size": ((None, 9), r"image_shape=\[None, 6\], received \[None, 9\]"),
    }.items():
        with pytest.raises(UsageError, match=words[1]):
            zoo.train("vae", run, resume=True, **{how: words[0]})
    with pytest.raises(UsageError, match="complete"):
        zoo.train("vae", run, resume=True, image_size=(6, None, 4), fit="pad")


def test_what_happens_to_files_is_said_before_training(
    folder, tmp_path, capsys, monkeypatch
):
    class Stop(Exception):
        pass

    def stop(*_, **__):
        raise Stop

    monkeypatch.setattr(TRAIN, "_fit", stop)
    how = {"image_size": (8, 8), "size": "tiny", "skip_broken": True}
    with pytest.raises(Stop):
        zoo.train("vae", tmp_path / "run", data=folder, **how)
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("pictures")
    assert "14 examples to train and 5 held out, 6 for validation, Images(" in told[0]
    assert told[1:4] == [
        "25 of 25 images are resized to 8x8, from 12x20 (25), 25 of them cropped at "
        "the centre (--fit)",
        "25 of 25 images have transparent pixels, which show the background "
        "(--background; --channels 4 keeps them transparent)",
        "skipped 1 image that cannot be decoded: train/cat/bad.png (it is not one of "
        "PNG, JPEG, WEBP, TIFF, GIF, BMP)",
    ]
    settings = json.loads((tmp_path / "run/recipe.json").read_text())
    assert (settings["fit"], settings["background"]) == ("crop", "white")


def test_a_broken_file_is_named_before_a_run_begins(folder, tmp_path):
    with pytest.raises(ValueError, match=r"1 of 26 .*: train/cat/bad\.png\. "):
        zoo.train("vae", tmp_path / "run", data=folder, image_size=(8, 8))
    assert not (tmp_path / "run").exists()


def test_the_third_split_validates(folder):
    found = data.load(folder, (8, 8), skip_broken=True)
    model = SimpleNamespace(condition=Classes(2))
    arguments = arguments_of(model, found, 64)
    x, labels = arguments["validation_data"]
    np.testing.assert_array_equal(x, found.validation.x)
    assert labels.tolist() == [0, 0, 1, 1, 1, 1]
    assert arguments["x"] is found.train.x


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"data": "digits", "fit": "pad"}, "fit can be chosen for folders of images"),
        ({"fit": "zoom"}, "fit must be one of crop, pad, stretch, received 'zoom'"),
        ({"background": "no colour"}, "or the name of a colour, received 'no colour'"),
        ({"background": (1, 0, 0)}, "must be the name of a colour, such as black"),
    ],
)
def test_wrong_use_is_refused(how, words, folder, tmp_path):
    with pytest.raises(ValueError, match=words):
        zoo.train("vae", tmp_path / "run", **{"data": folder, **how})
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_recipe_warns_of_what_it_does_to_other_images(folder, tmp_path):
    how = {"data": folder / "test", "epochs": 1, "batch_size": 4}
    with pytest.warns(UserWarning, match="images") as told:
        model = zoo.train("vae_digits", tmp_path / "run", **how)
    texts = [str(warning.message) for warning in told]
    assert "test: 5 of 5 images lose their colour." in texts
    assert any("resized to 8x8, from 12x20" in text for text in texts)
    assert model.inputs == Images(8, 8, 1)


def test_runs_of_earlier_versions_stretched_their_images(folder):
    begun, of = {"recipe": "vae", "steps": 9}, evaluation.reading_of
    assert of(find("vae"), folder, begun) == {"fit": "stretch"}
    assert of(find("vae"), folder, begun | {"fit": "pad"}) == {"fit": "pad"}
    assert of(find("vae"), folder, {}) == {}
    for recipe, place in (("vae", "digits"), ("lstm", folder)):
        assert of(find(recipe), place, begun) == {}


def test_manifests_take_one_name_for_each_class():
    model = SimpleNamespace(condition=Classes(2))
    assert facts_of_data(model, ("cat", "dog")) == {"class_names": ["cat", "dog"]}
    assert facts_of_data(model, ()) == {}
    with pytest.raises(ValueError, match="must be 2 texts, one for each class"):
        facts_of_data(model, ("cat",))
    with pytest.raises(ValueError, match="must be empty for a model without classes"):
        facts_of_data(SimpleNamespace(condition=None), ("cat",))


@pytest.mark.slow
def test_exports_list_the_classes(run, tmp_path):
    from keras_gen.zoo.exporting import export_source

    for kind in ("saved_model", "tflite"):
        how = {"endpoints": ["decode", "sample"]}
        path = export_source(str(run), tmp_path / kind, kind, **how)
        assert export.artifact(path)["class_names"] == ["cat", "dog"]
        export.check(path)


@pytest.mark.parametrize(
    ("labels", "titles"),
    [
        (None, ["ant", "bee", "cat"]),
        ([2], ["cat"] * 3),
        ([1, 0], ["bee", "ant"]),
        ([0, 1, 2, 1], ["ant", "bee", "cat", "bee"]),
    ],
)
def test_each_column_shows_one_class(labels, titles):
    model = SimpleNamespace(condition=Classes(3), inputs=Images(56, 56, 1))
    x = RNG.random((8, 56, 56, 1), np.float32)
    names = ["ant", "bee", "cat"]
    picture = picture_of(model, x, labels=labels, class_names=names)
    expected = image_grid(x, len(titles), titles)
    np.testing.assert_array_equal(picture, expected)
    np.testing.assert_array_equal(picture_of(model, x, labels=labels), image_grid(x, 3))
