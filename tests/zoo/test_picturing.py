"""Pictures of data before training."""

import numpy as np
import pytest
from PIL import Image

from keras_gen.zoo import data
from keras_gen.zoo.picturing import write_picture
from keras_gen.zoo.recipe import UsageError

from .test_clips import moving, save_gif
from .test_folders import colour, save


def picture_of(source, tmp_path, **how):
    out = tmp_path / "picture.png"
    write_picture(out, data.load(source, **how))
    with Image.open(out) as picture:
        return np.asarray(picture.convert("RGB"))


def test_images_stand_below_the_names_of_their_classes(tmp_path):
    for name, red in {"cat": 250, "dog": 100}.items():
        for i in range(9):
            save(tmp_path / "in" / name / f"{i}.png", colour(red, i, 0, side=56))
    picture = picture_of(tmp_path / "in", tmp_path)
    assert picture.shape == (16 + 5 * 57 + 1, 2 * 57 + 1, 3)
    tiles = picture[16 + 28 :: 57, 28::57]
    assert tiles[..., 0].tolist() == [[250, 100]] * 5
    assert [len(set(column)) for column in tiles[..., 1].T.tolist()] == [5, 5]
    assert picture[:16, :57].min() < 128, "a name"


def test_clips_are_strips_or_play(tmp_path):
    for i in range(4):
        save_gif(tmp_path / "in" / f"{i}.gif", moving(3, size=(56, 56)))
    picture = picture_of(tmp_path / "in", tmp_path)
    assert picture.shape == (3 * 57 + 1, 3 * 57 + 1, 3)
    for i in range(3):
        assert picture[20, 1 + 57 * i :][:56, 0].argmax() == i
    write_picture(tmp_path / "a.gif", data.load(tmp_path / "in"))
    with Image.open(tmp_path / "a.gif") as moves:
        assert getattr(moves, "n_frames", 1) == 3


def test_series_of_all_classes_are_drawn_as_data(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "keras_gen.pictures.line_plots",
        lambda series, name: drawn.append((series, name)) or np.zeros((4, 4, 3), "u1"),
    )
    x = np.arange(40.0)[:, None, None] + np.zeros((9, 1))
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(40) // 30)
    loaded = data.load(tmp_path / "a.npz", kind="series")
    write_picture(tmp_path / "a.png", loaded)
    [(series, name)] = drawn
    assert name == "data"
    assert (series[:, 0, 0] >= 30).tolist() == [False, True] * 4


def test_tables_and_vectors_are_histograms(tmp_path):
    pytest.importorskip("pandas")
    text = "a,b,day\n" + "".join(
        f"{i / 7},{'xy'[i % 2]},2020-01-{i + 1:02}\n" for i in range(20)
    )
    (tmp_path / "a.csv").write_text(text.replace("\n0.142", "\n", 1))
    picture = picture_of(tmp_path / "a.csv", tmp_path)
    assert picture.shape == (220, 900, 3)
    assert (picture != 255).any(axis=2)[:, ::300].any()
    np.save(tmp_path / "v.npy", np.random.default_rng(0).normal(size=(50, 30)))
    assert picture_of(tmp_path / "v.npy", tmp_path).shape == (1100, 1200, 3)


def test_what_has_no_picture_is_refused(tmp_path):
    with pytest.raises(UsageError, match="--picture is for images, clips, series"):
        picture_of("pydocs", tmp_path)
    with pytest.raises(UsageError, match="must end in .png unless data are clips"):
        write_picture(tmp_path / "a.gif", data.load("digits"))
    assert not list(tmp_path.iterdir())
