"""Objectives: tensors to per-example values, without weights or randomness."""

from .augmentation import (
    AdaptiveAugmentation,
    Augmentation,
    DifferentiableAugmentation,
)
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
    "AdaptiveAugmentation",
    "Augmentation",
    "BinaryCrossEntropy",
    "Contractive",
    "DifferentiableAugmentation",
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
