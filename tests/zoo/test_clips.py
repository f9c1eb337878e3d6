"""Clips from folders of GIFs and of frames."""

import numpy as np
import pytest
from PIL import Image

from keras_gen.specs import Clips, Images
from keras_gen.zoo import clips, data, inspecting
from keras_gen.zoo.clips import read_clips
from keras_gen.zoo.decoding import FITS, Framing


def moving(frames, step=1, size=(10, 12), colour=255):
    """A bright column that moves to the right, uint8 `(frames, 10, 12[, 3])`."""
    shape = (frames, *size, *np.shape(colour))
    x = np.zeros(shape, np.uint8)
    for i, frame in enumerate(x):
        frame[:, i * step % size[1]] = colour
    return x


def save_gif(path, frames):
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *rest = map(Image.fromarray, frames)
    first.save(path, save_all=True, append_images=rest, duration=50, loop=0)


def places(clip):
    """The bright column of each frame."""
    return clip[..., 0].sum(axis=1).argmax(axis=1).tolist()


def test_gifs_are_clips_if_one_of_the_first_moves(tmp_path):
    for i in range(4):
        save_gif(tmp_path / f"{i}.gif", moving(1))
    assert data.load(tmp_path).inputs == Images(10, 12, 1)
    save_gif(tmp_path / "3.gif", moving(2))
    with pytest.raises(ValueError, match=r"0\.gif with 1"):
        data.load(tmp_path, frames=2)


def test_a_folder_of_gifs_is_one_of_clips(tmp_path):
    for i in range(11):
        save_gif(tmp_path / f"{i:02}.gif", moving(6 + i))
    loaded = data.load(tmp_path)
    assert loaded.inputs == Clips(6, 10, 12, 1)
    assert (len(loaded.train), len(loaded.test)) == (10, 1)
    clips = read_clips(tmp_path).train.x
    assert places(clips[0]) == [0, 1, 2, 3, 4, 5]
    assert places(clips[5]) == [0, 2, 4, 6, 8, 10]
    facts = dict(inspecting.describe(loaded))
    assert facts["kind"] == "Clips"
    assert facts["frames"] == "6 of the 6 to 16 frames of each clip, evenly spaced"
    assert (
        facts["presets"]
        == "autoencoder, consistency, diffusion, gan, restorer, vae, vq_vae"
    )
    assert data.load(tmp_path, kind="images").inputs == Images(10, 12, 1)
    loaded = data.load(tmp_path, (5, 6), frames=3)
    assert loaded.inputs == Clips(3, 5, 6, 1)
    with pytest.raises(
        ValueError, match="1 of 11 clips .* 00.gif with 6. .*--frames 6"
    ):
        data.load(tmp_path, frames=7)


def test_a_frame_that_lasts_longer_counts_as_several(tmp_path):
    frames = moving(6)[[0, 1, 1, 1, 2, 3, 3]]
    save_gif(tmp_path / "a.gif", frames)
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.n_frames == 4
    [clip] = read_clips(tmp_path).train.x
    assert places(clip) == [0, 1, 1, 1, 2, 3, 3]
    first, *rest = map(Image.fromarray, moving(3))
    how = {"save_all": True, "append_images": rest, "duration": [50, 50, 900]}
    first.save(tmp_path / "a.gif", **how)
    assert places(read_clips(tmp_path).train.x[0]) == [0, 1, 2]


def test_folders_of_frames_are_in_the_order_of_their_numbers(tmp_path):
    for name in ("cat/a", "cat/b", "dog/c"):
        (tmp_path / name).mkdir(parents=True)
        for i, frame in enumerate(moving(12, colour=(255, 0, 0))):
            Image.fromarray(frame).save(tmp_path / name / f"frame_{i}.png")
    found = read_clips(tmp_path)
    found, names = found.train, found.class_names
    assert names == ("cat", "dog")
    np.testing.assert_array_equal(found.labels, [0, 0, 1])
    assert found.x.shape == (3, 12, 10, 12, 3)
    assert places(found.x[2]) == [*range(12)]
    assert found.x[..., 1:].max() == 0
    found = read_clips(tmp_path / "cat", 4, (10, 12, 1)).train
    assert found.labels is None
    assert places(found.x[0]) == [0, 4, 7, 11]
    assert found.x.max() == round(0.299 * 255)
    assert data.load(tmp_path / "cat", kind="clips").inputs == Clips(12, 10, 12, 3)
    assert data.load(tmp_path / "cat").inputs == Images(10, 12, 3)


def test_transparent_frames_lie_on_white(tmp_path):
    pixels = np.zeros((2, 8, 8, 4), np.uint8)
    pixels[:, :4] = (0, 0, 255, 255)
    pixels[1, :, :4, 3] = 255
    (tmp_path / "a").mkdir()
    for i, frame in enumerate(pixels):
        Image.fromarray(frame).save(tmp_path / f"a/{i}.png")
    [clip] = read_clips(tmp_path).train.x
    assert clip[0, 0, 0].tolist() == [0, 0, 255]
    assert clip[0, 7, 7].tolist() == [255] * 3
    assert clip[1, 7, 0].tolist() == [0] * 3


def test_clips_of_other_sizes_are_framed_as_images_are(tmp_path):
    for i, size in enumerate([(8, 8), (8, 16), (8, 8)]):
        save_gif(tmp_path / f"{i}.gif", moving(2, size=size, colour=90))
    for fit in FITS:
        framing = Framing.of(fit, 7 / 255)
        found = read_clips(tmp_path, 2, (8, 8, 1), framing)
        first = found.train.x[1, 0, 0, :, 0].tolist()
        assert dict(found.facts)["size"] == (
            f"1 of 3 clips are resized to 8x8, {FITS[fit]}"
        )
        if fit == "stretch":
            assert first[0] > 40
            assert first[2:] == [0] * 6
        else:  # the column is cut off, or below the border
            assert first == [7 if fit == "pad" else 0] * 8
    clear = read_clips(tmp_path, 2, (8, 8, 4), Framing.of("pad")).train.x[1, 0, 0]
    assert clear[:, 3].tolist() == [0] * 8
    with pytest.raises(ValueError, match="1, 3 or 4 channels, received 2"):
        read_clips(tmp_path, 2, (8, 8, 2))


def test_broken_clips_are_left_out_on_request(tmp_path):
    for i in range(4):
        save_gif(tmp_path / f"cat/{i}.gif", moving(3))
    save_gif(tmp_path / "dog/a.gif", moving(3))
    (tmp_path / "cat/1.gif").write_bytes(b"GIF89a")
    with pytest.raises(ValueError, match="1 of 5 clips cannot be decoded: cat/1.gif"):
        read_clips(tmp_path)
    found = read_clips(tmp_path, skip_broken=True)
    assert found.train.labels.tolist() == [0, 0, 0, 1]
    assert dict(found.facts)["broken"].startswith("cat/1.gif (")
    assert found.notes[0].startswith("skipped 1 clip that cannot be decoded: cat/1.gif")
    assert data.load(tmp_path, skip_broken=True).notes == found.notes
    (tmp_path / "dog/a.gif").write_bytes(b"GIF89a")
    found = read_clips(tmp_path, skip_broken=True)
    assert found.class_names == ("cat",)
    assert found.notes[0].startswith("skipped 2 clips")


def test_clips_that_do_not_fit_are_refused_by_file(tmp_path):
    with pytest.raises(ValueError, match=r"holds no clips \(GIFs, or"):
        read_clips(tmp_path)
    (tmp_path / "cat").mkdir()
    with pytest.raises(ValueError, match="cat holds no clips .* is empty"):
        read_clips(tmp_path)
    save_gif(tmp_path / "cat/a.gif", moving(3))
    (tmp_path / "cat/b.gif").write_bytes(b"GIF89a")
    with pytest.raises(ValueError, match="1 of 2 clips cannot be decoded: cat/b.gif"):
        read_clips(tmp_path)
    (tmp_path / "cat/b.gif").unlink()
    whole = (tmp_path / "cat/a.gif").read_bytes()
    (tmp_path / "cat/a.gif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="1 of 1 clips cannot be decoded: cat/a.gif"):
        read_clips(tmp_path)


@pytest.fixture
def reads(monkeypatch):
    """The clips that were decoded."""
    seen = []

    def counted(files, *rest):
        seen.append(files)
        return read(files, *rest)

    read = clips._read
    monkeypatch.setattr(clips, "_read", counted)
    return seen


def test_clips_are_decoded_once_into_the_cache(tmp_path, reads):
    for i in range(20):
        save_gif(tmp_path / f"{i:02}.gif", moving(4, step=1 + i % 3, colour=i + 1))
    first = data.load(tmp_path)
    assert reads == []
    assert isinstance(first.train.x, np.memmap)
    assert len(reads) == 18
    assert sorted(first.train.x.max(axis=(1, 2, 3, 4))) == sorted(
        int(path[-6:-4]) + 1 for path in first.train.paths
    )
    again = data.load(tmp_path)
    np.testing.assert_array_equal(again.train.x, first.train.x)
    part = again.train.subset(np.arange(3, 7))
    np.testing.assert_array_equal(part.x, first.train.x[3:7])
    assert len(reads) == 18
    assert data.load(tmp_path, frames=2).train.x.shape == (18, 2, 10, 12, 1)
    assert len(reads) == 36, "other frames are another array"


def test_clips_have_splits_and_classes_as_images_have(tmp_path):
    for i, place in enumerate(["train/cat", "train/dog", "val/cat", "test/dog"]):
        for j in range(i + 1):
            save_gif(tmp_path / place / f"{j}.gif", moving(3, colour=50 * (i + 1)))
    with pytest.warns(UserWarning, match="has no clips of") as told:
        found = data.load(tmp_path)
    assert len(told) == 2
    assert found.inputs == Clips(3, 10, 12, 1)
    assert found.class_names == ("cat", "dog")
    assert [split.labels.tolist() for split in found.splits] == [
        [0, 1, 1],
        [1, 1, 1, 1],
        [0, 0, 0],
    ]
    assert [split.x.max() for split in found.splits] == [100, 200, 150]
    assert found.order is None
