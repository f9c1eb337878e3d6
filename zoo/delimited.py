"""CSV files: the header, and rows of the same length, checked line by line."""

import csv
import math
import sys
from collections.abc import Iterator
from pathlib import Path

from keras_gen.reading import FilePart, whole_lines

CSV_FILES, TSV = (".csv", ".tsv"), ".tsv"
DELIMITERS = ",;\t|"


def read_header(path: Path) -> tuple[list[str], str]:
    """The names of the columns of a CSV file in UTF-8, and its delimiter.

    The delimiter is the one of comma, semicolon, tab and bar that occurs most often in
    the first line; in `.tsv` files it is the tab.

    Raises:
        ValueError: If the file is not UTF-8, if it has no header, or if a name is
            missing or occurs twice.
    """
    delimiter, rows = _read(path)
    _, names = next(rows, (0, []))
    if not names:
        raise ValueError(f"{path} must begin with a header: names of columns.")
    numbers, are_names = [*map(_number, names)], len({*names}) == len(names)
    if None not in numbers and not (are_names and all(map(str.isdigit, names))):
        raise ValueError(
            f"{path} must begin with a header, names of columns; its first line holds "
            f"the numbers {delimiter.join(names):.60}. Put a line of names above it."
        )
    if empty := [i for i, name in enumerate(names) if not name.strip()]:
        raise ValueError(
            f"{path}: column {empty[0] + 1} has no name in the header. Name it, or "
            "remove it; pandas leaves out row numbers by to_csv(..., index=False)."
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(
            f"{path}: the header has {', '.join(map(repr, twice))} twice. Rename or "
            "remove one of them."
        )
    return names, delimiter


def check_rows(path: Path) -> str:
    """The delimiter of a CSV file, all of whose lines are checked.

    Raises:
        ValueError: As `read_header` and `rows_of`.
    """
    _, delimiter = read_header(path)
    for _ in rows_of(path):
        pass
    return delimiter


def rows_of(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yields the number of the last line of each row, and its values.

    The header comes first. Empty lines are rows of no values.

    Raises:
        ValueError: If a row has more or fewer values than the header, or quotes that do
            not fit. The message names the line.
    """
    delimiter, rows = _read(path)
    width = 0
    for line, row in rows:
        width = width or len(row)
        if row and len(row) != width:
            raise ValueError(
                f"{path}, line {line} has {len(row)} values, expected {width} as in "
                f"the header, separated by {delimiter!r}. Put quotes around values "
                "that hold the delimiter."
            )
        yield line, row


def _read(path: Path) -> tuple[str, Iterator[tuple[int, list[str]]]]:
    """The delimiter, and the rows with their lines."""
    csv.field_size_limit(sys.maxsize)
    header = next(_lines(path), "")
    delimiters = "\t" if path.suffix.lower() == TSV else DELIMITERS
    delimiter = max(delimiters, key=header.count)
    return delimiter, _rows(path, delimiter)


def _rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(_lines(path), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise ValueError(
            f"{path}, line {reader.line_num}: {error}. A value that begins with a "
            'quote must end with one, and quotes inside of it must be doubled: "".'
        ) from error


def _lines(path: Path) -> Iterator[str]:
    for several in whole_lines(FilePart(path)):
        yield from (f"{line}\n" for line in several)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
