"""Callbacks for any generative model, and for adversarial training."""

from .adversarial import AdversarialDiagnostics, training_faults
from .animation import SampleAnimation
from .evaluation import SampleEvaluation
from .grid import SampleGrid
from .samples import default_labels, picture_of, reconstructions

__all__ = [
    "AdversarialDiagnostics",
    "SampleAnimation",
    "SampleEvaluation",
    "SampleGrid",
    "default_labels",
    "picture_of",
    "reconstructions",
    "training_faults",
]
