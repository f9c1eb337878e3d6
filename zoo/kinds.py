"""What data are where their shape alone does not say: images, series, clips, vectors.

An array `(n, a, b)` can hold grey images or series, and a folder can hold images,
sounds or clips. `kind` decides; without it, the values and the files do, and the facts
of the data say what was assumed.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .recipe import UsageError

IMAGES, SERIES, CLIPS, VECTORS = "images", "series", "clips", "vectors"
TOKENS = "tokens"
PAIRS, UNPAIRED = "pairs", "unpaired"  # of images, to translate
CAPTIONS = "captions"  # of images
OF_FOLDERS = (PAIRS, UNPAIRED, CAPTIONS)  # and of no arrays
KINDS = (SERIES, IMAGES, CLIPS, VECTORS, TOKENS, *OF_FOLDERS)
OPTIONS = ("kind", "window", "hop", "frames", "column")  # of `load`, and settings
SIGNALS = (SERIES, CLIPS)
SMALLEST_SIDE = 8  # of arrays that are taken for grey images
RANKS = {  # of arrays, the examples' axis included
    VECTORS: (2,),
    SERIES: (2, 3),
    IMAGES: (3, 4),
    CLIPS: (4, 5),
}
SHAPES = {
    VECTORS: "(n, features)",
    SERIES: "(n, length) or (n, length, channels)",
    IMAGES: "(n, height, width) or (n, height, width, channels)",
    CLIPS: "(n, frames, height, width) or (n, frames, height, width, channels)",
}
SOUND, MOVING = ".wav", ".gif"
DEPTH = 3  # split, class, file
LOOKED_AT = 16  # GIFs of a folder, to see whether they move
Facts = tuple[tuple[str, str], ...]  # pairs of a name and a text


def check_reading(how: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a reader that are not None, checked.

    Args:
        how: Some of `OPTIONS`.

    Raises:
        UsageError: If a kind is unknown, or if a number is too small.
    """
    how = {name: value for name, value in how.items() if value is not None}
    kind = how.get("kind")
    if kind is not None and kind not in KINDS:
        raise UsageError(f"kind must be one of {', '.join(KINDS)}, received {kind!r}.")
    for name, least in {"window": 2, "hop": 1, "frames": 1}.items():
        value = how.get(name, least)
        if isinstance(value, bool) or int(value) != value or value < least:
            raise UsageError(
                f"{name} must be an integer >= {least}, received {value!r}."
            )
    if "hop" in how and "window" not in how:
        raise UsageError(
            f"hop={how['hop']} requires a window, the number of values of an example: "
            "choose it with --window."
        )
    if "frames" in how and "window" in how:
        raise UsageError("frames is for clips and window for series: choose one.")
    implied = CLIPS if "frames" in how else SERIES if "window" in how else kind
    if kind not in (None, implied):
        option = "frames" if "frames" in how else "window"
        raise UsageError(f"{option} is for {implied}, received kind={kind}.")
    return how | ({} if implied is None else {"kind": implied})


def as_kind(x: np.ndarray, kind: str | None, title: str) -> tuple[np.ndarray, str]:
    """An array with all axes of its kind, and the kind.

    Without a kind, `(n, a, b)` means grey images if it holds uint8, or values in [0, 1]
    and both sides are at least 8, otherwise series. Arrays of other ranks are vectors,
    images with channels, and clips with channels.

    Args:
        x: An array of examples.
        kind: One of `KINDS`, or None.
        title: The name of the array in an error.

    Raises:
        ValueError: If the array has a rank that the kind does not have, or if it cannot
            be decided whether it holds images or series.
    """
    expected = SHAPES if kind is None else {kind: SHAPES[kind]}
    if x.ndim not in (RANKS[kind] if kind else (2, 3, 4, 5)) or 0 in x.shape[1:]:
        recording = " For windows of one recording, choose --window." * (x.ndim < 3)
        raise ValueError(
            f"{title} must have shape {', '.join(expected.values())}, received "
            f"{x.shape}.{recording}"
        )
    if kind is None:
        guesses = {2: VECTORS, 4: IMAGES, 5: CLIPS}
        kind = guesses.get(x.ndim) or _images_or_series(x, title)
    if x.ndim == RANKS[kind][0] and kind != VECTORS:
        x = x[..., None]
    if kind == SERIES and x.dtype == np.uint8:
        x = x.astype(np.float32)  # numbers, not value / 255
    return x, kind


def _images_or_series(x: np.ndarray, title: str) -> str:
    if x.dtype == np.uint8:
        return IMAGES
    is_small = min(x.shape[1:]) < SMALLEST_SIDE
    if is_small or x.dtype.kind not in "fiub" or not x.size:
        return SERIES
    low, high = x.min(), x.max()
    if low >= 0 and high <= 1:
        return IMAGES
    if low >= 0 and 2 < high <= 255 and (x == np.round(x)).all():
        raise ValueError(
            f"{title} of shape {x.shape} holds whole numbers in [{low:g}, {high:g}], "
            "which can be grey values or series: divide by 255 or store uint8 for "
            "images, or choose --kind series."
        )
    return SERIES


def assumed(x: np.ndarray, kind: str) -> Facts:
    """What `as_kind` has assumed of an array `(n, a, b)`, or of integers `(n, a)`."""
    if x.ndim == 2 and x.dtype.kind in "iu":
        why = "vectors of numbers (n, features)"
        return (("assumed", f"{why}; choose --kind {TOKENS} if they are tokens"),)
    if x.ndim != 3:
        return ()
    if kind == IMAGES:
        why = "uint8" if x.dtype == np.uint8 else "values in [0, 1]"
        why = f"grey images (n, height, width), because of {why}"
    else:
        why = "series (n, length, channels)"
    other = SERIES if kind == IMAGES else IMAGES
    return (("assumed", f"{why}; choose --kind {other} if they are not"),)


def folder_kind(folder: Path) -> str:
    """What a folder holds, by its files and those of its splits and classes.

    WAV files mean series. GIFs of which one of the first moves, and no other images,
    mean clips. Otherwise they are images.
    """
    suffixes, first = set(), []
    for file in _within(folder, DEPTH):
        suffixes.add(file.suffix.lower())
        if file.suffix.lower() == MOVING and len(first) < LOOKED_AT:
            first.append(file)
    if SOUND in suffixes:
        return SERIES
    return CLIPS if suffixes == {MOVING} and any(map(_moves, first)) else IMAGES


def _within(folder: Path, depth: int) -> Iterator[Path]:
    """The entries of a folder, and those of its folders."""
    for path in visible(folder):
        if depth > 1 and path.is_dir():
            yield from _within(path, depth - 1)
        else:
            yield path


def visible(folder: Path) -> list[Path]:
    """The entries of a folder whose names do not begin with a dot, sorted."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _moves(path: Path) -> bool:
    from PIL import Image

    try:
        with Image.open(path, formats=["GIF"]) as image:
            return getattr(image, "n_frames", 1) > 1
    except Exception:  # of any type: the reader of the files reports it by name
        return False
