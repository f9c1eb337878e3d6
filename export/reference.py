"""Reference inputs for comparing artifact and model, and the model's outputs."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen.capabilities import (
    Completes,
    CompletesImages,
    Denoises,
    can_generate,
    can_translate,
)
from keras_gen.limits import FINITE, PAD
from keras_gen.random import normal, row_seeds
from keras_gen.specs import Likeness, Spec, Tokens

from .endpoint import Endpoint
from .endpoints import tokenizer_of

ROWS, PROMPTS = 8, 20
ONE_SIDED = 0.02  # smallest share of the variance between examples; 0.55 in MNIST
CALIBRATION_ROWS, HELD_OUT_ROWS, FEWEST_EXAMPLES = 200, 20, 20
SHOWN = {"x", "z", "corrupted", "prompt", "tokens", "text"}  # from real examples
LARGEST_GUIDANCE = 3


def reference_inputs(
    model: keras.Model,
    endpoints: Sequence[Endpoint],
    examples: Any,
    rows: int = ROWS,
    first_seed: int = 0,
) -> dict[str, dict[str, np.ndarray]]:
    """Inputs of each endpoint for comparing artifact and model.

    Args:
        model: The model.
        endpoints: Its endpoints.
        examples: Real examples of `example_spec`. Without them, samples of the model or
            uniform noise are used.
        rows: Number of rows.
        first_seed: Seed of the random numbers of the rows.

    Returns:
        Arrays by endpoint and input name. Half of the latent vectors are codes of the
        examples, and half are standard normal.
    """
    if isinstance(model, Completes):
        rows = max(rows, PROMPTS)
    seed = row_seeds(first_seed, rows)
    condition = _condition(model.condition, seed)
    pool = {"seed": seed, "truncation": np.linspace(0, 1, rows, dtype=np.float32)}
    if condition is not None:
        pool[model.condition.name] = condition
        if (tokenizer := tokenizer_of(model)) and not isinstance(model, Completes):
            pool["texts"] = _texts(tokenizer, model.condition.length, condition)
    wanted = {name for endpoint in endpoints for name in endpoint.source.kinds}
    if wanted & SHOWN or examples is not None:
        pool["x"] = _examples(model, examples, rows, first_seed + 1, condition)
    if "z" in wanted:
        codes = np.asarray(model.encode(pool["x"], condition=condition))
        drawn = model.latent.stand_in(rows, first_seed)
        if model.latent.dtype == "float32":
            drawn = normal(seed, model.latent.shape, stream=1).numpy()
        half = np.arange(rows) % 2 == 0
        pool["z"] = np.where(
            half.reshape((-1,) + (1,) * (codes.ndim - 1)), codes, drawn
        )
    if "corrupted" in wanted:
        pool["corrupted"] = pool["x"]
    if isinstance(model, Denoises):
        pool |= _noisy(model, seed)
    if isinstance(model, Completes):
        pool |= _prompts(model, pool["x"])
    if isinstance(model, CompletesImages):
        kept = np.linspace(0, model.inputs.shape[0], rows).astype(np.int32)
        pool |= {"kept": kept, "temperature": np.linspace(0.5, 1.5, rows, dtype="f")}
    inputs: dict[str, dict[str, np.ndarray]] = {}
    for endpoint in endpoints:
        found: dict[str, np.ndarray] = {}
        for name, spec in endpoint.source.kinds.items():
            if name == "noise":
                found[name] = normal(seed, spec.shape, stream=2).numpy()
                continue
            other = name == "x" and spec.shape != example_spec(model).shape
            known = name in pool and not other
            found[name] = pool[name] if known else spec.stand_in(rows)
        inputs[endpoint.name] = endpoint.given(found)
    return inputs


def example_spec(model: keras.Model) -> Spec:
    """The spec of an export's examples.

    For a model that translates it is that of its source, unless the source is its own
    corrupted inputs.
    """
    is_own = not can_translate(model) or isinstance(model.source, Likeness)
    return model.inputs if is_own else model.source


def reference_outputs(
    endpoints: Sequence[Endpoint], inputs: dict[str, dict[str, np.ndarray]]
) -> dict[str, dict[str, np.ndarray]]:
    """Outputs of the Keras model for the reference inputs, by endpoint and name."""
    found = {}
    for endpoint in endpoints:
        named = endpoint.named(endpoint.function(**inputs[endpoint.name]))
        answers = {k: _as_fed(np.asarray(v)) for k, v in named.items()}
        found[endpoint.name] = {
            k: v.astype("S") if v.dtype == object else v for k, v in answers.items()
        }
    return found


def parted(model: keras.Model, examples: Any) -> tuple[np.ndarray, np.ndarray]:
    """Splits examples for calibrating integers and for measuring their errors.

    Args:
        model: The model.
        examples: Real examples of `example_spec`.

    Returns:
        At most `CALIBRATION_ROWS` and `HELD_OUT_ROWS` examples, all different, evenly
        from first to last.

    Raises:
        ValueError: If fewer than `FEWEST_EXAMPLES` are different and not constant, or
            if images hardly differ.
    """
    x = _checked(model, examples)
    rows = x[_evenly(len(x), 2 * (CALIBRATION_ROWS + HELD_OUT_ROWS))]
    flat = rows.reshape(len(rows), -1)
    places = np.sort(np.unique(flat, axis=0, return_index=True)[1])
    if flat.shape[1] > 1:
        places = places[np.ptp(flat[places], axis=1) > 0]
    if len(places) < FEWEST_EXAMPLES:
        raise ValueError(
            f"quantization 'int8' requires at least {FEWEST_EXAMPLES} different and "
            "not constant examples, to calibrate and to measure errors, received "
            f"{len(x)} examples, {len(places)} of them different and not constant. "
            f"Pass about {CALIBRATION_ROWS + HELD_OUT_ROWS} examples of all kinds."
        )
    rows = rows[places[_evenly(len(places), CALIBRATION_ROWS + HELD_OUT_ROWS)]]
    if example_spec(model).is_unit and rows.var(axis=0).mean() < ONE_SIDED * rows.var():
        raise ValueError(
            "quantization 'int8' requires examples of all kinds, to calibrate and to "
            f"measure errors, received {len(x)} nearly equal images."
        )
    held_out = _evenly(len(rows), min(HELD_OUT_ROWS, len(rows) // 4))
    return np.delete(rows, held_out, axis=0), rows[held_out]


def _checked(model: keras.Model, examples: Any) -> np.ndarray:
    x = np.asarray(example_spec(model).check(examples, "examples"))
    if not len(x):
        raise ValueError(f"examples is empty: received shape {x.shape}.")
    return x


def _evenly(length: int, count: int) -> np.ndarray:
    """At most `count` evenly spaced positions from 0 to `length - 1`."""
    return np.unique(np.linspace(0, length - 1, min(length, count)).astype(int))


def _condition(spec: Spec | None, seed: np.ndarray) -> np.ndarray | None:
    """The condition of each row: all classes in turn, or random numbers or texts.

    Texts are of any length, the last one empty.
    """
    if spec is None:
        return None
    if isinstance(spec, Tokens):
        rows = spec.stand_in(len(seed))
        counts = np.linspace(spec.length, 0, len(seed)).astype(int)
        return np.where(np.arange(spec.length) < counts[:, None], rows, PAD)
    if spec.limit != FINITE or spec.dtype != "float32":
        return spec.stand_in(len(seed))
    return normal(seed, spec.shape, stream=3).numpy()


def _noisy(model: Denoises, seed: np.ndarray) -> dict[str, np.ndarray]:
    """Rows at noise levels from the first to the last of the model's solver."""
    solver = model.solver_facts()
    program = {name: np.array(solver[name]) for name in ("alpha", "sigma")}
    calls = np.linspace(0, len(program["alpha"]) - 1, len(seed)).astype(int)
    levels = program["alpha"][calls], program["sigma"][calls]
    alpha, sigma = (level.astype(np.float32) for level in levels)
    drawn = normal(seed, model.inputs.shape, stream=4).numpy()
    spread = np.hypot(alpha, sigma).reshape((-1,) + (1,) * (drawn.ndim - 1))
    guidance_scale = np.linspace(0, LARGEST_GUIDANCE, len(seed), dtype=np.float32)
    levels = {"alpha": alpha, "sigma": sigma, "guidance_scale": guidance_scale}
    return {"noisy": spread * drawn, **levels}


def _prompts(model: Completes, x: np.ndarray) -> dict[str, np.ndarray]:
    """Prompts, from empty to whole texts, and settings of the completion."""
    rows, length = len(x), model.length
    tokens = np.full((rows, length), PAD, np.int32)
    tokens[:, : x.shape[1]] = x[:, :length]
    ends = np.linspace(0, length, rows).astype(int)
    prompt = np.where(np.arange(length) < ends[:, None], tokens, PAD)
    ways = {  # greedy; all tokens; few tokens
        "temperature": [0.0, 1.0, 0.7, 1.3],
        "top_k": [0, 0, min(10, model.prompts.vocabulary_size), 0],
        "top_p": [1.0, 1.0, 1.0, 0.9],
        "max_new_tokens": [length, length, 1 + length // 2],
        "stop_tokens": [PAD, PAD, PAD, PAD, 0],
    }
    ways = {name: np.resize(values, rows) for name, values in ways.items()}
    how = {
        k: v.astype(np.float32 if k in ("temperature", "top_p") else np.int32)
        for k, v in ways.items()
    }
    if model.tokenizer is not None:
        how["text"] = _texts(model.tokenizer, length, prompt)
    return {"x": tokens, "tokens": prompt, "prompt": prompt, **how}


def _texts(tokenizer: Any, length: int, tokens: np.ndarray) -> np.ndarray:
    """Texts of tokens, empty for invalid ones, such as bytes that are not UTF-8."""
    texts = tokenizer.decode_batch(tokens)
    fits = [len(tokenizer.encode(text)) <= length for text in texts]
    pairs = zip(texts, fits, strict=True)
    return np.array([text.encode() if fit else b"" for text, fit in pairs])


def _examples(
    model: keras.Model,
    examples: Any,
    rows: int,
    seed: int,
    condition: np.ndarray | None,
) -> np.ndarray:
    spec = example_spec(model)
    if examples is not None:
        x = _checked(model, spec.as_rows(examples, "examples")[:rows])
        x = _as_fed(spec.as_input(tf.constant(x)).numpy())
        return np.resize(x, (rows, *x.shape[1:]))
    if spec == model.inputs and can_generate(model):
        return _as_fed(model.sample(rows, seed=seed, condition=condition))
    return spec.stand_in(rows, seed - 1)


def _as_fed(x: np.ndarray) -> np.ndarray:
    """Numbers in the dtypes of artifacts, which have no float64."""
    return x.astype(np.float32) if x.dtype == np.float64 else x
