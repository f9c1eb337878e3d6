"""Training a recipe into a run folder that can be resumed after any interruption."""

import contextlib
import functools
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from . import fine_tuning, store
from .checkpoint import Checkpoint, last_sound
from .data import Data, DecodedFiles, balanced, is_named, only
from .data import load as load_data
from .distributing import is_chief, scope, strategy_of, wait_for_all
from .estimating import choose_epochs, outlook, pace_of
from .evaluation import (
    BACKGROUND,
    FIT,
    LABEL,
    NORMAL,
    SKIP_BROKEN,
    prepared,
    reading_of,
    warn_of_notes,
)
from .fitting import arguments_of, rows_of
from .inspecting import columns_of, in_short
from .kinds import check_reading
from .pinning import (
    check_takes,
    image_shape_of,
    note_classes,
    pinned,
    pinned_texts,
    with_tokens,
)
from .preset import Preset, target_of
from .recipe import Recipe, UsageError, find
from .results import finish
from .run_folder import alone, check_empty, cleaned_up
from .run_settings import (
    as_lists,
    check_facts,
    check_image_reading,
    check_minutes,
    check_target,
    named_condition,
    new_settings,
    one_class,
    pins_of,
    settings_to_resume,
    source_to_resume,
)
from .settings import checked
from .stages import (
    check_stages,
    epochs_of,
    model_of,
    note_steps,
    note_usual,
    stage_epochs,
)
from .teaching import STUDENT, taught
from .text_settings import (
    BY,
    LENGTH,
    TOKENIZER,
    VOCABULARY,
    check_choices,
    described,
)
from .watching import callbacks_of

if TYPE_CHECKING:
    import tensorflow as tf

    from keras_gen import Consistency, Diffusion
    from keras_gen.model import GenerativeModel

MOST_FACTS = 30  # lines about data before a run


def train(
    name: str,
    out: str | Path,
    *,
    data: str | Path | None = None,
    size: str | None = None,
    image_size: Sequence[int | None] | None = None,
    fit: str | None = None,
    background: str | None = None,
    skip_broken: bool = False,
    condition: str | None = None,
    columns: Mapping[str, str] | None = None,
    column: str | None = None,
    kind: str | None = None,
    window: int | None = None,
    hop: int | None = None,
    frames: int | None = None,
    by: str | None = None,
    length: int | None = None,
    tokenizer: str | None = None,
    vocabulary: int | None = None,
    normal: str | None = None,
    label: str | None = None,
    settings: Mapping[str, Any] | None = None,
    start_from: str | Path | None = None,
    teacher: str | Path | None = None,
    teacher_scale: float | None = None,
    epochs: int | Sequence[int] | None = None,
    minutes: float | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    strategy: str | None = None,
    resume: bool = False,
    estimate: bool = False,
) -> "GenerativeModel":
    """Trains a recipe, or a preset on any data, and writes a run folder.

    The folder holds `model.keras`, `recipe.json`, `history.csv`, `metrics.json`,
    `samples.png`, or `samples.txt` for text, `report.html` with all of it to look at,
    and, during training, `checkpoint/`.
    Adversarial training also writes `samples.gif`, an animation of the same samples.
    Only one process at a time trains into a folder.

    The stages of a recipe are trained one after the other in one run, and epochs are
    counted over all stages. A finished stage is never trained again. A falling learning
    rate falls over the steps of this run, or of its stage.

    Args:
        name: Name of the recipe or preset.
        out: The run folder. It must be new or empty unless `resume` is True.
        data: Data set or path. Default: the recipe's data. To resume a run, the path of
            the same data if they have moved.
        size: Size of a preset's model: tiny, small, base or large. Default: base.
        image_size: (height, width), or (height, width, channels), to which a preset
            resizes the images of a folder. None for an axis that the files decide.
            Default: the size of the first image.
        fit: As in `load_data`, of a folder of images. Default: crop.
        background: As in `load_data`, by name. Default: white.
        skip_broken: As in `load_data`.
        condition: What a preset's model is conditioned on: "labels" or "folders" (the
            default) if the data have labels, "none", the name of a column of a table or
            beside texts, or "any": one value of any category of a table, or none; see
            `keras_gen.specs.AnyCategory`. Sub-folders of texts are labels by "folders"
            only.
        columns: Kinds of columns of a table by name, as in `load_data`.
        column: As in `load_data`, of texts in a `.jsonl` or `.csv` file.
        kind: As in `load_data`, and so are the next three.
        window: Values of an example that is cut from a recording.
        hop: Values from the start of a window to that of the next.
        frames: Frames of each clip of a folder.
        by: Whether each line or record of a text is an example ("lines"), or long texts
            are cut into "windows". Default: "lines" for many short lines of similar
            length.
        length: Tokens of a window, or most tokens of a line, its end included. Longer
            lines are left out, with a warning. Default: 128, or the longest line.
        tokenizer: "character" (the default), "byte", "word" or "bpe".
        vocabulary: Most tokens of the tokenizers "word" (10,000) and "bpe" (2,000), or
            the number of tokens of a token array.
        normal: The class whose examples alone are trained on. The model has no
            condition, and its evaluation reports how well it tells held-out examples of
            the other classes from those of this one (`anomaly_auc`).
        label: Column of a table whose values are the classes of `normal`.
        settings: Values by name of what the recipe or preset takes; `keras-gen show`
            lists them: `{"learning_rate": 1e-4}`.
        start_from: A run, or a recipe with pretrained weights, to fine-tune: the new
            model takes over the weights that fit, and a line names the layers that are
            new. The optimizer begins anew.
        teacher: A run, or a recipe with pretrained weights, of a diffusion model from
            which the preset `consistency` learns; see `distill`.
        teacher_scale: Guidance scale of the teacher. Default: its own.
        epochs: Passes over the data: one number, or one number per stage. Default: the
            recipe's; of a preset 50, or more of few data, see `Preset.epochs_of`.
        minutes: About how long to train, in place of `epochs`: a few steps are timed
            before the start, and the epochs that follow from them are those of the run.
            Pictures, and the evaluation at its end, take further time.
        batch_size: Examples per step. Default: the recipe's batch size; of a preset
            fewer of few data, so that an epoch has 8 steps, and up to 1024 of tables
            and vectors of 128,000 rows and more.
        seed: Seed of weights, order and noise. Default: the recipe's seed.
        strategy: "mirrored" trains on all GPUs of this machine. "multi_worker" trains
            together with the other processes that TF_CONFIG names. The first process
            writes the run folder, and all processes must be able to read it to resume.
            The batch is shared among devices. None means one device.
        resume: Whether to resume an interrupted run in `out`. Its final weights are
            the same, bit for bit, as without the interruption. If the last checkpoint
            is damaged, the previous one is used, with a warning.
        estimate: Whether to say before the start what the data and the model are, how
            long the run will take and how much memory. A few steps are timed, which
            changes nothing in the result.

    Returns:
        The trained model.

    Raises:
        UsageError: If the recipe, strategy or a setting is unknown, if the folder is
            not empty or another process trains into it, or if the settings or data
            differ from those of the run to resume.
        RuntimeError: If `recipe.json` or all checkpoints of the run are damaged.
        ValueError: If the data do not fit the model.
    """
    recipe, out = find(name), Path(out)
    epochs = None if epochs is None else epochs_of(recipe, name, epochs)
    check_minutes(minutes, epochs, strategy)
    given = {"epochs": epochs, "batch_size": batch_size, "seed": seed}
    given["minutes"] = None if minutes is None else float(minutes)
    condition = named_condition(condition, data, out if resume else None)
    pins = {"size": size, "image_size": image_size, "condition": condition}
    pins["columns"] = dict(columns) if columns else None
    is_path = data is not None and not is_named(data)
    if isinstance(recipe, Preset) and recipe.reads and is_path:
        kind = recipe.reads if kind is None else kind
    reading = {"kind": kind, "window": window, "hop": hop, "frames": frames}
    reading |= {"column": column}
    choices = {BY: by, LENGTH: length, TOKENIZER: tokenizer, VOCABULARY: vocabulary}
    given |= pins_of(recipe, name, pins | choices)
    given |= check_reading(reading)
    given |= one_class(recipe, normal, label, condition)
    given |= {FIT: fit, BACKGROUND: background, SKIP_BROKEN: skip_broken or None}
    chosen = checked(settings or {}, recipe.settings, name)
    given[store.CHOSEN] = as_lists(chosen) or None
    given[store.TEACHER_SCALE] = None if teacher_scale is None else float(teacher_scale)
    given = {k: v for k, v in given.items() if v is not None}
    if teacher is not None and (name != STUDENT or start_from is not None):
        raise UsageError(
            f"teacher is for the preset {STUDENT}, which then begins with the weights "
            f"of the teacher, received {name} and start_from={start_from}."
        )
    if given.get("batch_size", 1) < 1:
        raise UsageError(f"batch_size must be at least 1, received {batch_size}.")
    if not 0 <= given.get("seed", 0) < 2**32:
        raise UsageError(f"seed must be in [0, 2**32), received {given['seed']}.")
    check_choices(given)
    devices = strategy_of(strategy)
    with alone(out) if is_chief(devices) else contextlib.nullcontext():
        if not resume:
            if data is None and isinstance(recipe, Preset):
                raise UsageError(f"the preset {name} requires data: pass --data PATH.")
            data = recipe.data if data is None else data
            facts = new_settings(name, recipe, data, given)
            check_image_reading(recipe, facts, data)
            if start_from is not None:
                fine_tuning.record(start_from, facts)
            if teacher or recipe.teacher:
                fine_tuning.record(teacher or recipe.teacher, facts, store.TEACHER)
            if is_chief(devices):
                check_empty(out)
            recipe = recipe.tuned(chosen, name)
            return _run(recipe, out, data, facts, devices, estimate=estimate)
        if start_from is not None:
            fine_tuning.record(start_from, given)
        if teacher is not None:
            fine_tuning.record(teacher, given, store.TEACHER)
        facts = settings_to_resume(name, out, given)
        check_stages(recipe, out, facts)
        if (out / store.MODEL).exists():
            return cleaned_up(out)
        source = source_to_resume(out, facts, data)
        recipe = recipe.tuned(facts.get(store.CHOSEN, {}), name)
        return _run(recipe, out, source, facts, devices, estimate=estimate)


def _run(
    recipe: Recipe,
    out: Path,
    source: str | Path,
    settings: dict[str, Any],
    devices: "tf.distribute.Strategy",
    *,
    estimate: bool,
) -> "GenerativeModel":
    """Trains from the last checkpoint, if any, to the end. The chief writes files."""
    import keras

    shape = image_shape_of(recipe, source, settings)
    target = target_of(settings) or settings.get(LABEL)
    check_target(recipe, source, target)
    how = reading_of(recipe, source, settings)
    how |= {"columns": settings.get(store.COLUMNS)}
    data = load_data(source, shape, target=target, **how)
    check_facts(out, data, source, settings)
    if NORMAL in settings:
        data = only(data, settings[NORMAL])
    if recipe.balance:
        data = balanced(data, recipe.balance)
    preset = recipe if isinstance(recipe, Preset) else None
    if preset is not None:
        check_takes(preset, data, settings)
    teacher = None
    if store.TEACHER in settings:
        teacher = functools.cache(lambda: fine_tuning.donor_of(settings, store.TEACHER))
    if preset is not None and teacher is not None:
        pin = functools.partial(pinned, data=data, settings=settings)
        preset, recipe = taught(preset, pin, teacher, settings)
    elif preset is not None and data.inputs is not None:
        recipe = pinned(preset, data, settings)
    writes, donor = is_chief(devices), None
    if store.FROM in settings:
        donor = functools.cache(lambda: fine_tuning.donor_of(settings))
    keras.utils.set_random_seed(settings["seed"])
    with scope(devices):
        model, history, faults = last_sound(out / store.CHECKPOINT)
        for fault in faults:
            warnings.warn(
                f"{fault}. Resuming from the checkpoint after epoch {len(history)}.",
                stacklevel=3,
            )
        if preset is not None and data.inputs is None:
            recipe, data = pinned_texts(preset, data, settings, model, donor)
        data, own = with_tokens(recipe, data, model, donor)
        if model is not None and teacher is not None:
            cast("Consistency", model).learn_from(cast("Diffusion", teacher()))
        stages = recipe.plan
        if preset is not None:
            note_usual(preset, data, settings)
        pace = None
        if "minutes" in settings and "steps" not in settings:
            pace = choose_epochs(recipe, data, settings, own)
        note_steps(data, settings)
        is_new = model is None
        if model is None:
            model = model_of(stages[0], settings, own)
        whole = model if len(stages) == 1 else recipe.build(settings["seed"], **own)
    data = prepared(whole, data, recipe)
    note_classes(whole, data, settings)
    if is_new and donor is not None:
        with scope(devices):
            fine_tuning.begin_with(
                donor(), model, data, settings, alone=len(stages) == 1
            )
    if writes and (preset is not None or estimate):
        print(_summary(whole, data, settings), flush=True)
    elif writes:
        warn_of_notes(data)
    if isinstance(data.train, DecodedFiles):
        for split in data.splits:
            split.head(0)  # decodes the images before the run begins
    if pace is None and estimate and is_new and not model._loop.distributed:
        pace = pace_of(model, data, settings)
    if pace is not None:
        print(outlook(pace, stages, settings), flush=True)
    if writes:
        store.write_json(out / store.RECIPE, settings)
    done, end = len(history), 0
    for number, epochs in enumerate(stage_epochs(settings)):
        start, end = end, end + epochs
        if done >= end and number < len(stages) - 1:
            continue
        if number and done == start:
            with scope(devices):
                model = model_of(stages[number], settings, own, number, model)
                if donor is not None:
                    fine_tuning.begin_with(donor(), model, data, settings, alone=False)
        name = stages[number].name if len(stages) > 1 else None
        how = {"stage": name, "done": done, "end": end}
        history = _fit(model, data, settings, out if writes else None, history, **how)
        done = end
    if model._loop.distributed:  # what follows needs no other device
        if writes:
            model, *_ = last_sound(out / store.CHECKPOINT)
            finish(model, data, recipe, out, history)
        wait_for_all(devices)
    else:
        finish(model, data, recipe, out, history)
    return model


def _summary(model: "GenerativeModel", data: Data, settings: dict[str, Any]) -> str:
    """The data, what was done to them, and the model, in lines."""
    known = "" if model.condition is None else f", given {model.condition}"
    train, test = len(rows_of(data.train)), len(data.test)
    notes = "".join(f"{note}\n" for note in data.notes)
    validation = ""
    if data.validation is not None:
        validation = f", {len(data.validation):,} for validation"
    kind = "; ".join(described(data, settings)) or in_short(model.inputs)
    known_of = [*data.facts, *columns_of(data)]
    facts = "".join(f"{name}: {text}\n" for name, text in known_of[:MOST_FACTS])
    if len(known_of) > MOST_FACTS:
        facts += f"and {len(known_of) - MOST_FACTS} more: see keras-gen inspect\n"
    size = f", {settings['size']}" if "size" in settings else ""
    return (
        f"{data.name}: {train:,} examples to train and {test:,} held out{validation}, "
        f"{kind}{known}\n{notes}{facts}{settings['recipe']}{size}: "
        f"{model.count_params():,} weights, {settings['steps']:,} steps"
    )


def _fit(
    model: "GenerativeModel",
    data: Data,
    settings: dict[str, Any],
    out: Path | None,
    history: list[dict[str, float]],
    *,
    stage: str | None,
    done: int,
    end: int,
) -> list[dict[str, float]]:
    """Trains the remaining epochs of a stage, and returns the logs of all epochs.

    Without a folder to write into, it returns the logs of previous epochs only.
    """
    callbacks = []
    if out is not None:
        epochs = sum(stage_epochs(settings))
        callbacks = callbacks_of(model, data, out, epochs, history, stage)
    model.fit(
        **arguments_of(model, data, settings["batch_size"]),
        epochs=end,
        initial_epoch=done,
        callbacks=callbacks,
        verbose=0,
    )
    return next((c.history for c in callbacks if isinstance(c, Checkpoint)), history)
