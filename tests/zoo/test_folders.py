"""Folders of images: what a pixel shows, and what a folder means."""

import os
import warnings

import numpy as np
import pytest
from PIL import Image

from keras_gen.zoo import data
from keras_gen.zoo.decoding import Framing, look, read_image

RED, BLUE = (255, 0, 0), (0, 0, 255)
LEVEL = 1 / 255


def shown_of(path, background=None):
    """The pixels of a file in its own size, grey or in colour, in [0, 1]."""
    seen = look(path)
    shape = seen.height, seen.width, 1 if seen.is_grey else 3
    return read_image(path, shape, Framing.of(background=background)) / 255


def save(path, pixels, mode=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(pixels))
    (image.convert(mode) if mode else image).save(path, **options)


def gray(value, side=4):
    return np.full((side, side), value, np.uint8)


def colour(*rgb, side=4):
    return np.full((side, side, 3), rgb, np.uint8)


def palette_with_transparency(path):
    """Index 0 is a hidden red, 1 blue, 2 half of green."""
    image = Image.new("P", (4, 4))
    image.putpalette([*RED, *BLUE, 0, 255, 0])
    image.putdata([0] * 4 + [1] * 8 + [2] * 4)
    image.save(path, transparency=bytes([0, 255, 128]))


def hidden(path, mode, **options):
    """Row 0 hides red, or 77 of grey; the last row is half opaque; the rest is not."""
    opacity = np.full((4, 4, 1), 255, np.uint8)
    opacity[0], opacity[3] = 0, 128
    if mode == "LA":
        values = np.concatenate([np.full((4, 4, 1), 77, np.uint8), opacity], axis=-1)
        Image.fromarray(values, "LA").save(path)
        return
    rgb = colour(*BLUE)
    rgb[0], rgb[3] = RED, (0, 255, 0)
    Image.fromarray(np.concatenate([rgb, opacity], axis=-1)).save(path, **options)


HALF = 128 / 255
OVER = {  # of each: how it is stored, and rows 0, 1 and 3 over (r, g, b)
    "rgba.png": (lambda p: hidden(p, "RGBA"), (0.0, 0.0, 1.0), (0.0, HALF, 0.0)),
    "la.png": (lambda p: hidden(p, "LA"), (77 / 255,) * 3, (HALF * 77 / 255,) * 3),
    "palette.png": (palette_with_transparency, (0.0, 0.0, 1.0), (0.0, HALF, 0.0)),
    "rgba.webp": (
        lambda p: hidden(p, "RGBA", lossless=True, exact=True),
        (0.0, 0.0, 1.0),
        (0.0, HALF, 0.0),
    ),
    "rgba.tif": (lambda p: hidden(p, "RGBA"), (0.0, 0.0, 1.0), (0.0, HALF, 0.0)),
}


@pytest.mark.parametrize(("name", "case"), OVER.items(), ids=OVER)
@pytest.mark.parametrize(
    ("background", "below"),
    [
        (None, (1, 1, 1)),
        (0.25, (0.25,) * 3),
        ((0, 1, 0.5), (0, 1, 0.5)),
        ("red", (1, 0, 0)),
    ],
)
def test_transparent_pixels_show_the_background(
    tmp_path, name, case, background, below
):
    store, opaque, half = case
    for i in range(2):
        store(tmp_path / f"{i}{name}")
    shown = data.load(tmp_path, (4, 4, 3), background=background).train.head(1)[0]
    below = np.array(below)
    np.testing.assert_allclose(shown[0], np.tile(below, (4, 1)), atol=LEVEL)
    np.testing.assert_allclose(shown[1], np.tile(opaque, (4, 1)), atol=1e-6)
    expected = half + (1 - HALF) * below
    np.testing.assert_allclose(shown[3], np.tile(expected, (4, 1)), atol=LEVEL)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "I;16"])
def test_a_colour_that_stands_for_transparency_is_hidden(tmp_path, mode):
    """A tRNS chunk names one colour."""
    if mode == "RGB":
        pixels, named = colour(*BLUE), RED
        pixels[0] = RED
    else:
        dark, named = {"1": (0, 255), "L": (9, 200), "I;16": (900, 60_000)}[mode]
        pixels = np.full((4, 4), dark, np.uint16 if mode == "I;16" else np.uint8)
        pixels[0] = named
    image = Image.fromarray(pixels)
    (image.convert("1") if mode == "1" else image).save(
        tmp_path / "a.png", transparency=named
    )
    shown = shown_of(tmp_path / "a.png", 0.4)
    np.testing.assert_allclose(shown[0], 0.4, atol=1e-6)
    dark = {"1": 0, "L": 9, "RGB": BLUE, "I;16": round(900 / 257)}[mode]
    np.testing.assert_allclose(shown[1, 0], np.divide(dark, 255), atol=1e-6)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_fractions_of_65535(tmp_path, suffix):
    ramp = np.linspace(0, 65535, 16).reshape(4, 4).astype(np.uint16)
    save(tmp_path / f"a.{suffix}", ramp)
    shown = shown_of(tmp_path / f"a.{suffix}")
    np.testing.assert_allclose(shown[..., 0], ramp / 65535, atol=LEVEL / 2 + 1e-7)


def test_floats_are_read_on_the_unit_interval_and_refused_elsewhere(tmp_path):
    save(tmp_path / "a.tif", np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4))
    shown = shown_of(tmp_path / "a.tif").ravel()
    np.testing.assert_allclose(shown, np.linspace(0, 1, 16), atol=LEVEL / 2 + 1e-7)
    save(tmp_path / "b.tif", np.linspace(0, 9, 16, dtype=np.float32).reshape(4, 4))
    message = r"1 of 2 images cannot be decoded: b\.tif\..*\[0, 9\] have no known range"
    with pytest.raises(ValueError, match=message):
        data.load(tmp_path)


def test_inks_are_converted_to_colours(tmp_path):
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "a.tif")
    np.testing.assert_allclose(shown_of(tmp_path / "a.tif")[0, 0], (1, 0, 0))


UPRIGHT = np.array([[0, 40, 80], [120, 160, 200]], np.uint8).repeat(8, 0).repeat(8, 1)
STORED_AS = {  # the pixels that a camera writes, by the tag (EXIF 2.3, table 6)
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.T,
    6: np.rot90(UPRIGHT),
    7: UPRIGHT[::-1, ::-1].T,
    8: np.rot90(UPRIGHT, -1),
    99: UPRIGHT,
}


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", STORED_AS)
def test_images_stand_upright(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if suffix == "webp" else {}
    stored = Image.fromarray(np.ascontiguousarray(STORED_AS[orientation]))
    stored.save(tmp_path / f"a.{suffix}", exif=exif, **options)
    shown = shown_of(tmp_path / f"a.{suffix}")
    assert shown.shape[:2] == (16, 24)
    np.testing.assert_allclose(shown[..., 0], UPRIGHT / 255, atol=0.03)


def test_the_first_frame_is_read(tmp_path):
    frames = [Image.fromarray(colour(*rgb)) for rgb in (RED, BLUE)]
    for suffix in ("gif", "webp", "tif", "png"):
        path = tmp_path / f"a.{suffix}"
        options = {"lossless": True} if suffix == "webp" else {}
        frames[0].save(path, save_all=True, append_images=frames[1:], **options)
        np.testing.assert_allclose(shown_of(path)[0, 0], (1, 0, 0), atol=0.01)


@pytest.mark.parametrize("suffix", ["webp", "tif", "TIFF", "JPG", "jfif"])
def test_a_folder_of_any_suffix_loads(tmp_path, suffix):
    for i in range(10):
        options = {"format": "JPEG"} if suffix == "jfif" else {}
        save(tmp_path / f"{i}.{suffix}", colour(20 * i, 0, 200, side=8), **options)
    loaded = data.load(tmp_path)
    assert loaded.train.data_shape == (8, 8, 3)
    shown = np.sort(
        np.concatenate([s.head(9)[:, 4, 4] for s in (loaded.train, loaded.test)])[:, 0]
    )
    np.testing.assert_allclose(shown, np.arange(10) * 20 / 255, atol=0.03)


def test_the_first_file_does_not_decide_about_colour(tmp_path):
    save(tmp_path / "mixed" / "0.png", gray(200))
    save(tmp_path / "mixed" / "1.png", colour(*RED))
    mixed = data.load(tmp_path / "mixed")
    assert mixed.train.data_shape == (4, 4, 3)
    both = [split.head(1)[0, 0, 0].tolist() for split in (mixed.train, mixed.test)]
    np.testing.assert_allclose(sorted(both), [[200 / 255] * 3, [1, 0, 0]], atol=1e-6)
    for i, mode in enumerate(("1", "L", "LA", "P")):
        save(tmp_path / "grey" / f"{i}.png", gray(255), mode)
    save(tmp_path / "grey" / "9.webp", gray(90), lossless=True)  # which has no grey
    assert data.load(tmp_path / "grey").train.data_shape == (4, 4, 1)
    assert data.load(tmp_path / "grey", (4, 4, 3)).train.data_shape == (4, 4, 3)
    assert data.load(tmp_path / "mixed", (4, 4, 1)).train.data_shape == (4, 4, 1)


def fill(folder, names, count=3, value=0):
    for name in names:
        for i in range(count):
            save(folder / name / f"{i}.png", colour(value, len(name), i))


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"),
        ("Train", "VAL"),
        ("training", "validation"),
        ("training_set", "test_set"),
    ],
)
def test_train_and_test_folders_are_splits(tmp_path, train, test):
    fill(tmp_path / train, ("dog", "cat"), value=10)
    fill(tmp_path / test, ("dog", "cat"), count=2, value=250)
    loaded = data.load(tmp_path)
    assert loaded.class_names == ("cat", "dog")
    assert loaded.train.labels.tolist() == [0] * 3 + [1] * 3
    assert loaded.test.labels.tolist() == [0] * 2 + [1] * 2
    assert (loaded.train.head(6)[..., 0] < 0.1).all()
    assert (loaded.test.head(4)[..., 0] > 0.9).all()


def test_splits_without_classes(tmp_path):
    fill(tmp_path, ("train",), count=5)
    fill(tmp_path, ("valid",), count=2)
    loaded = data.load(tmp_path)
    assert (len(loaded.train), len(loaded.test)) == (5, 2)
    assert loaded.class_names == ()
    assert loaded.test.labels is None


def test_a_training_folder_alone_is_split(tmp_path):
    fill(tmp_path / "train", ("a", "b"), count=10)
    loaded = data.load(tmp_path)
    assert loaded.class_names == ("a", "b")
    assert (len(loaded.train), len(loaded.test)) == (18, 2)


def test_of_three_splits_one_validates_during_training(tmp_path):
    for split, count in (("train", 4), ("val", 3), ("test", 2)):
        fill(tmp_path / split, ("a", "b"), count=count, value=10 * count)
    loaded = data.load(tmp_path)
    found = [(len(s), s.labels.tolist()) for s in loaded.splits]
    assert found == [(8, [0] * 4 + [1] * 4), (4, [0, 0, 1, 1]), (6, [0] * 3 + [1] * 3)]
    reds = [np.unique(split.x[..., 0]).tolist() for split in loaded.splits]
    assert reds == [[40], [20], [30]]
    other = data.renumbered(loaded, ("b", "c", "a"))
    assert other.validation.labels.tolist() == [2] * 3 + [0] * 3
    for i in range(3):
        (tmp_path / f"val/a/{i}.png").write_bytes(b"?")
    assert data.content_hash(other) != data.content_hash(loaded)


def test_classes_are_numbered_over_all_splits_and_gaps_told(tmp_path):
    fill(tmp_path / "train", ("cat", "eel"))
    fill(tmp_path / "test", ("ant", "eel"))
    (tmp_path / "train" / "ant").mkdir()  # empty
    with pytest.warns(UserWarning, match="which another split has") as told:
        loaded = data.load(tmp_path)
    assert loaded.class_names == ("ant", "cat", "eel")
    assert loaded.train.labels.tolist() == [1] * 3 + [2] * 3
    assert loaded.test.labels.tolist() == [0] * 3 + [2] * 3
    texts = sorted(str(warning.message).rpartition("/")[2] for warning in told)
    assert texts == [
        "test has no images of cat, which another split has.",
        "train has no images of ant, which another split has.",
    ]


def test_a_class_may_be_called_train(tmp_path):
    fill(tmp_path, ("train", "bus", "plane"), count=4)
    assert data.load(tmp_path).class_names == ("bus", "plane", "train")


WRONG = {
    "splits beside classes": (
        ["train/a", "test/a", "extra"],
        r"splits \(.*train.*\) and other folders \(extra\)",
    ),
    "two of a kind": (["train/a", "training/a"], "train and training: expected one"),
    "no training": (["test/a", "val/a"], "test, val but no folder train"),
    "classes in one alone": (
        ["train/a", "test"],
        "train holds one folder per class, but .*test holds images",
    ),
    "nothing held out": (["train/a", "test/"], "test holds no images"),
    "a class of nothing": (["train/a", "train/b/", "test/a"], "b holds no images"),
    "too deep": (
        ["all/train/a", "all/test/a"],
        "all holds no images.* Pass .*all if its folders, such as test",
    ),
}


@pytest.mark.parametrize(("layout", "message"), WRONG.values(), ids=WRONG)
def test_a_layout_that_is_unclear_is_refused(tmp_path, layout, message):
    for name in layout:
        if name.endswith("/"):
            (tmp_path / name).mkdir(parents=True)
        else:
            fill(tmp_path, (name,))
    with pytest.raises(ValueError, match=message):
        data.load(tmp_path)


def test_images_beside_splits_are_refused(tmp_path):
    fill(tmp_path, ("train", "test"))
    save(tmp_path / "a.png", gray(0))
    with pytest.raises(ValueError, match=r"a\.png\) and folders \(such as test\)"):
        data.load(tmp_path)


def test_what_systems_leave_behind_is_ignored_and_the_rest_is_named(tmp_path):
    fill(tmp_path, ("a", "b"))
    for name in (
        ".DS_Store",
        "__MACOSX/._0.png",
        "a/._0.png",
        "a/Thumbs.db",
        "b/desktop.ini",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"?")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert data.load(tmp_path).class_names == ("a", "b")
    (tmp_path / "labels.csv").write_text("a,b")
    (tmp_path / "b" / "photo.heic").write_bytes(b"?")
    os.mkfifo(tmp_path / "b" / "pipe.png")
    save(tmp_path / "a" / "more" / "0.png", gray(0))
    with pytest.warns(UserWarning, match="left out") as told:
        loaded = data.load(tmp_path)
    assert len(loaded.train) + len(loaded.test) == 6
    texts = [str(warning.message).partition("left out ")[2] for warning in told]
    assert sorted(texts) == [
        "files that are not images: labels.csv, b/photo.heic, b/pipe.png.",
        "folders inside of classes: a/more.",
    ]


def test_links_that_lead_outside_are_not_followed(tmp_path):
    fill(tmp_path / "elsewhere", ("secret",))
    fill(tmp_path / "set", ("a", "b"))
    (tmp_path / "set" / "a" / "9.png").symlink_to(tmp_path / "elsewhere/secret/0.png")
    (tmp_path / "set" / "c").symlink_to(tmp_path / "elsewhere/secret")
    (tmp_path / "set" / "a" / "8.png").symlink_to("../b/0.png")  # inside
    (tmp_path / "link").symlink_to(tmp_path / "set")  # the folder itself may be one
    with pytest.warns(UserWarning, match=r"lead outside the folder: c, a/9\.png\.$"):
        loaded = data.load(tmp_path / "link")
    assert loaded.class_names == ("a", "b")
    assert len(loaded.train) + len(loaded.test) == 7


def test_broken_images_are_named_with_the_reason(tmp_path):
    fill(tmp_path, ("a",))
    (tmp_path / "a" / "empty.jpg").write_bytes(b"")
    (tmp_path / "a" / "gone.png").symlink_to("absent.png")
    with pytest.raises(
        ValueError, match=r"2 of 5 .*: a/empty\.jpg, a/gone\.png\. .*not one of PNG"
    ):
        data.load(tmp_path)


@pytest.mark.parametrize(
    "background", [-0.1, (0.5, 2, 0), "no colour", (1, 1), object()]
)
def test_a_background_is_a_colour(tmp_path, background):
    save(tmp_path / "0.png", gray(0))
    with pytest.raises(ValueError, match="background must be a grey value"):
        data.load(tmp_path, background=background)


def test_a_background_is_for_folders():
    with pytest.raises(ValueError, match="background is for folders of images"):
        data.load("digits", background="black")
