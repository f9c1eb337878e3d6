"""Named endpoints of a model, from its capabilities."""

import difflib
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen.capabilities import (
    Bounds,
    Classifies,
    Completes,
    CompletesImages,
    Denoises,
    Encodes,
    Generates,
    Scores,
    can_generate,
    can_translate,
    kept_rows,
    translates_condition,
)
from keras_gen.limits import (
    COUNT,
    FINITE_NUMBER,
    NOT_NEGATIVE,
    PAD,
    PART,
    POSITIVE,
    SHARE,
    Limit,
)
from keras_gen.specs import SEEDS, Codes, Noise, Numbers, Spec, Texts, Tokens

from .endpoint import Endpoint
from .tables import table_endpoints

RANDOM = "random numbers require 32-bit integers"
LIKELIHOOD = "likelihoods require more precision than 8-bit integers"
DENSITY = "a density and its map require exact arithmetic"
COLUMNS = "the columns of a table require more precision than 8-bit integers"
STEPS = "errors add up over the steps of a solver"
TOKENS = "a different token changes all tokens that follow"
DRAWS = {"draws": True}  # draws levels or tokens one after the other
NATS = {"kind": "nats"}
READING = "errors add up from token to token"


def endpoints_of(
    model: keras.Model, names: Sequence[str] | None = None
) -> list[Endpoint]:
    """The endpoints of a model. The first one is the default signature.

    Args:
        model: A model with capabilities.
        names: Names of the endpoints. None means all.

    Raises:
        ValueError: If the model has no capability, or if an endpoint is unknown.

    Example:
        >>> model = kg.Flow(kg.bijectors.real_nvp(2, units=(8,)), (2,))
        >>> [endpoint.name for endpoint in kg.export.endpoints_of(model)]
        ['sample', 'generate', 'encode', 'decode', 'log_prob']
    """
    groups = (_generates, _completes_images, _completes, _translates, _encodes)
    groups += (_scores, _bounds, _classifies, _denoises)
    found = {e.name: e for group in groups for e in group(model)}
    own = getattr(model, "inputs", None), getattr(model, "condition", None)
    found |= {e.name: e for e in table_endpoints([*found.values()], *own)}
    if not found:
        raise ValueError(
            f"{model.name} must have a capability to be exported: Generates, "
            "Completes, Translates, Encodes, Scores, Bounds, Classifies or Denoises."
        )
    if names is None:
        return list(found.values())
    if isinstance(names, str) or not names:
        raise ValueError(f"endpoints must be a list of names, received {names!r}.")
    for name in names:
        if name not in found:
            raise ValueError(
                f"endpoint {name!r} is unknown, {model.name} has "
                f"{', '.join(found)}.{_hint(model, name, found)}"
            )
    return [found[name] for name in dict.fromkeys(names)]


def _hint(model: keras.Model, name: str, found: dict[str, Endpoint]) -> str:
    if name in ("sample", "generate") and isinstance(model, Generates):
        try:
            model.generate(np.zeros((1, *model.noise.shape), np.float32))
        except RuntimeError as error:  # its message names the missing call
            return f" {error}"
    near = difflib.get_close_matches(name, found, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _endpoint(
    name: str,
    function: Callable[..., Any],
    inputs: dict[str, Spec],
    output: str,
    *,
    condition: Spec | None = None,
    **facts: Any,
) -> Endpoint:
    """An endpoint. Its condition, if there is one, is named after its spec."""
    if condition is None:
        return Endpoint(name, function, inputs, output, **facts)

    def renamed(**rows: tf.Tensor) -> tf.Tensor:
        known = rows.pop(condition.name)
        return function(**rows, condition=known)

    guidance = {k: v for k, v in inputs.items() if k == "guidance_scale"}
    inputs = {k: v for k, v in inputs.items() if k not in guidance}
    inputs = {**inputs, condition.name: condition, **guidance}
    return Endpoint(name, renamed, inputs, output, **facts)


def _generates(model: keras.Model) -> list[Endpoint]:
    if not can_generate(model):
        return []
    facts, how = _facts(model), _guidance(model)
    if model.truncates:
        how["truncation"] = Numbers(PART)
    facts["returns"] = model.inputs.facts()
    if isinstance(getattr(model, "prior", None), Denoises):
        facts |= {"exact": STEPS, "is_solver": True}
    condition = {"condition": model.condition}
    drawn = facts | {"exact": facts.get("exact", RANDOM)} | condition
    if model.draws_levels:
        drawn["facts"] = DRAWS
    seed, noise = {"seed": SEEDS, **how}, {"noise": model.noise, **how}
    found = [
        _endpoint("sample", model.sample_rows, seed, "sample", **drawn),
        _endpoint("generate", model.generate, noise, "sample", **facts, **condition),
    ]
    spec, tokenizer = model.condition, tokenizer_of(model)
    if isinstance(spec, Tokens) and tokenizer is not None and tokenizer.has_graph:

        def sample_text(texts: tf.Tensor, **rows: tf.Tensor) -> tf.Tensor:
            tokens = tokenizer.encode_graph(texts, spec.length)
            return model.sample_rows(condition=tokens, **rows)

        drawn |= {"condition": None, "has_strings": True}
        written = {"seed": SEEDS, "texts": Texts(), **how}
        found.append(_endpoint("sample_text", sample_text, written, "sample", **drawn))
    return found


def tokenizer_of(model: Any) -> Any:
    """The tokenizer of a model's texts, or of its condition. None without one."""
    is_text = isinstance(model, Completes)
    texts = model.prompts if is_text else getattr(model, "condition", None)
    return texts.tokenizer if isinstance(texts, Tokens) else None


def _completes_images(model: keras.Model) -> list[Endpoint]:
    if not isinstance(model, CompletesImages):
        return []
    inputs = {"x": model.inputs, "kept": kept_rows(model.inputs), "seed": SEEDS}
    inputs["temperature"] = Numbers(POSITIVE)
    call, facts = model.complete_image_rows, _facts(model)
    facts |= {"condition": model.condition, "returns": model.inputs.facts()}
    return [_endpoint("complete_image", call, inputs, "x", **facts)]


def _encodes(model: keras.Model) -> list[Endpoint]:
    if not isinstance(model, Encodes):
        return []
    x, z = {"x": model.inputs}, {"z": model.latent}
    facts = _facts(model)
    if isinstance(model, CompletesImages):
        facts |= {"facts": {}}  # the prior draws, the autoencoder does not
    decode, output, reading = model.decode, "x", facts
    if isinstance(model, Completes):
        facts, output = {"exact": TOKENS, "facts": DRAWS}, "tokens"
        decode, reading = model.decode_tokens, {"exact": READING}
    condition = {"condition": model.condition}
    reading = {**reading, "is_picture": False, "facts": {}, **condition}
    reading["returns"] = model.latent.facts()
    facts |= condition | {"returns": model.inputs.facts()}
    made: dict[str, Any] = facts
    if isinstance(model.latent, Codes):  # rounding chooses between near codes
        reading["facts"] = DRAWS
        made = facts | {"facts": DRAWS}
    return [
        *(
            []
            if model.lossless
            else [_endpoint("reconstruct", model.reconstruct, x, output, **made)]
        ),
        _endpoint("encode", model.encode, x, "z", **reading),
        _endpoint("decode", decode, z, output, **facts),
    ]


def _scores(model: keras.Model) -> list[Endpoint]:
    if not isinstance(model, Scores) or not model.is_exact:
        return []
    how = {"exact": DENSITY, "is_deep": isinstance(model, Encodes)}
    how |= {"condition": model.condition, "returns": NATS}
    return [
        _endpoint("log_prob", model.log_prob, {"x": model.inputs}, "log_prob", **how)
    ]


def _completes(model: keras.Model) -> list[Endpoint]:
    if not isinstance(model, Completes):
        return []
    prompts, size = model.prompts, model.prompts.vocabulary_size
    whole: dict[str, Any] = {"is_integer": True, "is_scalar": True}
    how = {
        "seed": SEEDS,
        "temperature": Numbers(NOT_NEGATIVE),
        "top_k": Numbers(COUNT),
        "top_p": Numbers(SHARE),
        "max_new_tokens": Numbers(Limit(1, model.length, **whole)),
        "stop_tokens": Numbers(Limit(PAD, size, "[)", **whole)),
    }
    condition = {"condition": model.condition}
    drawn = {"exact": TOKENS, "facts": DRAWS, **condition}
    drawn["returns"] = prompts.facts()
    call, inputs = model.complete_rows, {"prompt": prompts, **how}
    found = [_endpoint("complete", call, inputs, "tokens", **drawn)]
    if model.tokenizer is not None and model.tokenizer.has_graph:
        call, inputs = model.complete_text_rows, {"text": Texts(), **how}
        drawn |= {"has_strings": True, "returns": Texts().facts()}
        found.append(_endpoint("complete_text", call, inputs, "text", **drawn))
    call, inputs = model.next_logits, {"tokens": prompts}
    exact = {"exact": DENSITY, "returns": {"kind": "logits"}, **condition}
    return [*found, _endpoint("next_logits", call, inputs, "logits", **exact)]


def _bounds(model: keras.Model) -> list[Endpoint]:
    if not isinstance(model, Bounds):
        return []
    inputs = {"x": model.inputs, "noise": Noise(model.latent.shape)}
    how = {"exact": LIKELIHOOD, "condition": model.condition, "returns": NATS}
    return [_endpoint("elbo", model.elbo, inputs, "elbo", **how)]


def _classifies(model: keras.Model) -> list[Endpoint]:
    if not isinstance(model, Classifies):
        return []
    call, inputs = model.probabilities, {"x": model.inputs}
    returns = {"kind": "probabilities", "minimum": 0, "maximum": 1}
    return [Endpoint("classify", call, inputs, "probabilities", returns=returns)]


def _translates(model: keras.Model) -> list[Endpoint]:
    if not can_translate(model):
        return []
    drawn = {"seed": SEEDS} if model.draws_translations else {}
    inputs = {"x": model.source, **drawn, **_guidance(model)}
    call, facts = model.translate_rows, _facts(model)
    has_both = isinstance(model, Denoises) and not translates_condition(model)
    facts["condition"] = model.condition if has_both else None
    facts["returns"] = model.inputs.facts()
    return [_endpoint("translate", call, inputs, "x", **facts)]


def _denoises(model: keras.Model) -> list[Endpoint]:
    if not isinstance(model, Denoises):
        return []
    scales = {"alpha": Numbers(FINITE_NUMBER), "sigma": Numbers(POSITIVE)}
    inputs = {"noisy": Noise(model.inputs.shape), **scales}
    if can_translate(model) and not translates_condition(model):
        inputs["corrupted"] = model.source
    inputs |= _guidance(model)
    facts: dict[str, Any] = {**_facts(model), "condition": model.condition}
    facts["facts"] = {"solver": model.solver_facts()}
    facts["returns"] = {"kind": "scaled"}  # as `noisy` is, not as the data are
    return [_endpoint("predict_x0", model.predict_x0, inputs, "denoised", **facts)]


def _facts(model: keras.Model) -> dict[str, Any]:
    """The properties of endpoints of pictures, densities, draws and solvers."""
    kind: dict[str, Any] = {"is_picture": model.inputs.is_picture}
    if isinstance(model, Denoises):
        return {"exact": STEPS, "is_solver": True, **kind}
    draws = {"facts": DRAWS} if isinstance(model, CompletesImages) else {}
    if model.inputs.has_levels:
        draws = {"exact": COLUMNS, "facts": DRAWS}
    if isinstance(model, Scores):
        kind |= {"exact": DENSITY, "is_deep": isinstance(model, Encodes)}
    return kind | draws


def _guidance(model: keras.Model) -> dict[str, Spec]:
    """A guidance scale, if the model can be guided."""
    is_guided = getattr(model, "is_guided", False)
    return {"guidance_scale": Numbers(FINITE_NUMBER)} if is_guided else {}
