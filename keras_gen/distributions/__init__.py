"""Likelihoods, priors and posteriors: small saved values that make TFP distributions.

`tensorflow_probability` is imported on first use.
"""

from .columns import MixedColumns
from .levels import TwoLevelPosterior, TwoLevelPrior
from .likelihoods import (
    Bernoulli,
    DiscretizedLogistic,
    Gaussian,
    LearnedGaussian,
    Likelihood,
)
from .pixels import Categorical, DiscretizedLogisticMixture, PixelDistribution
from .posteriors import ApproximatePosterior, Drawn, Encoded, NormalPosterior
from .priors import GaussianMixture, Prior, StandardNormal
from .tfp import Distribution, normal
from .vamp import VampPrior

__all__ = [
    "ApproximatePosterior",
    "Bernoulli",
    "Categorical",
    "DiscretizedLogistic",
    "DiscretizedLogisticMixture",
    "Distribution",
    "Drawn",
    "Encoded",
    "Gaussian",
    "GaussianMixture",
    "LearnedGaussian",
    "Likelihood",
    "MixedColumns",
    "NormalPosterior",
    "PixelDistribution",
    "Prior",
    "StandardNormal",
    "TwoLevelPosterior",
    "TwoLevelPrior",
    "VampPrior",
    "normal",
]
