"""Named endpoints of a model, from its capabilities."""

import difflib
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from ..capabilities import (
    Bounds,
    Classifies,
    Completes,
    Continues,
    Denoises,
    Encodes,
    EncodesSentences,
    Generates,
    Restores,
    Scores,
)
from .endpoint import Endpoint

RANDOM = "random numbers need integers of 32 bits"
LIKELIHOOD = "likelihoods need wider numbers than integers of 8 bits"
DENSITY = "a density needs exact arithmetic, and so does the map behind it"
STEPS = "errors add up over the steps of a solver"
TOKENS = "a token that is drawn otherwise changes all that follow"
DRAWS = {"draws": True}  # levels or tokens, one after the other
READING = "errors add up from token to token"


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
    groups = (_generates, _continues, _completes, _restores, _encodes, _scores)
    groups += (_bounds, _classifies, _denoises)
    found = {e.name: e for group in groups for e in group(model)}
    if not found:
        raise ValueError(
            f"{model.name} offers nothing to export: it has none of the capabilities "
            "Generates, Completes, Encodes, Scores, Bounds, Classifies, Denoises."
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


def _hint(model: keras.Model, name: str, found: dict[str, Endpoint]) -> str:
    if name in ("sample", "generate") and isinstance(model, Generates):
        return f" It cannot generate yet: {model.not_ready}"
    near = difflib.get_close_matches(name, found, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _spec(name: str, shape: Sequence[int], dtype: str = "float32") -> tf.TensorSpec:
    return tf.TensorSpec((None, *shape), dtype, name=name)


def _example(model: keras.Model, name: str) -> tf.TensorSpec:
    """An example, or tokens."""
    dtype = "int32" if isinstance(model, Completes) else "float32"
    return _spec(name, model.data_shape, dtype)


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
    facts = _facts(model)
    drawn = facts | {"exact": facts.get("exact", RANDOM)}
    if model.draws_levels:
        drawn["facts"] = DRAWS
    return [
        Endpoint("sample", model.sample_rows, _guided(model, seed), "sample", **drawn),
        Endpoint("generate", model.generate, _guided(model, noise), "sample", **facts),
    ]


def _continues(model: keras.Model) -> list[Endpoint]:
    if not isinstance(model, Continues):
        return []
    numbers = [_spec("kept", (), "int32"), _spec("seed", (), "int32")]
    inputs = _inputs(
        model, _spec("x", model.data_shape), *numbers, _spec("temperature", ())
    )
    return [Endpoint("complete", model.complete_rows, inputs, "x", **_facts(model))]


def _encodes(model: keras.Model) -> list[Endpoint]:
    if isinstance(model, EncodesSentences):
        return _encodes_sentences(model)
    if not isinstance(model, Encodes):
        return []
    x, z = _spec("x", model.data_shape), _spec("z", model.latent_shape)
    given_x, given_z, facts = _inputs(model, x), _inputs(model, z), _facts(model)
    reconstruct = Endpoint("reconstruct", model.reconstruct, given_x, "x", **facts)
    return [
        *([] if model.lossless else [reconstruct]),
        Endpoint("encode", model.encode, given_x, "z", **facts | {"is_picture": False}),
        Endpoint("decode", model.decode, given_z, "x", **facts),
    ]


def _encodes_sentences(model: EncodesSentences) -> list[Endpoint]:
    x, z = _inputs(model, _example(model, "x")), _spec("z", model.latent_shape)
    drawn = {"exact": TOKENS, "facts": DRAWS}
    return [
        Endpoint("reconstruct", model.reconstruct, x, "tokens", **drawn),
        Endpoint("encode", model.encode, x, "z", exact=READING),
        Endpoint("decode", model.decode_tokens, {"z": z}, "tokens", **drawn),
    ]


def _scores(model: keras.Model) -> list[Endpoint]:
    if not isinstance(model, Scores):
        return []
    inputs = _inputs(model, _example(model, "x"))
    how = {"exact": DENSITY, "is_deep": isinstance(model, Encodes)}
    return [Endpoint("log_prob", model.log_prob, inputs, "log_prob", **how)]


def _completes(model: keras.Model) -> list[Endpoint]:
    if not isinstance(model, Completes):
        return []
    prompt, seed = _example(model, "prompt"), _spec("seed", (), "int32")
    how = [_spec("temperature", ()), _spec("top_k", (), "int32"), _spec("top_p", ())]
    how += [_spec("max_new_tokens", (), "int32"), _spec("stop_tokens", (), "int32")]
    given, tokens = _inputs(model, prompt, seed, *how), _example(model, "tokens")
    drawn = {"exact": TOKENS, "facts": DRAWS}
    found = [Endpoint("complete", model.complete_rows, given, "tokens", **drawn)]
    if model.tokenizer is not None and model.tokenizer.has_graph:
        texts = _inputs(model, _spec("text", (), "string"), seed, *how)
        call, drawn["has_strings"] = model.complete_text_rows, True
        found.append(Endpoint("complete_text", call, texts, "text", **drawn))
    call, shown = model.next_logits, _inputs(model, tokens)
    return [*found, Endpoint("next_logits", call, shown, "logits", exact=DENSITY)]


def _bounds(model: keras.Model) -> list[Endpoint]:
    if not isinstance(model, Bounds):
        return []
    x, noise = _example(model, "x"), _spec("noise", model.latent_shape)
    inputs = _inputs(model, x, noise)
    return [Endpoint("elbo", model.elbo, inputs, "elbo", exact=LIKELIHOOD)]


def _classifies(model: keras.Model) -> list[Endpoint]:
    if not isinstance(model, Classifies):
        return []
    x = {"x": _example(model, "x")}
    return [Endpoint("classify", model.probabilities, x, "probabilities")]


def _restores(model: keras.Model) -> list[Endpoint]:
    if not isinstance(model, Restores):
        return []
    inputs = _guided(model, _spec("x", model.data_shape), _spec("seed", (), "int32"))
    return [Endpoint("restore", model.restore_rows, inputs, "x", **_facts(model))]


def _denoises(model: keras.Model) -> list[Endpoint]:
    if not isinstance(model, Denoises):
        return []
    scales = [_spec(name, ()) for name in ("alpha", "sigma")]
    inputs = _guided(model, _spec("noisy", model.data_shape), *scales)
    if model.restores:
        inputs["corrupted"] = _spec("corrupted", model.data_shape)
    facts = _facts(model) | {"facts": {"solver": model.facts()}}
    return [Endpoint("predict_x0", model.predict_x0, inputs, "denoised", **facts)]


def _facts(model: keras.Model) -> dict[str, Any]:
    """What sets the endpoints of pictures, a density, draws, or a solver apart."""
    kind = {"is_picture": model.unit_interval and len(model.data_shape) == 3}
    if isinstance(model, Denoises):
        return {"exact": STEPS, "is_solver": True, **kind}
    draws = {"facts": DRAWS} if isinstance(model, Continues) else {}
    if isinstance(model, Scores):
        kind |= {"exact": DENSITY, "is_deep": isinstance(model, Encodes)}
    return kind | draws


def _guided(model: keras.Model, *specs: tf.TensorSpec) -> dict[str, tf.TensorSpec]:
    """The inputs, labels and perhaps guidance."""
    inputs = _inputs(model, *specs)
    if isinstance(model, Denoises) and model.is_guided:
        inputs["guidance_scale"] = _spec("guidance_scale", ())
    return inputs
