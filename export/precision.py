"""float32 copies of models trained in mixed precision."""

from typing import Any

import keras

MIXED = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16")


def as_float32(model: keras.Model) -> keras.Model:
    """The model itself, or its copy in float32 if it computes in fewer bits.

    LiteRT has no builtin operators for the matrix products of half-width floats.
    """
    policies = {layer.dtype_policy.compute_dtype for layer in model._flatten_layers()}
    if policies == {"float32"}:
        return model
    copy = type(model).from_config(_widened(model.get_config()))
    copy.set_weights(model.get_weights())
    return copy


def _widened(config: Any) -> Any:
    if isinstance(config, dict):
        return {k: _widened(v) for k, v in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_widened(v) for v in config)
    return "float32" if isinstance(config, str) and config in MIXED else config
