"""Teachers: a student of few steps begins with the weights of a diffusion model."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import store
from .optimizing import Rate, compiled
from .preset import Preset
from .recipe import Recipe
from .usage import UsageError

if TYPE_CHECKING:
    from keras_gen import Consistency, Diffusion
    from keras_gen.model import GenerativeModel

STUDENT = "consistency"  # the preset
LEAST_STEPS = 4000  # of a run
USUAL_STEPS = 2  # of sampling
EMA_DECAY = 0.99


def checked_teacher(model: "GenerativeModel", source: object) -> "Diffusion":
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

    known = {"build": build, "rate": rate, "teacher": teacher, "family": STUDENT}
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
