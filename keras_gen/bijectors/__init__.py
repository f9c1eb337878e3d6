"""Bijectors: layers that own weights and make a new TFP bijector at each call."""

from .builders import (
    glow,
    inverse_autoregressive,
    masked_autoregressive,
    multi_scale,
    multi_scale_real_nvp,
    neural_spline,
    nice,
    planar,
    real_nvp,
)
from .chain import Chain
from .conditional import Autoregressive, Coupling
from .dequantization import (
    Dequantization,
    UniformDequantization,
    VariationalDequantization,
)
from .elementwise import Additive, Affine, Elementwise, RationalQuadraticSpline
from .lazy import LazyBijector
from .linear import (
    ActNorm,
    InvertibleLinear,
    Permutation,
    Standardization,
)
from .mixture import LearnedMixture
from .posterior import FlowPosterior
from .prior import FlowPrior
from .shaping import Flatten, Logit, MultiscaleSplit, Squeeze
from .simple import Planar, Radial

__all__ = [
    "ActNorm",
    "Additive",
    "Affine",
    "Autoregressive",
    "Chain",
    "Coupling",
    "Dequantization",
    "Elementwise",
    "Flatten",
    "FlowPosterior",
    "FlowPrior",
    "InvertibleLinear",
    "LazyBijector",
    "LearnedMixture",
    "Logit",
    "MultiscaleSplit",
    "Permutation",
    "Planar",
    "Radial",
    "RationalQuadraticSpline",
    "Squeeze",
    "Standardization",
    "UniformDequantization",
    "VariationalDequantization",
    "glow",
    "inverse_autoregressive",
    "masked_autoregressive",
    "multi_scale",
    "multi_scale_real_nvp",
    "neural_spline",
    "nice",
    "planar",
    "real_nvp",
]
