"""Adam as most recipes have it."""

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from ..model import GenerativeModel

Model = TypeVar("Model", bound="GenerativeModel")


def compiled(
    model: Model,
    rate: float,
    decay_steps: int | None = None,
    warmup_steps: int = 0,
    **adam: float,
) -> Model:
    """The model, compiled with Adam.

    Args:
        model: A model.
        rate: Learning rate.
        decay_steps: Steps in which it falls to 0 by half a cosine; None keeps it.
        warmup_steps: How many of them it rises from 0 first.
        **adam: Further arguments of the optimizer.
    """
    import keras

    cosine, schedule = keras.optimizers.schedules.CosineDecay, rate
    if warmup_steps:
        rise = {"warmup_target": rate, "warmup_steps": warmup_steps}
        schedule = cosine(0.0, decay_steps - warmup_steps, **rise)
    elif decay_steps is not None:
        schedule = cosine(rate, decay_steps)
    model.compile(keras.optimizers.Adam(schedule, **adam))
    return model
