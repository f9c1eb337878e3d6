"""Export: one call to a SavedModel for TF Serving or a `.tflite` file for phones.

The export asks which capabilities a model has, and does not know its family. Each
artifact is compared with the Keras model in a separate process before it appears, and
has a manifest with which `check` tests it again.
"""

if __name__ == "export":
    raise ImportError("import keras_gen.export, not export")

from .endpoint import Endpoint
from .endpoints import endpoints_of
from .manifest import artifact
from .parity import ParityError, check
from .saved_model import saved_model
from .tflite import QUANTIZATIONS, tflite

__all__ = [
    "QUANTIZATIONS",
    "Endpoint",
    "ParityError",
    "artifact",
    "check",
    "endpoints_of",
    "saved_model",
    "tflite",
]
