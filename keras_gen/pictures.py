"""Pictures of samples, still and moving."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .files import whole_file
from .validation import check_positive

if TYPE_CHECKING:
    from PIL.Image import Image

MIN_TILE = 56
FRAME_MILLISECONDS, REST_MILLISECONDS = 100, 2000  # the rest is on the last frame


def image_grid(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Images side by side, on white, small ones enlarged by whole factors.

    Args:
        images: float `(n, height, width, channels)` in [0, 1], with 1 or 3 channels.
        columns: Images per row; by default about as many as there are rows.

    Returns:
        uint8 `(height, width, 3)`.

    Raises:
        ValueError: If the shape is no batch of grey or colour images.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(
            "images must have shape (n, height, width, 1 or 3) for a picture, "
            f"received {images.shape}."
        )
    n, height, width, _ = images.shape
    columns = min(n, columns or int(np.ceil(np.sqrt(n))))
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
    """Writes `image_grid(images, columns)` as a PNG, whole or not at all."""
    save_sample_picture(path, np.asarray(images), columns)


def is_drawable(data_shape: Sequence[int]) -> bool:
    """Whether `sample_picture` can show samples of this shape."""
    is_image = len(data_shape) == 3 and data_shape[-1] in (1, 3)
    return is_image or tuple(data_shape) == (2,)


def sample_picture(
    samples: np.ndarray,
    columns: int | None = None,
    examples: np.ndarray | None = None,
) -> np.ndarray:
    """Images in a grid, or vectors of two values as points.

    Args:
        samples: `(n, height, width, 1 or 3)` or `(n, 2)`.
        columns: Images per row.
        examples: Real points to show below the points.

    Returns:
        uint8 `(height, width, 3)`.
    """
    if np.ndim(samples) == 2:
        return point_cloud(samples, samples if examples is None else examples)
    return image_grid(samples, columns)


def save_sample_picture(
    path: str | Path,
    samples: np.ndarray,
    columns: int | None = None,
    examples: np.ndarray | None = None,
) -> None:
    """Writes `sample_picture` as a PNG, whole or not at all."""
    import matplotlib.image

    with whole_file(path) as temporary:
        picture = sample_picture(samples, columns, examples)
        matplotlib.image.imsave(temporary, picture, format="png")


def point_cloud(samples: np.ndarray, examples: np.ndarray) -> np.ndarray:
    """Points in black above examples in grey, whose range decides the axes.

    Args:
        samples: `(n, 2)`.
        examples: `(m, 2)`, of which the first thousand are shown.

    Returns:
        uint8 `(height, width, 3)`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    canvas = FigureCanvasAgg(Figure(figsize=(4, 4), dpi=100, layout="constrained"))
    axes = canvas.figure.subplots()
    for points, colour in ((examples[:1000], "0.8"), (samples, "0")):
        axes.scatter(*points.T, s=6, color=colour, linewidths=0)
    low, high = examples.min(axis=0), examples.max(axis=0)
    margin = 0.1 * np.maximum(high - low, 1e-6)
    limits = np.stack([low - margin, high + margin], axis=1)
    axes.set(xlim=limits[0], ylim=limits[1])
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def save_animation(
    path: str | Path,
    frames: Iterable[np.ndarray],
    columns: int | None = None,
    *,
    milliseconds: int = FRAME_MILLISECONDS,
) -> None:
    """Writes an animated GIF of `image_grid(frame, columns)`, whole or not at all.

    It repeats for ever, and rests on the last frame. Neighbours that are the same
    become one longer frame. Greys are exact; colours are the nearest of 256 of each
    frame.

    Args:
        path: The file to make or replace.
        frames: Batches of images, each as in `image_grid` and all of one shape.
        columns: Images per row.
        milliseconds: Time of a frame, a multiple of 10.

    Raises:
        ValueError: If there are no frames, their pictures differ in size, or the time
            is no positive multiple of 10.
    """
    pictures = [paletted(image_grid(frame, columns)) for frame in frames]
    write_animation(path, pictures, milliseconds=milliseconds)


def paletted(picture: np.ndarray) -> "Image":
    """A picture, uint8 `(height, width, 3)`, with at most 256 colours.

    Greys are exact, and so is what has gone through this function before.
    """
    from PIL import Image

    if (picture == picture[..., :1]).all():
        return Image.fromarray(np.ascontiguousarray(picture[..., 0]))
    return Image.fromarray(picture).quantize(256, dither=Image.Dither.NONE)


def write_animation(
    path: str | Path,
    pictures: Sequence["Image"],
    *,
    milliseconds: int = FRAME_MILLISECONDS,
    comment: str = "",
) -> None:
    """Writes a GIF of pictures from `paletted`; see `save_animation`.

    Args:
        path: The file to make or replace.
        pictures: At least one, all of one size.
        milliseconds: Time of a frame, a multiple of 10.
        comment: Text to keep in the file.
    """
    check_positive(milliseconds, "milliseconds", integer=True)
    if milliseconds % 10:
        raise ValueError(f"milliseconds must be a multiple of 10, not {milliseconds}.")
    if len({picture.size for picture in pictures}) != 1:
        sizes = sorted({picture.size for picture in pictures})
        raise ValueError(f"frames must have one size, received the sizes {sizes}.")
    durations = [milliseconds] * len(pictures)
    durations[-1] += REST_MILLISECONDS
    with whole_file(path) as temporary:
        pictures[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=durations,
            loop=0,
            comment=comment.encode(),
        )


def read_animation(
    path: str | Path, *, milliseconds: int = FRAME_MILLISECONDS
) -> tuple[list[np.ndarray], str]:
    """The frames of `write_animation` and its comment.

    Args:
        path: The file.
        milliseconds: Time of a frame, by which a longer one is counted several times.

    Returns:
        Pictures, uint8 `(height, width, 3)`, and the comment.

    Raises:
        OSError: If the file is no picture.
    """
    from PIL import Image

    pictures = []
    with Image.open(path) as file:
        comment = file.info.get("comment", b"").decode(errors="replace")
        num_pictures = getattr(file, "n_frames", 1)
        for i in range(num_pictures):
            file.seek(i)
            rest = REST_MILLISECONDS if i == num_pictures - 1 else 0
            times = round((file.info.get("duration", 0) - rest) / milliseconds)
            pictures += [np.asarray(file.convert("RGB"))] * max(1, times)
    return pictures, comment
