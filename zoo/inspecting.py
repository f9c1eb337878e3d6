"""A description of data before training: what they are and which presets take them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .data import DecodedFiles
from .kinds import PAIRS, TOKENS, UNPAIRED
from .preset import TEXT, Preset
from .recipe import find, preset_names
from .texts import (
    LINE_BREAK,
    LINES,
    WINDOWS,
    TextSplit,
    fits_lines,
    is_records,
    is_tokens,
    wholes,
)

if TYPE_CHECKING:
    from keras_gen.specs import Column, Spec

    from .data import Data

SHOWN = 12  # classes or values in a line
MANY = 128  # values of a category, which models of continuous values put in an order
OF_MANY = (
    "vae sees one number for each value; gan, flow and diffusion put values in the "
    "order of the other columns, so that they learn one trend of them best"
)


def describe(data: "Data") -> list[tuple[str, str]]:
    """Facts about data, in order, as pairs of a name and a text.

    Args:
        data: The data, as `load` returns them.
    """
    facts = [("data", data.name), ("kind", kind_of(data)), *data.facts]
    if isinstance(data.train, TextSplit):
        facts += _of_text(data) + _of_classes(data)
    else:
        counts = f"{len(data.train):,} and {len(data.test):,} held out"
        if data.validation is not None:
            counts += f", {len(data.validation):,} for validation"
        facts.append(("examples", counts))
        facts += columns_of(data) if data.spec is not None else _of_values(data)
        facts += _of_classes(data)
    return [*facts, ("presets", ", ".join(presets_for(data)))]


def kind_of(data: "Data") -> str:
    """The name of the spec of the examples, "text" or "tokens"."""
    if is_tokens(data.train):
        return TOKENS
    return TEXT if data.inputs is None else type(data.inputs).__name__


def suits(preset: Preset, data: "Data") -> bool:
    """Whether a preset takes the data."""
    kinds = {"": ("",), PAIRS: (PAIRS,), UNPAIRED: (UNPAIRED, PAIRS)}[preset.reads]
    return preset.takes(data.inputs) and data.told in (*kinds, *preset.told)


def presets_for(data: "Data") -> list[str]:
    """Names of the presets that take the data."""
    fitting = []
    for name in preset_names():
        preset = find(name)
        if isinstance(preset, Preset) and suits(preset, data):
            fitting.append(name)
    return fitting


def _of_text(data: "Data") -> list[tuple[str, str]]:
    splits = data.train, data.test
    if is_tokens(data.train):
        return _of_tokens(*splits)
    records = is_records(data.train)
    characters: set[str] = set()
    count, longest = 0, 0
    for text in wholes(splits):
        length = 0  # of the line so far
        for chunk in [text] if isinstance(text, str) else text.chunks():
            characters.update(chunk)
            lengths = [len(chunk)] if records else [*map(len, chunk.split(LINE_BREAK))]
            lengths[0] += length
            length = lengths[-1]
            count += sum(map(bool, lengths[:-1]))
            longest = max(longest, *lengths)
        count += bool(length)
    unit = "records" if records else "lines"
    by = LINES if fits_lines(data.train) else WINDOWS
    return [
        ("characters", f"{sum(map(len, splits)):,}"),
        ("distinct characters", f"{len(characters):,}"),
        (unit, f"{count:,}, the longest of {longest:,} characters"),
        ("taken by", f"{by}, unless --by chooses otherwise"),
    ]


def _of_tokens(train: TextSplit, test: TextSplit) -> list[tuple[str, str]]:
    x, held_out = (np.asarray(split.source) for split in (train, test))
    low = min(part[part >= 0].min() for part in (x, held_out))
    return [
        ("examples", f"{len(x):,} and {len(held_out):,} held out"),
        ("shape", "x".join(map(str, x.shape[1:])) or "one sequence"),
        ("tokens", f"{low} to {max(x.max(), held_out.max())}"),
    ]


def in_short(spec: "Spec") -> str:
    """The spec of examples in a few words: of a table, the number of its columns."""
    columns = getattr(spec, "columns", None)
    return str(spec) if columns is None else f"a table of {len(columns)} columns"


def columns_of(data: "Data") -> list[tuple[str, str]]:
    """What each column of a table is, as pairs of a name and a text. [] for others."""
    facts = []
    columns = getattr(data.spec, "columns", ())
    for i, column in enumerate(columns):
        text = f"{type(column).__name__}: {_of_column(column, data.train.x[:, i])}"
        facts.append((f"column {column.name}", text))
    many = [c.name for c in columns if len(c.values) > MANY]
    if many:
        facts.append(("many values", f"{some(many)}: {OF_MANY}"))
    return facts


def _of_column(column: "Column", values: np.ndarray) -> str:
    """The values of a column, and how many are missing."""
    if column.values:
        counts = np.bincount(values.astype(int), minlength=len(column.values))
        names = ["missing" if v is None else str(v) for v in column.values]
        return _counted(names, counts)
    known = values[~np.isnan(values)]
    absent = len(values) - len(known)
    facts = [f"{absent:,} missing"] if absent else []
    if not len(known):
        return ", ".join(facts)
    low, high, mean = known.min(), known.max(), known.mean()
    shown = column.as_values(np.array([low, high]))
    if low == high:
        return ", ".join([f"always {shown[0]}", *facts])
    if shown.dtype.kind == "M":
        return ", ".join([f"{column.shown(low)} to {column.shown(high)}", *facts])
    decimals = getattr(column, "decimals", None)
    facts = ([f"{decimals} decimals"] if decimals else []) + facts
    return ", ".join([f"{low:g} to {high:g}, mean {mean:g}", *facts])


def _of_values(data: "Data") -> list[tuple[str, str]]:
    shape = "x".join(map(str, data.train.data_shape))
    facts = [("shape", shape)]
    if isinstance(data.train, DecodedFiles):
        return [*facts, *(("note", note) for note in data.notes)]
    x = data.train.x
    facts.append(("values", f"{x.dtype}, {x.min():g} to {x.max():g}"))
    if kind_of(data) == "Vectors":
        constant = np.flatnonzero((x == x[:1]).all(axis=0))
        if constant.size:
            facts.append(("constant columns", some(list(map(str, constant)))))
    return facts


def _of_classes(data: "Data") -> list[tuple[str, str]]:
    if data.train.labels is None or data.source is not None:
        return []
    if data.has_captions:
        shown = [repr(text) for text in np.unique(data.train.labels).tolist()]
        return [("captions", some(shown))]
    counts: Any = np.bincount(data.train.labels, minlength=data.num_classes)
    return [("classes", _counted(list(data.class_names), counts))]


def _counted(names: list[str], counts: np.ndarray) -> str:
    pairs = zip(names, counts, strict=True)
    return some([f"{name} ({count:,})" for name, count in pairs])


def some(texts: Sequence[str]) -> str:
    """The first texts, and how many more there are."""
    more = [f"and {len(texts) - SHOWN} more"] if len(texts) > SHOWN else []
    return ", ".join([*texts[:SHOWN], *more])
