"""Distillation: a run of a model of few steps, from a trained diffusion model."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from . import store
from .data import is_folder
from .evaluation import reads_pictures
from .preset import LABELS, NONE
from .teaching import STUDENT, USUAL_STEPS, checked_teacher
from .training import train
from .usage import UsageError

if TYPE_CHECKING:
    from keras_gen import Consistency, Diffusion

LEARNING_RATE = 3e-4
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
    return cast("Consistency", train(STUDENT, out, **how, **options))


def reading_of_teacher(
    source: str | Path, teacher: "Diffusion", data: str | Path | None
) -> dict[str, Any]:
    """Arguments of `train` that read the teacher's data as its run did."""
    recorded = store.settings_of(Path(source)) if Path(source).is_dir() else {}
    own = store.data_name(source)
    found = {key: recorded[key] for key in READ if key in recorded}
    given: Any = data or own
    found["data"] = given
    found.setdefault("condition", NONE if teacher.condition is None else LABELS)
    if is_folder(given) and reads_pictures(store.recipe_of(source), given):
        found["image_size"] = teacher.inputs.shape
    return found
