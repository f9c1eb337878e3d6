"""Adam as most recipes have it."""

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from ..model import GenerativeModel

Model = TypeVar("Model", bound="GenerativeModel")


def compiled(
    model: Model, rate: float, decay_steps: int | None = None, **adam: float
) -> Model:
    """The model, compiled with Adam.

    Args:
        model: A model.
        rate: Learning rate.
        decay_steps: Steps in which it falls to 0 by half a cosine; None keeps it.
        **adam: Further arguments of the optimizer.
    """
    import keras

    cosine = keras.optimizers.schedules.CosineDecay
    schedule = rate if decay_steps is None else cosine(rate, decay_steps)
    model.compile(keras.optimizers.Adam(schedule, **adam))
    return model
