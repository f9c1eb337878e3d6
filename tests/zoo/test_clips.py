"""Clips from folders of GIFs and of frames."""

import numpy as np
import pytest
from PIL import Image

from keras_gen.specs import Clips, Images
from keras_gen.zoo import data, inspecting
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


def test_a_folder_of_gifs_is_one_of_clips(tmp_path):
    for i in range(11):
        save_gif(tmp_path / f"{i:02}.gif", moving(6 + i))
    loaded = data.load(tmp_path)
    assert loaded.inputs == Clips(6, 10, 12, 1)
    assert (len(loaded.train), len(loaded.test)) == (10, 1)
    clips = read_clips(tmp_path).clips.x
    assert places(clips[0]) == [0, 1, 2, 3, 4, 5]
    assert places(clips[5]) == [0, 2, 4, 6, 8, 10]
    facts = dict(inspecting.describe(loaded))
    assert facts["kind"] == "Clips"
    assert facts["frames"] == "6 of the 6 to 16 frames of each clip, evenly spaced"
    assert facts["presets"] == "autoencoder, diffusion, gan, restorer, vae, vq_vae"
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
    [clip] = read_clips(tmp_path).clips.x
    assert places(clip) == [0, 1, 1, 1, 2, 3, 3]
    first, *rest = map(Image.fromarray, moving(3))
    how = {"save_all": True, "append_images": rest, "duration": [50, 50, 900]}
    first.save(tmp_path / "a.gif", **how)
    assert places(read_clips(tmp_path).clips.x[0]) == [0, 1, 2]


def test_folders_of_frames_are_in_the_order_of_their_numbers(tmp_path):
    for name in ("cat/a", "cat/b", "dog/c"):
        (tmp_path / name).mkdir(parents=True)
        for i, frame in enumerate(moving(12, colour=(255, 0, 0))):
            Image.fromarray(frame).save(tmp_path / name / f"frame_{i}.png")
    clips, names, _ = read_clips(tmp_path)
    assert names == ("cat", "dog")
    np.testing.assert_array_equal(clips.labels, [0, 0, 1])
    assert clips.x.shape == (3, 12, 10, 12, 3)
    assert places(clips.x[2]) == [*range(12)]
    assert clips.x[..., 1:].max() == 0
    clips = read_clips(tmp_path / "cat", 4, (10, 12, 1)).clips
    assert clips.labels is None
    assert places(clips.x[0]) == [0, 4, 7, 11]
    assert clips.x.max() == round(0.299 * 255)
    assert data.load(tmp_path / "cat", kind="clips").inputs == Clips(12, 10, 12, 3)
    assert data.load(tmp_path / "cat").inputs == Images(10, 12, 3)


def test_transparent_frames_lie_on_white(tmp_path):
    pixels = np.zeros((2, 8, 8, 4), np.uint8)
    pixels[:, :4] = (0, 0, 255, 255)
    pixels[1, :, :4, 3] = 255
    (tmp_path / "a").mkdir()
    for i, frame in enumerate(pixels):
        Image.fromarray(frame).save(tmp_path / f"a/{i}.png")
    [clip] = read_clips(tmp_path).clips.x
    assert clip[0, 0, 0].tolist() == [0, 0, 255]
    assert clip[0, 7, 7].tolist() == [255] * 3
    assert clip[1, 7, 0].tolist() == [0] * 3


def test_clips_of_other_sizes_are_framed_as_images_are(tmp_path):
    for i, size in enumerate([(8, 8), (8, 16), (8, 8)]):
        save_gif(tmp_path / f"{i}.gif", moving(2, size=size, colour=90))
    for fit in FITS:
        framing = Framing.of(fit, 7 / 255)
        found = read_clips(tmp_path, 2, (8, 8, 1), framing)
        first = found.clips.x[1, 0, 0, :, 0].tolist()
        assert dict(found.facts)["size"] == (
            f"1 of 3 clips are resized to 8x8, {FITS[fit]}"
        )
        if fit == "stretch":
            assert first[0] > 40
            assert first[2:] == [0] * 6
        else:  # the column is cut off, or below the border
            assert first == [7 if fit == "pad" else 0] * 8
    clear = read_clips(tmp_path, 2, (8, 8, 4), Framing.of("pad")).clips.x[1, 0, 0]
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
    assert found.clips.labels.tolist() == [0, 0, 0, 1]
    assert dict(found.facts)["left out"] == "cat/1.gif, which cannot be decoded"
    (tmp_path / "dog/a.gif").write_bytes(b"GIF89a")
    with pytest.raises(ValueError, match="cat/1.gif, dog/a.gif"):
        read_clips(tmp_path, skip_broken=True)


def test_clips_that_do_not_fit_are_refused_by_file(tmp_path):
    with pytest.raises(ValueError, match="holds no clips: expected GIFs"):
        read_clips(tmp_path)
    (tmp_path / "cat").mkdir()
    with pytest.raises(ValueError, match="cat holds no GIFs and no folders"):
        read_clips(tmp_path)
    save_gif(tmp_path / "cat/a.gif", moving(3))
    (tmp_path / "cat/b.gif").write_bytes(b"GIF89a")
    with pytest.raises(ValueError, match="1 of 2 clips cannot be decoded: cat/b.gif"):
        read_clips(tmp_path)
    (tmp_path / "cat/b.gif").unlink()
    whole = (tmp_path / "cat/a.gif").read_bytes()
    (tmp_path / "cat/a.gif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        ValueError, match=r"cat/a.gif cannot be decoded|cat/a.gif\. Rep"
    ):
        read_clips(tmp_path)
    (tmp_path / "cat").rename(tmp_path / "test")
    with pytest.raises(ValueError, match="holds the folder test: sounds and clips"):
        read_clips(tmp_path)
