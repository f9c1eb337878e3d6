"""Emoji: on white, without parts, and split by motif."""

import numpy as np
import pytest

from keras_gen.zoo import data

NAMES = ["Food", "Component", "Animals"]


@pytest.fixture
def emoji(tmp_path, monkeypatch):
    """30 motifs of two tones each, and one component, in two styles."""
    monkeypatch.setenv("KERAS_GEN_DATA", str(tmp_path))
    random = np.random.default_rng(0)
    files = [f"{i:x}{tone}.png" for i in range(30) for tone in ("", "-1f3fb-fe0f")]
    pictures = random.integers(0, 256, (2, 61, 64, 64, 4), np.uint8)
    motif = np.arange(60) // 2
    pictures[:, :60, 0, 0, :3], pictures[:, :60, 0, 0, 3] = motif[:, None], 255
    arrays = {
        "google": pictures[0],
        "twitter": pictures[1],
        "image": np.array([*files, "1f3fb.png"]),
        "category": np.array([*(2 * (motif % 2)), 1]),
        "categories": np.array(NAMES),
    }
    np.savez(tmp_path / "emoji.npz", **arrays)
    return tmp_path / "emoji.npz", arrays


def test_emoji_are_on_white_and_motifs_are_on_one_side(emoji):
    _, arrays = emoji
    loaded = data.load("emoji")
    assert loaded.class_names == ("Food", "Animals")
    assert (len(loaded.train), len(loaded.test)) == (108, 12)
    motifs = [set(split.x[:, 0, 0, 0].tolist()) for split in loaded.splits]
    assert not motifs[0] & motifs[1]
    assert len(motifs[1]) == 3
    colour, opacity = arrays["google"][..., :3], arrays["google"][..., 3:] / 255
    flat = np.rint(colour * opacity + 255 * (1 - opacity))
    for split in loaded.splits:
        np.testing.assert_array_equal(split.labels, split.x[:, 0, 0, 0] % 2)
        near = np.abs(split.x[:, None].astype(int) - flat).max(axis=(2, 3, 4))
        assert (near.min(axis=1) <= 1).sum() == len(split) // 2  # those of Google


def test_pairs_of_styles_show_the_same_motif_and_are_split_as_single_ones(emoji):
    pairs, single = data.load("emoji_styles"), data.load("emoji")
    assert (len(pairs.train), len(pairs.test)) == (54, 6)
    for both, one in zip(pairs.splits, single.splits, strict=True):
        np.testing.assert_array_equal(both.x[:, 0, 0, 0], both.labels[:, 0, 0, 0])
        assert set(both.x[:, 0, 0, 0]) == set(one.x[:, 0, 0, 0])
    assert pairs.source == pairs.inputs
    assert pairs.class_names == ()


WRONG = {
    "google": (np.zeros((61, 32, 32, 4), np.uint8), r"'google', must be uint8 of sh"),
    "category": (np.full(61, 3), "'category', must hold 61 places below 3"),
}


@pytest.mark.parametrize("key", WRONG)
def test_arrays_that_do_not_fit_are_refused(emoji, key):
    path, arrays = emoji
    wrong, message = WRONG[key]
    np.savez(path, **{**arrays, key: wrong})
    with pytest.raises(ValueError, match=message):
        data.load("emoji")


def test_a_missing_or_damaged_file_is_named(emoji):
    path, _ = emoji
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"emoji\.npz cannot be read"):
        data.load("emoji")
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"emoji\.npz is missing \(of the npm"):
        data.load("emoji")
