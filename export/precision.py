"""float32 copies of models trained in mixed precision."""

from typing import Any

import keras
import numpy as np

from keras_gen.engine.internals import layers_of
from keras_gen.serialization import copy_state

from .parity import ParityError
from .runner import differences

MIXED = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16")

TOLERANCES = {"float16": 0.02, "bfloat16": 0.1}  # of mean errors, by compute dtype


def as_float32(model: keras.Model) -> keras.Model:
    """The model itself, or a float32 copy if it computes in half precision.

    LiteRT has no builtin operators for matrix products in half precision.
    """
    policies = {layer.dtype_policy.compute_dtype for layer in layers_of(model)}
    if policies == {"float32"}:
        return model
    copy = type(model).from_config(_widened(model.get_config()))
    copy_state(model, copy)
    return copy


def compare_with_own(
    model: keras.Model,
    outputs: dict[str, dict[str, np.ndarray]],
    own: dict[str, dict[str, np.ndarray]],
) -> dict[str, float]:
    """Mean errors of the float32 copy compared with the user's model.

    Args:
        model: The model of the user.
        outputs: Outputs of its copy by endpoint and name.
        own: Outputs of the model by endpoint and name, without draws, which rounding
            changes.

    Raises:
        ParityError: If they differ by more than the precision of the model explains.
    """
    policies = {layer.dtype_policy.compute_dtype for layer in layers_of(model)}
    allowed = max(TOLERANCES.get(policy, 0.0) for policy in policies)
    errors = {}
    for endpoint, answers in own.items():
        pairs = [(outputs[endpoint][k], v) for k, v in answers.items()]
        errors[endpoint] = float(np.mean([differences(*p).mean() for p in pairs]))
    for name, error in errors.items():
        if not error <= allowed:
            raise ParityError(
                f"{name} in float32 differs from the model in {', '.join(policies)} by "
                f"{error:.3g} on average, more than {allowed:g}. A layer has state "
                "that is not copied, or the model overflows."
            )
    return errors


def _widened(config: Any) -> Any:
    if isinstance(config, dict):
        return {k: _widened(v) for k, v in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_widened(v) for v in config)
    return "float32" if isinstance(config, str) and config in MIXED else config
