"""Pictures: every pixel where it belongs."""

import matplotlib.image
import numpy as np
import PIL.Image
import pytest

from keras_gen.pictures import (
    image_grid,
    paletted,
    point_cloud,
    read_animation,
    save_animation,
    save_image_grid,
)


def test_each_image_stands_in_its_tile():
    images = np.linspace(0, 1, 5, dtype=np.float32).reshape(5, 1, 1, 1)
    images = np.broadcast_to(images, (5, 56, 70, 1))
    grid = image_grid(images, columns=3)
    assert grid.shape == (2 * 57 + 1, 3 * 71 + 1, 3)
    for i, image in enumerate(images):
        y, x = 1 + i // 3 * 57, 1 + i % 3 * 71
        tile = grid[y : y + 56, x : x + 70]
        assert (tile == round(float(image[0, 0, 0]) * 255)).all()
    assert (grid[58:, 143:] == 255).all(), "the place after the last image is white"


def test_small_images_are_enlarged_without_blur():
    image = np.random.default_rng(0).random((1, 8, 8, 3), np.float32)
    grid = image_grid(image)
    inner = grid[3:-3, 3:-3]
    assert inner.shape == (56, 56, 3)
    np.testing.assert_array_equal(inner[3::7, 3::7], np.round(image[0] * 255))


@pytest.mark.parametrize("shape", [(2, 8, 8), (2, 8, 8, 2), (8, 8)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="1, 3 or 4"):
        image_grid(np.zeros(shape))


def test_a_png_holds_the_grid(tmp_path):
    images = np.random.default_rng(0).random((4, 8, 8, 1), np.float32)
    save_image_grid(tmp_path / "x.png", images)
    pixels = np.round(matplotlib.image.imread(tmp_path / "x.png")[..., :3] * 255)
    np.testing.assert_array_equal(pixels, image_grid(images))
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


def frames(channels=1, n=5):
    """Neighbours differ; `(n, 4, 8, 8, channels)`."""
    return np.random.default_rng(0).random((n, 4, 8, 8, channels), np.float32)


def test_a_gif_holds_the_grids(tmp_path):
    save_animation(tmp_path / "x.gif", frames(), 3)
    pictures, comment = read_animation(tmp_path / "x.gif")
    assert comment == ""
    np.testing.assert_array_equal(pictures, [image_grid(f, 3) for f in frames()])
    assert [path.name for path in tmp_path.iterdir()] == ["x.gif"]


def test_a_gif_repeats_and_rests_on_the_last_frame(tmp_path):
    save_animation(tmp_path / "x.gif", frames(), milliseconds=40)
    durations = []
    with PIL.Image.open(tmp_path / "x.gif") as file:
        assert file.info["loop"] == 0
        for i in range(file.n_frames):
            file.seek(i)
            durations.append(file.info["duration"])
    assert durations == [40] * 4 + [2040]


def test_equal_neighbours_are_read_back(tmp_path):
    for order in ([0, 0, 1, 1, 1, 2, 0, 0], [3, 3, 3], [4]):
        save_animation(tmp_path / "x.gif", frames()[order], milliseconds=30)
        pictures, _ = read_animation(tmp_path / "x.gif", milliseconds=30)
        expected = [image_grid(f) for f in frames()[order]]
        np.testing.assert_array_equal(pictures, expected)


def test_pictures_and_batches_of_images_make_the_same_gif(tmp_path):
    save_animation(tmp_path / "batches.gif", frames())
    save_animation(tmp_path / "pictures.gif", [image_grid(f) for f in frames()])
    contents = [(tmp_path / f"{k}.gif").read_bytes() for k in ("batches", "pictures")]
    assert contents[0] == contents[1]


def test_colours_of_a_gif_are_the_nearest_of_256(tmp_path):
    x = np.round(frames(3), 1)
    few = np.broadcast_to(x[:, :, :2, :2].repeat(4, 2).repeat(4, 3), x.shape)
    save_animation(tmp_path / "few.gif", few)
    pictures, _ = read_animation(tmp_path / "few.gif")
    np.testing.assert_array_equal(pictures, [image_grid(f) for f in few])
    again = [np.asarray(paletted(picture).convert("RGB")) for picture in pictures]
    np.testing.assert_array_equal(again, pictures)
    save_animation(tmp_path / "many.gif", frames(3))
    many, _ = read_animation(tmp_path / "many.gif")
    errors = np.abs(np.subtract(many, [image_grid(f) for f in frames(3)], dtype=int))
    assert len(many) == 5
    assert errors.mean() < 15


REFUSED = {
    "no frames": (
        lambda path: save_animation(path, []),
        "frames must have the same size",
    ),
    "sizes": (
        lambda path: save_animation(path, [frames()[0], frames()[0, :1]]),
        "frames must have the same size",
    ),
    "time": (
        lambda path: save_animation(path, frames(), milliseconds=25),
        "milliseconds must be a multiple of 10, received 25",
    ),
    "no time": (
        lambda path: save_animation(path, frames(), milliseconds=0),
        "milliseconds must be > 0",
    ),
}


@pytest.mark.parametrize(("write", "message"), REFUSED.values(), ids=REFUSED)
def test_a_refused_animation_leaves_the_file(write, message, tmp_path):
    save_animation(tmp_path / "x.gif", frames())
    before = (tmp_path / "x.gif").read_bytes()
    with pytest.raises(ValueError, match=message):
        write(tmp_path / "x.gif")
    assert (tmp_path / "x.gif").read_bytes() == before


def test_the_examples_decide_the_axes_of_points():
    examples = np.float32([[0, 0], [1, 2]])
    inside = point_cloud(np.float32([[0.5, 1]]), examples)
    outside = point_cloud(np.float32([[50, 100]]), examples)
    assert inside.shape == outside.shape == (400, 400, 3)
    changed = np.argwhere((inside != outside).any(axis=-1))
    assert len(changed)
    assert np.ptp(changed, axis=0).max() < 10, "one point in the middle"
    assert np.abs(changed.mean(axis=0) - 200).max() < 20


def test_transparent_pixels_show_squares():
    image = np.zeros((1, 64, 64, 4), np.float32)
    image[..., 0] = 1
    image[0, 32:, :, 3] = 1  # the lower half is opaque red
    image[0, :, 32:, 3] *= 0.5
    grid = image_grid(image)[1:-1, 1:-1]
    assert grid[4, [4, 12, 20]].tolist() == [[255] * 3, [204] * 3, [255] * 3]
    assert (grid[32:, :32] == (255, 0, 0)).all()
    assert grid[60, 60].tolist() == [255, 128, 128]
    assert grid[60, 52].tolist() == [round(255 * (0.5 + 0.5 * 0.8)), 102, 102]


def test_titles_stand_above_their_columns():
    images = np.full((4, 56, 56, 1), 0.5)
    plain = image_grid(images, 2)
    titled = image_grid(images, 2, ["cat", ""])
    strip, rest = np.split(titled, [len(titled) - len(plain)])
    np.testing.assert_array_equal(rest, plain)
    assert strip[:, :30].min() < 100
    assert (strip[:, 58:] == 255).all(), "an empty title"
    long = image_grid(images, 2, ["a very long name of a class", ""])
    assert (long[: len(strip), 58:] == 255).all(), "cut to the width of the column"
    with pytest.raises(ValueError, match="each of 2 columns, received 1"):
        image_grid(images, 2, ["cat"])
