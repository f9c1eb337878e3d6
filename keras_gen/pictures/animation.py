"""Animated GIFs."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..files import whole_file
from ..validation import check_count, check_positive
from .images import image_grid

if TYPE_CHECKING:
    from PIL.Image import Image

FRAME_MILLISECONDS, REST_MILLISECONDS = 100, 2000  # the last frame has the rest too


def save_animation(
    path: str | Path,
    frames: Iterable[np.ndarray],
    columns: int | None = None,
    *,
    milliseconds: int = FRAME_MILLISECONDS,
    rest: int = REST_MILLISECONDS,
) -> None:
    """Writes an animated GIF of pictures or batches of images.

    It repeats forever, with a pause at the last frame. Equal consecutive frames are
    merged. Greys are exact. Colours are the nearest of 256 colours per frame.

    Args:
        path: The file to make or replace.
        frames: Pictures, uint8 `(height, width, 3)`, or batches of images as in
            `image_grid`, all with the same shape.
        columns: Images per row of a batch.
        milliseconds: Duration of a frame, a multiple of 10.
        rest: Additional duration of the last frame, a multiple of 10, >= 0.

    Raises:
        ValueError: If there are no frames, if they differ in size, or if a duration is
            not a multiple of 10 in range.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "fade.gif"
        >>> frames = [np.full((4, 8, 8, 1), grey) for grey in (0.0, 0.5, 1.0)]
        >>> kg.pictures.save_animation(path, frames)
        >>> pictures, comment = kg.pictures.read_animation(path)
        >>> len(pictures)
        3
    """
    pictures = [
        paletted(frame if _is_picture(frame) else image_grid(frame, columns))
        for frame in frames
    ]
    write_animation(path, pictures, milliseconds=milliseconds, rest=rest)


def _is_picture(frame: np.ndarray) -> bool:
    frame = np.asarray(frame)
    return frame.dtype == np.uint8 and frame.shape[2:] == (3,)


def paletted(picture: np.ndarray) -> "Image":
    """A picture, uint8 `(height, width, 3)`, with at most 256 colours.

    Greys are exact, and so are pictures from this function.
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
    rest: int = REST_MILLISECONDS,
    comment: str = "",
) -> None:
    """Writes a GIF of pictures from `paletted`; see `save_animation`.

    Args:
        path: The file to make or replace.
        pictures: At least one picture, all with the same size.
        milliseconds: Duration of a frame, a multiple of 10.
        rest: Additional duration of the last frame, a multiple of 10, >= 0.
        comment: Text to keep in the file.
    """
    check_positive(milliseconds, "milliseconds", integer=True)
    if milliseconds % 10:
        raise ValueError(
            f"milliseconds must be a multiple of 10, received {milliseconds}."
        )
    check_count(rest, "rest", least=0)
    if rest % 10:
        raise ValueError(f"rest must be a multiple of 10, received {rest}.")
    if len({picture.size for picture in pictures}) != 1:
        sizes = sorted({picture.size for picture in pictures})
        raise ValueError(f"frames must have the same size, received sizes {sizes}.")
    durations = [milliseconds] * len(pictures)
    durations[-1] += rest
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
    """Reads the frames and the comment of a GIF from `write_animation`.

    Args:
        path: The file.
        milliseconds: Duration of a frame. Longer frames are repeated.

    Returns:
        Pictures, uint8 `(height, width, 3)`, and the comment.

    Raises:
        OSError: If the file is not a picture.
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
