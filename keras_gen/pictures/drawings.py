"""Pictures of samples, still or moving, as their spec describes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..specs import Spec
from .animation import save_animation
from .images import image_grid, save_picture
from .lines import line_plots
from .points import point_cloud

STRIPS = 16  # clips in a still picture
CLIP_REST = 500  # additional milliseconds of the last frame of a clip


def is_drawable(spec: Spec) -> bool:
    """Whether `sample_picture` can show rows of a spec."""
    return spec.drawn_as is not None


def sample_picture(
    spec: Spec,
    samples: np.ndarray,
    columns: int | None = None,
    examples: np.ndarray | None = None,
    titles: Sequence[str] = (),
) -> np.ndarray:
    """Draws samples in one picture.

    Images are drawn in a grid. Clips are strips with frames from left to right, one
    below the other, for the first 16 clips. Series are lines, see `line_plots`. Vectors
    of two values are points.

    Args:
        spec: The spec of the samples.
        samples: `(n, *spec.shape)`.
        columns: Images per row.
        examples: Real points to draw under the points, or series below the lines.
        titles: Texts above the columns of images, such as names of classes.

    Returns:
        uint8 `(height, width, 3)`.

    Raises:
        ValueError: If samples of this spec cannot be drawn.

    Example:
        >>> import numpy as np
        >>> from keras_gen import specs
        >>> sample_picture(specs.Images(60, 60), np.zeros((1, 60, 60, 1))).shape
        (62, 62, 3)
    """
    if spec.drawn_as is None:
        raise ValueError(
            "spec must be images or clips of 1, 3 or 4 channels, series, or vectors of "
            f"2 values for a picture, received {spec}."
        )
    samples = np.asarray(samples)
    if spec.drawn_as == "clips":
        shown = samples[:STRIPS]
        return image_grid(shown.reshape(-1, *shown.shape[2:]), shown.shape[1])
    if spec.drawn_as == "lines":
        return line_plots(samples, examples)
    if spec.drawn_as == "points":
        return point_cloud(samples, samples if examples is None else examples)
    return image_grid(samples, columns, titles)


def save_samples(
    path: str | Path,
    spec: Spec,
    samples: np.ndarray,
    columns: int | None = None,
    examples: np.ndarray | None = None,
    titles: Sequence[str] = (),
) -> None:
    """Writes a picture of samples to a file.

    Args:
        path: The file. If it ends in .gif, an animated GIF in which clips play in a
            grid; otherwise a PNG of `sample_picture`.
        spec: The spec of the samples.
        samples: `(n, *spec.shape)`.
        columns: Images or clips per row.
        examples: As in `sample_picture`.
        titles: As in `sample_picture`.

    Raises:
        ValueError: If samples of this spec cannot be drawn.
    """
    if is_gif(path) and spec.drawn_as == "clips":
        frames = np.moveaxis(np.asarray(samples), 1, 0)
        save_animation(path, frames, columns, rest=CLIP_REST)
        return
    save_drawing(path, sample_picture(spec, samples, columns, examples, titles))


def save_drawing(path: str | Path, picture: np.ndarray) -> None:
    """Writes a picture, uint8 `(height, width, 3)`, as a PNG or GIF by its suffix."""
    if is_gif(path):
        save_animation(path, [picture])
    else:
        save_picture(path, picture)


def is_gif(path: str | Path) -> bool:
    """Whether a path ends in .gif."""
    return Path(path).suffix.lower() == ".gif"
