"""The data of a run as examples of its model, and the model's figures on them."""

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import stacked, store
from .data import (
    FOLDERS,
    NOT_ARRAYS,
    RECORDS,
    TABLE_FILES,
    Data,
    TextSplit,
    content_hash,
    holds_texts,
    is_folder,
    is_made_here,
    is_named,
    load,
    only,
    renumbered,
)
from .decoding import STRETCH
from .embedded import ArraySplit, UnpairedSplit
from .fitting import takes_labels
from .kinds import (
    CLIPS,
    IMAGES,
    KINDS,
    OF_FOLDERS,
    OPTIONS,
    SERIES,
    SOUND,
    TOKENS,
    folder_kind,
)
from .languages import TokenSplit, tokenized
from .preset import target_of
from .recipe import Recipe, UsageError
from .text_settings import arranged, unlabelled, with_rows

if TYPE_CHECKING:
    from keras_gen.metrics import Estimate
    from keras_gen.model import GenerativeModel
    from keras_gen.specs import Spec

READING = FIT, BACKGROUND, SKIP_BROKEN = "fit", "background", "skip_broken"
NORMAL, LABEL = "normal", "label"
ANOMALY_AUC = "anomaly_auc"
EVALUATED_EXAMPLES, FEWEST_EXAMPLES = 10_000, 10
EVALUATED_OF = {"stacked_mnist": stacked.TEST}  # as published, for its 1,000 classes
TRAIN_EXAMPLES = 60_000  # of which samples may be copies
MOST_BYTES = 2**28  # of examples as float32


def data_of(
    source: str | Path,
    model: "GenerativeModel",
    given: str | Path | None = None,
    label: str | None = None,
    column: str | None = None,
    *,
    whole: bool = False,
) -> Data:
    """The data passed by the user or of a run or recipe, as the model's examples.

    A run folder can come from anybody. A path in its `recipe.json` is therefore used
    only if its content is the data of the training.

    Args:
        source: A run folder, or the name of a recipe.
        model: Its model.
        given: Data set or path that replaces the data of the run or recipe.
        label: Column whose values are the classes, for a model without a condition.
        column: Column of the texts, if it is another one than that of the run.
        whole: Whether to take all classes of a run on one; see `data.only`.

    Raises:
        UsageError: If the data of the run have moved or changed.
        ValueError: If the data do not fit the model.
    """
    data = loaded(source, model, given, label, column, whole=whole)
    run, recipe = Path(source), recipe_of(source)
    settings = store.settings_of(run) if run.is_dir() else {}
    if recipe.text is not None and model.condition is None:
        data = unlabelled(data)
    normal = normal_of(source)
    if normal and not whole and getattr(data.train, "labels", None) is not None:
        data = only(data, normal)
    return prepared(model, arranged(data, settings), recipe)


def loaded(
    source: str | Path,
    model: "GenerativeModel",
    given: str | Path | None = None,
    label: str | None = None,
    column: str | None = None,
    *,
    whole: bool = False,
) -> Data:
    """`data_of` as they are read, before texts become tokens.

    Args:
        source: As in `data_of`.
        model: As in `data_of`.
        given: As in `data_of`.
        label: As in `data_of`.
        column: As in `data_of`.
        whole: As in `data_of`.
    """
    run = Path(source)
    settings = store.settings_of(run) if run.is_dir() else {}
    recorded, expected = settings.get("data"), settings.get("data_sha256")
    recipe = store.recipe_of(source)
    own = recipe.data if recorded is None else recorded
    place = own if given is None else given
    if given is None and not is_named(place):
        if expected is None or os.path.abspath(place) != place:
            raise UsageError(
                f"the data of {run} are recorded as {place!r}, not by an absolute path "
                "with their sha256. Pass their path with --data."
            )
        if not os.path.exists(place):
            raise UsageError(
                f"the data of {run} are not at {place!r}. Pass their path with --data."
            )
    recipe = recipe_of(source)
    from keras_gen.specs import Columns

    is_table, suffix = isinstance(model.inputs, Columns), Path(place).suffix.lower()
    target, is_text = target_of(settings), recipe.text is not None
    target = target or (None if whole else settings.get(LABEL))
    if label is not None and target not in (None, label):
        raise UsageError(
            f"{run} is conditioned on the column {target}, whose values are the "
            f"classes. Leave out --label, received {label!r}."
        )
    has_columns = (is_table and suffix in TABLE_FILES) or (
        is_text and (suffix in RECORDS or holds_texts(place))
    )
    if label is not None and not has_columns:
        raise UsageError(
            f"--label is for tables and columns of texts, received {label!r} for "
            f"{place}."
        )
    how: dict[str, Any] = {"target": target or label} if has_columns else {}
    if is_text:
        how |= _reading_texts(recipe, str(place), settings, column)
    elif is_table and suffix in TABLE_FILES:
        how["spec"] = model.inputs
        kinds = settings.get(store.COLUMNS, {})  # the spec has those of the inputs
        how["columns"] = {k: v for k, v in kinds.items() if k == target}
    else:
        how |= _reading(recipe, model.inputs, str(place), settings)
    data = load(place, **how)
    if given is not None:
        warn_of_notes(data)
    is_own = given is None and expected is not None and not is_made_here(place)
    if is_own and content_hash(data) != expected:
        raise UsageError(
            f"{place!r} does not hold the data on which {run} was trained. Pass other "
            "data with --data."
        )
    if is_text and not isinstance(data.train, TextSplit):
        raise UsageError(
            f"{model.name} is a model of texts or tokens, and {place} holds "
            f"{type(data.inputs).__name__.lower()}."
        )
    if is_text and model.condition is not None and data.train.labels is None:
        by = {None: "as y, the labels of rows", FOLDERS: "as its sub-folders"}
        how_given = by.get(target, f"in the column {target!r} beside the texts")
        raise UsageError(
            f"{model.name} is conditioned on classes: {place} must have them "
            f"{how_given}."
        )
    names = settings.get(store.NAMES)
    if names and takes_labels(model):
        data = renumbered(data, names)
    return data


def normal_of(source: str | Path) -> str:
    """The class on which alone a run, or the recipe of this name, is trained, or ""."""
    run = Path(source)
    settings = store.settings_of(run) if run.is_dir() else {}
    return settings.get(NORMAL, store.recipe_of(source).normal)


def recipe_of(source: str | Path) -> Recipe:
    """The recipe of a run, or of this name, with the rows of texts of the run."""
    run = Path(source)
    settings = store.settings_of(run) if run.is_dir() else {}
    return with_rows(store.recipe_of(source), settings)


def _reading(
    recipe: Recipe, inputs: "Spec", place: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """How data are read as examples of a model: further arguments of `load`."""
    from keras_gen.specs import Clips, Series

    if is_named(place) or place.lower().endswith(NOT_ARRAYS):
        return {}
    if settings.get("kind") in OF_FOLDERS:
        shape = settings.get("image_shape") or inputs.shape[:2]
        return reading_of(recipe, place, settings) | {"image_shape": shape}
    kind = type(inputs).__name__.lower()
    how: dict[str, Any] = {"kind": kind} if kind in KINDS else {}
    hop = settings.get("hop")
    if isinstance(inputs, Series):
        is_cut = is_folder(place) or "window" in settings
        is_cut = is_cut or place.lower().endswith(SOUND)
        how |= {"window": inputs.length, "hop": hop} if is_cut else {}
        return how | _reading_of_folder(recipe, place, {**settings, "kind": SERIES})
    if not is_folder(place):
        return how
    if isinstance(inputs, Clips):
        of_clips = reading_of(recipe, place, {**settings, "kind": CLIPS})
        return of_clips | {"image_shape": inputs.shape[1:], "frames": inputs.frames}
    of_images = reading_of(recipe, place, {**settings, "kind": IMAGES})
    return of_images | {"image_shape": inputs.shape}


def _reading_texts(
    recipe: Recipe, place: str, settings: Mapping[str, Any], column: str | None
) -> dict[str, Any]:
    """How texts are read: arguments of `load` of a run that fit these data."""
    how = reading_of(recipe, place, settings)
    how |= {} if column is None else {"column": column}
    if column is None and not place.lower().endswith(RECORDS):
        how.pop("column", None)
    if how.get("kind") == TOKENS and place.lower().endswith(NOT_ARRAYS):
        del how["kind"]
    return how


def reading_of(
    recipe: Recipe, source: str | Path, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Arguments of `load` that a run recorded.

    Runs of earlier versions stretched the images of folders.
    """
    known = {key: settings[key] for key in OPTIONS if key in settings}
    return known | _reading_of_folder(recipe, source, settings)


def _reading_of_folder(
    recipe: Recipe, source: str | Path, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The recorded arguments that say how the files of a folder become examples."""
    options = options_of_folder(recipe, source, settings.get("kind"))
    known = {FIT: STRETCH} if FIT in options and "steps" in settings else {}
    return known | {key: settings[key] for key in options if key in settings}


def options_of_folder(
    recipe: Recipe, source: str | Path, kind: str | None = None
) -> tuple[str, ...]:
    """Those of `READING` that the data of a recipe take: none unless they are files."""
    if reads_pictures(recipe, source, kind):
        return READING
    if recipe.text is not None or not is_folder(source):
        return ()
    is_sound = (kind or folder_kind(Path(source))) == SERIES
    return (SKIP_BROKEN,) if is_sound else ()


def reads_pictures(recipe: Recipe, source: str | Path, kind: str | None = None) -> bool:
    """Whether the data of a recipe are a folder of images or clips."""
    if recipe.text is not None or not is_folder(source):
        return False
    return (kind or folder_kind(Path(source))) in (IMAGES, CLIPS, *OF_FOLDERS)


def warn_of_notes(data: Data) -> None:
    """Warns of what was done to images of other sizes or modes."""
    for note in data.notes:
        warnings.warn(f"{data.name}: {note}.", stacklevel=4)


def most_of(model: "GenerativeModel", num: int) -> int:
    """At most `num` examples, as many as `MOST_BYTES` hold."""
    return min(num, max(1, MOST_BYTES // (4 * model.inputs.size)))


def some(split: Any, most: int) -> tuple[Any, Any]:
    """At most `most` examples of a split, evenly over all of them, and their labels."""
    from keras_gen.metrics.arrays import spread_rows

    if isinstance(split, UnpairedSplit):
        split = split.some(most)
    is_unordered = isinstance(split, TokenSplit) and split.labels is None
    if is_unordered or most >= len(split):
        rows, x = slice(most), split.head(min(most, len(split)))
    else:
        rows = spread_rows(len(split), most)
        if isinstance(split, TokenSplit):
            x = split.at(rows)
        else:
            x = ArraySplit(split.x[rows], None).head(most)
    labels = getattr(split, "labels", None)
    return x, None if labels is None else labels[rows]


def prepared(model: "GenerativeModel", data: Data, recipe: Recipe) -> Data:
    """The data as examples of the model. Text is converted to tokens.

    Raises:
        ValueError: If the data do not fit the model.
    """
    if recipe.text is not None:
        is_done = isinstance(data.train, TokenSplit)
        return data if is_done else tokenized(data, recipe, model.tokenizer)
    if isinstance(data.train, TextSplit):
        raise ValueError(f"{model.name} requires arrays, received text: {data.name}.")
    if data.spec is not None and data.spec.has_levels and data.spec != model.inputs:
        raise ValueError(
            f"{model.name} expects {model.inputs}, received the table {data.name} with "
            "other columns."
        )
    if data.train.data_shape != model.inputs.shape:
        raise ValueError(
            f"{data.name} has examples of shape {data.train.data_shape}, "
            f"{model.name} expects {model.inputs.shape}."
        )
    from keras_gen.engine.examples import require_condition

    if model.condition is not None and takes_labels(model):
        name = f"labels of {data.name}"
        for split in data.splits:
            require_condition(model.condition, split.labels, name)
            model.condition.check(split.labels, name)
    return data


def evaluate_on(
    model: "GenerativeModel", data: Data, recipe: Recipe, target: str | None = None
) -> dict[str, Any]:
    """The figures of a model on the first test examples, at most 10,000.

    Those of stacked MNIST are 26,000, as published. Of data with `anomalies`, it also
    reports how well the model detects them. If there are at least 10 examples, samples
    are compared with them in the features of `extractor_for` the data. Known modes are
    used for the recipe's own data only. A user's file is not the data set of the same
    name.

    Args:
        model: The model.
        data: The data, as its examples.
        recipe: Its recipe.
        target: The column of a table to predict; see `metrics.prediction_score`.

    Raises:
        UsageError: If there is a target, but the examples are not rows of a table with
            this column.
    """
    from keras_gen.capabilities import Translates, can_generate
    from keras_gen.metrics import evaluate
    from keras_gen.metrics.evaluation import NO_FIGURES

    from .extractors import extractor_for

    name = data.name if data.known else None
    most = EVALUATED_OF.get(name or "", EVALUATED_EXAMPLES)
    x, labels = some(data.test, most_of(model, most))
    labels = labels if takes_labels(model) else None
    samples = {}
    if can_generate(model) and len(x) >= FEWEST_EXAMPLES:
        train, known = some(data.train, most_of(model, TRAIN_EXAMPLES))
        extractor = extractor_for(model.inputs, name)
        samples = {"extractor": extractor, "train": train}
        if labels is not None:
            samples["train_condition"] = known
    if isinstance(data.test, TokenSplit) and labels is not None:
        if len(x) >= FEWEST_EXAMPLES:
            train, known = some(data.train, TRAIN_EXAMPLES)
            samples = {"train": train, "train_condition": known}
    elif isinstance(model, Translates) and not model.paired:
        samples = {"extractor": extractor_for(model.inputs, name)}
    is_own = data.known and data.name == recipe.data
    own = set() if is_own else {"modes", "stddev"}
    settings = {k: v for k, v in recipe.evaluation.items() if k not in own}
    if target is not None:
        names = getattr(model.inputs, "names", ())
        if target not in names:
            columns = ", ".join(names) or "none: the examples are no rows of a table"
            raise UsageError(
                f"--target must be a column, received {target!r}. Columns: {columns}."
            )
        settings["target"] = target
    if isinstance(data.test, TokenSplit):
        settings["given"] = data.test.given
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", NO_FIGURES)  # too few examples for samples
        figures = evaluate(model, x, labels, **samples, **settings)
    if data.anomalies is not None:
        figures[ANOMALY_AUC] = _auc(model, data)
    return figures


def _auc(model: "GenerativeModel", data: Data) -> "Estimate":
    """How well the model tells held-out anomalies from held-out normal examples."""
    from keras_gen.metrics import anomaly_auc, anomaly_scores

    most = most_of(model, EVALUATED_EXAMPLES)
    usual, other = (some(s, most)[0] for s in (data.test, data.anomalies))
    return anomaly_auc(anomaly_scores(model, usual), anomaly_scores(model, other))
