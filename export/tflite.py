"""`.tflite` files of LiteRT builtin operators."""

import json
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_gen.extras import package

from . import manifest, parity
from .endpoint import Endpoint
from .endpoints import endpoints_of, tokenizer_of
from .precision import as_float32, compare_with_own
from .reference import (
    CALIBRATION_ROWS,
    HELD_OUT_ROWS,
    ROWS,
    parted,
    reference_inputs,
    reference_outputs,
)
from .saved_model import write_saved_model

CONVERTER = Path(__file__).with_name("convert.py")
QUANTIZATIONS = ("none", "float16", "dynamic", "int8")  # from most to least exact
TOLERANCES = {"float16": 1e-2, "dynamic": 0.1}
OF_PICTURES = TOLERANCES | {"dynamic": 0.25}  # for the 99.9th percentile
MEANINGLESS = 0.05
CALIBRATION = "calibration.npz"
CALIBRATION_SEED = 10**6  # different from the seeds of the reference


def tflite(
    model: keras.Model,
    path: str | Path,
    *,
    quantization: str = "none",
    batch_size: int | None = 1,
    endpoints: Sequence[str] | None = None,
    examples: Any = None,
    tolerance: float | None = None,
    class_names: Sequence[str] = (),
) -> Path:
    """Writes a `.tflite` file with one named signature per endpoint.

    All signatures share one copy of the weights, and every operator is a LiteRT
    builtin. `manifest.json` beside the file holds shapes, sizes, errors compared with
    the Keras model, and latencies. Several files may share a folder. The tokenizer of a
    model of texts, or of a condition, is written to `<file>.vocabulary.json`. A model
    that was trained in mixed precision is exported and compared in float32. Its mean
    difference from the original model is limited by that precision
    (`mixed_precision_error`). The reference inputs and outputs for `check` are in the
    folder `checks` beside the file, and need not be shipped.

    The file is tested with both interfaces of LiteRT, `Interpreter` and
    `CompiledModel`, with two calls of each endpoint.

    Args:
        model: A model with capabilities.
        path: The file, ending in `.tflite`.
        quantization: "none" (float32), "float16" (weights), "dynamic" (int8 weights,
            float32 arithmetic) or "int8" (weights and arithmetic, float32 inputs and
            outputs).
        batch_size: Number of rows per call. None allows any number, which neither
            LiteRT's `CompiledModel` nor LiteRT.js in a browser can run.
        endpoints: Names of the endpoints. None means all endpoints of the model; for
            "int8", those that integers can compute. Endpoints that rounded weights make
            meaningless are left out with a warning.
        examples: Real examples for the comparison, `(n, *inputs.shape)`. "int8"
            requires at least 20 different ones, better 220, unless its endpoints start
            from noise alone: most of them calibrate it, and the others measure its
            errors.
        tolerance: Largest allowed error compared with the Keras model, at most 0.001
            for "none", 0.5 for "float16" and 1 for the others. For pictures it limits
            the 99.9th percentile, and a tenth of it limits the mean. None takes the
            default of the quantization.
        class_names: Name of each class of the model, for the manifest.

    Returns:
        The file.

    Raises:
        BlockingIOError: If another export writes this file.
        FileExistsError: If the file exists.
        ImportError: If a package of the extra `export` is missing.
        ParityError: If the file has an operator that is not a LiteRT builtin, or if its
            outputs differ from the model's. No files remain.
        RuntimeError: If the converter dies or takes too long.
        ValueError: If the path, quantization, batch size, tolerance, an endpoint, the
            examples or the names are invalid, or if LiteRT has no builtin operator for
            an endpoint. No files remain.

    Example:
        >>> model = kg.VAE(*kg.networks.mlp_vae((8, 8, 1), 2, units=(16,)))
        >>> path = kg.export.tflite(model, "vae.tflite")  # doctest: +SKIP
        >>> path.name  # doctest: +SKIP
        'vae.tflite'
    """
    path = Path(path)
    for needed in ("ai_edge_litert", "litert_quantizer"):
        package(needed, "tflite")
    _check_batch_size(batch_size)
    chosen = _choose(model, path, quantization, endpoints, examples)
    manifest.check_tolerance(tolerance, quantization)
    how: dict[str, Any] = {"quantization": quantization, "batch_size": batch_size}
    how["known"] = manifest.facts_of_data(model, class_names)
    while True:
        try:
            return _write(model, path, chosen, examples, tolerance, **how)
        except MeaninglessError as error:
            rest = [e for e in chosen if e.name != error.endpoint]
            if endpoints is not None or not rest:
                raise
            warnings.warn(
                f"{error} The file is written without {error.endpoint}.", stacklevel=2
            )
            chosen = rest


class MeaninglessError(parity.ParityError):
    """The outputs of an endpoint with rounded weights are meaningless."""

    def __init__(self, endpoint: str, message: str) -> None:
        super().__init__(message)
        self.endpoint = endpoint


def _write(
    model: keras.Model,
    path: Path,
    chosen: list[Endpoint],
    examples: Any,
    tolerance: float | None,
    *,
    quantization: str,
    batch_size: int | None,
    known: dict[str, Any],
) -> Path:
    """Writes and checks the file; see `tflite`."""
    calibration, rows = None, ROWS
    if quantization == "int8":
        seen, rows = None, HELD_OUT_ROWS
        if examples is not None:
            seen, examples = parted(model, examples)
        number = CALIBRATION_ROWS if seen is None else len(seen)
        calibration = reference_inputs(model, chosen, seen, number, CALIBRATION_SEED)
    inputs = reference_inputs(model, chosen, examples, rows)
    copy, own = as_float32(model), {}
    exact = endpoints_of(copy, [endpoint.name for endpoint in chosen])
    outputs = reference_outputs(exact, inputs)
    if copy is not model:
        smooth = [endpoint for endpoint in chosen if not endpoint.facts.get("draws")]
        own = compare_with_own(model, outputs, reference_outputs(smooth, inputs))
    chosen = [endpoint.of_batch(batch_size) for endpoint in exact]
    with manifest.staging(path) as staged:
        folder, reference = staged / "artifact", staged / "reference.npz"
        manifest.write_reference(reference, inputs, outputs)
        if calibration:
            manifest.write_reference(staged / CALIBRATION, calibration, {})
        _convert(chosen, staged, path.name, quantization)
        if (tokenizer := tokenizer_of(model)) is not None:
            vocabulary = json.dumps(tokenizer.vocabulary(), indent=2)
            (folder / f"{path.stem}.vocabulary.json").write_text(vocabulary)
        artifact = manifest.describe(
            folder,
            "tflite",
            chosen,
            outputs,
            reference=reference,
            quantization=quantization,
            tolerances=_tolerances(chosen, quantization, tolerance),
            stated_tolerance=tolerance,
            batch_size=batch_size,
            **known,
        )
        manifest.write(folder, path.name, artifact)
        figures = parity.run(folder, path.name, artifact, reference)
        apart = {e.name for e in chosen if e.returns.get("kind") == "codes"}
        for name, facts in artifact["endpoints"].items():
            facts |= figures[name]
            if name in own:
                facts["mixed_precision_error"] = own[name]
            if facts["tolerance"] is not None:
                continue
            if not facts.get("draws"):
                facts |= _measured(name, facts, quantization)
            elif "columns" in known or name in apart:  # drawn apart from each other
                _require_meaning(name, facts, quantization)
        manifest.publish(staged, path, artifact)
    return path


def _check_batch_size(batch_size: int | None) -> None:
    """Raises ValueError for an invalid batch size, and warns of a dynamic one."""
    if batch_size is None:
        warnings.warn(
            "batch_size=None: LiteRT's CompiledModel (Kotlin, C++, Python) and "
            "LiteRT.js (browsers) cannot run a file with a dynamic batch. It is tested "
            "with the older Interpreter only.",
            stacklevel=3,
        )
    elif isinstance(batch_size, bool) or not isinstance(batch_size, int | np.integer):
        raise ValueError(
            f"batch_size must be an integer > 0, or None for a dynamic one, received "
            f"{batch_size!r}."
        )
    elif batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, received {batch_size}.")


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
    manifest.require_free(path)
    if quantization not in QUANTIZATIONS:
        raise ValueError(
            f"quantization must be one of {', '.join(QUANTIZATIONS)}, received "
            f"{quantization!r}."
        )
    chosen = endpoints_of(model, names)
    strings = [e.name for e in chosen if e.has_strings]
    if strings and names is not None:
        raise ValueError(
            f"endpoints must not have strings in a .tflite file, received "
            f"{', '.join(strings)}."
        )
    chosen = [e for e in chosen if not e.has_strings]
    return _integers(chosen, names, examples) if quantization == "int8" else chosen


def _integers(
    chosen: list[Endpoint], names: Sequence[str] | None, examples: Any
) -> list[Endpoint]:
    """The endpoints that integers can compute.

    Raises:
        ValueError: If integers cannot compute a named endpoint, or any endpoint, or if
            there are no examples for calibration.
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
        raise ValueError("quantization 'int8' requires examples for calibration.")
    return kept


def _tolerances(
    endpoints: Sequence[Endpoint], quantization: str, stated: float | None
) -> dict[str, float | None]:
    """The largest allowed error of each endpoint, or None if it is measured.

    Errors of rounded weights add up over the steps of a solver and the maps of a flow.
    Rounded weights change draws, which therefore have no limit.
    """
    draws = [e.name for e in endpoints if e.facts.get("draws")]
    if stated is not None:
        loose = draws if quantization != "none" else []
        return {e.name: None if e.name in loose else stated for e in endpoints}
    if quantization == "none":
        return {e.name: e.tolerance for e in endpoints}
    fixed = {
        e.name: (OF_PICTURES if e.is_picture else TOLERANCES).get(quantization)
        for e in endpoints
    }
    free = [e.name for e in endpoints if e.is_solver or e.is_deep] + draws
    return fixed | dict.fromkeys(free)


def _convert(
    endpoints: Sequence[Endpoint], staged: Path, name: str, quantization: str
) -> None:
    """Writes the file `name` into `staged/artifact`.

    Raises:
        ValueError: If an endpoint cannot be converted.
    """
    source, path = staged / "saved_model", staged / "artifact" / name
    write_saved_model(endpoints, source, asserts=False, by_bits=quantization == "int8")
    arguments = [str(source), str(path), quantization]
    arguments += [str(endpoints[0].specs[0].shape[0] or 1), str(staged / CALIBRATION)]
    try:
        parity.run_script(CONVERTER, *arguments, *(e.name for e in endpoints))
    except parity.ScriptError as error:
        if error.reason is None:
            raise
        raise ValueError(f"{name} cannot be written: {error.reason}") from None
    from .compact import compact

    compact(path)
    shutil.rmtree(source)


def _require_meaning(name: str, facts: dict[str, Any], quantization: str) -> None:
    """Raises MeaninglessError if outputs differ too much on average."""
    if not facts["mean_error"] <= MEANINGLESS:
        better = QUANTIZATIONS[QUANTIZATIONS.index(quantization) - 1]
        raise MeaninglessError(
            name,
            f"{quantization} is meaningless for {name}: the mean error is "
            f"{facts['mean_error']:.3g}, more than {MEANINGLESS}. Use {better!r}.",
        )


def _measured(name: str, facts: dict[str, Any], quantization: str) -> dict[str, float]:
    """Tolerances from measured errors, with a margin.

    Raises:
        MeaninglessError: If the output is meaningless.
    """
    _require_meaning(name, facts, quantization)
    kind = "p999_error" if "mean_tolerance" in facts else "error"
    limit, known = manifest.LIMITS[quantization], TOLERANCES.get(quantization, 0.0)
    if not facts[kind] <= limit:
        raise MeaninglessError(
            name,
            f"{quantization} is meaningless for {name}: errors reach "
            f"{facts[kind]:.3g}.",
        )
    found = {"tolerance": min(max(2 * facts[kind], known), limit)}
    if "mean_tolerance" in facts:
        usual, most = (manifest.MEAN_SHARE * v for v in (found["tolerance"], limit))
        found["mean_tolerance"] = min(max(usual, 2 * facts["mean_error"]), most)
    return found
