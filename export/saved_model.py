"""SavedModels in the layout of TF Serving."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from . import manifest, parity, warmup
from .endpoint import Endpoint
from .endpoints import endpoints_of
from .reference import reference_inputs, reference_outputs


def saved_model(
    model: keras.Model,
    path: str | Path,
    *,
    version: int = 1,
    endpoints: Sequence[str] | None = None,
    examples: Any = None,
    tolerance: float | None = None,
    class_names: Sequence[str] = (),
) -> Path:
    """Writes a SavedModel with one named signature per endpoint.

    Inputs and outputs are named, and their first axis is the batch. Rows of tokens may
    be shorter than the model's `length`, without padding. The folder also holds
    `manifest.json`, and warm-up records if `tensorflow-serving-api` is installed. The
    reference inputs and outputs for `check` are beside it, in `path/checks/version`.

    Args:
        model: A model with capabilities.
        path: Folder of the served model; the artifact is `path/version`.
        version: Version number for TF Serving, > 0.
        endpoints: Names of the endpoints. The first one becomes `serving_default`. None
            means all endpoints of the model.
        examples: Real examples for the comparison, `(n, *inputs.shape)`, or of the
            `source` of a model that translates.
        tolerance: Largest allowed error compared with the Keras model, at most 0.001.
            For pictures it limits the 99.9th percentile, and a tenth of it limits the
            mean. None means 1e-5, or 1e-4 for solvers and flows.
        class_names: Name of each class of the model, for the manifest.

    Returns:
        The version folder.

    Raises:
        BlockingIOError: If another export writes this version.
        FileExistsError: If the version exists.
        ParityError: If the artifact's outputs differ from the model's. No files remain.
        ValueError: If an endpoint is unknown, if the tolerance is too large, or if the
            version is not an integer > 0, or if there is not one name for each class.

    Example:
        >>> model = kg.VAE(*kg.networks.mlp_vae((8, 8, 1), 2, units=(16,)))
        >>> path = kg.export.saved_model(model, "served/vae")  # doctest: +SKIP
        >>> kg.export.check(path)["."]["decode"]["error"] < 1e-5  # doctest: +SKIP
        True
    """
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise ValueError(f"version must be an integer > 0, received {version!r}.")
    destination = Path(path) / str(version)
    manifest.require_free(destination)
    manifest.check_tolerance(tolerance, "none")
    known = manifest.facts_of_data(model, class_names)
    chosen = endpoints_of(model, endpoints)
    inputs = reference_inputs(model, chosen, examples)
    outputs = reference_outputs(chosen, inputs)
    served = [endpoint.for_fewer_tokens() for endpoint in chosen]
    with manifest.staging(destination) as staged:
        folder, reference = staged / "artifact", staged / "reference.npz"
        manifest.write_reference(reference, inputs, outputs)
        write_saved_model(served, folder)
        warmup.write(folder, destination.parent.resolve().name, inputs)
        artifact = manifest.describe(
            folder,
            "saved_model",
            served,
            outputs,
            reference=reference,
            quantization="none",
            tolerances={e.name: tolerance or e.tolerance for e in chosen},
            stated_tolerance=tolerance,
            serving_default=chosen[0].name,
            **known,
        )
        manifest.write(folder, ".", artifact)
        for name, figures in parity.run(folder, ".", artifact, reference).items():
            artifact["endpoints"][name] |= figures
        manifest.write(folder, ".", artifact)
        manifest.publish(staged, destination)
    return destination


def write_saved_model(endpoints: Sequence[Endpoint], folder: Path, **how: bool) -> None:
    """Writes the endpoints' signatures and the variables that they read.

    Each is traced once; `keras.export.ExportArchive` would trace it twice.

    Args:
        endpoints: The endpoints.
        folder: The folder to write to.
        **how: Options of `Endpoint.traceable` for values outside their limits.
    """
    traced: dict[str, Any] = {}
    for endpoint in endpoints:
        traced[endpoint.name] = _traced(endpoint.calling(traced), how)
    root = tf.Module()
    root.variables_read = [v for graph in traced.values() for v in graph.variables]
    signatures = traced | {"serving_default": traced[endpoints[0].name]}
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")  # it would name a folder that is about to be renamed
    try:
        tf.saved_model.save(root, str(folder), signatures)
    finally:
        logger.setLevel(level)


def _traced(endpoint: Endpoint, how: dict[str, bool]) -> Any:
    """The endpoint as a graph; see `write_saved_model`.

    Bodies of loops may lose a fixed number of rows, which TensorFlow rejects. Such an
    endpoint is traced for any number of rows, and called with the fixed one.
    """
    call = tf.function(endpoint.traceable(**how), autograph=False)
    try:
        return call.get_concrete_function(*endpoint.specs)
    except ValueError as error:
        if "enters the loop with shape" not in str(error):
            raise
    free = endpoint.of_batch(None)
    inner = tf.function(free.traceable(**how), autograph=False)
    inner = inner.get_concrete_function(*free.specs)
    outer = tf.function(lambda *tensors: inner(*tensors), autograph=False)
    return outer.get_concrete_function(*endpoint.specs)
