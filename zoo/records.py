"""Texts in files of records: a column of JSON lines or of a CSV file, and folders.

Their classes are another column, or the sub-folders of a folder.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_gen.reading import FilePart, whole_lines, with_line_feeds

from .delimited import CSV_FILES, read_header, rows_of
from .frames import MOST_CLASSES
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
Pair = tuple[str, str]  # a text, and the name of its class or ""
Classified = tuple[*Splits, tuple[str, ...]]  # the names of the classes come last


def split_records(path: Path, column: str | None, target: str | None) -> Classified:
    """The texts of a `.jsonl` or `.csv` file, of which a random tenth is held out.

    Empty texts are left out. Files of more than 64 MB are read at each use.

    Args:
        path: The file.
        column: The name of the text in each record. None takes the lines of a `.jsonl`
            file that are texts themselves, or have only one text each.
        target: The name of the class in each record, or None.

    Returns:
        Both splits, and the names of the classes.

    Raises:
        ValueError: If the file has no such texts, or if a text has no class. The
            message names the line.
    """
    is_table = path.suffix.lower() in CSV_FILES
    if target is not None and target == column:
        raise ValueError(
            f"{path}: column {target!r} holds the texts, so it cannot hold their "
            "classes. Choose another column."
        )

    def pairs() -> Iterator[Pair]:
        find = _of_table if is_table else _of_json
        return find(path, column, target)

    def read() -> Iterator[str]:
        return (with_line_feeds(text) for text, _ in pairs() if text.strip())

    has_breaks, places, names = False, [], []
    known = [] if path.stat().st_size <= IN_MEMORY else None
    for number, (text, name) in enumerate(pairs()):
        if not text.strip():
            continue
        has_breaks |= LINE_BREAK in (text := with_line_feeds(text))
        places.append(number)
        names.append(name)
        if known is not None:
            known.append(text)
    if not places:
        raise ValueError(f"{path} is empty: it holds no texts.")
    end = RECORD_END if has_breaks else LINE_BREAK
    again: Callable[[], Iterator[str]] = read if known is None else known.__iter__
    found = Records(str(path), again, end, places=np.array(places))
    if target is None:
        return *hold_out(found), ()
    labels, classes = _classes(f"{path}: column {target!r}", names)
    return *hold_out(found, labels), classes


def _classes(called: str, names: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Classes by their names, in the order of numbers if all names are integers."""
    found, labels = np.unique(names, return_inverse=True)
    if len(found) > MOST_CLASSES:
        raise ValueError(
            f"{called} must have at most {MOST_CLASSES} values to be a condition, "
            f"received {len(found)}."
        )
    order = np.arange(len(found))
    if all(name.removeprefix("-").isdecimal() for name in found.tolist()):
        order = np.argsort(found.astype(np.int64), kind="stable")
    return np.argsort(order)[labels].astype(np.int32), tuple(found[order].tolist())


def _of_json(path: Path, column: str | None, target: str | None) -> Iterator[Pair]:
    number = 0
    for several in whole_lines(FilePart(path)):
        for line in several:
            number += 1
            if line.strip():
                yield _value(path, number, line, column, target)


def _value(
    path: Path, number: int, line: str, column: str | None, target: str | None
) -> Pair:
    """The text of a line of JSON, and the name of its class."""
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
    if isinstance(record, str) and column is None and target is None:
        return record, ""
    if not isinstance(record, dict):
        raise ValueError(
            f"{place} must be a JSON object with a text, received {line.strip()!r:.60}."
        )
    if column is None:
        texts = [
            key
            for key, value in record.items()
            if isinstance(value, str) and key != target
        ]
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
        return "", ""
    if not isinstance(value, str):
        raise ValueError(
            f"{place}: column {column!r} must be text, received {value!r:.60}."
        )
    is_classified = target is not None and value.strip()
    return value, _class_of(place, str(target), record) if is_classified else ""


def _class_of(place: str, target: str, record: dict[str, Any]) -> str:
    """The name of the class of a record.

    Raises:
        ValueError: If it is missing, or neither text nor an integer.
    """
    value = record.get(target, "")
    if value in ("", None):
        known = "" if target in record else f" Columns: {_listed(list(record))}."
        raise ValueError(
            f"{place} has no class in column {target!r}: fill or remove the record, or "
            f"choose another column.{known}"
        )
    if not isinstance(value, str | int):
        raise ValueError(
            f"{place}: column {target!r} must hold classes, texts or integers, "
            f"received {value!r:.60}."
        )
    return str(value)


def _of_table(path: Path, column: str | None, target: str | None) -> Iterator[Pair]:
    names, _ = read_header(path)
    wanted = [column] if target is None else [column, target]
    for name in wanted:
        if name not in names:
            raise ValueError(
                f"{path} has no column {name!r}. Columns: {_listed(names)}."
            )
    rows = rows_of(path)
    next(rows)  # the header
    for line, row in rows:
        record = dict(zip(names, row, strict=False))
        text = record.get(str(column), "")
        is_classified = text.strip() and target is not None
        place = f"{path}, line {line}"
        yield text, _class_of(place, str(target), record) if is_classified else ""


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


def split_texts(
    folder: Path, files: Sequence[Path], *, by_folder: bool = False
) -> Classified:
    """The texts of files. Of ten files or more, a random tenth of files is held out.

    Of fewer files, the last tenth of each is held out.

    Args:
        folder: The folder.
        files: The files in it.
        by_folder: Whether its sub-folders are classes.

    Returns:
        Both splits, and the names of the classes.

    Raises:
        ValueError: If a file is empty or not UTF-8, or if it has no class.
    """
    labels, classes = None, ()
    if by_folder:
        labels, classes = _folders(folder, files)
    parts = [split_file(path) for path in files]
    if len(files) >= FEWEST_FILES:
        wholes = [joined(first.source, second.source) for first, second in parts]
        return *hold_out(_records(folder, files, wholes), labels), classes
    train, test = (
        TextSplit(_records(folder, files, [part[i].source for part in parts]), labels)
        for i in range(2)
    )
    return train, test, classes


def _folders(folder: Path, files: Sequence[Path]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The classes of files, by the sub-folder in which they are."""
    places = [path.relative_to(folder).parts for path in files]
    if loose := [
        path for path, parts in zip(files, places, strict=True) if not parts[1:]
    ]:
        raise ValueError(
            f"{folder}: {loose[0].name} is in no sub-folder, and sub-folders are the "
            "classes. Move it, or leave out --condition folders."
        )
    found = _classes(f"{folder}: its sub-folders", [parts[0] for parts in places])
    if len(found[1]) < 2:
        raise ValueError(
            f"{folder} must have at least 2 sub-folders to be classes, received "
            f"{found[1][0]}."
        )
    return found


def _records(folder: Path, files: Sequence[Path], texts: list[Any]) -> Records:
    names = [str(path) for path in files]
    return Records(str(folder), texts.__iter__, are_documents=True, files=names)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:SHOWN])) or "none"
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown
