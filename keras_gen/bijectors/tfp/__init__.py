"""TFP bijectors of the layers. They are imported on first use, like TFP."""

import tensorflow_probability as tfp

from .coupling import SplitCoupling
from .maps import LinearMap, PlanarMap, RadialMap, Rescale, Unsqueeze
from .sequential import AutoregressiveMap
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
