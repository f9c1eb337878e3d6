"""A preset or recipe for the data of a run, and what the run records of them."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from keras_gen.specs import (
    AnyCategory,
    Classes,
    Clips,
    Columns,
    Images,
    Spec,
    num_classes,
)

from . import captions, fine_tuning, store
from .data import Data, DecodedFiles
from .evaluation import reads_pictures
from .inspecting import kind_of, presets_for, suits
from .kinds import PAIRS, UNPAIRED
from .languages import TokenSplit, tokenized, tokenizer_for
from .preset import ANY, DEFAULT_SIZE, NONE, Preset
from .recipe import Recipe, UsageError
from .run_settings import IMAGE_SHAPE
from .text_settings import CHOICES, TOKENIZER, as_tokens, unlabelled

if TYPE_CHECKING:
    from keras_gen.model import GenerativeModel

LARGEST = 128  # side of images that are not resized


def image_shape_of(
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


def check_takes(preset: Preset, data: Data, settings: dict[str, Any]) -> None:
    """Raises UsageError, with those that fit, if a preset does not take the data."""
    if suits(preset, data):
        return
    if preset.reads:
        raise UsageError(
            f"{settings['recipe']} takes a folder of images with A and B in it, "
            f"{preset.reads}, received {data.name}."
        )
    hint = f"Presets for {data.name}: {', '.join(presets_for(data))}."
    if data.spec is not None and preset.takes(None):
        hint += " For texts in a column of a .csv file, choose it with --column."
    if data.inputs is not None and kind_of(data) in preset.kinds:
        preset.pinned(
            data.inputs, None, settings.get("size", DEFAULT_SIZE)
        )  # says what is too small
        if PAIRS in preset.told and data.told == UNPAIRED:
            raise UsageError(
                f"{settings['recipe']} learns from pairs of images, received two sets "
                f"without pairs. Choose --kind {PAIRS} if images of the same name "
                f"belong together. {hint}"
            )
    raise UsageError(
        f"{settings['recipe']} takes {', '.join(preset.kinds)}, received "
        f"{kind_of(data)}. {hint}"
    )


def pinned(preset: Preset, data: Data, settings: dict[str, Any]) -> Recipe:
    """The preset for the data. Records their kind, and the shape of images."""
    inputs = cast(Spec, data.inputs)
    if given := [key for key in CHOICES if key in settings]:
        raise UsageError(f"{', '.join(given)} can be chosen for texts only.")
    if not data.known and data.spec is None:
        settings["kind"] = data.told or kind_of(data).lower()
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
        channels = [inputs.shape[-1]]
        if data.source is not None:  # each side has its own, unless they are chosen
            channels = [n for n in settings.get(IMAGE_SHAPE, [])[2:] if n is not None]
        settings[IMAGE_SHAPE] = [*inputs.shape[-3:-1], *channels]
    condition = _condition_of(data, settings)
    if isinstance(condition, AnyCategory):
        settings[store.NAMES] = [*condition.names]
    elif condition is not None:
        settings[store.NAMES] = [*data.class_names]
    return preset.pinned(inputs, condition, settings.get("size", DEFAULT_SIZE))


def _condition_of(data: Data, settings: dict[str, Any]) -> Spec | None:
    """The condition of a preset's model, or None.

    It is classes, any category of a table, captions, or images to translate.
    """
    if settings["condition"] == ANY:
        if not isinstance(data.inputs, Columns) or not data.inputs.categories:
            raise UsageError(
                f"condition {ANY} is for tables with categories, received {data.name}."
            )
        return AnyCategory(data.inputs)
    if data.source is not None:
        return data.source
    if settings["condition"] == NONE or data.train.labels is None:
        return None
    if data.has_captions:
        return captions.spec_of(data)
    return data.target or Classes(data.num_classes)


def pinned_texts(
    preset: Preset,
    data: Data,
    settings: dict[str, Any],
    model: "GenerativeModel | None",
    donor: fine_tuning.Donor | None,
) -> tuple[Recipe, Data]:
    """The preset for texts, and the texts as tokens. Records how they are taken."""
    known = getattr(model, "tokenizer", None)
    if known is None and donor is not None and TOKENIZER not in settings:
        known = fine_tuning.known_tokenizer(donor(), data)
    condition = None
    if settings["condition"] == NONE:
        data = unlabelled(data)
    if data.train.labels is not None:
        condition = Classes(data.num_classes)
        settings[store.NAMES] = [*data.class_names]
    preset, data = as_tokens(preset, data, settings, known)
    return preset.pinned(data.inputs, condition, settings["size"]), data


def with_tokens(
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


def note_classes(
    model: "GenerativeModel", data: Data, settings: dict[str, Any]
) -> None:
    """Records the classes that have examples. Warns of classes without examples."""
    number = num_classes(model.condition)
    if number is None or data.train.labels is None:
        return
    if isinstance(data.train, DecodedFiles):
        settings[store.NAMES] = [*data.class_names]
    present = np.unique(data.train.labels).tolist()
    settings["classes"] = present
    if absent := sorted({*range(number)} - {*present}):
        warnings.warn(
            f"{data.name} holds no training examples of {store.classes(absent)}, of "
            f"{number}. Samples of such a class will be meaningless.",
            stacklevel=4,
        )
