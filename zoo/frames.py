"""Tables in CSV or Parquet files: their spec, their rows and a column of labels."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from keras_gen.extras import package

from .delimited import check_rows, read_header

if TYPE_CHECKING:
    from keras_gen.specs import Columns, Target

MOST_CLASSES = 100
INTEGER = r"0|-?[1-9]\d{0,17}"


class Table(NamedTuple):
    """A table as the examples of a model.

    Attributes:
        spec: What the columns are.
        rows: float64 `(n, columns)`; see `keras_gen.specs.Columns`.
        labels: The classes of the target, int32 `(n,)`, or None.
        target: The target, or None.
    """

    spec: "Columns"
    rows: np.ndarray
    labels: np.ndarray | None
    target: "Target | None"

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each class."""
        return () if self.target is None else tuple(map(str, self.target.values))


def read_table(
    path: Path,
    target: str | None = None,
    spec: "Columns | None" = None,
    columns: Mapping[str, str] | None = None,
) -> Table:
    """Reads a CSV file with a header, in UTF-8, or a Parquet file.

    Args:
        path: The file. See `delimited.read_header` for the delimiter.
        target: Name of a column whose values become labels, and which is not among the
            columns of the examples.
        spec: What the columns are. Default: inferred from the file.
        columns: Kinds of columns by name, as in `Columns.infer`. A category is read as
            text where numbers would not be spelled as in the file, such as "007".

    Raises:
        ImportError: If a package that reads such files is missing.
        ValueError: If the file is not such a table, or if values do not fit the spec.
            The message names the file, and the row or column.
    """
    if path.suffix.lower() == ".parquet":
        frame = _read_parquet(path)
    else:
        frame = read_csv(path, texts_of(columns, spec))
    return as_table(frame, str(path), target, spec, columns)


def as_table(
    frame: Any,
    name: str,
    target: str | None = None,
    spec: "Columns | None" = None,
    columns: Mapping[str, str] | None = None,
) -> Table:
    """A DataFrame as the examples of a model.

    Args:
        frame: The DataFrame.
        name: Its name in errors, such as the path of its file.
        target: As in `read_table`.
        spec: As in `read_table`.
        columns: As in `Columns.infer`.

    Raises:
        TypeError: If it is no DataFrame.
        ValueError: As in `read_table`.
    """
    from keras_gen.specs import Columns, check_kinds

    if not hasattr(frame, "columns"):
        raise TypeError(
            "the data must be a name, a path or a DataFrame, received "
            f"{type(frame).__name__}. Save arrays by numpy.save and pass the path."
        )
    names = [str(column) for column in frame.columns]
    if not names:
        raise ValueError(f"{name} must have columns, received none.")
    frame = frame.set_axis(names, axis=1)
    if not len(frame):
        raise ValueError(f"{name} must have rows below its header.")
    for column in names:
        if frame[column].isna().all(axis=None):
            raise ValueError(f"{name}: column {column!r} is empty: remove it.")
    kinds = check_kinds(columns or {}, names, name)
    kinds = {key: kind for key, kind in kinds.items() if key != target}
    labels, found = None, None
    if target is not None:
        labels, found = _labels(name, frame, names, target)
        frame = frame.drop(columns=target)
    try:
        spec = Columns.infer(frame, kinds=kinds) if spec is None else spec
        rows = spec.check(frame, "table")
    except ValueError as error:
        reason = str(error).removeprefix("table: ")
        raise ValueError(f"{name}: {reason}") from error
    return Table(spec, np.asarray(rows, np.float64), labels, found)


def _read_parquet(path: Path) -> Any:
    package("pyarrow", "Parquet files")
    try:
        return package("pandas", "Parquet files").read_parquet(path, engine="pyarrow")
    except Exception as error:  # pyarrow raises many types
        raise ValueError(f"{path} cannot be read: {error}") from error


def read_csv(path: Path, texts: Sequence[str] = ()) -> Any:
    """The DataFrame of a CSV file with a header, in UTF-8.

    Args:
        path: The file.
        texts: Columns that are read as texts, unless all of their values are integers
            as Python spells them.
    """
    pandas = package("pandas", "CSV files")
    delimiter = check_rows(path)  # pandas fills short rows with missing values
    how: dict[str, Any] = {"encoding": "utf-8-sig", "sep": delimiter}
    how |= {"low_memory": False}  # one dtype per column
    known = [name for name in read_header(path)[0] if name in texts]
    frame = pandas.read_csv(path, **how, dtype=dict.fromkeys(known, str))
    for name in known:
        found = frame[name].dropna()
        if len(found) and found.str.fullmatch(INTEGER).all():
            frame[name] = pandas.to_numeric(frame[name])
    return frame


def texts_of(
    columns: Mapping[str, str] | None, spec: "Columns | None" = None
) -> list[str]:
    """Columns of a CSV file that may have to be read as texts; see `read_csv`."""
    found = [name for name, kind in (columns or {}).items() if kind == "category"]
    for column in () if spec is None else spec.columns:
        if any(isinstance(value, str) for value in column.values):
            found.append(column.name)
    return found


def _labels(
    path: str, frame: Any, names: list[str], target: str
) -> tuple[np.ndarray, "Target"]:
    """The target as classes, in the order of their names."""
    from keras_gen.specs import Target

    if target not in names:
        raise ValueError(
            f"{path} has no column {target!r}. Columns: {', '.join(names)}."
        )
    column = frame[target]
    if column.isna().any():
        rows = np.flatnonzero(column.isna())
        raise ValueError(
            f"{path}: column {target!r}, row {rows[0]}: the value is missing, as in "
            f"{len(rows):,} of {len(frame):,} rows, but classes need one. Fill or "
            "remove these rows, choose another column, or pass --condition any, which "
            "takes missing values."
        )
    labels, values = package("pandas", "tables").factorize(column, sort=True)
    if len(values) > MOST_CLASSES:
        raise ValueError(
            f"{path}: column {target!r} must have at most {MOST_CLASSES} values to be "
            f"a condition, received {len(values)}."
        )
    known = [one if isinstance(one, str | int | bool) else str(one) for one in values]
    spec = Target(len(values), target, known, names.index(target))
    return labels.astype(np.int32), spec
