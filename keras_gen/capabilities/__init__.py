"""What a trained model can do: small abstract classes, asked for by the export.

A method exists only where the mathematics does. Each public method takes arrays,
which are checked and run compiled in batches, or tensors, which flow through; the
underscored method that a model writes sees float32 tensors only.
"""

from .bounds import Bounds
from .encodes import Encodes
from .generates import Generates
from .scores import Scores

__all__ = ["Bounds", "Encodes", "Generates", "Scores"]
