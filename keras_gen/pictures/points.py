"""Panels of a figure, and points of the plane."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg

INCHES, DOTS_PER_INCH = 4, 100
BEHIND, MOST_BEHIND = "0.8", 1000  # grey and number of the examples behind


def point_cloud(samples: np.ndarray, examples: np.ndarray) -> np.ndarray:
    """Draws points in black over examples in grey. The examples decide the axes.

    Args:
        samples: `(n, 2)`.
        examples: `(m, 2)`. The first thousand are shown.

    Returns:
        uint8 `(height, width, 3)`.
    """
    canvas, (axes,) = panels(1)
    scatter(axes, examples[:MOST_BEHIND], BEHIND)
    scatter(axes, samples, "0")
    low, high = ranges(examples)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    return pixels(canvas)


def panels(count: int, rows: int = 1) -> tuple["FigureCanvasAgg", list["Axes"]]:
    """A canvas with rows of square panels, without state in matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = INCHES * count, INCHES * rows
    figure = Figure(figsize=size, dpi=DOTS_PER_INCH, layout="constrained")
    return FigureCanvasAgg(figure), [*figure.subplots(rows, count, squeeze=False).flat]


def pixels(canvas: "FigureCanvasAgg") -> np.ndarray:
    """The drawing, uint8 `(height, width, 3)`."""
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def scatter(axes: "Axes", points: np.ndarray, colours: str | np.ndarray) -> None:
    """Small dots at points, `(n, 2)`, with one colour or a colour each, `(n, 3)`."""
    axes.scatter(*points.T, s=6, color=colours, linewidths=0)


def ranges(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest coordinates, `(2,)` each, widened by a tenth of the range.

    If all coordinates are equal, both are 1 away.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.where(high > low, 0.1 * (high - low), 1.0)
    return low - margin, high + margin
