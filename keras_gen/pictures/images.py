"""Images in a grid."""

import math
from pathlib import Path

import numpy as np

from ..files import whole_file

MIN_TILE = 56


def image_grid(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Draws images in a grid on white. Small images are enlarged by whole factors.

    Args:
        images: float `(n, height, width, channels)` in [0, 1], with 1 or 3 channels.
        columns: Images per row. By default the grid is about square.

    Returns:
        uint8 `(height, width, 3)`.

    Raises:
        ValueError: If `images` is not a batch of grey or colour images.

    Example:
        >>> images = np.random.default_rng(0).random((4, 28, 28, 1))
        >>> picture = kg.pictures.image_grid(images, columns=2)
        >>> picture.dtype, picture.shape[2]
        (dtype('uint8'), 3)
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(
            "images must have shape (n, height, width, 1 or 3) for a picture, "
            f"received {images.shape}."
        )
    n, height, width, _ = images.shape
    columns = int(min(n, columns or math.ceil(math.sqrt(n))))
    rows = -(-n // columns)
    factor = max(1, -(-MIN_TILE // min(height, width)))
    gap = max(1, factor // 2)
    tiles = np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)
    tiles = np.broadcast_to(tiles, (n, height, width, 3))
    tiles = tiles.repeat(factor, axis=1).repeat(factor, axis=2)
    step_y, step_x = height * factor + gap, width * factor + gap
    grid = np.full((rows * step_y + gap, columns * step_x + gap, 3), 255, np.uint8)
    for i, tile in enumerate(tiles):
        y, x = gap + i // columns * step_y, gap + i % columns * step_x
        grid[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    return grid


def save_image_grid(
    path: str | Path, images: np.ndarray, columns: int | None = None
) -> None:
    """Writes `image_grid(images, columns)` as a PNG."""
    save_picture(path, image_grid(images, columns))


def save_picture(path: str | Path, picture: np.ndarray) -> None:
    """Writes a picture, uint8 `(height, width, 3)`, as a PNG."""
    import matplotlib.image

    with whole_file(path) as temporary:
        matplotlib.image.imsave(temporary, picture, format="png")
