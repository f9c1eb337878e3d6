"""Export of a trained model by the name of its run or recipe."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import export
from . import store
from .data import Data
from .evaluation import data_of, some
from .languages import TokenSplit

CALIBRATION_EXAMPLES = 220


def export_source(
    source: str,
    to: Path,
    artifact_format: str,
    *,
    quantization: str = "none",
    batch_size: int | None = 1,
    version: int = 1,
    endpoints: Sequence[str] | None = None,
    data: str | Path | None = None,
    tolerance: float | None = None,
) -> Path:
    """Writes an artifact of a run, or of a recipe's pretrained weights.

    Real examples are used to calibrate integers, and to check models of text.

    Args:
        source: A run folder, or the name of a recipe.
        to: Folder to write into.
        artifact_format: "saved_model" or "tflite".
        quantization: As in `export.tflite`.
        batch_size: As in `export.tflite`.
        version: As in `export.saved_model`.
        endpoints: Names of the endpoints. None means all.
        data: Data set or path that replaces the data of the run.
        tolerance: As in `export.tflite`.
    """
    from keras_gen.specs import num_classes

    name, model, examples = store.recipe_name(source), store.load(source), None
    if quantization == "int8" or store.recipe_of(source).text is not None:
        examples = _examples(data_of(source, model, data))
    shared = {"endpoints": endpoints, "examples": examples, "tolerance": tolerance}
    if num_classes(model.condition) is not None:
        shared["class_names"] = store.class_names(source, model)
    if artifact_format == "saved_model":
        return export.saved_model(model, to, version=version, **shared)
    path = to / f"{name}.tflite"
    how = {"quantization": quantization, "batch_size": batch_size}
    return export.tflite(model, path, **how, **shared)


def _examples(data: Data) -> np.ndarray:
    """Held-out examples, and of few of them training examples too.

    Of images to translate they are these.
    """
    place = 0 if data.source is None else 1
    examples = some(data.test, CALIBRATION_EXAMPLES)[place]
    lacking = CALIBRATION_EXAMPLES - len(examples)
    if not lacking or isinstance(data.train, TokenSplit):
        return examples
    return np.concatenate([examples, some(data.train, lacking)[place]])
