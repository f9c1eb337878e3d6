"""Bijectors: layers that own weights and return TFP bijectors, anew at each call."""

from .base import LazyBijector, prepare_all
from .conditional import Autoregressive, Coupling
from .elementwise import Additive, Affine, Elementwise, RationalQuadraticSpline
from .linear import (
    ActivationNormalization,
    InvertibleLinear,
    Permutation,
    Standardization,
)
from .shaping import Flatten, Logit, Part, Squeeze, initialize_all

__all__ = [
    "ActivationNormalization",
    "Additive",
    "Affine",
    "Autoregressive",
    "Coupling",
    "Elementwise",
    "Flatten",
    "InvertibleLinear",
    "LazyBijector",
    "Logit",
    "Part",
    "Permutation",
    "RationalQuadraticSpline",
    "Squeeze",
    "Standardization",
    "initialize_all",
    "prepare_all",
]
