"""Arguments of methods, checked, and completed for all rows."""

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ..limits import POSITIVE
from ..rows import Rows
from ..samplers import Sampling
from ..validation import check_data, check_limit, check_type

if TYPE_CHECKING:
    from .denoises import Denoises


def labels_of(labels: Any, num_rows: int) -> Any:
    """The label of each row: one stands for all."""
    is_one = labels is not None and np.ndim(labels) == 0
    return np.full(num_rows, labels) if is_one else labels


def sampling_of(model: "Denoises", sampling: Sampling | None) -> Sampling:
    """The sampling of a call, by default the model's.

    Raises:
        TypeError: If it is something else.
    """
    check_type(sampling, Sampling | None, "sampling")
    return sampling or model.sampling


def guidance_of(model: "Denoises", rows: Rows, guidance_scale: Any) -> Any:
    """The guidance of each row, or None where the class alone decides.

    Raises:
        ValueError: If there is guidance and the model has no classes to be guided by.
    """
    if not model.is_guided:
        if guidance_scale is not None:
            raise ValueError(
                "guidance_scale needs a class-conditional model with label_dropout > "
                f"0: {model.name} is none."
            )
        return None
    guidance_scale = model.guidance_scale if guidance_scale is None else guidance_scale
    if np.ndim(guidance_scale):
        return guidance_scale
    if guidance_scale == 1:
        return None
    if tf.is_tensor(rows):
        return tf.fill(tf.shape(rows)[:1], float(guidance_scale))
    return np.full(len(rows), guidance_scale)


def from_bytes(model: "Denoises", x: Any) -> Any:
    """Examples as they are, but bytes of images as value / 255."""
    if not model.unit_interval or getattr(x, "dtype", None) != np.uint8:
        return x
    if tf.is_tensor(x):
        return tf.cast(x, tf.float32) / 255.0
    return np.divide(x, 255, dtype=np.float32)


def check_sigma(sigma: Any) -> np.ndarray:
    """Noise levels as float32 `(batch,)`.

    Raises:
        ValueError: Unless they are finite numbers > 0.
    """
    sigma = check_data(sigma, (), unit_interval=False, name="sigma", empty=True)
    check_limit(sigma, POSITIVE, "sigma")
    return sigma
