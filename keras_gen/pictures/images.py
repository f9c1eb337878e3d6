"""Images in a grid."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..files import whole_file
from ..specs import DRAWN_CHANNELS

MIN_TILE = 56
TITLE, TITLE_GAP = 16, 6  # height of a line of text, width between texts
SQUARES, DARK = 8, 0.8  # of the pattern below transparent pixels: per side, its grey


def image_grid(
    images: np.ndarray, columns: int | None = None, titles: Sequence[str] = ()
) -> np.ndarray:
    """Draws images in a grid on white. Small images are enlarged by whole factors.

    Args:
        images: float `(n, height, width, channels)` in [0, 1], with 1 channel (grey), 3
            (colour), or 4 (colour and opacity), which are drawn over squares.
        columns: Images per row. By default the grid is about square.
        titles: Texts above the columns, cut to their width.

    Returns:
        uint8 `(height, width, 3)`.

    Raises:
        ValueError: If `images` is not a batch of grey or colour images, or if there is
            not one title for each column.

    Example:
        >>> images = np.random.default_rng(0).random((4, 28, 28, 1))
        >>> picture = kg.pictures.image_grid(images, columns=2)
        >>> picture.dtype, picture.shape[2]
        (dtype('uint8'), 3)
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] not in DRAWN_CHANNELS:
        raise ValueError(
            "images must have shape (n, height, width, 1, 3 or 4) for a picture, "
            f"received {images.shape}."
        )
    images = np.clip(images, 0, 1)
    if images.shape[-1] == 4:
        images = on_squares(images)
    n, height, width, _ = images.shape
    columns = int(min(n, columns or math.ceil(math.sqrt(n))))
    rows = -(-n // columns)
    factor = max(1, -(-MIN_TILE // min(height, width)))
    gap = max(1, factor // 2)
    tiles = np.round(images * 255).astype(np.uint8)
    tiles = np.broadcast_to(tiles, (n, height, width, 3))
    tiles = tiles.repeat(factor, axis=1).repeat(factor, axis=2)
    step_y, step_x = height * factor + gap, width * factor + gap
    grid = np.full((rows * step_y + gap, columns * step_x + gap, 3), 255, np.uint8)
    for i, tile in enumerate(tiles):
        y, x = gap + i // columns * step_y, gap + i % columns * step_x
        grid[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    if not titles:
        return grid
    if len(titles) != columns:
        raise ValueError(
            f"titles must hold one text for each of {columns} columns, received "
            f"{len(titles)}."
        )
    return np.concatenate([_titles(titles, step_x, gap, grid.shape[1]), grid])


def _titles(titles: Sequence[str], step: int, gap: int, width: int) -> np.ndarray:
    """A strip with a text above each column, uint8 `(TITLE, width, 3)`."""
    from PIL import Image, ImageDraw

    strip = Image.new("RGB", (width, TITLE), "white")
    for i, title in enumerate(titles):
        line = Image.new("RGB", (step - gap - TITLE_GAP, TITLE), "white")
        ImageDraw.Draw(line).text((0, 2), title, fill="black", font_size=TITLE - 5)
        strip.paste(line, (gap + i * step, 0))
    return np.asarray(strip)


def on_squares(images: np.ndarray) -> np.ndarray:
    """Images over white and grey squares, which show where they are transparent.

    Args:
        images: float `(n, height, width, 4)` in [0, 1]: colour and opacity.

    Returns:
        float `(n, height, width, 3)` in [0, 1].
    """
    colour, opacity = images[..., :3], images[..., 3:]
    height, width = images.shape[1:3]
    side = max(1, min(height, width) // SQUARES)
    y, x = np.ogrid[:height, :width]
    below = np.where((y // side + x // side) % 2, DARK, 1.0)[..., None]
    return colour * opacity + below * (1 - opacity)


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
