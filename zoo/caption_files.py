"""Texts of the images of a folder: a table beside them, or the names of the files."""

import csv
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

TABLES = ("captions.csv", "captions.jsonl")
KEYS = FILE, TEXT = "file", "text"  # of a row
SHOWN = 3  # files that an error names


def texts_of(folder: Path, paths: Sequence[str]) -> np.ndarray:
    """The text of each image, `(n,)`.

    Args:
        folder: A folder that holds `captions.csv`, with the columns `file` and `text`,
            or `captions.jsonl`, with these keys in each line. Files are given by their
            path within the folder. Without such a table, the words of the names of the
            files are the texts, in lower case, without digits.
        paths: The images of the folder.

    Raises:
        ValueError: If the table lacks an image or a column, names a file twice, or
            cannot be read.
    """
    table = table_of(folder)
    if table is None:
        return np.array([words_of(Path(path)) for path in paths], np.str_)
    texts: dict[str, str] = {}
    for row, file, text in _rows(table):
        if file in texts:
            raise ValueError(f"{table}, row {row}: {file!r} stands there twice.")
        texts[file] = text
    files = [Path(path).relative_to(folder).as_posix() for path in paths]
    if absent := [file for file in files if file not in texts]:
        more = f" and {len(absent) - SHOWN} more" if len(absent) > SHOWN else ""
        raise ValueError(
            f"{table} must have a row for each image, it lacks "
            f"{', '.join(absent[:SHOWN])}{more}."
        )
    return np.array([texts[file] for file in files], np.str_)


def table_of(folder: Path) -> Path | None:
    """The table of captions in a folder, or None."""
    return next((folder / n for n in TABLES if (folder / n).is_file()), None)


def words_of(path: Path) -> str:
    """The words of a file's name: "red heart" of "Red_heart-2.png"."""
    return " ".join(re.findall(r"[^\W\d_]+", path.stem)).lower()


def _rows(table: Path) -> Iterator[tuple[int, str, str]]:
    """The number, the file and the text of each row."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            is_csv = table.suffix == ".csv"
            rows: Any = csv.DictReader(lines) if is_csv else map(json.loads, lines)
            for number, row in enumerate(rows, start=1):
                known = row if isinstance(row, dict) else {}
                file, text = (known.get(key) for key in KEYS)
                if not isinstance(file, str) or not isinstance(text, str):
                    raise ValueError(f"row {number} must have {FILE} and {TEXT}")
                yield number, Path(file).as_posix(), text.strip()
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise ValueError(f"{table} cannot be read: {error}.") from error
