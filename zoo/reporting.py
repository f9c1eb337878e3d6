"""The report of a run: one HTML file with all that it shows, and without scripts."""

import base64
import csv
import html
import io
import itertools
import json
import math
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import store
from .captions import shown_condition
from .inspecting import columns_of, in_short, some
from .languages import TokenSplit
from .nearest_texts import nearest_texts
from .printing import value_of
from .settings import shown

if TYPE_CHECKING:
    from keras_gen.model import GenerativeModel

    from .data import Data
    from .recipe import Recipe

SAMPLES, NEAREST = 8, 3  # samples whose nearest examples are shown, and how many
DRAWN = 64  # samples of a picture, of which these are the first
SEARCHED, SEARCHED_BYTES = 20_000, 2**27
CHARACTERS, TABLE_ROWS, CELLS = 3000, 10, 12
PANELS = 3  # curves side by side
IMAGES = {".png": "image/png", ".gif": "image/gif", ".svg": "image/svg+xml"}
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; color: #222; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { padding: .2rem .9rem .2rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid #ddd; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
img { max-width: 100%; image-rendering: pixelated; }
img.drawn { image-rendering: auto; }
pre { background: #f4f4f4; padding: .7rem; overflow-x: auto; white-space: pre-wrap; }
p.note { color: #555; }
span.text { white-space: pre-wrap; }
"""


def write_report(run: Path, model: "GenerativeModel", data: "Data") -> Path:
    """Writes `report.html` into a run folder, completely or not at all.

    It shows what the files of the run say: curves, samples and figures; and, of some
    samples, the nearest training examples.

    Args:
        run: The run folder, with its history and metrics.
        model: Its model.
        data: Its data, as the model's examples.
    """
    settings, recipe = store.settings_of(run), store.recipe_of(run)
    sections = {
        "Run": _table(_facts(model, data, settings)),
        "Samples": _samples(run),
        "Nearest training examples": _nearest(model, data),
        "Curves": _curves(run / store.HISTORY),
        "Figures": _figures(run / store.METRICS),
        "Settings": _settings(recipe, settings),
        "Use": _use(run, model),
    }
    body = "".join(
        f"<h2>{_text(title)}</h2>\n{part}\n" for title, part in sections.items() if part
    )
    name = f"{settings['recipe']} of {data.name}"
    store.write_text(run / store.REPORT, _page(name, body))
    return run / store.REPORT


def _page(title: str, body: str) -> str:
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{_text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{_text(title)}</h1>\n{body}</body>\n</html>\n"
    )


def _facts(
    model: "GenerativeModel", data: "Data", settings: dict[str, Any]
) -> list[tuple[str, str]]:
    """What the run is, as pairs of a name and a text."""
    numbers = f"{len(data.train):,} to train, {len(data.test):,} held out"
    facts = [("data", data.name), ("examples", numbers)]
    facts.append(("kind", in_short(model.inputs)))
    facts += columns_of(data)
    if model.condition is not None:
        facts.append(("condition", str(model.condition)))
    if names := settings.get(store.NAMES):
        facts.append(("classes", some(names)))
    facts.append(("model", f"{settings['recipe']}, {model.count_params():,} weights"))
    keys = ("size", "image_shape", *store.OF_TEXTS, store.FROM, "epochs", "minutes")
    for key in keys:
        if key in settings:
            facts.append((key.replace("_", " "), _value(settings[key])))
    for key in ("steps", "batch_size", "seed"):
        if key in settings:
            facts.append((key.replace("_", " "), f"{settings[key]:,}"))
    versions = settings.get("versions", {})
    facts.append(("versions", ", ".join(f"{k} {v}" for k, v in versions.items())))
    return facts


def _samples(run: Path) -> str:
    """The samples that the run has written: pictures, texts, rows of a table."""
    parts = []
    if (run / store.SAMPLES).exists():
        parts.append(_picture((run / store.SAMPLES).read_bytes(), ".png", "samples"))
    if (run / store.ANIMATION).exists():
        parts.append("<p class=note>The same samples in the course of training:</p>")
        moving = (run / store.ANIMATION).read_bytes()
        parts.append(_picture(moving, ".gif", "samples in the course of training"))
    if (run / store.TEXTS).exists():
        text = (run / store.TEXTS).read_text(encoding="utf-8")
        more = "\n..." if len(text) > CHARACTERS else ""
        parts.append(f"<pre>{_text(text[:CHARACTERS] + more)}</pre>")
    if (run / store.TOKENS).exists():
        rows = np.load(run / store.TOKENS, allow_pickle=False)
        lines = [" ".join(map(str, row[row >= 0])) for row in rows]
        parts.append(f"<pre>{_text(chr(10).join(lines)[:CHARACTERS])}</pre>")
    if (run / store.TABLE).exists():
        with (run / store.TABLE).open(encoding="utf-8", newline="") as file:
            rows = [*itertools.islice(csv.reader(file), TABLE_ROWS + 1)]
        parts.append(_table(rows[1:], rows[0]))
    return "\n".join(parts)


def _nearest(model: "GenerativeModel", data: "Data") -> str:
    """The training examples nearest to some samples, as a picture or a table."""
    from keras_gen.callbacks.previews import same_samples
    from keras_gen.capabilities import Completes, can_generate
    from keras_gen.metrics.neighbours import nearest_rows
    from keras_gen.pictures import sample_picture

    spec = model.inputs
    if isinstance(model, Completes) and isinstance(data.train, TokenSplit):
        return _nearest_texts(model, data)
    if not can_generate(model):
        return ""
    num = min(len(data.train), SEARCHED, SEARCHED_BYTES // (4 * math.prod(spec.shape)))
    train = spec.check(data.train.head(max(1, num)), "train")
    told = shown_condition(model, data.test, DRAWN)
    samples = same_samples(model, DRAWN, 0, told)[:SAMPLES]
    count = min(NEAREST, len(train))
    rows = nearest_rows(_seen(model, samples), _seen(model, train), count)
    note = (
        f"{len(samples)} samples with seed 0, and the examples nearest to each among "
        f"the first {len(train):,} of training"
    )
    if spec.drawn_as in ("images", "clips"):
        train = _as_drawn(train)
        if spec.drawn_as == "images":
            near = [train[rows[:, i]] for i in range(count)]
            tiles = np.concatenate([samples, *near])
            picture = sample_picture(spec, tiles, len(samples))
            how = f"samples in the first row, the {count} nearest below"
        else:
            tiles = np.stack([samples, train[rows[:, 0]]], axis=1)
            picture = sample_picture(spec, tiles.reshape(-1, *samples.shape[1:]))
            how = "each sample above the nearest clip"
        return _note(f"{note}: {how}.") + _picture(_png(picture), ".png", note)
    if spec.drawn_as == "lines":
        picture = sample_picture(spec, samples, None, train[rows[:, 0]])
        return _note(f"{note}, in the same colour.") + _picture(
            _png(picture), ".png", note
        )
    lines, header = [], []
    for i, sample in enumerate(samples):
        for name, row in [("sample", sample), ("nearest", train[rows[i, 0]])]:
            header, cells = _cells(spec, row)
            lines.append([f"{name} {i + 1}", *cells])
    return _note(f"{note}.") + _table(lines, ["", *header])


def _nearest_texts(model: "GenerativeModel", data: "Data") -> str:
    """The longest run of tokens that samples share with the training texts."""
    found, searched, held_out = nearest_texts(model, data)
    note = (
        f"{len(found)} samples with seed 0. Marked is the longest run of tokens that "
        f"each shares with the {searched:,} tokens of training that were searched, "
        "beside the place where it stands there."
    )
    if held_out:
        note += (
            f" {len(held_out)} held-out texts share {int(np.median(held_out))} tokens "
            f"with them in the median and {max(held_out)} at most. A sample that "
            "shares more is called copied, and so is one that is a training text as a "
            "whole."
        )
    head = "".join(f"<th>{one}</th>" for one in ("", "sample", "shared", "in training"))
    lines = [f"<tr>{head}</tr>"]
    for one in found:
        shared = f"{one.length} of {one.total} tokens"
        copied = "a whole training text: copied" if one.is_whole else "copied"
        shared = _text(f"{shared}, {copied}") if one.is_copied else _text(shared)
        shared = f"<strong>{shared}</strong>" if one.is_copied else shared
        cells = [_text(one.title), _marked(one.sample), shared, _marked(one.nearest)]
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return _note(note) + "<table>\n" + "\n".join(lines) + "\n</table>\n"


def _marked(parts: tuple[str, str, str]) -> str:
    before, within, after = (_text(part) for part in parts)
    return f'<span class="text">{before}<mark>{within}</mark>{after}</span>'


def _seen(model: "GenerativeModel", rows: np.ndarray) -> np.ndarray:
    """Examples on the scale of the networks, flat, where distances are comparable."""
    import tensorflow as tf

    if not model.scale.needs_data:
        rows = model.scale.inward(model.inputs.as_input(tf.constant(rows)))
    return np.reshape(rows, (len(rows), -1)).astype(np.float64)


def _as_drawn(images: np.ndarray) -> np.ndarray:
    return images / np.float32(255) if images.dtype == np.uint8 else images


def _cells(spec: Any, row: np.ndarray) -> tuple[list[str], list[str]]:
    """The names and values of an example that cannot be drawn as a picture."""
    from keras_gen.specs import Columns

    if isinstance(spec, Columns):  # as in the file of samples
        text = spec.to_frame(row[None]).to_csv(index=False)
        cells = dict(zip(*csv.reader(io.StringIO(text)), strict=True))
    else:
        cells = {str(i + 1): _number(v) for i, v in enumerate(row.reshape(-1))}
    names = [*cells][:CELLS]
    more = ["..."] if len(cells) > CELLS else []
    return [*names, *more], [*(cells[name] for name in names), *more]


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def _curves(path: Path) -> str:
    """The terms of each epoch, of training and of held-out examples."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = [*csv.DictReader(file)]
    names = [n for n in (lines[0] if lines else {}) if n not in ("epoch", "stage")]
    known = [name for name in names if name.removeprefix("val_") == name]
    known += [n for n in names if {n, n.removeprefix("val_")}.isdisjoint(known)]
    if not known:
        return ""
    return _picture(_plot(lines, known), ".svg", "curves", drawn=True)


def _plot(lines: list[dict[str, str]], names: list[str]) -> bytes:
    import matplotlib
    from matplotlib.figure import Figure

    columns = min(PANELS, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(3.4 * columns, 2.5 * rows), layout="constrained")
    all_axes = [*figure.subplots(rows, columns, squeeze=False).flat]
    ends = [
        i + 0.5
        for i in range(1, len(lines))
        if lines[i].get("stage") != lines[i - 1].get("stage")
    ]
    for axes, name in zip(all_axes, names, strict=False):
        for label, key in (("training", name), ("held out", f"val_{name}")):
            epochs = [i for i, line in enumerate(lines, 1) if line.get(key)]
            values = [float(lines[i - 1][key]) for i in epochs]
            if values:
                marker = "o" if len(values) == 1 else ""
                axes.plot(epochs, values, label=label, marker=marker, lw=1.3)
        for end in ends:
            axes.axvline(end, color="0.6", lw=0.8, ls=":")
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("epoch", fontsize=8)
        axes.tick_params(labelsize=8)
        if len(axes.lines) - len(ends) > 1:
            axes.legend(fontsize=8, frameon=False)
    for axes in all_axes[len(names) :]:
        axes.set_axis_off()
    target = io.BytesIO()
    fixed: Any = {"svg.hashsalt": "keras-gen", "svg.fonttype": "none"}
    with matplotlib.rc_context(fixed):
        figure.savefig(target, format="svg", metadata={"Date": None})
    return target.getvalue()


def _figures(path: Path) -> str:
    """The metrics, with those of real held-out examples beside them."""
    figures = json.loads(path.read_text(encoding="utf-8"))
    rows = [
        (
            name,
            value_of(figure),
            _real(figure),
            figure["unit"],
            f"{figure['num_samples']:,}",
        )
        for name, figure in figures.items()
    ]
    if not rows:
        return ""
    header = ("metric", "value", "real", "unit", "examples")
    text = "Real: the figure of real examples in place of samples, the best to expect."
    has_real = any(row[2] for row in rows)
    if not has_real:
        header = header[:2] + header[3:]
        rows = [row[:2] + row[3:] for row in rows]
    features = {f["extractor"] for f in figures.values() if f.get("extractor")}
    text += "".join(f" Features: {name}." for name in sorted(features))
    return _table(rows, header) + (_note(text) if has_real else "")


def _real(figure: dict[str, Any]) -> str:
    reference = figure.get("reference")
    return "" if reference is None else f"{reference:.4g}"


def _settings(recipe: "Recipe", settings: dict[str, Any]) -> str:
    """What can be chosen, with what was chosen."""
    chosen = settings.get(store.CHOSEN, {})
    rows = [
        (
            one.name,
            shown(one.default),
            "chosen" if one.name in chosen else "",
            one.meaning,
        )
        for one in recipe.settings.values()
    ]
    return _table(rows, ["setting", "value", "", "meaning"])


def _use(run: Path, model: "GenerativeModel") -> str:
    """How to sample and export."""
    from keras_gen.capabilities import Completes, can_generate
    from keras_gen.specs import Columns

    place = shlex.quote(str(run))
    lines = []
    if isinstance(model, Completes):
        suffix = ".txt" if model.tokenizer else ".npy"
        lines.append(f"keras-gen sample {place} --out more{suffix} --num 16")
    elif can_generate(model):
        suffix = ".csv" if isinstance(model.inputs, Columns) else ".npy"
        suffix = ".png" if model.inputs.drawn_as else suffix
        lines.append(f"keras-gen sample {place} --out more{suffix} --num 64")
    lines += [
        f"keras-gen evaluate {place}",
        f"keras-gen export {place} --to exported --format saved_model",
        f"keras-gen export {place} --to exported --format tflite",
    ]
    code = f"from keras_gen import zoo\nmodel = zoo.load({str(run)!r})"
    return f"<pre>{_text(chr(10).join(lines))}</pre>\n<pre>{_text(code)}</pre>"


def _table(rows: Iterable[Sequence[str]], header: Sequence[str] = ()) -> str:
    head = "".join(f"<th>{_text(cell)}</th>" for cell in header)
    lines = [f"<tr>{head}</tr>"] if head else []
    lines += [
        "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>"
        for row in rows
    ]
    return "<table>\n" + "\n".join(lines) + "\n</table>\n"


def _note(text: str) -> str:
    return f'<p class="note">{_text(text)}</p>\n'


def _picture(content: bytes, suffix: str, alt: str, *, drawn: bool = False) -> str:
    kind = ' class="drawn"' if drawn else ""
    uri = f"data:{IMAGES[suffix]};base64,{base64.b64encode(content).decode('ascii')}"
    return f'<p><img{kind} alt="{_text(alt)}" src="{uri}"></p>'


def _png(picture: np.ndarray) -> bytes:
    from PIL import Image

    target = io.BytesIO()
    Image.fromarray(picture).save(target, format="png")
    return target.getvalue()


def _value(value: Any) -> str:
    return shown(tuple(value) if isinstance(value, list) else value)


def _text(value: Any) -> str:
    return html.escape(str(value))
