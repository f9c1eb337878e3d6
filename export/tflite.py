"""`.tflite` files of LiteRT builtin operators."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from ..capabilities import Scores
from . import manifest, parity
from .endpoints import Endpoint, endpoints_of, reference_inputs, reference_outputs
from .precision import as_float32
from .saved_model import write_saved_model

CONVERTER = Path(__file__).with_name("convert.py")
TOLERANCES = {"none": 1e-5, "float16": 1e-2, "dynamic": 0.1, "int8": None}
QUANTIZATIONS = tuple(TOLERANCES)
MEANINGLESS = 0.05
CALIBRATION_ROWS = 200


def tflite(
    model: keras.Model,
    path: str | Path,
    *,
    quantization: str = "none",
    endpoints: Sequence[str] | None = None,
    examples: Any = None,
) -> Path:
    """Writes a `.tflite` file with one named signature per endpoint.

    All signatures share one copy of the weights, and every operator is a LiteRT
    builtin. The file's entry in `manifest.json` beside it holds shapes, sizes,
    errors against the Keras model and latencies; several files may share a folder. A
    model trained in mixed precision is written, and compared, in float32.

    Args:
        model: A model with capabilities.
        path: The file, ending in `.tflite`.
        quantization: "none" (float32), "float16" (weights), "dynamic" (int8 weights,
            float32 arithmetic) or "int8" (weights and arithmetic, float32 inputs and
            outputs).
        endpoints: Names of the endpoints; None means all that the model has, and
            with "int8" all that integers can stand for.
        examples: Real examples `(n, *data_shape)` to compare with; "int8" needs them,
            for calibration, unless its endpoints start from noise alone.

    Returns:
        The file.

    Raises:
        FileExistsError: If the file exists.
        ParityError: If the file holds a foreign operator or answers otherwise than
            the model; nothing is left behind then.
        ValueError: If the path, quantization or an endpoint is unfit.
    """
    path = Path(path)
    chosen = _choose(model, path, quantization, endpoints, examples)
    rows = CALIBRATION_ROWS if quantization == "int8" else 8
    inputs = reference_inputs(model, chosen, examples, rows)
    chosen = endpoints_of(as_float32(model), [endpoint.name for endpoint in chosen])
    outputs = reference_outputs(chosen, inputs)
    reference = f"{path.stem}.reference.npz"
    with manifest.staging(path) as folder:
        manifest.write_reference(folder / reference, inputs, outputs)
        _convert(chosen, folder, path.name, reference, quantization)
        artifact = manifest.describe(
            folder,
            "tflite",
            chosen,
            outputs,
            reference=reference,
            quantization=quantization,
            tolerance=TOLERANCES[quantization],
        )
        manifest.write(folder, path.name, artifact)
        figures = parity.run(folder, path.name)
        _refuse_meaningless(quantization, figures)
        for name, facts in artifact["endpoints"].items():
            facts |= figures[name]
            if facts["tolerance"] is None:  # int8: as measured, with room to spare
                facts["tolerance"] = 2 * facts["error"]
        manifest.publish(folder, path, artifact)
    return path


def _choose(
    model: keras.Model,
    path: Path,
    quantization: str,
    names: Sequence[str] | None,
    examples: Any,
) -> list[Endpoint]:
    """The endpoints to write, after a check of all arguments."""
    if path.suffix != ".tflite":
        raise ValueError(f"path must end in .tflite, received {str(path)!r}.")
    if path.exists():
        raise FileExistsError(f"{path} exists: an export is never overwritten.")
    if quantization not in TOLERANCES:
        raise ValueError(
            f"quantization must be one of {', '.join(TOLERANCES)}, received "
            f"{quantization!r}."
        )
    chosen = endpoints_of(model, names)
    if quantization != "int8":
        return chosen
    if isinstance(model, Scores):
        raise ValueError(
            f"quantization 'int8' is unsupported for {model.name}: a density needs "
            "exact arithmetic, and so does the map behind it. Use 'dynamic' or "
            "'float16'."
        )
    kept = [e for e in chosen if e.quantizable]
    if examples is None and any({"x", "z"} & set(e.inputs) for e in kept):
        raise ValueError("quantization 'int8' needs examples to calibrate with.")
    refused = [e.name for e in chosen if not e.quantizable]
    if names is not None and refused:
        raise ValueError(
            f"quantization 'int8' is unsupported for {', '.join(refused)}: random "
            "numbers and likelihoods need wider numbers than integers of 8 bits."
        )
    return kept


def _convert(
    endpoints: Sequence[Endpoint],
    folder: Path,
    name: str,
    reference: str,
    quantization: str,
) -> None:
    """Writes the file `name` into `folder`."""
    source = folder / "saved_model"
    write_saved_model(endpoints, source)
    parity.run_script(
        CONVERTER,
        str(source),
        str(folder / name),
        quantization,
        str(folder / reference),
        *(endpoint.name for endpoint in endpoints),
    )
    shutil.rmtree(source)


def _refuse_meaningless(quantization: str, figures: dict[str, Any]) -> None:
    """Raises ParityError if integers lose the picture."""
    for name, facts in figures.items():
        if quantization == "int8" and not facts["mean_error"] <= MEANINGLESS:
            raise parity.ParityError(
                f"int8 is meaningless for {name}: the mean error is "
                f"{facts['mean_error']:.3g}, more than {MEANINGLESS}. Use 'dynamic'."
            )
