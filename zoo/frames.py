"""Tables in CSV files: their spec, their rows and a column of labels."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from keras_gen.extras import package

if TYPE_CHECKING:
    from keras_gen.specs import Columns

DELIMITERS = ",;\t|"
MOST_CLASSES = 100


class Table(NamedTuple):
    """A table as the examples of a model.

    Attributes:
        spec: What the columns are.
        rows: float64 `(n, columns)`; see `keras_gen.specs.Columns`.
        labels: The classes of the target, int32 `(n,)`, or None.
        class_names: Name of each class.
    """

    spec: "Columns"
    rows: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...]


def read_table(
    path: Path, target: str | None = None, spec: "Columns | None" = None
) -> Table:
    """Reads a CSV file with a header, in UTF-8.

    The delimiter is the one of comma, semicolon, tab and bar that occurs most often in
    the header.

    Args:
        path: The file.
        target: Name of a column whose values become labels, and which is not among the
            columns of the examples.
        spec: What the columns are. Default: inferred from the file.

    Raises:
        ValueError: If the file is not such a table, or if values are missing or do not
            fit the spec. The message names the file, and the row or column.
    """
    pandas = package("pandas", "CSV files")
    names, delimiter = read_header(path)
    try:
        frame = pandas.read_csv(path, sep=delimiter, encoding="utf-8-sig")
    except pandas.errors.ParserError as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{path} has rows of different lengths ({reason}). Expected "
            f"{len(names)} values separated by {delimiter!r}."
        ) from error
    if not len(frame):
        raise ValueError(f"{path} must have rows below its header.")
    for name in names:
        if frame[name].isna().all():
            raise ValueError(f"{path}: column {name!r} is empty: remove it.")
    labels, class_names = None, ()
    if target is not None:
        labels, class_names = _labels(path, frame, names, target)
        frame = frame.drop(columns=target)
    return _table(path, frame, labels, class_names, spec)


def read_header(path: Path) -> tuple[list[str], str]:
    """The names of the columns of a CSV file, and its delimiter.

    Raises:
        ValueError: If it has no header, or if its header does not fit.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            line = file.readline()
            delimiter = max(DELIMITERS, key=line.count)
            first = next(csv.reader(file, delimiter=delimiter), None)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} must be UTF-8, received byte {error.object[error.start]:#x} at "
            f"{error.start}. Convert it: iconv -f latin1 -t utf8 {path.name}"
        ) from error
    names = next(csv.reader([line], delimiter=delimiter), [])
    if empty := [i for i, name in enumerate(names) if not name.strip()]:
        raise ValueError(f"{path}: column {empty[0] + 1} has no name in the header.")
    if not names:
        raise ValueError(f"{path} must begin with a header: names of columns.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{path}: the header has {', '.join(twice)} twice.")
    if first and len(first) != len(names):
        raise ValueError(
            f"{path} has {len(names)} names in its header, but {len(first)} values in "
            "its first row."
        )
    return names, delimiter


def _labels(
    path: Path, frame: Any, names: list[str], target: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The target as classes, in the order of their names."""
    if target not in names:
        raise ValueError(
            f"{path} has no column {target!r}. Columns: {', '.join(names)}."
        )
    column = frame[target]
    if column.isna().any():
        row = int(np.flatnonzero(column.isna())[0])
        raise ValueError(f"{path}: column {target!r}, row {row}: the value is missing.")
    labels, values = package("pandas", "CSV files").factorize(column, sort=True)
    if len(values) > MOST_CLASSES:
        raise ValueError(
            f"{path}: column {target!r} must have at most {MOST_CLASSES} values to be "
            f"a condition, received {len(values)}."
        )
    return labels.astype(np.int32), tuple(map(str, values))


def _table(
    path: Path,
    frame: Any,
    labels: np.ndarray | None,
    class_names: tuple[str, ...],
    spec: "Columns | None",
) -> Table:
    from keras_gen.specs import Columns

    try:
        spec = Columns.infer(frame) if spec is None else spec
        rows = spec.check(frame, "table")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return Table(spec, np.asarray(rows, np.float64), labels, class_names)
