"""The stages of a run: their epochs, their steps, and the models they begin with."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from keras_gen.serialization import without_optimizer

from .data import Data
from .fitting import rows_of
from .optimizing import Cosine
from .preset import Preset
from .recipe import Recipe, Stage, UsageError

if TYPE_CHECKING:
    from keras_gen.model import GenerativeModel


def epochs_of(recipe: Recipe, name: str, given: int | Sequence[int]) -> int | list[int]:
    """The requested epochs: one number, or one number per stage."""
    asked = [*given] if isinstance(given, Sequence) else [given]
    if asked and min(asked) < 1:
        raise UsageError(f"epochs must be at least 1, received {min(asked)}.")
    stages = [stage.name for stage in recipe.plan]
    if len(asked) not in (1, len(stages)):
        several = f", or {len(stages)}, for {' and '.join(stages)}"
        raise UsageError(
            f"epochs must be one number{several if len(stages) > 1 else ''}: {name} "
            f"has {len(stages)} stage{'s' * (len(stages) > 1)}, received "
            f"{', '.join(map(str, asked)) or 'none'}."
        )
    return one_or_all(asked * (len(stages) if len(asked) == 1 else 1))


def one_or_all(epochs: list[int]) -> int | list[int]:
    """The epochs of each stage as `recipe.json` has them; see `stage_epochs`."""
    return epochs if len(epochs) > 1 else epochs[0]


def stage_epochs(settings: dict[str, Any]) -> list[int]:
    """The epochs of each stage, from the settings of a run."""
    epochs = settings["epochs"]
    return epochs if isinstance(epochs, list) else [epochs]


def check_stages(recipe: Recipe, out: Path, settings: dict[str, Any]) -> None:
    """Raises UsageError if the recipe has other stages than the run to resume."""
    if len(stage_epochs(settings)) != len(recipe.plan):
        raise UsageError(
            f"the run in {out} has epochs={settings['epochs']}, but the recipe has "
            f"{len(recipe.plan)} stages: another version began the run."
        )


def note_steps(data: Data, settings: dict[str, Any]) -> None:
    """Records the steps of the whole run, if they are new."""
    steps = _epoch_steps(data, settings) * sum(stage_epochs(settings))
    settings.setdefault("steps", steps)


def note_usual(preset: Preset, data: Data, settings: dict[str, Any]) -> None:
    """Records batch size and epochs of a preset for the data, if none are chosen."""
    number = len(rows_of(data.train))
    settings.setdefault("batch_size", preset.batch_of(number, data.inputs))
    epochs = preset.epochs_of(_epoch_steps(data, settings))
    settings.setdefault("epochs", one_or_all([epochs] * len(preset.plan)))


def _epoch_steps(data: Data, settings: dict[str, Any]) -> int:
    return math.ceil(len(rows_of(data.train)) / settings["batch_size"])


def model_of(
    stage: Stage,
    settings: dict[str, Any],
    own: dict[str, Any],
    number: int = 0,
    before: "GenerativeModel | None" = None,
) -> "GenerativeModel":
    """The model at the beginning of a stage, with initial weights of its own."""
    epochs = stage_epochs(settings)
    if isinstance(stage.rate, Cosine):
        per_epoch = settings["steps"] // sum(epochs)
        own = own | {"steps": per_epoch * epochs[number]}
    trained = () if before is None else (without_optimizer(before),)
    keras.utils.set_random_seed((settings["seed"] + number) % 2**32)
    return stage.build(settings["seed"], *trained, **own)
