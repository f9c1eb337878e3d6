"""Likelihoods and priors: small saved values that make TFP distributions.

`tensorflow_probability` is imported on first use.
"""

from .columns import MixedColumns
from .likelihoods import (
    Bernoulli,
    DiscretizedLogistic,
    Gaussian,
    LearnedGaussian,
    Likelihood,
)
from .pixels import Categorical, DiscretizedLogisticMixture, PixelDistribution
from .priors import GaussianMixture, Prior, StandardNormal
from .tfp import Distribution, normal
from .vamp import VampPrior

__all__ = [
    "Bernoulli",
    "Categorical",
    "DiscretizedLogistic",
    "DiscretizedLogisticMixture",
    "Distribution",
    "Gaussian",
    "GaussianMixture",
    "LearnedGaussian",
    "Likelihood",
    "MixedColumns",
    "PixelDistribution",
    "Prior",
    "StandardNormal",
    "VampPrior",
    "normal",
]
