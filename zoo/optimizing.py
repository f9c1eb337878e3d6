"""Adam, and learning rates that follow the steps of a run."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import keras

    from keras_gen.model import GenerativeModel

Model = TypeVar("Model", bound="GenerativeModel")

LONGEST_WARMUP = 0.1  # share of a run


@dataclass(frozen=True)
class Cosine:
    """A learning rate that falls to 0 by half a cosine over the steps of a run.

    Attributes:
        peak: The highest rate.
        steps: Steps of the recipe's own run.
        warmup_steps: Number of steps over which it first rises from 0, at most a tenth
            of the run.
        share: Share of the run's steps after which it is 0.
    """

    peak: float
    steps: int
    warmup_steps: int = 0
    share: float = 1.0

    def over(
        self, steps: int | None = None
    ) -> "keras.optimizers.schedules.CosineDecay":
        """The schedule for a number of steps. None means the recipe's own run."""
        import keras

        steps = steps or self.steps
        last = max(1, round(self.share * steps))
        warmup = min(self.warmup_steps, int(LONGEST_WARMUP * last))
        if not warmup:
            return keras.optimizers.schedules.CosineDecay(self.peak, last)
        return keras.optimizers.schedules.CosineDecay(
            0.0, last - warmup, warmup_target=self.peak, warmup_steps=warmup
        )

    def in_proportion(self, count: int, steps: int | None = None) -> int:
        """A number of steps of the recipe's own run, in proportion to another run."""
        return count if steps is None else round(count * steps / self.steps)


Rate = float | Cosine


def compiled(model: Model, rate: Rate, steps: int | None, **adam: float) -> Model:
    """The model, compiled with Adam.

    Args:
        model: A model.
        rate: Learning rate.
        steps: Steps of the run. None means the recipe's own run.
        **adam: Further arguments of the optimizer.
    """
    import keras

    schedule = rate.over(steps) if isinstance(rate, Cosine) else rate
    model.compile(keras.optimizers.Adam(schedule, **adam))
    return model
