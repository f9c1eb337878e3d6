"""The settings of a run: checked, recorded, and compared when it is resumed."""

import math
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import store
from .data import (
    FOLDERS,
    RECORDS,
    TABLE_FILES,
    Data,
    content_hash,
    holds_texts,
    is_made_here,
    is_named,
)
from .decoding import CROP, Framing
from .evaluation import (
    BACKGROUND,
    FIT,
    LABEL,
    NORMAL,
    READING,
    SKIP_BROKEN,
    options_of_folder,
    reads_pictures,
)
from .preset import ANY, DEFAULT_SIZE, LABELS, NONE, Preset
from .recipe import Recipe, UsageError
from .stages import one_or_all

UNSET = "its default"
IMAGE_SHAPE = "image_shape"


def check_minutes(
    minutes: float | None, epochs: int | list[int] | None, strategy: str | None
) -> None:
    """Raises UsageError if a run cannot train for so many minutes."""
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


def as_lists(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as JSON has them."""
    return {k: [*v] if isinstance(v, tuple) else v for k, v in values.items()}


def pins_of(recipe: Recipe, name: str, pins: dict[str, Any]) -> dict[str, Any]:
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


def one_class(
    recipe: Recipe, normal: str | None, label: str | None, condition: str | None
) -> dict[str, Any]:
    """The settings of a run on one class.

    Raises:
        UsageError: If they do not fit each other.
    """
    if label is not None and normal is None and not recipe.normal:
        raise UsageError(
            f"label is the column of the classes of normal, received {label!r} alone. "
            "Choose a condition with --condition."
        )
    if normal is not None and condition not in (None, NONE):
        raise UsageError(
            "a model of one class has no condition, received "
            f"normal={normal!r} and condition={condition!r}."
        )
    return {NORMAL: normal, LABEL: label}


def named_condition(
    condition: str | None, data: str | Path | None, run: Path | None
) -> str | None:
    """The condition as a run records it: "folders" are the labels of images.

    Args:
        condition: As the user chose it.
        data: Data set or path, or None for those of the run.
        run: The run to resume, or None.
    """
    if data is None and run is not None and (run / store.RECIPE).exists():
        data = store.settings_of(run)["data"]
    if condition != FOLDERS or data is None:
        return condition
    is_table = Path(data).suffix.lower() in TABLE_FILES
    return condition if is_table or holds_texts(data) else LABELS


def check_target(recipe: Recipe, source: str | Path, target: str | None) -> None:
    """Raises UsageError if data cannot have classes in a column, or in sub-folders."""
    suffix, takes_texts = Path(source).suffix.lower(), False
    if isinstance(recipe, Preset):
        takes_texts = recipe.takes(None)
    has_columns = suffix in TABLE_FILES or (takes_texts and suffix in RECORDS)
    has_folders = target == FOLDERS and takes_texts and holds_texts(source)
    if target is not None and not (has_columns or has_folders):
        raise UsageError(
            f"condition must be {LABELS} or {NONE}, {ANY} or a column of a .csv or "
            f".parquet file, or for texts a column of a .csv or .jsonl file or "
            f"{FOLDERS}, received {target!r} for {source}."
        )


def new_settings(
    name: str, recipe: Recipe, data: str | Path, given: dict[str, Any]
) -> dict[str, Any]:
    """The settings of a new run, except for those that depend on its data."""
    defaults: dict[str, Any] = {"seed": recipe.seed}
    if isinstance(recipe, Preset):
        condition = NONE if NORMAL in given else LABELS
        defaults |= {"size": DEFAULT_SIZE, "condition": condition}
    else:
        epochs = one_or_all([stage.epochs for stage in recipe.plan])
        defaults |= {"epochs": epochs, "batch_size": recipe.batch_size}
    if recipe.normal:
        defaults[NORMAL] = recipe.normal
    if reads_pictures(recipe, data, given.get("kind")):
        defaults |= {FIT: CROP, BACKGROUND: "white"}
    return {"recipe": name, "data": place_of(data), **defaults, **given}


def check_image_reading(
    recipe: Recipe, settings: dict[str, Any], data: str | Path
) -> None:
    """Refuses options of folders for other data, and options that do not exist."""
    given = {key: settings[key] for key in READING if key in settings}
    options = options_of_folder(recipe, data, settings.get("kind"))
    if refused := [key for key in given if key not in options]:
        of_sounds = " of images and clips" if refused != [SKIP_BROKEN] else ""
        raise UsageError(
            f"{', '.join(refused)} can be chosen for folders{of_sounds} only, "
            f"received {data}."
        )
    if FIT in given:
        if not isinstance(given[BACKGROUND], str):
            raise UsageError(
                "background must be the name of a colour, such as black or #ff8000, "
                f"received {given[BACKGROUND]!r}."
            )
        Framing.of(given[FIT], given[BACKGROUND])


def settings_to_resume(name: str, out: Path, given: dict[str, Any]) -> dict[str, Any]:
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


def place_of(data: str | Path) -> str:
    """The name of a data set, or an absolute path, which can never be one."""
    return str(data) if is_named(data) else os.path.abspath(data)


def source_to_resume(
    out: Path, settings: dict[str, Any], data: str | Path | None
) -> str | Path:
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
    settings["data"] = place_of(source)
    return source


def check_facts(
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
