"""Images of any size and mode as arrays, and the cache of decoded images."""

import errno
import os
import threading

import numpy as np
import pytest
from PIL import Image

from keras_gen.zoo import data, file_cache, image_cache
from keras_gen.zoo.decoding import Framing, look, read_image
from keras_gen.zoo.inspecting import describe

from .test_folders import BLUE, OVER, RED, colour, gray, save

RNG = np.random.default_rng(0)
ORANGE = (255, 128, 0)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own for each test."""
    monkeypatch.setenv("KERAS_GEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def bands(height, *columns):
    """An image of columns of pixels, each of one colour."""
    return np.stack([np.full((height, 3), rgb, np.uint8) for rgb in columns], axis=1)


WIDE = bands(4, RED, RED, ORANGE, BLUE, BLUE, ORANGE, RED, RED)


def test_a_wide_image_loses_its_sides(tmp_path):
    save(tmp_path / "a.png", WIDE)
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.png", (4, 4, 3)), WIDE[:, 2:6]
    )
    save(tmp_path / "b.png", WIDE.swapaxes(0, 1))
    np.testing.assert_array_equal(
        read_image(tmp_path / "b.png", (4, 4, 3)), WIDE[:, 2:6].swapaxes(0, 1)
    )


@pytest.mark.parametrize(
    ("channels", "below", "inside"),
    [(1, 179, (76, 151, 29)), (3, (0, 255, 255), None), (4, (0, 255, 255, 0), None)],
)
def test_a_padded_image_is_whole_on_the_background(tmp_path, channels, below, inside):
    save(tmp_path / "a.png", WIDE)
    framing = Framing.of("pad", "aqua")
    padded = read_image(tmp_path / "a.png", (8, 8, channels), framing)
    assert (padded[[0, 1, 6, 7]] == below).all()
    if channels == 1:
        assert padded[2, [0, 2, 3], 0].tolist() == list(inside)
    else:
        np.testing.assert_array_equal(padded[2:6, :, :3], WIDE)
        assert (padded[2:6, :, 3:] == 255).all()


def test_a_stretched_image_shows_all(tmp_path):
    save(tmp_path / "a.png", bands(4, *[RED] * 8, *[BLUE] * 8))
    shown = read_image(tmp_path / "a.png", (8, 4, 3), Framing("stretch"))
    assert (shown[:, 0] == RED).all()
    assert (shown[:, 3] == BLUE).all()


def test_a_grey_ramp_is_resized_to_its_means(tmp_path):
    ramp = np.arange(64, dtype=np.uint8)[None].repeat(64, 0) * 4
    save(tmp_path / "a.png", ramp)
    shown = read_image(tmp_path / "a.png", (8, 8, 1))[4, 1:7, 0]
    np.testing.assert_allclose(shown, ramp[0].reshape(8, 8).mean(1)[1:7], atol=1)


GIF = OVER | {
    "one.gif": (
        lambda p: (
            Image.fromarray(np.array([[0], [1], [1], [1]], np.uint8).repeat(4, 1))
            .convert("P")
            .save(p, transparency=0)
        ),
        None,
        None,
    )
}


@pytest.mark.parametrize(("name", "case"), GIF.items(), ids=GIF)
def test_opacity_is_kept_and_hides_nothing(tmp_path, name, case):
    store, opaque, half = case
    store(tmp_path / name)
    shown = read_image(tmp_path / name, (4, 4, 4), Framing.of(background=ORANGE_UNIT))
    assert (shown[0] == (*ORANGE, 0)).all()
    assert (shown[1, :, 3] == 255).all()
    assert look(tmp_path / name).is_transparent
    if opaque is not None:
        assert (shown[3, :, 3] == 128).all()
        np.testing.assert_allclose(shown[1, 0, :3], np.array(opaque) * 255, atol=0.01)
        expected = np.array(half) * 255 / 128 * 255
        np.testing.assert_allclose(shown[3, 0, :3], expected, atol=0.01)


ORANGE_UNIT = tuple(value / 255 for value in ORANGE)


def test_resized_edges_do_not_mix_with_what_is_hidden(tmp_path):
    pixels = np.zeros((64, 64, 4), np.uint8)  # hidden black
    pixels[:, 32:] = (*RED, 255)
    save(tmp_path / "a.png", pixels)
    shown = read_image(tmp_path / "a.png", (9, 9, 4))
    assert (shown[:, 4, 3] > 100).all()
    assert (shown[:, 4, 3] < 155).all()
    assert (shown[:, 4:, :3] == RED).all(), "the edge is half opaque red, not dark red"


def test_opaque_files_are_opaque_with_four_channels(tmp_path):
    save(tmp_path / "a.jpg", gray(77, 16))
    assert (read_image(tmp_path / "a.jpg", (16, 16, 4)) == (77, 77, 77, 255)).all()


def test_inks_of_a_jpeg_are_converted(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    shown = read_image(tmp_path / "a.jpg", (8, 8, 3))
    np.testing.assert_allclose(shown[4, 4], RED, atol=4)


LOOKS = {
    "grey": (gray(7), None, (True, False, True)),
    "grey in a palette": (gray(7), "P", (True, False, True)),
    "colour": (WIDE, None, (False, False, False)),
    "one colour": (colour(*RED), "P", (False, False, True)),
    "opaque": (WIDE, "RGBA", (False, False, False)),
}


@pytest.mark.parametrize(("pixels", "mode", "expected"), LOOKS.values(), ids=LOOKS)
def test_files_are_described(tmp_path, pixels, mode, expected):
    save(tmp_path / "a.png", pixels, mode)
    found = look(tmp_path / "a.png")
    assert (found.height, found.width) == pixels.shape[:2]
    assert (found.is_grey, found.is_transparent, found.is_flat) == expected


def fill(folder, count, height=6, width=10):
    for i in range(count):
        save(folder / f"{i:02}.png", RNG.integers(0, 256, (height, width, 3), np.uint8))


def test_what_is_done_to_files_is_noted(tmp_path):
    fill(tmp_path / "in", 8)
    save(tmp_path / "in" / "square.png", RNG.integers(0, 256, (12, 12, 4), np.uint8))
    loaded = data.load(tmp_path / "in", (6, 6, 1), fit="pad", background="black")
    assert loaded.notes == (
        "9 of 9 images are resized to 6x6, from 6x10 (8), 12x12 (1), 8 of them padded "
        "with the background (--fit)",
        "9 of 9 images lose their colour",
        "1 of 9 images have transparent pixels, which show the background "
        "(--background; --channels 4 keeps them transparent)",
    )
    assert data.load(tmp_path / "in", (6, 10, 4)).notes == (
        "1 of 9 images are resized to 6x10, from 12x12 (1), 1 of them cropped at the "
        "centre (--fit)",
    )
    facts = dict(describe(loaded))
    assert facts["sizes"] == "6x10 (8), 12x12 (1)"
    assert facts["modes"] == "RGB (8), RGBA (1)"
    assert facts["transparent"] == "1 of 9"


def test_axes_that_are_none_are_those_of_the_files(tmp_path):
    fill(tmp_path / "in", 2)
    shapes = [(None, None, 4), (None, 5), (3, None, None), None]
    found = [data.load(tmp_path / "in", shape).train.data_shape for shape in shapes]
    assert found == [(6, 10, 4), (6, 5, 3), (3, 10, 3), (6, 10, 3)]


@pytest.mark.parametrize("shape", [(0, 8), (8, 8, 2), (8,), (8, 8, 3, 1)])
def test_other_shapes_are_refused(tmp_path, shape):
    fill(tmp_path / "in", 2)
    with pytest.raises(ValueError, match="(channels|image_shape) must be .* received"):
        data.load(tmp_path / "in", shape)


def test_a_fit_is_one_of_three_and_for_folders(tmp_path):
    fill(tmp_path / "in", 2)
    with pytest.raises(ValueError, match="one of crop, pad, stretch, received 'zoom'"):
        data.load(tmp_path / "in", fit="zoom")
    for how in ({"fit": "pad"}, {"skip_broken": True}):
        with pytest.raises(ValueError, match=r"is for folders of images, received"):
            data.load("digits", **how)


def test_broken_files_are_skipped_on_request_and_listed(tmp_path):
    for name in ("a", "b"):
        fill(tmp_path / "in" / name, 6)
    (tmp_path / "in/b/03.png").write_bytes(b"?")
    content = (tmp_path / "in/a/01.png").read_bytes()
    (tmp_path / "in/a/01.png").write_bytes(content[:-20])
    with pytest.raises(ValueError, match=r"2 of 12 .* --skip-broken"):
        data.load(tmp_path / "in")
    loaded = data.load(tmp_path / "in", skip_broken=True)
    assert len(loaded.train) + len(loaded.test) == 10
    paths = {*loaded.train.paths, *loaded.test.paths}
    assert not {str(tmp_path / "in/b/03.png"), str(tmp_path / "in/a/01.png")} & paths
    assert loaded.train.x.shape == (9, 6, 10, 3)
    (note,) = loaded.notes
    assert note.startswith("skipped 2 images that cannot be decoded: a/01.png (")
    assert note.endswith("b/03.png (it is not one of PNG, JPEG, WEBP, TIFF, GIF, BMP)")
    assert dict(describe(loaded))["broken"].startswith("a/01.png (")
    (tmp_path / "in/a/01.png").write_bytes(content)  # repaired
    with pytest.raises(ValueError, match=r"1 of 12 images .*: b/03\.png\. "):
        data.load(tmp_path / "in")


def test_a_split_of_broken_files_alone_is_refused(tmp_path):
    fill(tmp_path / "in/train", 3)
    (tmp_path / "in/test").mkdir()
    (tmp_path / "in/test/0.png").write_bytes(b"?")
    with pytest.raises(ValueError, match=r"no images of .*test can be decoded"):
        data.load(tmp_path / "in", skip_broken=True)


def test_images_of_one_colour_are_listed(tmp_path):
    fill(tmp_path / "in", 3)
    save(tmp_path / "in/black.png", gray(0))
    loaded = data.load(tmp_path / "in")
    assert dict(loaded.facts)["of one colour"] == "black.png"
    assert loaded.notes[-1] == "1 of 4 images have one colour: black.png"


@pytest.fixture
def reads(monkeypatch):
    """The files that were decoded."""
    seen = []

    def counted(path, *rest):
        seen.append(os.path.basename(path))
        return read_image(path, *rest)

    monkeypatch.setattr(image_cache, "read_image", counted)
    return seen


def test_files_are_decoded_once_until_they_change(tmp_path, cache, reads):
    fill(tmp_path / "in", 20)
    first = data.load(tmp_path / "in", (4, 4)).train
    assert reads == []
    expected = np.stack([read_image(path, (4, 4, 3)) for path in first.paths])
    np.testing.assert_array_equal(first.x, expected)
    assert isinstance(first.x, np.memmap)
    assert len(reads) == 18
    again = data.load(tmp_path / "in", (4, 4)).train
    np.testing.assert_array_equal(again.x, expected)
    assert len(reads) == 18
    assert data.load(tmp_path / "in", (4, 4), fit="pad").train.x.shape == first.x.shape
    assert len(reads) == 36, "other settings are another array"
    os.utime(first.paths[0], (1, 1))
    np.testing.assert_array_equal(data.load(tmp_path / "in", (4, 4)).train.x, expected)
    assert len(reads) == 54, "another time of change"


@pytest.mark.parametrize(
    "damage", [b"", b"x" * 100, None], ids=["empty", "other", "cut"]
)
def test_a_damaged_cache_is_made_anew(tmp_path, cache, damage):
    fill(tmp_path / "in", 4)
    first = np.array(data.load(tmp_path / "in").train.x)
    for path in cache.iterdir():
        path.write_bytes(path.read_bytes()[:-1] if damage is None else damage)
    np.testing.assert_array_equal(data.load(tmp_path / "in").train.x, first)


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    fill(tmp_path / "in", 4)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERAS_GEN_CACHE", str(tmp_path / "file"))
    with pytest.raises(OSError, match=r"0 MB cannot be written to .*KERAS_GEN_CACHE"):
        data.load(tmp_path / "in").train.head(1)


def test_a_full_disk_is_found_before_decoding(tmp_path, cache, monkeypatch, reads):
    fill(tmp_path / "in", 4)
    free = type("Usage", (), {"free": 10})
    monkeypatch.setattr(file_cache.shutil, "disk_usage", lambda path: free)
    with pytest.raises(
        OSError, match="Free disk space, or set KERAS_GEN_CACHE"
    ) as told:
        data.load(tmp_path / "in").train.head(1)
    assert told.value.errno == errno.ENOSPC
    assert reads == []
    assert not list(cache.glob("*.npy"))


def test_files_that_are_long_unused_are_removed(tmp_path, cache):
    fill(tmp_path / "in", 4)
    data.load(tmp_path / "in").train.head(1)
    (old,) = cache.glob("*.npy")
    other = cache / "notes.npy"
    other.write_bytes(b"")
    for path in (old, other):
        os.utime(path, (1, 1))
    data.load(tmp_path / "in", (4, 4)).train.head(1)
    assert not old.exists()
    assert other.exists(), "only files of the cache are removed"


def test_two_readers_decode_once(tmp_path, reads):
    fill(tmp_path / "in", 12)
    splits = [data.load(tmp_path / "in").train for _ in range(3)]
    found = []
    threads = [threading.Thread(target=lambda s=s: found.append(s.x)) for s in splits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert len(reads) == 11
    np.testing.assert_array_equal(found[0], found[2])


def test_a_file_that_breaks_after_the_first_look_is_named(tmp_path, cache):
    fill(tmp_path / "in", 4)
    loaded = data.load(tmp_path / "in")
    with open(loaded.train.paths[1], "wb") as file:
        file.write(b"?")
    with pytest.raises(ValueError, match=r"in/0\d\.png cannot be decoded"):
        loaded.train.head(1)
    assert not list(cache.glob("*.npy"))
