"""A picture of data: examples, or histograms of columns."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_gen.files import whole_file

from .recipe import UsageError

if TYPE_CHECKING:
    from .data import Data

CLASSES, PER_CLASS, IMAGES = 10, 5, 36
CLIPS, SERIES, POINTS = 16, 8, 1000
COLUMNS, ROWS, BARS, BINS = 4, 5, 12, 30  # of histograms


def write_picture(out: Path, data: "Data") -> None:
    """Draws examples of the training split, as samples of a model are drawn.

    Images of classes are below the names of their classes. Columns of tables, and of
    vectors of more than two values, are histograms.

    Args:
        out: The file, .png, or .gif for clips that play.
        data: The data, as `load` returns them.

    Raises:
        UsageError: If such data cannot be drawn.
    """
    from keras_gen.pictures import is_drawable, line_plots, save_drawing, save_samples

    spec: Any = data.inputs
    if out.suffix == ".gif" and getattr(spec, "drawn_as", None) != "clips":
        raise UsageError(f"--picture must end in .png unless data are clips: {out}.")
    if spec is None:
        raise UsageError("--picture is for images, clips, series, vectors and tables.")
    if not is_drawable(spec):
        with whole_file(out) as temporary:
            _histograms(data).savefig(temporary, format="png", dpi=100)
        return
    rows, columns, titles = _chosen(data, spec.drawn_as)
    examples = data.train.subset(np.array(rows)).head(len(rows))
    if spec.drawn_as == "lines":
        save_drawing(out, line_plots(examples, name="data"))
    else:
        save_samples(out, spec, examples, columns, titles=titles)


def _chosen(data: "Data", drawn_as: str) -> tuple[list[int], int | None, list[str]]:
    """Which examples to draw, images per row, and the titles of the columns."""
    from keras_gen.metrics.arrays import spread_rows

    labels, number = data.train.labels, len(data.train)
    most = {"clips": CLIPS, "lines": SERIES, "points": POINTS}.get(drawn_as, IMAGES)
    if labels is None or labels.dtype.kind == "U" or drawn_as == "points":
        return spread_rows(number, min(most, number)).tolist(), None, []
    present = np.unique(labels)[:CLASSES]
    each = PER_CLASS if drawn_as == "images" else max(1, most // len(present))
    of_class = [np.flatnonzero(labels == label) for label in present]
    of_class = [rows[spread_rows(len(rows), min(each, len(rows)))] for rows in of_class]
    table = np.stack([np.resize(rows, each) for rows in of_class], axis=1)
    if drawn_as != "images":
        return [*dict.fromkeys(table.reshape(-1).tolist())][:most], None, []
    names = [data.class_names[label] for label in present]
    return table.reshape(-1).tolist(), len(present), names


def _histograms(data: "Data") -> Any:
    """A figure with the distribution of each column."""
    from matplotlib.figure import Figure

    x = data.train.x
    columns = getattr(data.spec, "columns", None)
    shown = min(x.shape[1], COLUMNS * ROWS)
    width = min(COLUMNS, shown)
    height = -(-shown // width)
    figure = Figure(figsize=(3 * width, 2.2 * height), layout="constrained")
    all_axes = [*figure.subplots(height, width, squeeze=False).flat]
    for i, axes in enumerate(all_axes):
        if i >= shown:
            axes.set_axis_off()
            continue
        column = None if columns is None else columns[i]
        axes.set_title(str(i) if column is None else column.name, fontsize=10)
        axes.tick_params(labelsize=7)
        if column is not None and column.values:
            counts = np.bincount(x[:, i].astype(int), minlength=len(column.values))
            most = np.sort(np.argsort(-counts, kind="stable")[:BARS])
            names = ["missing" if v is None else str(v) for v in column.values]
            axes.barh([names[k] for k in most][::-1], counts[most][::-1])
            continue
        values = x[:, i][~np.isnan(x[:, i])]
        if column is not None:
            values = column.as_values(values)
        axes.hist(values, bins=BINS)
        if values.dtype.kind == "M":
            axes.tick_params(axis="x", rotation=30)
    if x.shape[1] > shown:
        figure.suptitle(f"the first {shown} of {x.shape[1]} columns", fontsize=10)
    return figure
