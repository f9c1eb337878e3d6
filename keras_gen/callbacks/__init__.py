"""Callbacks for any generative model, and for adversarial training."""

from .adversarial import AdversarialDiagnostics, training_faults
from .animation import SampleAnimation
from .evaluation import SampleEvaluation
from .grid import SampleGrid
from .previews import default_labels, picture_of, reconstructions, save_picture_of
from .sample_text import SampleText, write_texts

__all__ = [
    "AdversarialDiagnostics",
    "SampleAnimation",
    "SampleEvaluation",
    "SampleGrid",
    "SampleText",
    "default_labels",
    "picture_of",
    "reconstructions",
    "save_picture_of",
    "training_faults",
    "write_texts",
]
