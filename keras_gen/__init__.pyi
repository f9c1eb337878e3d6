"""The names of `__init__.py`, which imports them on demand, for type checkers."""

from . import bijectors as bijectors
from . import callbacks as callbacks
from . import capabilities as capabilities
from . import distributions as distributions
from . import export as export  # pyright: ignore[reportAttributeAccessIssue]
from . import metrics as metrics
from . import models as models
from . import networks as networks
from . import objectives as objectives
from . import parameterizations as parameterizations
from . import pictures as pictures
from . import random as random
from . import rows as rows
from . import samplers as samplers
from . import schedules as schedules
from . import specs as specs
from . import texts as texts
from . import tokenizers as tokenizers
from . import zoo as zoo  # pyright: ignore[reportAttributeAccessIssue]
from .distributions import Bernoulli as Bernoulli
from .distributions import Categorical as Categorical
from .distributions import DiscretizedLogistic as DiscretizedLogistic
from .distributions import DiscretizedLogisticMixture as DiscretizedLogisticMixture
from .distributions import Gaussian as Gaussian
from .distributions import GaussianMixture as GaussianMixture
from .distributions import LearnedGaussian as LearnedGaussian
from .distributions import MixedColumns as MixedColumns
from .distributions import StandardNormal as StandardNormal
from .distributions import VampPrior as VampPrior
from .engine.examples import Unpaired as Unpaired
from .imputing import impute as impute
from .model import GenerativeModel as GenerativeModel
from .models import GAN as GAN
from .models import VAE as VAE
from .models import VQVAE as VQVAE
from .models import Autoencoder as Autoencoder
from .models import Autoregressive as Autoregressive
from .models import Classifier as Classifier
from .models import Consistency as Consistency
from .models import CycleGAN as CycleGAN
from .models import Diffusion as Diffusion
from .models import Flow as Flow
from .models import Latent as Latent
from .models import Pix2Pix as Pix2Pix
from .models import PixelAutoregressive as PixelAutoregressive
from .models import Restorer as Restorer
from .models import TextVAE as TextVAE
from .networks import FiniteScalarQuantizer as FiniteScalarQuantizer
from .networks import VectorQuantizer as VectorQuantizer
from .objectives import DRAGAN as DRAGAN
from .objectives import ELBO as ELBO
from .objectives import IWAE as IWAE
from .objectives import R1 as R1
from .objectives import R2 as R2
from .objectives import AdaptiveAugmentation as AdaptiveAugmentation
from .objectives import AuxiliaryClassifier as AuxiliaryClassifier
from .objectives import Contractive as Contractive
from .objectives import DifferentiableAugmentation as DifferentiableAugmentation
from .objectives import GradientPenalty as GradientPenalty
from .objectives import InfoGAN as InfoGAN
from .objectives import KLSparsity as KLSparsity
from .objectives import L1Sparsity as L1Sparsity
from .objectives import LeastSquares as LeastSquares
from .objectives import LogitNormalTimes as LogitNormalTimes
from .objectives import LogNormalLevels as LogNormalLevels
from .objectives import LowResolution as LowResolution
from .objectives import Minimax as Minimax
from .objectives import MinSNR as MinSNR
from .objectives import MixedError as MixedError
from .objectives import NonSaturating as NonSaturating
from .objectives import RandomShift as RandomShift
from .objectives import RelativisticPairing as RelativisticPairing
from .objectives import SaltAndPepper as SaltAndPepper
from .objectives import SigmoidWeighting as SigmoidWeighting
from .objectives import SquaredError as SquaredError
from .objectives import StochasticBinarization as StochasticBinarization
from .objectives import UniformTimes as UniformTimes
from .objectives import UniformWeighting as UniformWeighting
from .objectives import VelocityWeighting as VelocityWeighting
from .objectives import Wasserstein as Wasserstein
from .objectives import WeightClipping as WeightClipping
from .players import Player as Player

__version__: str

def _check_backend() -> None: ...
