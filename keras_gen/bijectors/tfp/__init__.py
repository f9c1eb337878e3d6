"""TFP bijectors that the layers return: imported on first use, as TFP is."""

import tensorflow_probability as tfp

from .autoregressive import AutoregressiveMap
from .coupling import SplitCoupling
from .maps import LinearMap, PlanarMap, RadialMap, Rescale, Unsqueeze
from .spline import Spline

tfb = tfp.bijectors

__all__ = [
    "AutoregressiveMap",
    "LinearMap",
    "PlanarMap",
    "RadialMap",
    "Rescale",
    "Spline",
    "SplitCoupling",
    "Unsqueeze",
    "tfb",
]
