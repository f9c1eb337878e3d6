"""What a model does to the plane, in numbers: densities, lines, positions by layer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..capabilities import Encodes, Likelihoods, Scores
from ..validation import check_positive, check_type

if TYPE_CHECKING:
    from ..models import Flow

POINTS_PER_LINE = 301


def density_on_grid(
    model: Scores | Likelihoods,
    low: Sequence[float],
    high: Sequence[float],
    resolution: int = 170,
    *,
    labels: int | Sequence[int] | None = None,
    context: Sequence[float] | None = None,
) -> np.ndarray:
    """exp(log p(x)) at the centres of equal cells of a rectangle.

    Args:
        model: A model of vectors of two values.
        low: Left and lower end, `(2,)`.
        high: Right and upper end, `(2,)`.
        resolution: Cells along each side.
        labels: The class, or several that are mixed in equal parts, of a
            class-conditional model; default all.
        context: `(context_size,)`, for a model with a context.

    Returns:
        Densities per unit of area, float64 `(resolution, resolution)`; rows go up.

    Raises:
        TypeError: If the model knows no densities.
        ValueError: If its data are no vectors of two continuous values.
    """
    check_type(model, Scores | Likelihoods, "model")
    check_plane(model)
    check_positive(resolution, "resolution", integer=True)
    shares = (np.arange(resolution) + 0.5) / resolution
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    centres = (low + shares[:, None] * (high - low)).T
    x = np.stack(np.meshgrid(*centres), axis=-1).reshape(-1, 2).astype(np.float32)
    if labels is None and model.num_classes:
        labels = range(model.num_classes)
    parts = [None] if labels is None else np.ravel(labels)
    log_probs = [model.log_prob(x, **repeated(len(x), k, context)) for k in parts]
    densities = np.exp(np.asarray(log_probs, np.float64))
    return densities.mean(axis=0).reshape(resolution, resolution)


def plane_lines(extent: float = 3.0, lines: int = 13) -> np.ndarray:
    """Vertical, then horizontal lines from -extent to extent, equally far apart.

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
    labels: int | None = None,
    context: Sequence[float] | None = None,
) -> np.ndarray:
    """Where `decode` brings the straight lines of a square of the latent plane.

    Args:
        model: A model of vectors of two values with two latent values.
        extent: Half the side of the square.
        lines: Lines per direction, at least 2.
        labels: The class, for a class-conditional model.
        context: `(context_size,)`, for a model with a context.

    Returns:
        float32 `(2 * lines, points, 2)`: vertical lines first, from left to right, then
        horizontal ones, from below.

    Raises:
        TypeError: If the model does not decode.
        ValueError: If it does not map the plane to itself.
    """
    check_type(model, Encodes, "model")
    check_plane(model)
    if tuple(model.latent_shape) != (2,):
        raise ValueError(
            f"model must have two latent values, {model.name} has the latent shape "
            f"{tuple(model.latent_shape)}."
        )
    straight = plane_lines(extent, lines)
    flat = straight.reshape(-1, 2)
    bent = model.decode(flat, **repeated(len(flat), labels, context))
    return np.reshape(bent, straight.shape)


def layer_positions(
    model: "Flow",
    z: np.ndarray,
    *,
    labels: int | None = None,
    context: Sequence[float] | None = None,
) -> list[np.ndarray]:
    """Where points of the latent plane are after each bijector, on the way to data.

    Args:
        model: A flow of vectors of two values.
        z: Latent points, `(n, 2)`.
        labels: The class, for a class-conditional flow.
        context: `(context_size,)`, for a flow with a context.

    Returns:
        `z` itself, then one float32 `(n, 2)` per bijector, that of the data last.

    Raises:
        TypeError: If the model is no flow.
        ValueError: If its data are no vectors of two continuous values, or there is no
            class or context where one is needed.
    """
    import tensorflow as tf

    from ..models import Flow
    from ..validation import check_context, check_labels

    check_type(model, Flow, "model")
    check_plane(model)
    given = repeated(len(z), labels, context)
    context = check_context(given["context"], model.context_size)
    classes = check_labels(given["labels"], model.num_classes)
    told = context if classes is None else classes
    known = None if told is None else model.context_of(tf.constant(told))
    places = [tf.constant(z, tf.float32)]
    for bijector in reversed(model.bijectors):
        places.append(bijector.bijector(known).forward(places[-1]))
    near = model.columns.outward(places[-1])
    return [place.numpy() for place in [*places[:-1], near]]


def check_plane(model: Any) -> None:
    """Raises ValueError unless the data are vectors of two continuous values."""
    if tuple(model.data_shape) != (2,) or model.unit_interval:
        kind = " in [0, 1]" if model.unit_interval else ""
        raise ValueError(
            f"model must have data of two continuous values, {model.name} has data of "
            f"shape {tuple(model.data_shape)}{kind}."
        )


def repeated(
    num_rows: int, labels: int | None, context: Sequence[float] | None
) -> dict[str, np.ndarray | None]:
    """One class or context as the `labels` and `context` of many rows."""
    return {
        "labels": None if labels is None else np.full(num_rows, labels),
        "context": None if context is None else np.tile(context, (num_rows, 1)),
    }
