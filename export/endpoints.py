"""Named endpoints of a model, from its capabilities."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..capabilities import Bounds, Denoises, Encodes, Generates, Scores
from ..examples import to_float
from ..random import normal, row_seeds
from ..validation import check_data

REFERENCE_ROWS = 8


@dataclass(frozen=True)
class Endpoint:
    """A function of a model that an artifact offers by name.

    Attributes:
        name: Name of the signature.
        function: Called with the inputs by name; tensors flow through it.
        inputs: What enters, a tensor specification with the batch axis first each.
        output: Name of the tensor that leaves.
        quantizable: Whether integer arithmetic can stand for it. Random numbers and
            likelihoods need exact or wide numbers.
        facts: What the manifest says of it besides.
    """

    name: str
    function: Callable[..., Any]
    inputs: dict[str, tf.TensorSpec]
    output: str
    quantizable: bool = True
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def specs(self) -> list[tf.TensorSpec]:
        """The input specifications in order."""
        return list(self.inputs.values())

    def traceable(self) -> Callable[..., dict[str, tf.Tensor]]:
        """The function with positional tensors and a dict of one named output."""

        def call(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
            named = dict(zip(self.inputs, tensors, strict=True))
            return {self.output: self.function(**named)}

        return call


def endpoints_of(
    model: keras.Model, names: Sequence[str] | None = None
) -> list[Endpoint]:
    """The endpoints of a model; the first is the default signature.

    Args:
        model: A model with capabilities.
        names: Which endpoints; None means all.

    Raises:
        ValueError: If the model has no capability, or not the endpoint named.
    """
    groups = (_generates, _encodes, _scores, _bounds, _denoises)
    found = {e.name: e for group in groups for e in group(model)}
    if not found:
        raise ValueError(
            f"{model.name} offers nothing to export: it has none of the capabilities "
            "Generates, Encodes, Scores, Bounds, Denoises."
        )
    if names is None:
        return list(found.values())
    if isinstance(names, str) or not names:
        raise ValueError(f"endpoints must be a list of names, received {names!r}.")
    for name in names:
        if name not in found:
            raise ValueError(
                f"endpoint {name!r} is unknown to {model.name}: it has "
                f"{', '.join(found)}.{_hint(model, name, found)}"
            )
    return [found[name] for name in dict.fromkeys(names)]


def reference_inputs(
    model: keras.Model,
    endpoints: Sequence[Endpoint],
    examples: np.ndarray | None,
    rows: int = REFERENCE_ROWS,
) -> dict[str, dict[str, np.ndarray]]:
    """Inputs for each endpoint on which artifact and model are compared.

    Args:
        model: The model.
        endpoints: Its endpoints.
        examples: Real examples `(n, *data_shape)`; without them, samples of the
            model or uniform noise stand in.
        rows: How many rows.

    Returns:
        Arrays by endpoint and input name. Latent vectors are half codes of the
        examples, half standard normal.
    """
    pool: dict[str, np.ndarray] = {"seed": row_seeds(0, rows)}
    if model.num_classes:
        pool["labels"] = np.arange(rows, dtype=np.int32) % model.num_classes
    if model.context_size:
        shape = (model.context_size,)
        pool["context"] = normal(pool["seed"], shape, stream=3).numpy()
    condition = {name: pool.get(name) for name in ("labels", "context")}
    pool["x"] = _examples(model, examples, rows, condition)
    if isinstance(model, Encodes):
        codes = np.asarray(model.encode(pool["x"], **condition))
        drawn = normal(pool["seed"], model.latent_shape, stream=1).numpy()
        half = np.arange(rows) % 2 == 0
        pool["z"] = np.where(
            half.reshape((-1,) + (1,) * (codes.ndim - 1)), codes, drawn
        )
    if isinstance(model, Denoises):
        pool |= _noisy(model, pool["seed"])
    inputs = {}
    for endpoint in endpoints:
        shapes = {name: spec.shape[1:] for name, spec in endpoint.inputs.items()}
        inputs[endpoint.name] = {
            name: normal(pool["seed"], shape, stream=2).numpy()
            if name == "noise"
            else pool[name]
            for name, shape in shapes.items()
        }
    return inputs


def _noisy(model: Denoises, seed: np.ndarray) -> dict[str, np.ndarray]:
    """Rows at noise levels from the first to the last of the model's solver."""
    program = model.program
    calls = np.linspace(0, program.calls - 1, len(seed)).astype(int)
    levels = program.alpha[calls], program.sigma[calls]
    alpha, sigma = (level.astype(np.float32) for level in levels)
    drawn = normal(seed, model.data_shape, stream=4).numpy()
    spread = np.hypot(alpha, sigma).reshape((-1,) + (1,) * (drawn.ndim - 1))
    guidance = np.linspace(0, 3, len(seed), dtype=np.float32)
    levels = {"alpha": alpha, "sigma": sigma, "guidance": guidance}
    return {"noisy": spread * drawn, **levels}


def reference_outputs(
    endpoints: Sequence[Endpoint], inputs: dict[str, dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """What the Keras model answers to the reference inputs, by endpoint."""
    return {e.name: np.asarray(e.function(**inputs[e.name])) for e in endpoints}


def _examples(
    model: keras.Model, examples: Any, rows: int, condition: dict[str, Any]
) -> np.ndarray:
    if examples is not None:
        x = check_data(
            examples[:rows],
            model.data_shape,
            unit_interval=model.unit_interval,
            name="examples",
        )
        x = to_float(tf.constant(x), unit_interval=model.unit_interval).numpy()
        return np.resize(x, (rows, *model.data_shape))
    if isinstance(model, Generates) and model.can_generate:
        return model.sample(rows, seed=1, **condition)
    return np.random.default_rng(0).random((rows, *model.data_shape), np.float32)


def _hint(model: keras.Model, name: str, found: dict[str, Endpoint]) -> str:
    if name in ("sample", "generate") and isinstance(model, Generates):
        return f" It cannot generate yet: {model.not_ready}"
    near = difflib.get_close_matches(name, found, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _spec(name: str, shape: Sequence[int], dtype: str = "float32") -> tf.TensorSpec:
    return tf.TensorSpec((None, *shape), dtype, name=name)


def _inputs(model: keras.Model, *specs: tf.TensorSpec) -> dict[str, tf.TensorSpec]:
    if model.num_classes:
        specs = (*specs, _spec("labels", (), "int32"))
    if model.context_size:
        specs = (*specs, _spec("context", (model.context_size,)))
    return {spec.name: spec for spec in specs}


def _generates(model: keras.Model) -> list[Endpoint]:
    if not (isinstance(model, Generates) and model.can_generate):
        return []
    seed, noise = _spec("seed", (), "int32"), _spec("noise", model.noise_shape)
    return [
        Endpoint(
            "sample",
            model.sample_rows,
            _guided(model, seed),
            "sample",
            quantizable=False,
        ),
        Endpoint("generate", model.generate, _guided(model, noise), "sample"),
    ]


def _encodes(model: keras.Model) -> list[Endpoint]:
    if not isinstance(model, Encodes):
        return []
    x, z = _spec("x", model.data_shape), _spec("z", model.latent_shape)
    reconstruct = Endpoint("reconstruct", model.reconstruct, _inputs(model, x), "x")
    return [
        *([] if model.lossless else [reconstruct]),
        Endpoint("encode", model.encode, _inputs(model, x), "z"),
        Endpoint("decode", model.decode, _inputs(model, z), "x"),
    ]


def _scores(model: keras.Model) -> list[Endpoint]:
    if not isinstance(model, Scores):
        return []
    inputs = _inputs(model, _spec("x", model.data_shape))
    return [Endpoint("log_prob", model.log_prob, inputs, "log_prob", quantizable=False)]


def _bounds(model: keras.Model) -> list[Endpoint]:
    if not isinstance(model, Bounds):
        return []
    inputs = _inputs(
        model, _spec("x", model.data_shape), _spec("noise", model.latent_shape)
    )
    return [Endpoint("elbo", model.elbo, inputs, "elbo", quantizable=False)]


def _denoises(model: keras.Model) -> list[Endpoint]:
    if not isinstance(model, Denoises):
        return []
    scales = [_spec(name, ()) for name in ("alpha", "sigma")]
    inputs = _guided(model, _spec("noisy", model.data_shape), *scales)
    facts = {"solver": model.facts()}
    return [Endpoint("denoise", model.denoised, inputs, "denoised", facts=facts)]


def _guided(model: keras.Model, *specs: tf.TensorSpec) -> dict[str, tf.TensorSpec]:
    """The inputs, labels and perhaps guidance."""
    inputs = _inputs(model, *specs)
    if isinstance(model, Denoises) and model.is_guided:
        inputs["guidance"] = _spec("guidance", ())
    return inputs
