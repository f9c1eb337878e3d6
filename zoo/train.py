"""Training a recipe into a run folder that can be resumed after any interruption."""

import contextlib
import functools
import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence, Sized
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from keras_gen.files import locked

from . import fine_tuning, store
from .data import (
    TABLE_FILES,
    Data,
    ImageFiles,
    Split,
    content_hash,
    is_made_here,
    is_named,
)
from .data import load as load_data
from .decoding import CROP, Framing
from .distributing import is_chief, scope, strategy_of, wait_for_all
from .evaluation import (
    BACKGROUND,
    FIT,
    READING,
    SKIP_BROKEN,
    evaluate_on,
    most_of,
    prepared,
    reading_of,
    reads_pictures,
    some,
    warn_of_notes,
)
from .inspecting import kind_of
from .kinds import check_reading
from .languages import TokenSplit, tokenized, tokenizer_for
from .optimizing import Cosine
from .preset import DEFAULT_SIZE, FOLDERS, LABELS, NONE, Preset, target_of
from .recipe import Recipe, Stage, UsageError, find
from .settings import checked
from .text_settings import (
    BY,
    CHOICES,
    COLUMN,
    KIND,
    LENGTH,
    TOKENIZER,
    VOCABULARY,
    as_tokens,
    check_choices,
    described,
)

if TYPE_CHECKING:
    import tensorflow as tf

    from keras_gen.model import GenerativeModel
    from keras_gen.specs import Spec

    from .estimating import Pace

DENSITY_EXAMPLES = 10_000
TABLE_ROWS = 1000  # of samples
UNSET = "its default"
IMAGE_SHAPE, LARGEST = "image_shape", 128  # side of images that are not resized


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
    column: str | None = None,
    kind: str | None = None,
    window: int | None = None,
    hop: int | None = None,
    frames: int | None = None,
    by: str | None = None,
    length: int | None = None,
    tokenizer: str | None = None,
    vocabulary: int | None = None,
    settings: Mapping[str, Any] | None = None,
    start_from: str | Path | None = None,
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
            default) if the data have labels, "none", or the name of a column of a
            table.
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
        settings: Values by name of what the recipe or preset takes; `keras-gen show`
            lists them: `{"learning_rate": 1e-4}`.
        start_from: A run, or a recipe with pretrained weights, to fine-tune: the new
            model takes over the weights that fit, and a line names the layers that are
            new. The optimizer begins anew.
        epochs: Passes over the data: one number, or one number per stage. Default: the
            recipe's epochs.
        minutes: About how long to train, in place of `epochs`: a few steps are timed
            before the start, and the epochs that follow from them are those of the run.
            Pictures, and the evaluation at its end, take further time.
        batch_size: Examples per step. Default: the recipe's batch size.
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
    epochs = None if epochs is None else _epochs_of(recipe, name, epochs)
    _check_minutes(minutes, epochs, strategy)
    given = {"epochs": epochs, "batch_size": batch_size, "seed": seed}
    given["minutes"] = None if minutes is None else float(minutes)
    if condition == FOLDERS and Path(data or "").suffix.lower() not in TABLE_FILES:
        condition = LABELS
    pins = {"size": size, "image_size": image_size, "condition": condition}
    reading = {"kind": kind, "window": window, "hop": hop, "frames": frames}
    choices = {BY: by, LENGTH: length, TOKENIZER: tokenizer, VOCABULARY: vocabulary}
    given |= _pins_of(recipe, name, pins | choices)
    given |= check_reading(reading | {COLUMN: column})
    given |= {FIT: fit, BACKGROUND: background, SKIP_BROKEN: skip_broken or None}
    chosen = checked(settings or {}, recipe.settings, name)
    given[store.CHOSEN] = _as_lists(chosen) or None
    given = {k: v for k, v in given.items() if v is not None}
    if given.get("batch_size", 1) < 1:
        raise UsageError(f"batch_size must be at least 1, received {batch_size}.")
    if not 0 <= given.get("seed", 0) < 2**32:
        raise UsageError(f"seed must be in [0, 2**32), received {given['seed']}.")
    check_choices(given)
    devices = strategy_of(strategy)
    with _alone(out) if is_chief(devices) else contextlib.nullcontext():
        if not resume:
            if data is None and isinstance(recipe, Preset):
                raise UsageError(f"the preset {name} requires data: pass --data PATH.")
            data = recipe.data if data is None else data
            facts = _new_settings(name, recipe, data, given)
            _check_reading(recipe, facts, data)
            if start_from is not None:
                fine_tuning.record(start_from, facts)
            if is_chief(devices):
                _check_empty(out)
            recipe = recipe.tuned(chosen, name)
            return _run(recipe, out, data, facts, devices, estimate=estimate)
        if start_from is not None:
            fine_tuning.record(start_from, given)
        facts = _settings_of(name, out, given)
        _check_stages(recipe, out, facts)
        if (out / store.MODEL).exists():
            return _cleaned_up(out)
        source = _source(out, facts, data)
        recipe = recipe.tuned(facts.get(store.CHOSEN, {}), name)
        return _run(recipe, out, source, facts, devices, estimate=estimate)


def _check_minutes(
    minutes: float | None, epochs: int | list[int] | None, strategy: str | None
) -> None:
    if minutes is None:
        return
    if epochs is not None:
        raise UsageError("choose epochs or minutes, received both.")
    if not (0 < minutes < math.inf):
        raise UsageError(f"minutes must be above 0, received {minutes}.")
    if strategy is not None:
        raise UsageError(
            f"minutes can be chosen on one device only, received strategy={strategy}. "
            "Choose epochs."
        )


def _as_lists(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as JSON has them."""
    return {k: [*v] if isinstance(v, tuple) else v for k, v in values.items()}


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Creates the folder and prevents other processes from training into it.

    Created folders are removed at the end if they are empty.
    """
    if out.exists() and not out.is_dir():
        raise _taken(out)
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    out.mkdir(parents=True, exist_ok=True)
    try:
        with locked(out / store.LOCK):
            yield
    except BlockingIOError as error:
        if error.filename != os.fspath(out / store.LOCK):
            raise
        raise UsageError(
            f"another process trains into {out} ({error.strerror}). Wait until it "
            "ends, or choose another folder."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            for folder in made:
                folder.rmdir()


def _taken(out: Path) -> UsageError:
    return UsageError(
        f"{out} already holds files. Choose another folder, or resume an interrupted "
        "run with --resume."
    )


def _check_empty(out: Path) -> None:
    if any(not path.name.startswith(".") for path in out.iterdir()):
        raise _taken(out)  # hidden files are those of a write that was cut off


def _new_settings(
    name: str, recipe: Recipe, data: str | Path, given: dict[str, Any]
) -> dict[str, Any]:
    """The settings of a new run, except for those that depend on its data."""
    defaults = {"epochs": _one_or_all([stage.epochs for stage in recipe.plan])}
    defaults |= {k: getattr(recipe, k) for k in ("batch_size", "seed")}
    if isinstance(recipe, Preset):
        defaults |= {"size": DEFAULT_SIZE, "condition": LABELS}
    if reads_pictures(recipe, data, given.get(KIND)):
        defaults |= {FIT: CROP, BACKGROUND: "white"}
    return {"recipe": name, "data": _place(data), **defaults, **given}


def _check_reading(recipe: Recipe, settings: dict[str, Any], data: str | Path) -> None:
    """Refuses options of folders for other data, and options that do not exist."""
    given = {key: settings[key] for key in READING if key in settings}
    if given and not reads_pictures(recipe, data, settings.get(KIND)):
        raise UsageError(
            f"{', '.join(given)} can be chosen for folders of images and clips only, "
            f"received {data}."
        )
    if given:
        if not isinstance(given[BACKGROUND], str):
            raise UsageError(
                "background must be the name of a colour, such as black or #ff8000, "
                f"received {given[BACKGROUND]!r}."
            )
        Framing.of(given[FIT], given[BACKGROUND])


def _epochs_of(
    recipe: Recipe, name: str, given: int | Sequence[int]
) -> int | list[int]:
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
    return _one_or_all(asked * (len(stages) if len(asked) == 1 else 1))


def _one_or_all(epochs: list[int]) -> int | list[int]:
    return epochs if len(epochs) > 1 else epochs[0]


def _stage_epochs(settings: dict[str, Any]) -> list[int]:
    """The epochs of each stage."""
    epochs = settings["epochs"]
    return epochs if isinstance(epochs, list) else [epochs]


def _check_stages(recipe: Recipe, out: Path, settings: dict[str, Any]) -> None:
    if len(_stage_epochs(settings)) != len(recipe.plan):
        raise UsageError(
            f"the run in {out} has epochs={settings['epochs']}, but the recipe has "
            f"{len(recipe.plan)} stages: another version began the run."
        )


def _settings_of(name: str, out: Path, given: dict[str, Any]) -> dict[str, Any]:
    """The settings of the run to resume."""
    if not (out / store.RECIPE).exists():
        raise UsageError(f"{out} holds no run to resume.")
    settings = store.settings_of(out)
    chosen, recorded = given.pop(store.CHOSEN, {}), settings.get(store.CHOSEN, {})
    known_by_key = {**settings, **{k: recorded.get(k, UNSET) for k in chosen}}
    for key, value in {"recipe": name, **given, **chosen}.items():
        known = known_by_key.get(key)
        if key == IMAGE_SHAPE and known is not None:  # the files decide the rest
            both = zip(known, value, strict=False)
            known = [n if asked is not None else None for n, asked in both]
        if known != value:
            raise UsageError(
                f"the run in {out} has {key}={known}, received {value}. Resume it with "
                "the same settings."
            )
    return settings


def _place(data: str | Path) -> str:
    """The name of a data set, or an absolute path, which can never be one."""
    return str(data) if is_named(data) else os.path.abspath(data)


def _source(out: Path, settings: dict[str, Any], data: str | Path | None) -> str | Path:
    """The data of the run to resume. Records them in the settings."""
    recorded, is_hashed = settings["data"], "data_sha256" in settings
    if data is None and not is_named(recorded):
        leads_away = os.path.abspath(recorded) != recorded
        if not is_hashed:  # by a version that wrote paths as they were given
            leads_away = ".." in Path(recorded).parts
        if leads_away:
            raise UsageError(
                f"{out / store.RECIPE} records the data as {recorded!r}, not by an "
                "absolute path. Pass their path with --data."
            )
        if not os.path.exists(recorded):
            raise UsageError(
                f"the data of the run in {out} are not at {recorded!r}. Pass their "
                "path with --data."
            )
    if data not in (None, recorded) and is_named(recorded) and not is_hashed:
        raise UsageError(
            f"the run in {out} has data={recorded}, received {data}. Resume it with "
            "the same settings."
        )
    source = recorded if data is None else data
    settings["data"] = _place(source)
    return source


def _cleaned_up(out: Path) -> "GenerativeModel":
    """The model of a run that was interrupted after its last file."""
    from .checkpoint import clear, leftovers

    folder = out / store.CHECKPOINT
    if not leftovers(folder):
        raise UsageError(f"the run in {out} is complete: there is nothing to resume.")
    model = store.load(out)
    clear(folder)
    return model


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

    from .checkpoint import last_sound

    shape, target = _image_shape(recipe, source, settings), target_of(settings)
    if target is not None and Path(source).suffix.lower() not in TABLE_FILES:
        raise UsageError(
            f"condition must be {LABELS} or {NONE}, or a column of a .csv or .parquet "
            f"file, received {target!r} for {source}."
        )
    how = reading_of(recipe, source, settings)
    data = load_data(source, shape, target=target, **how)
    _check_facts(out, data, source, settings)
    preset = recipe if isinstance(recipe, Preset) else None
    if preset is not None and data.inputs is not None:
        recipe = _pinned(preset, data, settings)
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
            recipe, data = _pinned_texts(preset, data, settings, model, donor)
        data, own = _tokenized(recipe, data, model, donor)
        stages = recipe.plan
        pace = None
        if "minutes" in settings and "steps" not in settings:
            pace = _choose_epochs(recipe, data, settings, own)
        _note_steps(data, settings)
        is_new = model is None
        if model is None:
            model = _model_of(stages[0], settings, own)
        whole = model if len(stages) == 1 else recipe.build(settings["seed"], **own)
    data = prepared(whole, data, recipe)
    _note_classes(whole, data, settings)
    if is_new and donor is not None:
        with scope(devices):
            _begin_with(donor(), model, data, settings, alone=len(stages) == 1)
    if writes and (preset is not None or estimate):
        print(_summary(whole, data, settings), flush=True)
    elif writes:
        warn_of_notes(data)
    if isinstance(data.train, ImageFiles):
        for split in data.splits:
            split.head(0)  # decodes the images before the run begins
    if pace is None and estimate and is_new and not model._loop.distributed:
        pace = _pace(model, data, settings)
    if pace is not None:
        print(_outlook(pace, stages, settings), flush=True)
    if writes:
        store.write_json(out / store.RECIPE, settings)
    done, end = len(history), 0
    for number, epochs in enumerate(_stage_epochs(settings)):
        start, end = end, end + epochs
        if done >= end and number < len(stages) - 1:
            continue
        if number and done == start:
            with scope(devices):
                model = _model_of(stages[number], settings, own, number, model)
                if donor is not None:
                    _begin_with(donor(), model, data, settings, alone=False)
        name = stages[number].name if len(stages) > 1 else None
        how = {"stage": name, "done": done, "end": end}
        history = _fit(model, data, settings, out if writes else None, history, **how)
        done = end
    if model._loop.distributed:  # what follows needs no other device
        if writes:
            model, *_ = last_sound(out / store.CHECKPOINT)
            _finish(model, data, recipe, out, history)
        wait_for_all(devices)
    else:
        _finish(model, data, recipe, out, history)
    return model


def _summary(model: "GenerativeModel", data: Data, settings: dict[str, Any]) -> str:
    """The data, what was done to them, and the model, in lines."""
    known = "" if model.condition is None else f", given {model.condition}"
    train, test = len(_rows(data.train)), len(data.test)
    notes = "".join(f"{note}\n" for note in data.notes)
    validation = ""
    if data.validation is not None:
        validation = f", {len(data.validation):,} for validation"
    kind = "; ".join(described(data, settings)) or model.inputs
    facts = "".join(f"{name}: {text}\n" for name, text in data.facts)
    size = f", {settings['size']}" if "size" in settings else ""
    return (
        f"{data.name}: {train:,} examples to train and {test:,} held out{validation}, "
        f"{kind}{known}\n{notes}{facts}{settings['recipe']}{size}: "
        f"{model.count_params():,} weights, {settings['steps']:,} steps"
    )


def _pace(model: "GenerativeModel", data: Data, settings: dict[str, Any]) -> "Pace":
    """What a few steps take, of the first stage or of a later one."""
    from .estimating import measure

    numbers = len(_rows(data.train)), len(data.splits[-1])
    size = min(settings["batch_size"], max(numbers))
    return measure(model, _examples(model, data, size), size, numbers)


def _outlook(pace: "Pace", stages: Sequence[Stage], settings: dict[str, Any]) -> str:
    """How long the first stage will take, and how much memory."""
    from .estimating import words

    line = words(pace, _stage_epochs(settings)[0])
    return f"{stages[0].name}: {line}" if len(stages) > 1 else line


def _choose_epochs(
    recipe: Recipe, data: Data, settings: dict[str, Any], own: dict[str, Any]
) -> "Pace":
    """Sets the epochs that take about the chosen minutes.

    The stages keep the ratio of their epochs in the recipe. Models of its own are
    timed, since the schedules of the run depend on its epochs.

    Returns:
        What a few steps of the first stage took.
    """
    from keras_gen.engine.internals import names_kept

    trial, model, paces = dict(settings), None, []
    _note_steps(data, trial)
    with names_kept():
        for number, stage in enumerate(recipe.plan):
            model = _model_of(stage, trial, own, number, model)
            paces.append(_pace(model, data, trial))
    usual = [stage.epochs for stage in recipe.plan]
    seconds = sum(n * pace.epoch for n, pace in zip(usual, paces, strict=True))
    share = 60 * settings["minutes"] / seconds
    settings["epochs"] = _one_or_all([max(1, round(share * n)) for n in usual])
    return paces[0]


def _note_classes(
    model: "GenerativeModel", data: Data, settings: dict[str, Any]
) -> None:
    """Records the classes that have examples. Warns of classes without examples."""
    import numpy as np

    from keras_gen.specs import num_classes

    number = num_classes(model.condition)
    if number is None or data.train.labels is None:
        return
    if isinstance(data.train, ImageFiles):
        settings[store.NAMES] = [*data.class_names]
    present = np.unique(data.train.labels).tolist()
    settings["classes"] = present
    if absent := sorted({*range(number)} - {*present}):
        warnings.warn(
            f"{data.name} holds no training examples of {store.classes(absent)}, of "
            f"{number}. Samples of such a class will be meaningless.",
            stacklevel=4,
        )


def _check_facts(
    out: Path, data: Data, source: str | Path, settings: dict[str, Any]
) -> None:
    """Compares data and versions with those at the start of the run, or records them.

    Raises:
        UsageError: If the data have changed.
    """
    facts = {"data_sha256": content_hash(data), "versions": store.versions()}
    for key, now in facts.items():
        then = settings.setdefault(key, now)
        if then == now:
            continue
        if key == "versions":
            was = {k: v for k, v in then.items() if now.get(k, v) != v}
            changes = ", ".join(f"{k} {v} to {now[k]}" for k, v in was.items())
            if changes:
                warnings.warn(
                    f"the run in {out} resumes with other versions ({changes}). Its "
                    "weights may differ from those of an uninterrupted run.",
                    stacklevel=4,
                )
        elif is_made_here(source):
            warnings.warn(
                f"the data set {source} differs from the one with which the run in "
                f"{out} began, because other versions of packages make it.",
                stacklevel=4,
            )
        else:
            raise UsageError(
                f"{str(source)!r} does not hold the data on which the run in {out} "
                f"began (sha256 {then[:12]}, received {now[:12]}). Restore them, pass "
                "their path with --data, or begin another run."
            )


def _image_shape(
    recipe: Recipe, data: str | Path, settings: dict[str, Any]
) -> Sequence[int] | None:
    """The size to which a folder's images are resized.

    It is that of the recipe's model, or the one chosen for a preset, which other data
    than folders must have.
    """
    if isinstance(recipe, Preset):
        return settings.get(IMAGE_SHAPE)
    if not reads_pictures(recipe, data):
        return None
    return recipe.plan[0].build(0).inputs.shape


def _pins_of(recipe: Recipe, name: str, pins: dict[str, Any]) -> dict[str, Any]:
    """The settings of a preset that the user has chosen."""
    pins = {k: v for k, v in pins.items() if v is not None}
    if pins and not isinstance(recipe, Preset):
        raise UsageError(
            f"{', '.join(pins)} can be chosen for presets only, and {name} is a recipe."
        )
    if "image_size" in pins:
        sides = pins.pop("image_size")
        pins[IMAGE_SHAPE] = [None if n is None else int(n) for n in sides]
    return pins


def _pinned(preset: Preset, data: Data, settings: dict[str, Any]) -> Recipe:
    """The preset for the data. Records their kind, and the shape of images."""
    from keras_gen.specs import Classes, Clips, Images

    inputs = cast("Spec", data.inputs)
    if given := [key for key in CHOICES if key in settings]:
        raise UsageError(f"{', '.join(given)} can be chosen for texts only.")
    if not data.known and data.spec is None:
        settings[KIND] = kind_of(data).lower()
    if data.rate is not None:
        settings["rate"] = data.rate
    if isinstance(inputs, Images | Clips):
        is_large = max(inputs.height, inputs.width) > LARGEST
        if settings.get(IMAGE_SHAPE, [None])[0] is None and is_large:
            raise UsageError(
                f"the {kind_of(data).lower()} of {data.name} have "
                f"{inputs.height}x{inputs.width} pixels, more than {LARGEST}: choose a "
                "size with --image-size."
            )
        settings[IMAGE_SHAPE] = [*inputs.shape[-3:]]
    labelled = settings["condition"] != NONE and data.train.labels is not None
    condition = data.target or Classes(data.num_classes) if labelled else None
    if labelled:
        settings[store.NAMES] = [*data.class_names]
    return preset.pinned(inputs, condition, settings["size"])


def _pinned_texts(
    preset: Preset,
    data: Data,
    settings: dict[str, Any],
    model: "GenerativeModel | None",
    donor: fine_tuning.Donor | None,
) -> tuple[Recipe, Data]:
    """The preset for texts, and the texts as tokens. Records how they are taken."""
    if not preset.takes(None):
        preset.pinned(None, None, settings["size"])  # says what it takes
    known = getattr(model, "tokenizer", None)
    if known is None and donor is not None and TOKENIZER not in settings:
        known = fine_tuning.known_tokenizer(donor(), data)
    preset, data = as_tokens(preset, data, settings, known)
    return preset.pinned(data.inputs, None, settings["size"]), data


def _begin_with(
    donor: "GenerativeModel",
    model: "GenerativeModel",
    data: Data,
    settings: dict[str, Any],
    *,
    alone: bool,
) -> None:
    """Takes over the weights of a trained model that fit, and says which do not."""
    from keras_gen.models import Flow

    if isinstance(model, Flow):  # else `fit` would initialize what is taken over
        examples = _examples(model, data, settings["batch_size"])
        model.initialize(examples["x"], examples.get("y"))
    taken = fine_tuning.take_over(model, donor)
    if alone and not taken.weights:
        raise UsageError(
            f"no weights of {settings[store.FROM]} fit the new model. Choose the same "
            "preset, size and settings, or leave out --from."
        )
    print(fine_tuning.words(taken, settings), flush=True)


def _tokenized(
    recipe: Recipe,
    data: Data,
    model: "GenerativeModel | None",
    donor: fine_tuning.Donor | None = None,
) -> tuple[Data, dict[str, Any]]:
    """The data, with text as tokens, and further arguments to build the stages."""
    if recipe.text is None or isinstance(data.train, TokenSplit):
        return data, {}
    tokenizer = getattr(model, "tokenizer", None)
    if tokenizer is None and donor is not None:
        tokenizer = fine_tuning.known_tokenizer(donor(), data)
    tokenizer = tokenizer or tokenizer_for(data, recipe)
    return tokenized(data, recipe, tokenizer), {"tokenizer": tokenizer}


def _note_steps(data: Data, settings: dict[str, Any]) -> None:
    """Records the steps of the whole run, if they are new."""
    steps = math.ceil(len(_rows(data.train)) / settings["batch_size"])
    settings.setdefault("steps", steps * sum(_stage_epochs(settings)))


def _model_of(
    stage: Stage,
    settings: dict[str, Any],
    own: dict[str, Any],
    number: int = 0,
    before: "GenerativeModel | None" = None,
) -> "GenerativeModel":
    """The model at the beginning of a stage, with initial weights of its own."""
    import keras

    from keras_gen.serialization import without_optimizer

    epochs = _stage_epochs(settings)
    if isinstance(stage.rate, Cosine):
        per_epoch = settings["steps"] // sum(epochs)
        own = own | {"steps": per_epoch * epochs[number]}
    trained = () if before is None else (without_optimizer(before),)
    keras.utils.set_random_seed((settings["seed"] + number) % 2**32)
    return stage.build(settings["seed"], *trained, **own)


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
    from .checkpoint import Checkpoint
    from .watching import callbacks_of

    callbacks = []
    if out is not None:
        epochs = sum(_stage_epochs(settings))
        callbacks = callbacks_of(model, data, out, epochs, history, stage)
    model.fit(
        **_examples(model, data, settings["batch_size"]),
        epochs=end,
        initial_epoch=done,
        callbacks=callbacks,
        verbose=0,
    )
    return next((c.history for c in callbacks if isinstance(c, Checkpoint)), history)


def _examples(model: "GenerativeModel", data: Data, batch_size: int) -> dict[str, Any]:
    """Arguments of `fit`: arrays, of images as they are in the cache."""
    train, test = data.train, data.splits[-1]
    batch_size = min(batch_size, max(len(_rows(train)), len(_rows(test))))
    if isinstance(train, TokenSplit):
        held_out = (test.rows, None)
        return {"x": train.rows, "validation_data": held_out, "batch_size": batch_size}
    arrays = {"x": train.x, "validation_data": (test.x, None)}
    if model.condition is not None:
        arrays |= {"y": train.labels, "validation_data": (test.x, test.labels)}
    return {**arrays, "batch_size": batch_size}


def _rows(split: Split) -> Sized:
    """The examples of a split, as many as in an epoch of training."""
    return split.rows if isinstance(split, TokenSplit) else split


def _finish(
    model: "GenerativeModel",
    data: Data,
    recipe: Recipe,
    out: Path,
    history: list[dict[str, float]],
) -> None:
    """Writes the results of a trained model. `model.keras` is written last."""
    from keras_gen.capabilities import Generates
    from keras_gen.models import Autoencoder
    from keras_gen.specs import Columns

    from .checkpoint import clear
    from .reporting import write_report
    from .sample import write_table
    from .watching import samples_of

    if isinstance(model, Autoencoder):
        model.fit_latent_density(some(data.train, most_of(model, DENSITY_EXAMPLES))[0])
    figures = evaluate_on(model, data, recipe)
    store.write_json(out / store.METRICS, {k: v.as_dict() for k, v in figures.items()})
    samples = samples_of(model, data, out, DENSITY_EXAMPLES)
    samples.set_model(model)
    samples.draw()
    names = [stage.name for stage in recipe.plan]
    epochs = _stage_epochs(store.settings_of(out))
    of_epochs = [n for n, e in zip(names, epochs, strict=True) for _ in range(e)]
    stages = of_epochs if len(names) > 1 else None
    store.write_text(out / store.HISTORY, history_csv(history, stages))
    is_table = isinstance(data.spec, Columns)
    if is_table and isinstance(model, Generates) and model.can_generate:
        write_table(model, out / store.TABLE, num=TABLE_ROWS, seed=0)
    write_report(out, model, data)
    store.write_model(model, out / store.MODEL)
    clear(out / store.CHECKPOINT)


def history_csv(
    history: list[dict[str, float]], stages: Sequence[str] | None = None
) -> str:
    """One line per epoch, with a header.

    Args:
        history: The logs of the epochs.
        stages: Name of the stage of each epoch, for a run in several stages. It is one
            more column. Cells of terms that a stage does not have are empty.
    """
    columns = [*dict.fromkeys(name for logs in history for name in logs)]
    lines = [["epoch", *(["stage"] if stages else []), *columns]]
    for i, logs in enumerate(history):
        cells = [repr(float(logs[k])) if k in logs else "" for k in columns]
        lines.append([str(i + 1), *([stages[i]] if stages else []), *cells])
    return "".join(",".join(line) + "\n" for line in lines)
