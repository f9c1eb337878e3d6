"""`.tflite` files of LiteRT builtin operators."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from ..capabilities import Completes
from . import manifest, parity
from .compact import compact
from .endpoint import Endpoint
from .endpoints import endpoints_of
from .precision import as_float32
from .reference import reference_inputs, reference_outputs
from .saved_model import write_saved_model

CONVERTER = Path(__file__).with_name("convert.py")
QUANTIZATIONS = ("none", "float16", "dynamic", "int8")  # the more exact first
TOLERANCES = {"float16": 1e-2, "dynamic": 0.1}
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
    errors against the Keras model and latencies; several files may share a folder. The
    tokenizer of a model of texts stands in `<file>.vocabulary.json`. A model trained
    in mixed precision is written, and compared, in float32.

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
        if isinstance(model, Completes) and model.tokenizer is not None:
            vocabulary = json.dumps(model.tokenizer.vocabulary(), indent=2)
            (folder / f"{path.stem}.vocabulary.json").write_text(vocabulary)
        artifact = manifest.describe(
            folder,
            "tflite",
            chosen,
            outputs,
            reference=reference,
            quantization=quantization,
            tolerances=_tolerances(chosen, quantization),
        )
        manifest.write(folder, path.name, artifact)
        figures = parity.run(folder, path.name)
        for name, facts in artifact["endpoints"].items():
            facts |= figures[name]
            if facts["tolerance"] is None and not facts.get("draws"):
                facts["tolerance"] = _measured(name, facts, quantization)
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
    if quantization not in QUANTIZATIONS:
        raise ValueError(
            f"quantization must be one of {', '.join(QUANTIZATIONS)}, received "
            f"{quantization!r}."
        )
    chosen = endpoints_of(model, names)
    strings = [e.name for e in chosen if e.has_strings]
    if strings and names is not None:
        raise ValueError(f"{', '.join(strings)}: a .tflite file has no strings.")
    chosen = [e for e in chosen if not e.has_strings]
    return _integers(chosen, names, examples) if quantization == "int8" else chosen


def _integers(
    chosen: list[Endpoint], names: Sequence[str] | None, examples: Any
) -> list[Endpoint]:
    """The endpoints that integers can stand for.

    Raises:
        ValueError: If they cannot for one that is named, or for all, or if there are
            no examples to calibrate with.
    """
    kept = [e for e in chosen if not e.exact]
    refused = [e for e in chosen if e.exact]
    if refused and (names is not None or not kept):
        reason = refused[0].exact
        found = ", ".join(e.name for e in refused if e.exact == reason)
        raise ValueError(
            f"quantization 'int8' is unsupported for {found}: {reason}. Use 'dynamic' "
            "or 'float16'."
        )
    if examples is None and any({"x", "z"} & set(e.inputs) for e in kept):
        raise ValueError("quantization 'int8' needs examples to calibrate with.")
    return kept


def _tolerances(
    endpoints: Sequence[Endpoint], quantization: str
) -> dict[str, float | None]:
    """The largest error of each endpoint; None where it is what is measured.

    Draws of rounded weights are others, for which there is no limit.
    """
    if quantization == "none":
        return {e.name: e.tolerance for e in endpoints}
    fixed = TOLERANCES.get(quantization)
    free = [e.name for e in endpoints if e.is_solver or e.facts.get("draws")]
    return {e.name: None if e.name in free else fixed for e in endpoints}


def _convert(
    endpoints: Sequence[Endpoint],
    folder: Path,
    name: str,
    reference: str,
    quantization: str,
) -> None:
    """Writes the file `name` into `folder`."""
    source = folder / "saved_model"
    write_saved_model(endpoints, source, asserts=False, by_bits=quantization == "int8")
    parity.run_script(
        CONVERTER,
        str(source),
        str(folder / name),
        quantization,
        str(folder / reference),
        *(endpoint.name for endpoint in endpoints),
    )
    compact(folder / name)
    shutil.rmtree(source)


def _measured(name: str, facts: dict[str, Any], quantization: str) -> float:
    """The tolerance that a measured error gives, with room to spare.

    Raises:
        ParityError: If the picture is lost.
    """
    if not facts["mean_error"] <= MEANINGLESS:
        better = QUANTIZATIONS[QUANTIZATIONS.index(quantization) - 1]
        raise parity.ParityError(
            f"{quantization} is meaningless for {name}: the mean error is "
            f"{facts['mean_error']:.3g}, more than {MEANINGLESS}. Use {better!r}."
        )
    return 2 * facts["error"]
