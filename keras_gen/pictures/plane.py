"""Values of models of the plane: densities, lines, positions by layer."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..capabilities import Encodes, Scores
from ..specs import Spec, num_classes
from ..validation import check_positive, check_type

if TYPE_CHECKING:
    from ..models import Flow

POINTS_PER_LINE = 301


def density_on_grid(
    model: Scores,
    low: ArrayLike,
    high: ArrayLike,
    resolution: int = 170,
    *,
    condition: Any = None,
) -> np.ndarray:
    """exp(log p(x)) at the centres of equal cells of a rectangle.

    Args:
        model: A model of vectors of two values.
        low: Left and lower end, `(2,)`.
        high: Right and upper end, `(2,)`.
        resolution: Cells along each side.
        condition: The condition of a conditional model, one value; or several classes,
            which are mixed in equal parts. The default is all classes.

    Returns:
        Densities per unit of area, float64 `(resolution, resolution)`, with rows from
        bottom to top.

    Raises:
        TypeError: If the model has no density.
        ValueError: If its data are not vectors of two continuous values.
    """
    check_type(model, Scores, "model")
    check_plane(model)
    check_positive(resolution, "resolution", integer=True)
    shares = (np.arange(resolution) + 0.5) / resolution
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    centres = (low + shares[:, None] * (high - low)).T
    x = np.stack(np.meshgrid(*centres), axis=-1).reshape(-1, 2).astype(np.float32)
    classes = num_classes(model.condition)
    parts: Iterable[Any] = [condition]
    if classes is not None:
        parts = range(classes) if condition is None else np.ravel(condition)
    conditions = [repeated(model.condition, part, len(x)) for part in parts]
    log_probs = [model.log_prob(x, condition=rows) for rows in conditions]
    densities = np.exp(np.asarray(log_probs, np.float64))
    return densities.mean(axis=0).reshape(resolution, resolution)


def plane_lines(extent: float = 3.0, lines: int = 13) -> np.ndarray:
    """Vertical, then horizontal lines from -extent to extent, equally spaced.

    Args:
        extent: Half the side of the square.
        lines: Lines per direction, at least 2.

    Returns:
        float32 `(2 * lines, points, 2)`.
    """
    check_positive(extent, "extent")
    if lines < 2:
        raise ValueError(f"lines must be at least 2, received {lines}.")
    across = np.linspace(-extent, extent, lines, dtype=np.float32)
    along = np.linspace(-extent, extent, POINTS_PER_LINE, dtype=np.float32)
    vertical = np.stack(np.meshgrid(across, along, indexing="ij"), axis=-1)
    return np.concatenate([vertical, vertical[..., ::-1]])


def bent_lines(
    model: Encodes,
    extent: float = 3.0,
    lines: int = 13,
    *,
    condition: Any = None,
) -> np.ndarray:
    """The straight lines of a square of the latent plane, after `decode`.

    Args:
        model: A model of vectors of two values with two latent values.
        extent: Half the side of the square.
        lines: Lines per direction, at least 2.
        condition: The condition of a conditional model, one value.

    Returns:
        float32 `(2 * lines, points, 2)`: vertical lines from left to right, then
        horizontal lines from bottom to top.

    Raises:
        TypeError: If the model does not decode.
        ValueError: If it does not map the plane to itself.
    """
    check_type(model, Encodes, "model")
    check_plane(model)
    if tuple(model.latent.shape) != (2,):
        raise ValueError(
            f"model must have two latent values, received {model.name} with latent "
            f"shape {tuple(model.latent.shape)}."
        )
    straight = plane_lines(extent, lines)
    flat = straight.reshape(-1, 2)
    bent = model.decode(flat, condition=repeated(model.condition, condition, len(flat)))
    return np.reshape(bent, straight.shape)


def layer_positions(
    model: "Flow",
    z: np.ndarray,
    *,
    condition: Any = None,
) -> list[np.ndarray]:
    """Positions of latent points after each bijector, on the way to data.

    Args:
        model: A flow of vectors of two values.
        z: Latent points, `(n, 2)`.
        condition: The condition of a conditional flow, one value.

    Returns:
        `z` itself, then float32 `(n, 2)` for each bijector, with the data last.

    Raises:
        TypeError: If the model is not a flow.
        ValueError: If its data are not vectors of two continuous values, or if a
            required condition is missing.
    """
    import tensorflow as tf

    from ..engine.examples import require_condition
    from ..models import Flow

    check_type(model, Flow, "model")
    check_plane(model)
    require_condition(model.condition, condition)
    known = None
    if (spec := model.condition) is not None and condition is not None:
        conditions = spec.check(repeated(spec, condition, len(z)), "condition")
        known = model._known(spec.as_input(tf.constant(conditions)))
    places = [tf.constant(z, tf.float32)]
    for bijector in reversed(model.bijectors):
        places.append(bijector.bijector(known).forward(places[-1]))
    near = model.scale.outward(places[-1])
    return [place.numpy() for place in [*places[:-1], near]]


def check_plane(model: Any) -> None:
    """Raises ValueError unless the data are vectors of two continuous values."""
    if model.inputs.drawn_as != "points" or model.inputs.is_unit:
        kind = " in [0, 1]" if model.inputs.is_unit else ""
        raise ValueError(
            f"model must have data of two continuous values, received {model.name} "
            f"with data of shape {tuple(model.inputs.shape)}{kind}."
        )


def repeated(spec: Spec | None, condition: Any, rows: int) -> Any:
    """One condition for each of many rows."""
    return condition if spec is None else spec.for_all(condition, rows)
