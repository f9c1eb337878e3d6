"""Figures of models with a density."""

from typing import Any, cast

import numpy as np
import tensorflow as tf

from ..bijectors import Logit
from ..capabilities import Scores
from ..models import Flow, Latent, PixelAutoregressive
from ..random import RowNoise
from ..rows import RowRunner
from ..specs import Codes
from .estimate import Estimate, mean
from .likelihood import bits_per_dim, given_rows, nats


def density_figures(
    model: Scores, x: np.ndarray, condition: Any = None, *, seed: int = 0
) -> dict[str, Estimate]:
    """Log-likelihoods of examples.

    Args:
        model: A model with a density.
        x: Examples, `(n, *inputs.shape)`.
        condition: Rows of the model's `condition` spec, one per example.
        seed: Seed of the draw of a dequantization.

    Returns:
        `log_prob` in nats, called `elbo` if the model only knows a lower bound of it,
        and `bits_per_dim` for grey levels, and for a `Latent` with codes (of 256 grey
        levels, if its observation is a density). For a flow with a dequantization, both
        are bounds. A flow that begins with `Logit` also has `logit_log_prob` in nats:
        the log density of the logits of the dequantized values, as reported by
        Papamakarios et al., "Masked autoregressive flow for density estimation", 2017.
    """
    if isinstance(model, PixelAutoregressive):
        log_prob = model.log_prob(x, condition=condition)
        bits = bits_per_dim(log_prob, model.inputs.shape)
        return {"log_prob": nats(log_prob), "bits_per_dim": bits}
    if not isinstance(model, Flow) or model.dequantization is None:
        log_prob = model.log_prob(x, condition=condition)
        found = {"log_prob" if model.is_exact else "elbo": nats(log_prob)}
        has_codes = isinstance(model, Latent) and isinstance(model.latent, Codes)
        if has_codes and model.inputs.is_unit:
            bits = cast(Any, model)._bits(log_prob.astype(np.float64))
            found["bits_per_dim"] = mean(bits, "bits per dimension")
        return found
    bits = model.bits_per_dim(x, condition=condition, seed=seed).astype(np.float64)
    log_prob = -bits / model.inputs.bits(1.0)
    figures = {
        "log_prob": nats(log_prob),
        "bits_per_dim": bits_per_dim(log_prob, model.inputs.shape),
    }
    if isinstance(model.bijectors[0], Logit):
        cell = model.dequantization.log_cell(model.inputs.shape)
        slopes = _log_slopes(model, x, condition, seed)
        figures["logit_log_prob"] = nats(log_prob - cell - slopes)
    return figures


def _log_slopes(model: Flow, x: np.ndarray, condition: Any, seed: int) -> np.ndarray:
    """Log-determinant of the logit at the same dequantized values, `(n,)`."""

    def log_slope(
        x: tf.Tensor, seed: tf.Tensor, condition: tf.Tensor | None = None
    ) -> tf.Tensor:
        y, _ = model.dequantize(x, condition, RowNoise(seed))
        logit = model.bijectors[0].bijector()
        return logit.inverse_log_det_jacobian(y, len(model.inputs.shape))

    given = given_rows(model, x, seed, condition)
    return RowRunner(model).run(log_slope, given)
