"""Distillation: a model of few steps learns from a trained diffusion model."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import store
from .optimizing import Rate, compiled
from .preset import LABELS, NONE, Preset
from .recipe import Recipe
from .usage import UsageError

if TYPE_CHECKING:
    from keras_gen import Consistency, Diffusion
    from keras_gen.model import GenerativeModel

PRESET = "consistency"
LEARNING_RATE, LEAST_STEPS = 3e-4, 4000  # of a run
USUAL_STEPS = 2  # of sampling
EMA_DECAY = 0.99
READ = ("columns", "kind", "window", "hop", "frames", "normal", "label")
READ += ("fit", "background", "skip_broken", "condition")


def distill(
    source: str | Path,
    out: str | Path,
    *,
    steps: int | None = None,
    guidance_scale: float | None = None,
    data: str | Path | None = None,
    epochs: int | None = None,
    minutes: float | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    seed: int | None = None,
    resume: bool = False,
    estimate: bool = False,
) -> "Consistency":
    """Distils a trained diffusion model into one that samples in few steps.

    The student is a `Consistency` with the network of the teacher. It learns on the
    data of the teacher, and the run folder is like that of `train`. Sampling,
    evaluation and export of the run do not need the teacher, but `resume` does.

    Args:
        source: A run folder of a diffusion model, or a recipe with weights: the
            teacher.
        out: The run folder. It must be new or empty unless `resume` is True.
        steps: Steps of sampling: 1, 2 or 4. Default: 2. The trained model takes any.
        guidance_scale: Guidance of the teacher, which the student then always has.
            Default: that of the teacher's samples.
        data: Data set or path. Default: the data of the teacher.
        epochs: Passes over the data. Default: as many as make 4,000 steps.
        minutes: About how long to train, in place of `epochs`.
        batch_size: Examples per step. Default: 64, or fewer of few data.
        learning_rate: The highest one. It falls to 0. Default: 3e-4.
        seed: Seed of order and noise. Default: 0.
        resume: Whether to resume an interrupted run in `out`, as in `train`.
        estimate: As in `train`.

    Returns:
        The trained model.

    Raises:
        UsageError: If the source is not a diffusion model or has no weights, or as in
            `train`.
    """
    from .training import train

    options: dict[str, Any] = {"epochs": epochs, "minutes": minutes, "seed": seed}
    options |= {"batch_size": batch_size, "estimate": estimate}
    if steps is not None and steps < 1:
        raise UsageError(f"steps must be at least 1, received {steps}.")
    settings: dict[str, Any] = {"num_steps": steps, "learning_rate": learning_rate}
    if not resume:
        teacher = checked_teacher(store.load(source), source)
        if guidance_scale is None:
            guidance_scale = teacher.guidance_scale
        elif guidance_scale != 1 and not teacher.is_guided:
            raise UsageError(
                f"guidance_scale requires a teacher that can be guided, received "
                f"{guidance_scale} and {source}."
            )
        settings = {
            "num_steps": steps or USUAL_STEPS,
            "learning_rate": learning_rate or LEARNING_RATE,
        }
        options |= reading_of_teacher(source, teacher, data)
    options["settings"] = {k: v for k, v in settings.items() if v is not None}
    how = {"teacher": source, "teacher_scale": guidance_scale, "resume": resume}
    return train(PRESET, out, **how, **options)  # pyright: ignore[reportReturnType]


def checked_teacher(model: "GenerativeModel", source: str | Path) -> "Diffusion":
    """The model, if it can be distilled.

    Raises:
        UsageError: If it is not a diffusion model, or if its output is the example.
    """
    from keras_gen import Diffusion
    from keras_gen.parameterizations import X0

    if not isinstance(model, Diffusion):
        raise UsageError(
            f"distill takes a diffusion model, which samples by a solver, received "
            f"{source}: {type(model).__name__}."
        )
    if isinstance(model.parameterization, X0):
        raise UsageError(
            f"distill takes a diffusion model whose output is a velocity or noise, "
            f"received {source} with X0()."
        )
    return model


def reading_of_teacher(
    source: str | Path, teacher: "Diffusion", data: str | Path | None
) -> dict[str, Any]:
    """Arguments of `train` that read the teacher's data as its run did."""
    from .data import is_folder
    from .evaluation import reads_pictures

    recorded = store.settings_of(Path(source)) if Path(source).is_dir() else {}
    own = store.data_name(source)
    found = {key: recorded[key] for key in READ if key in recorded}
    given: Any = data or own
    found["data"] = given
    found.setdefault("condition", NONE if teacher.condition is None else LABELS)
    if is_folder(given) and reads_pictures(store.recipe_of(source), given):
        found["image_size"] = teacher.inputs.shape
    return found


def student_of(
    teacher: "GenerativeModel",
    seed: int,
    num_steps: int = USUAL_STEPS,
    guidance_scale: float | None = None,
) -> "Consistency":
    """A student that begins with the weights of its teacher.

    Args:
        teacher: The trained model.
        seed: Seed of the training noise.
        num_steps: Steps of sampling.
        guidance_scale: Guidance of the teacher. None means its own.
    """
    import keras_gen as kg

    sampling = kg.samplers.few_steps(num_steps)
    how: dict[str, Any] = {"sampling": sampling, "ema_decay": EMA_DECAY, "seed": seed}
    checked = checked_teacher(teacher, teacher.name)
    return kg.Consistency.from_teacher(checked, guidance_scale=guidance_scale, **how)


def distilled_recipe(teacher: str, *, rate: Rate, **facts: Any) -> Recipe:
    """A recipe of a student of a recipe with pretrained weights, guided as that is.

    Args:
        teacher: Name of the recipe.
        rate: Learning rate.
        **facts: Further fields of `Recipe`.
    """

    def build(seed: int, steps: int | None = None) -> "Consistency":
        from keras_gen.engine.internals import names_kept

        with names_kept():
            donor = store.load(teacher)
        return compiled(student_of(donor, seed), rate, steps)

    known = {"build": build, "rate": rate, "teacher": teacher, "family": PRESET}
    return Recipe(**known, **facts)


def taught(
    preset: Preset,
    pin: Callable[[Preset], Recipe],
    teacher: "Callable[[], GenerativeModel]",
    settings: dict[str, Any],
) -> tuple[Preset, Recipe]:
    """The preset with the usual epochs of a distillation, and its recipe.

    Args:
        preset: The preset `consistency`.
        pin: Makes a recipe of it, for the data.
        teacher: Loads the teacher.
        settings: Those of the run.
    """
    preset = dataclasses.replace(preset, epochs=1, least_steps=LEAST_STEPS)
    recipe, rate = pin(preset), preset.rate
    settings.pop("size", None)  # that of the teacher
    chosen = settings.get(store.CHOSEN, {}).get("num_steps", USUAL_STEPS)

    def build(seed: int, steps: int | None = None) -> "Consistency":
        scale = settings.get(store.TEACHER_SCALE)
        return compiled(student_of(teacher(), seed, chosen, scale), rate, steps)

    return preset, dataclasses.replace(recipe, build=build)
