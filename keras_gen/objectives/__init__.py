"""Objectives: tensors to per-example values, without weights or randomness."""

from .corruption import (
    GaussianNoise,
    Masking,
    RandomShift,
    SaltAndPepper,
    StochasticBinarization,
)
from .evidence import ELBO, IWAE, Evidence
from .penalties import Contractive, KLSparsity, L1Sparsity
from .reconstruction import BinaryCrossEntropy, SquaredError

__all__ = [
    "ELBO",
    "IWAE",
    "BinaryCrossEntropy",
    "Contractive",
    "Evidence",
    "GaussianNoise",
    "KLSparsity",
    "L1Sparsity",
    "Masking",
    "RandomShift",
    "SaltAndPepper",
    "SquaredError",
    "StochasticBinarization",
]
