"""How a model uses its codes."""

from typing import Any, cast

import numpy as np

from ..capabilities import Encodes
from ..specs import Codes
from .estimate import Estimate


def code_figures(model: Encodes, x: Any) -> dict[str, Estimate]:
    """The use of codes over examples.

    Args:
        model: A model with a latent of `specs.Codes`, such as `VQVAE`.
        x: Examples, `(n, *inputs.shape)`.

    Returns:
        `codebook_usage`, the share of all codes that occur, and `codebook_perplexity`,
        exp(entropy) of their frequencies over all places, between 1 and the number of
        codes. Codebooks of several levels count as one.

    Example:
        >>> pair = kg.networks.spatial_autoencoder((8, 8, 1), 4, channels=(8,))
        >>> model = kg.VQVAE(*pair, kg.networks.VectorQuantizer(16), seed=0)
        >>> x = np.zeros((3, 8, 8, 1), "float32")
        >>> figures = kg.metrics.code_figures(model, x)
        >>> figures["codebook_usage"].value <= 1
        True
    """
    number = cast(Codes, model.latent).num_codes
    codes = np.asarray(model.encode(x))
    counts = np.bincount(codes.reshape(-1), minlength=number)
    p = counts[counts > 0] / counts.sum()
    perplexity = float(np.exp(-(p * np.log(p)).sum()))
    used = float((counts > 0).mean())
    return {
        "codebook_usage": Estimate(used, None, "share", len(codes)),
        "codebook_perplexity": Estimate(perplexity, None, "codes", len(codes)),
    }
