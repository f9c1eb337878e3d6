"""Pictures of densities, and of the maps of flows, in the plane."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ..capabilities import Encodes, Scores
from ..random import normal, row_seeds
from ..validation import check_positive
from .plane import bent_lines, density_on_grid, layer_positions, plane_lines, repeated
from .points import BEHIND, MOST_BEHIND, panels, pixels, ranges, scatter

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..models import Flow

BRIGHTEST = 0.999  # share of the cells within the colour scale
INNER = 0.005, 0.995  # quantiles of the points that decide the axes of a frame
PLACE = 0.1, 0.07, 0.87, 0.86  # left, bottom, width, height: the same in all frames
COLOURS = "tab:blue", "tab:orange"  # colours of vertical and horizontal lines


def density_map(
    model: Scores,
    examples: np.ndarray | None = None,
    samples: np.ndarray | None = None,
    *,
    resolution: int = 170,
    condition: Any = None,
) -> np.ndarray:
    """A heat map of the density beside examples, samples, or both.

    All panels have the axes of the first points given. Black is density 0. The title
    shows the density of the brightest colour, per unit of area, which one cell in a
    thousand may exceed.

    Args:
        model: A model of vectors of two values.
        examples: Real points, `(m, 2)`, titled "data".
        samples: Points of the model, `(n, 2)`.
        resolution: Cells along each side of the map.
        condition: The condition of a conditional model, one value; or several classes,
            which are mixed in equal parts. The default is all classes.

    Returns:
        uint8 `(height, width, 3)`.

    Raises:
        TypeError: If the model has no density.
        ValueError: If its data are not vectors of two continuous values, or if there
            are neither examples nor samples.

    Example:
        >>> model = kg.Flow(kg.bijectors.real_nvp(2, units=(8,)), (2,), seed=0)
        >>> x = np.random.default_rng(0).normal(size=(100, 2))
        >>> picture = kg.pictures.density_map(model, x, resolution=20)
        >>> picture.dtype, picture.shape[-1]
        (dtype('uint8'), 3)
    """
    points = {"data": examples, "samples": samples}
    points = {k: np.asarray(v) for k, v in points.items() if v is not None}
    if not points:
        raise ValueError("density_map requires examples or samples for its axes.")
    low, high = ranges(next(iter(points.values())))
    density = density_on_grid(model, low, high, resolution, condition=condition)
    canvas, (first, *others) = panels(1 + len(points))
    brightest = max(np.quantile(density, BRIGHTEST), np.finfo(np.float32).tiny)
    first.imshow(
        density,
        origin="lower",
        extent=(low[0], high[0], low[1], high[1]),
        aspect="auto",
        interpolation="bilinear",
        cmap="magma",
        vmin=0,
        vmax=brightest,
    )
    first.set_title(f"density, 0 to {brightest:.2g}")
    for axes, (title, cloud) in zip(others, points.items(), strict=True):
        scatter(axes, cloud, "0")
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), title=title)
    return pixels(canvas)


def bent_grid(
    model: Encodes,
    examples: np.ndarray | None = None,
    *,
    extent: float = 3.0,
    lines: int = 13,
    condition: Any = None,
) -> np.ndarray:
    """A regular grid of the latent plane, and the same grid after `decode`.

    Args:
        model: A model of vectors of two values with two latent values.
        examples: Real points, `(m, 2)`, to draw in grey under the decoded grid, and
            their codes under the regular one. They decide the axes.
        extent: Half the side of the square that the grid covers.
        lines: Lines per direction, at least 2.
        condition: The condition of a conditional model, one value.

    Returns:
        uint8 `(height, width, 3)`.

    Raises:
        TypeError: If the model does not decode.
        ValueError: If it does not map the plane to itself.
    """
    bent = bent_lines(model, extent, lines, condition=condition)
    straight = plane_lines(extent, lines)
    canvas, (latent, decoded) = panels(2)
    sides = [ranges(grid.reshape(-1, 2)) for grid in (straight, bent)]
    if examples is not None:
        shown = np.asarray(examples)[:MOST_BEHIND]
        conditions = repeated(model.condition, condition, len(shown))
        codes = model.encode(shown, condition=conditions)
        scatter(latent, codes, BEHIND)
        scatter(decoded, shown, BEHIND)
        sides[1] = ranges(np.asarray(examples))
    for axes, grid, (low, high), title in (
        (latent, straight, sides[0], "latent plane"),
        (decoded, bent, sides[1], "decoded"),
    ):
        _draw_lines(axes, grid, COLOURS)
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), title=title)
    return pixels(canvas)


def layer_frames(
    model: "Flow",
    *,
    num_samples: int = 1000,
    steps: int = 6,
    seed: int = 0,
    condition: Any = None,
) -> list[np.ndarray]:
    """Frames of base noise that moves through the bijectors to the data.

    The first frame shows the base noise, and the last one `model.sample(num_samples,
    seed=seed)`. In between, points move on straight lines from layer to layer, with the
    grid lines of the latent plane under them. A point keeps the colour of its direction
    in the base. The axes follow the points. `save_animation` writes the frames.

    Args:
        model: A flow of vectors of two values.
        num_samples: Number of points.
        steps: Frames per bijector. The last one shows the points after it.
        seed: Decides the noise, as in `sample`.
        condition: The condition of a conditional flow, one value.

    Returns:
        Pictures, uint8 `(height, width, 3)`, 1 + steps * bijectors.

    Raises:
        TypeError: If the model is not a flow.
        ValueError: If its data are not vectors of two continuous values, or if a
            required condition is missing.
    """
    check_positive(steps, "steps", integer=True)
    z = base_noise(model, num_samples, seed)
    grid = plane_lines()
    start = np.concatenate([z, grid.reshape(-1, 2)])
    places = layer_positions(model, start, condition=condition)
    colours = _directions(z)
    frames = [_frame(places[0], colours, grid.shape, "base noise")]
    names = [type(bijector).__name__ for bijector in reversed(model.bijectors)]
    weights = (1 - np.cos(np.pi * np.arange(1, steps + 1) / steps)) / 2
    for i, name in enumerate(names):
        title = f"{i + 1} of {len(names)}: {name}"
        for weight in weights:
            between = (1 - weight) * places[i] + weight * places[i + 1]
            frames.append(_frame(between, colours, grid.shape, title))
    return frames


def base_noise(model: "Flow", num_samples: int, seed: int) -> np.ndarray:
    """The latent points of `model.sample(num_samples, seed=seed)`, `(n, 2)`."""
    noise = normal(row_seeds(seed, num_samples), model.noise.shape)
    return np.asarray(model.base.from_noise(noise))


def _frame(
    places: np.ndarray, colours: np.ndarray, shape: tuple[int, ...], title: str
) -> np.ndarray:
    """Points over lines. The points of the lines, in this shape, follow the points."""
    points, lines = places[: len(colours)], places[len(colours) :].reshape(shape)
    canvas, (axes,) = panels(1)
    _draw_lines(axes, lines, (BEHIND, BEHIND))
    scatter(axes, points, colours)
    low, high = np.quantile(points, INNER, axis=0)
    middle, half = (low + high) / 2, 0.7 * max(*(high - low), 1e-6)
    limits = np.stack([middle - half, middle + half], axis=1)
    axes.set(xlim=limits[0], ylim=limits[1], title=title, position=PLACE)
    return pixels(canvas)


def _draw_lines(axes: "Axes", lines: np.ndarray, colours: tuple[str, str]) -> None:
    """Lines, `(2 * n, points, 2)`: half in the first colour, half in the second."""
    for half, colour in zip(np.split(lines, 2), colours, strict=True):
        axes.plot(half[..., 0].T, half[..., 1].T, color=colour, lw=0.8, zorder=1.5)


def _directions(z: np.ndarray) -> np.ndarray:
    """A colour for the angle of each point, `(n, 3)`."""
    from matplotlib.colors import hsv_to_rgb

    hue = np.arctan2(z[:, 1], z[:, 0]) / (2 * np.pi) % 1
    return hsv_to_rgb(np.stack([hue, 0 * hue + 0.8, 0 * hue + 0.85], axis=1))
