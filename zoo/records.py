"""Texts in files of records: a column of JSON lines or of a CSV file, and folders."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from keras_gen.reading import FilePart, whole_lines, with_line_feeds

from .delimited import CSV_FILES, read_header, rows_of
from .texts import (
    IN_MEMORY,
    LINE_BREAK,
    RECORD_END,
    Records,
    Splits,
    TextSplit,
    hold_out,
    joined,
    split_file,
)

FEWEST_FILES = 10  # of which whole files are held out
SHOWN = 10


def split_records(path: Path, column: str | None) -> Splits:
    """The texts of a `.jsonl` or `.csv` file, of which a random tenth is held out.

    Empty texts are left out. Files of more than 64 MB are read at each use.

    Args:
        path: The file.
        column: The name of the text in each record. None takes the lines of a `.jsonl`
            file that are texts themselves, or have only one text each.

    Raises:
        ValueError: If the file has no such texts. The message names the line.
    """
    is_table = path.suffix.lower() in CSV_FILES

    def read() -> Iterator[str]:
        texts = _of_table(path, column) if is_table else _of_json(path, column)
        return (with_line_feeds(text) for text in texts if text.strip())

    has_breaks, count = False, 0
    known = [] if path.stat().st_size <= IN_MEMORY else None
    for text in read():
        has_breaks |= LINE_BREAK in text
        count += 1
        if known is not None:
            known.append(text)
    if not count:
        raise ValueError(f"{path} is empty: it holds no texts.")
    end = RECORD_END if has_breaks else LINE_BREAK
    again: Callable[[], Iterator[str]] = read if known is None else known.__iter__
    return hold_out(Records(str(path), again, end))


def _of_json(path: Path, column: str | None) -> Iterator[str]:
    number = 0
    for several in whole_lines(FilePart(path)):
        for line in several:
            number += 1
            if line.strip():
                yield _value(path, number, line, column)


def _value(path: Path, number: int, line: str, column: str | None) -> str:
    """The text of a line of JSON."""
    place = f"{path}, line {number}"
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = str(error)
        if isinstance(error, json.JSONDecodeError):
            reason = f"{error.msg} at column {error.colno}"
        raise ValueError(
            f"{place} is broken JSON ({reason}): expected one JSON object per line, "
            'such as {"text": "..."}.'
        ) from error
    if isinstance(record, str) and column is None:
        return record
    if not isinstance(record, dict):
        raise ValueError(
            f"{place} must be a JSON object with a text, received {line.strip()!r:.60}."
        )
    if column is None:
        texts = [key for key, value in record.items() if isinstance(value, str)]
        if len(texts) != 1:
            raise ValueError(
                f"{place} has {len(texts)} texts ({_listed(texts)}): choose one with "
                "--column NAME."
            )
        column = texts[0]
    if column not in record:
        raise ValueError(
            f"{place} has no column {column!r}. Columns: {_listed(list(record))}."
        )
    value = record[column]
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(
            f"{place}: column {column!r} must be text, received {value!r:.60}."
        )
    return value


def _of_table(path: Path, column: str | None) -> Iterator[str]:
    names, _ = read_header(path)
    if column not in names:
        raise ValueError(f"{path} has no column {column!r}. Columns: {_listed(names)}.")
    place, rows = names.index(column), rows_of(path)
    next(rows)  # the header
    yield from (row[place] if row else "" for _, row in rows)


def text_files(folder: Path, images: Sequence[str]) -> list[Path]:
    """The `.txt` files of a folder and its sub-folders, [] if it has images.

    Args:
        folder: The folder.
        images: Suffixes of images, in lower case.
    """
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            suffix = Path(name).suffix.lower()
            if suffix in images:
                return []
            if suffix == ".txt" and not name.startswith("."):
                found.append(Path(place, name))
    return found


def split_texts(folder: Path, files: Sequence[Path]) -> Splits:
    """The texts of files. Of ten files or more, a random tenth of files is held out.

    Of fewer files, the last tenth of each is held out.

    Raises:
        ValueError: If a file is empty or not UTF-8.
    """
    parts = [split_file(path) for path in files]
    if len(files) >= FEWEST_FILES:
        wholes = [joined(first.source, second.source) for first, second in parts]
        return hold_out(_records(folder, wholes))
    train, test = ([part[i].source for part in parts] for i in range(2))
    return TextSplit(_records(folder, train)), TextSplit(_records(folder, test))


def _records(folder: Path, texts: list[Any]) -> Records:
    return Records(str(folder), texts.__iter__, are_documents=True)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:SHOWN])) or "none"
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown
