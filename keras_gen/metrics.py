"""How good a model is on held-out examples: figures with their standard error."""

from typing import Any, NamedTuple

import keras
import numpy as np

from .capabilities import Bounds
from .models import Autoencoder
from .objectives import BinaryCrossEntropy


class Figure(NamedTuple):
    """A measured value.

    Attributes:
        value: The value.
        standard_error: Its standard error over the examples; None where it has none.
        unit: Its unit.
        num_samples: Number of examples behind it.
    """

    value: float
    standard_error: float | None
    unit: str
    num_samples: int


def evaluate(
    model: keras.Model,
    x: Any,
    labels: Any = None,
    *,
    seed: int = 0,
    importance_samples: int = 100,
) -> dict[str, Figure]:
    """Figures of a model on held-out examples.

    Args:
        model: A trained model.
        x: Held-out examples, `(n, *data_shape)`.
        labels: Integers, `(n,)`, for a class-conditional model.
        seed: Decides the noise of the bounds.
        importance_samples: Samples per example of `importance_log_prob`.

    Returns:
        For a model that bounds the likelihood: `elbo` and `importance_log_prob`
        (nats), `active_units`. For an autoencoder: `reconstruction_error`, and
        `denoising_error` if it was trained against corruption.
    """
    figures = {}
    if isinstance(model, Bounds):
        figures["elbo"] = mean(model.elbo(x, labels=labels, seed=seed), "nats")
        log_prob = model.importance_log_prob(x, importance_samples, labels, seed=seed)
        figures["importance_log_prob"] = mean(log_prob, "nats")
        units = model.active_units(x, labels)
        figures["active_units"] = Figure(units, None, "dimensions", len(x))
    if isinstance(model, Autoencoder):
        cross_entropy = isinstance(model.reconstruction, BinaryCrossEntropy)
        unit = "nats" if cross_entropy else "squared data units"
        error = model.reconstruction_error(x)
        figures["reconstruction_error"] = mean(error, unit)
        if model.corruption is not None:
            error = model.denoising_error(x, seed=seed)
            figures["denoising_error"] = mean(error, unit)
    return figures


def mean(values: np.ndarray, unit: str) -> Figure:
    """The mean of one value per example, with its standard error."""
    values = np.asarray(values, np.float64)
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else None
    error = None if error is None else float(error)
    return Figure(float(values.mean()), error, unit, len(values))
