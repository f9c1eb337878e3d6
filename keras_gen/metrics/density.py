"""Figures of models that know the density of examples."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from ..bijectors import Logit
from ..capabilities import Scores
from ..models import Flow, PixelAutoregressive
from ..random import RowNoise, row_seeds
from .estimate import Estimate
from .likelihood import bits_per_dim, nats


def density_figures(
    model: Scores, x: np.ndarray, labels: Any = None, *, seed: int = 0
) -> dict[str, Estimate]:
    """Log-likelihoods of examples.

    Args:
        model: A model with a density.
        x: Examples, `(n, *data_shape)`.
        labels: Integers, `(n,)`, for a class-conditional model.
        seed: Decides the draw of a dequantization.

    Returns:
        `log_prob`, nats; of grey levels `bits_per_dim` too. Of a flow with a
        dequantization, both of the bound; if the flow begins with `Logit`, also
        `logit_log_prob`, nats: the log density of the logits of the dequantized values,
        as Papamakarios et al., "Masked autoregressive flow for density estimation",
        2017, report it.
    """
    if isinstance(model, PixelAutoregressive):
        log_prob = model.log_prob(x, labels)
        bits = bits_per_dim(log_prob, model.data_shape)
        return {"log_prob": nats(log_prob), "bits_per_dim": bits}
    if not isinstance(model, Flow) or model.dequantization is None:
        return {"log_prob": nats(model.log_prob(x, labels))}
    size = math.prod(model.data_shape)
    bits = model.bits_per_dim(x, labels, seed=seed).astype(np.float64)
    log_prob = -bits * size * math.log(2)
    figures = {
        "log_prob": nats(log_prob),
        "bits_per_dim": bits_per_dim(log_prob, model.data_shape),
    }
    if isinstance(model.bijectors[0], Logit):
        cell = model.dequantization.log_cell(model.data_shape)
        slopes = _log_slopes(model, x, labels, seed)
        figures["logit_log_prob"] = nats(log_prob - cell - slopes)
    return figures


def _log_slopes(model: Flow, x: np.ndarray, labels: Any, seed: int) -> np.ndarray:
    """Log-determinant of the logit at the same dequantized values, `(n,)`."""

    def log_slope(
        x: tf.Tensor, seed: tf.Tensor, labels: tf.Tensor | None = None
    ) -> tf.Tensor:
        y, _ = model.dequantize(x, labels, RowNoise(seed))
        logit = model.bijectors[0].bijector()
        return logit.inverse_log_det_jacobian(y, len(model.data_shape))

    return model.run(log_slope, x=x, seed=row_seeds(seed, len(x)), labels=labels)
