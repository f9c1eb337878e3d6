"""Pairs of images by file name in two folders."""

import numpy as np
import pytest

from keras_gen import zoo

from .test_folders import colour, gray, save


def fill(folder, names, *, a_suffix="png", b_suffix="png", side=4):
    """Grey in `A`, and the same number as red in `B`."""
    for i, name in enumerate(names):
        save(folder / "A" / f"{name}.{a_suffix}", gray(10 * i, side))
        save(folder / "B" / f"{name}.{b_suffix}", colour(10 * i, 0, 0, side=2 * side))


def test_partners_are_aligned_by_name(tmp_path):
    fill(tmp_path, map(str, range(20)), b_suffix="bmp")
    pairs = zoo.load_pairs(tmp_path)
    assert (len(pairs.train), len(pairs.test)) == (18, 2)
    for split in (pairs.train, pairs.test):
        assert split.a.data_shape == (4, 4, 1)
        assert split.b.data_shape == (8, 8, 3)
        np.testing.assert_array_equal(split.a.x[:, 0, 0, 0], split.b.x[:, 0, 0, 0])
    assert len(np.unique(pairs.train.a.x)) == 18
    again = zoo.load_pairs(tmp_path, (6, 6))
    assert again.train.a.paths == pairs.train.a.paths
    assert again.train.b.x.shape == (18, 6, 6, 3)
    assert again.notes[::2] == (
        "A: 20 of 20 images are resized to 6x6, from 4x4 (20)",
        "B: 20 of 20 images are resized to 6x6, from 8x8 (20)",
    )
    names = "A/0.png, A/1.png, A/10.png, A/11.png, A/12.png"
    assert again.notes[1].startswith(f"A: 20 of 20 images have one colour: {names}")


def test_splits_and_names_of_sides(tmp_path):
    fill(tmp_path / "train", "abc")
    fill(tmp_path / "test", "xy")
    pairs = zoo.load_pairs(tmp_path)
    assert (len(pairs.train), len(pairs.test)) == (3, 2)
    turned = zoo.load_pairs(tmp_path, sides=("B", "A"))
    assert turned.train.a.paths == pairs.train.b.paths


def joined(folder, **names):
    """Folders such as trainA and trainB, from those of `fill`."""
    for split, of_split in names.items():
        fill(folder / split, of_split)
        for side in "AB":
            (folder / split / side).rename(folder / f"{split}{side}")
        (folder / split).rmdir()


def test_the_layout_of_cyclegan_is_read_too(tmp_path):
    joined(tmp_path, train="abc", test="xy", val="v")
    pairs = zoo.load_pairs(tmp_path, (4, 4))
    assert (len(pairs.train), len(pairs.test)) == (3, 2)
    assert [path[-11:] for path in pairs.test.b.paths] == ["testB/x.png", "testB/y.png"]
    np.testing.assert_array_equal(
        pairs.train.a.x[:, 0, 0, 0], pairs.train.b.x[:, 0, 0, 0]
    )
    for side in "AB":
        (tmp_path / f"test{side}").rename(tmp_path / f"old_{side}")
    assert len(zoo.load_pairs(tmp_path, (4, 4)).test) == 1


WRONG_JOINED = {
    "no partner": (
        lambda root: (root / "trainB" / "b.png").unlink(),
        r"trainA holds 1 images without a partner .* in .*trainB: b\.png\. Add",
    ),
    "no side": (
        lambda root: (root / "testB").rename(root / "other"),
        "holds testA, but no folders of their partners on the side B",
    ),
    "no training": (
        lambda root: [(root / f"train{s}").rename(root / f"my{s}") for s in "AB"],
        "holds myA, myB, testA, testB: expected trainA and trainB too",
    ),
    "proportions": (
        lambda root: save(root / "trainA" / "c.png", gray(1)[:2]),
        r"trainA/c\.png has 2x4 pixels and trainB/c\.png 8x8",
    ),
}


@pytest.mark.parametrize(("damage", "words"), WRONG_JOINED.values(), ids=WRONG_JOINED)
def test_joined_folders_that_do_not_fit_are_named(damage, words, tmp_path):
    joined(tmp_path, train="abc", test="xy")
    damage(tmp_path)
    with pytest.raises(ValueError, match=words):
        zoo.load_pairs(tmp_path)


WRONG = {
    "no partner": (
        lambda root: (root / "B" / "1.png").unlink(),
        r"A holds 1 images without a partner .* in .*B: 1\.png\. Add or remove",
    ),
    "only a partner": (
        lambda root: (root / "A" / "0.png").unlink(),
        r"B holds 1 images without a partner .* in .*A: 0\.png",
    ),
    "two": (
        lambda root: save(root / "A" / "1.bmp", gray(0)),
        r"A holds 1\.bmp and 1\.png: expected one image of each name",
    ),
    "proportions": (
        lambda root: save(root / "A" / "1.png", gray(0)[:2]),
        r"A/1\.png has 2x4 pixels and B/1\.png 8x8: expected the same proportions",
    ),
    "broken": (
        lambda root: (root / "A" / "1.png").write_bytes(b"?"),
        r"1 of 6 images cannot be decoded: A/1\.png",
    ),
    "a side": (
        lambda root: (root / "B").rename(root / "C"),
        r"B must be a folder of images",
    ),
}


@pytest.mark.parametrize(("change", "words"), WRONG.values(), ids=WRONG)
def test_what_is_no_pair_is_named(tmp_path, change, words):
    fill(tmp_path, "012")
    change(tmp_path)
    with pytest.raises(ValueError, match=words):
        zoo.load_pairs(tmp_path)


def test_pairs_with_a_broken_image_are_skipped_whole(tmp_path):
    fill(tmp_path, "01234")
    (tmp_path / "A" / "1.png").write_bytes(b"?")
    (tmp_path / "B" / "3.png").write_bytes(b"?")
    pairs = zoo.load_pairs(tmp_path, skip_broken=True)
    assert len(pairs.train) + len(pairs.test) == 3
    greys = {*np.unique(pairs.train.a.x), *np.unique(pairs.test.a.x)}
    assert greys == {0, 20, 40}
    reds = {*np.unique(pairs.train.b.x), *np.unique(pairs.test.b.x)}
    assert reds == {0, 20, 40}
    words = "skipped 1 image that cannot be decoded"
    assert [note.partition(":")[0] for note in pairs.notes if words in note] == [*"AB"]


def test_stretched_partners_may_differ_in_proportions(tmp_path):
    fill(tmp_path, "01")
    save(tmp_path / "A" / "1.png", gray(0)[:2])
    pairs = zoo.load_pairs(tmp_path, (4, 4), fit="stretch")
    assert pairs.train.a.x.shape == (1, 4, 4, 1)
