"""What a trained model can do: small abstract classes, asked for by the export.

A method exists only where the mathematics does. Each public method takes arrays,
which are checked and run compiled in batches, or tensors, which flow through; the
underscored method that a model writes sees float32 tensors only.
"""

from .bounds import Bounds
from .classifies import Classifies
from .completes import Completes
from .continues import Continues
from .denoises import Denoises
from .edits import Edits
from .encodes import Encodes
from .generates import Generates
from .likelihoods import Likelihoods
from .observes import Observes
from .restores import Restores
from .scores import Scores
from .sentences import EncodesSentences
from .stepwise import GeneratesInSteps
from .variational import Variational

__all__ = [
    "Bounds",
    "Classifies",
    "Completes",
    "Continues",
    "Denoises",
    "Edits",
    "Encodes",
    "EncodesSentences",
    "Generates",
    "GeneratesInSteps",
    "Likelihoods",
    "Observes",
    "Restores",
    "Scores",
    "Variational",
]
