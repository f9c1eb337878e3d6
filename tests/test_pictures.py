"""Pictures: every pixel where it belongs."""

import matplotlib.image
import numpy as np
import pytest

from keras_gen.pictures import image_grid, save_image_grid


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
    with pytest.raises(ValueError, match="1 or 3"):
        image_grid(np.zeros(shape))


def test_a_png_holds_the_grid(tmp_path):
    images = np.random.default_rng(0).random((4, 8, 8, 1), np.float32)
    save_image_grid(tmp_path / "x.png", images)
    pixels = np.round(matplotlib.image.imread(tmp_path / "x.png")[..., :3] * 255)
    np.testing.assert_array_equal(pixels, image_grid(images))
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]
