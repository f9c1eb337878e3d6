"""Objectives: tensors to per-example values, without weights or randomness."""

from .adversarial import (
    AdversarialObjective,
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    RelativisticPairing,
    Wasserstein,
)
from .aggregate import (
    AggregatePenalty,
    Draws,
    MaximumMeanDiscrepancy,
    TotalCorrelation,
)
from .augmentation import (
    AdaptiveAugmentation,
    Augmentation,
    DifferentiableAugmentation,
)
from .auxiliary import Auxiliary, AuxiliaryClassifier, InfoGAN
from .consistency import ShrinkingGaps
from .corruption import (
    Corruption,
    GaussianNoise,
    LowResolution,
    Masking,
    RandomShift,
    SaltAndPepper,
    StochasticBinarization,
)
from .denoising import (
    LogitNormalTimes,
    LogNormalLevels,
    MinSNR,
    SigmoidWeighting,
    Times,
    UniformTimes,
    UniformWeighting,
    VelocityWeighting,
    Weighting,
)
from .evidence import ELBO, IWAE, Evidence
from .penalties import Contractive, KLSparsity, L1Sparsity
from .reconstruction import BinaryCrossEntropy, MixedError, SquaredError
from .regularizers import (
    DRAGAN,
    R1,
    R2,
    GradientPenalty,
    GradientRegularizer,
    Regularizer,
    WeightClipping,
)

__all__ = [
    "ELBO",
    "IWAE",
    "AdaptiveAugmentation",
    "AggregatePenalty",
    "Augmentation",
    "BinaryCrossEntropy",
    "Contractive",
    "Corruption",
    "DifferentiableAugmentation",
    "Draws",
    "Evidence",
    "LogNormalLevels",
    "LogitNormalTimes",
    "MaximumMeanDiscrepancy",
    "MinSNR",
    "ShrinkingGaps",
    "SigmoidWeighting",
    "Times",
    "TotalCorrelation",
    "UniformTimes",
    "UniformWeighting",
    "VelocityWeighting",
    "Weighting",
    "GaussianNoise",
    "LowResolution",
    "KLSparsity",
    "L1Sparsity",
    "Masking",
    "RandomShift",
    "SaltAndPepper",
    "MixedError",
    "SquaredError",
    "StochasticBinarization",
    "AdversarialObjective",
    "Hinge",
    "LeastSquares",
    "Minimax",
    "NonSaturating",
    "RelativisticPairing",
    "Wasserstein",
    "Auxiliary",
    "AuxiliaryClassifier",
    "InfoGAN",
    "DRAGAN",
    "R1",
    "R2",
    "GradientPenalty",
    "GradientRegularizer",
    "Regularizer",
    "WeightClipping",
]
