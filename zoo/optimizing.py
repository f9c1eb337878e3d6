"""Adam, and learning rates that follow the steps of a run."""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from .settings import Says
from .usage import UsageError

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
    """The model, each of its players compiled with Adam.

    Args:
        model: A model.
        rate: Learning rate.
        steps: Steps of the run. None means the recipe's own run.
        **adam: Further arguments of the optimizer.
    """
    import keras

    schedule = rate.over(steps) if isinstance(rate, Cosine) else rate
    model.compile(optimizer=keras.optimizers.Adam(schedule, **adam))
    return model


def optimized(
    *,
    learning_rate: Annotated[float, Says("The highest learning rate of Adam.")] = 1e-3,
    schedule: Annotated[
        Literal["cosine", "constant"],
        Says("Whether the learning rate falls to 0 over the run."),
    ] = "cosine",
    warmup_steps: Annotated[
        int,
        Says("Steps over which the rate first rises, a tenth of the run at most.", 0),
    ] = 0,
    clipnorm: Annotated[
        float | None, Says("Largest norm of the gradient of a weight.")
    ] = None,
    weight_decay: Annotated[
        float | None, Says("Share of a weight that a step of rate 1 takes off.", 0)
    ] = None,
    beta_1: Annotated[
        float, Says("Adam's decay of the mean of gradients.", 0, 0.999999)
    ] = 0.9,
    beta_2: Annotated[
        float, Says("Adam's decay of the mean of squared gradients.", 0, 0.999999)
    ] = 0.999,
) -> tuple[Rate, dict[str, Any]]:
    """The learning rate, and further arguments of Adam, from the settings of a preset.

    Raises:
        UsageError: If a constant rate has a warm-up.
    """
    adam = {"clipnorm": clipnorm, "weight_decay": weight_decay}
    adam |= {"beta_1": beta_1, "beta_2": beta_2}
    if schedule == "cosine":
        return Cosine(learning_rate, 1, warmup_steps), adam
    if warmup_steps:
        raise UsageError(
            "warmup_steps must be 0 if schedule is constant, received "
            f"{warmup_steps}. Choose schedule=cosine."
        )
    return learning_rate, adam


def set_peak(
    model: "GenerativeModel", rate: Rate | None, peak: float, steps: int | None
) -> None:
    """Changes the highest learning rate of a compiled model before its first step.

    The rates of several players change by the same factor.

    Args:
        model: The model.
        rate: The learning rate with which it was compiled, or None if it is constant.
        peak: The highest rate.
        steps: Steps of the run.
    """
    if not isinstance(rate, Cosine):
        model.optimizer.learning_rate = peak
        return
    schedule = dataclasses.replace(rate, peak=peak).over(steps)
    for optimizer in model._players.optimizers().values():
        optimizer.learning_rate = schedule
