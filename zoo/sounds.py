"""Sounds and other long recordings, cut into windows.

Held-out windows come from the end of recordings, so that no window of the training
overlaps one of them, unless the folder has splits. Windows of files are decoded once
into a cache on disk.
"""

import os
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_gen.files import whole_file

from . import file_cache
from .embedded import ArraySplit
from .folders import (
    Classes,
    Sort,
    by_split,
    class_names,
    files_of,
    held_out,
    labels_of,
    listed,
    skipped_in,
    some,
    sorted_out,
    sound_of,
)
from .kinds import SOUND, Facts

HELD_OUT = 10  # one of so many is held out
PAUSE = 0.25  # seconds between samples in one file
LOUDEST = 2**15 - 1  # of 16 bits
UNITS = {"u1": 2**7, "i2": 2**15, "i4": 2**31, "i8": 2**63}  # by dtype
READ_BYTES = 2**24  # of a recording at a time
NOUN = "sounds"
_one_reads = threading.Lock()  # filters of warnings are those of all threads
SOUND_FILES = Sort(
    "WAV files", SOUND, lambda path: path.suffix.lower() == SOUND and path.is_file()
)


class Recording(NamedTuple):
    """One recording.

    Attributes:
        name: Its name in errors.
        values: Values by time and channel, `(length, channels)`.
    """

    name: str
    values: np.ndarray


class Span(NamedTuple):
    """A part of a recording.

    Attributes:
        recording: The number of the recording.
        start: Its first value.
        stop: The place after its last value.
    """

    recording: int
    start: int
    stop: int

    def num_windows(self, window: int, hop: int) -> int:
        """Number of windows."""
        return max(0, (self.stop - self.start - window) // hop + 1)


@dataclass(frozen=True, eq=False)
class WindowSplit(ArraySplit):
    """Windows of recordings.

    Attributes:
        recordings: The number of the recording of each window, `(n,)`.
        starts: The place of the first value of each window in its recording, `(n,)`.
        files: Paths of the recordings by their numbers, or () for one in an array.
    """

    recordings: np.ndarray
    starts: np.ndarray
    files: tuple[str, ...] = ()

    @property
    def paths(self) -> list[str]:
        """The file of each window. [] without files."""
        return [self.files[i] for i in self.recordings] if self.files else []

    def subset(self, indices: np.ndarray) -> "WindowSplit":
        """The windows at `indices`, int, (m,), in that order."""
        own = super().subset(indices)
        places = self.recordings[indices], self.starts[indices]
        return WindowSplit(own.x, own.labels, *places, self.files)


class SoundLook(NamedTuple):
    """What a WAV file holds.

    Attributes:
        rate: Values per second.
        length: Values of a channel.
        channels: Number of channels.
    """

    rate: int
    length: int
    channels: int


class Cut(NamedTuple):
    """Windows of recordings.

    Attributes:
        train: The windows for training.
        test: The held-out windows.
        validation: The windows of a third split, or None.
        class_names: Sorted names of the classes, or () if there are no classes.
        notes: What was done to broken files, in sentences.
        facts: What was read.
        rate: Values per second, or None if unknown.
        order: Position of each window in its data, those of `train` first, or None if
            the data come with splits.
    """

    train: WindowSplit
    test: WindowSplit
    validation: WindowSplit | None = None
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    facts: Facts = ()
    rate: int | None = None
    order: np.ndarray | None = None


def read_wav(path: str | os.PathLike) -> tuple[int, np.ndarray]:
    """Reads a WAV file.

    Args:
        path: The file, with integers of 8 to 64 bits, or floats.

    Returns:
        Values per second, and float32 values, `(length, channels)`. Integers are
        divided by the largest one, so that they are in [-1, 1].

    Raises:
        ValueError: If the file cannot be read, or holds NaN or infinite values.
    """
    try:
        rate, values = _raw(path)
        floats = _floats(values)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as a WAV file: {error}") from error
    return rate, floats


def _raw(path: str | os.PathLike) -> tuple[int, np.ndarray]:
    """Values per second, and the values of the file, mapped into memory if possible."""
    from scipy.io import wavfile

    try:
        with _one_reads, warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # further chunks
            try:
                rate, values = wavfile.read(path, mmap=True)
            except ValueError:  # of 24 bits
                rate, values = wavfile.read(path)
    except Exception as error:  # struct.error, EOFError and others, besides ValueError
        raise ValueError(str(error) or type(error).__name__) from error
    if not len(values):
        raise ValueError("it holds no values")
    return int(rate), values.reshape(len(values), -1)


def _floats(values: np.ndarray) -> np.ndarray:
    """float32 in [-1, 1] of integers. Raises ValueError for NaN and infinite values."""
    unit = UNITS.get(values.dtype.str[1:])
    floats = values.astype(np.float32)
    if unit is not None:
        return (floats - (unit if values.dtype == np.uint8 else 0)) / unit
    if not np.isfinite(floats).all():
        raise ValueError("it holds NaN or infinite values")
    return floats


def _look(path: str) -> SoundLook:
    """Reads a file once, part by part."""
    rate, values = _raw(path)
    length, channels = values.shape
    step = max(1, READ_BYTES // (4 * channels))
    for start in range(0, length, step):
        _floats(values[start : start + step])
    return SoundLook(rate, length, channels)


def write_wav(path: Path, samples: np.ndarray, rate: int) -> None:
    """Writes sounds one after the other into a WAV file of 16 bits.

    Args:
        path: The file, which appears whole or not at all.
        samples: `(n, length, channels)`. Values outside of [-1, 1] are clipped.
        rate: Values per second.
    """
    from scipy.io import wavfile

    pause = np.zeros((round(PAUSE * rate), samples.shape[-1]), np.float32)
    parts = [part for sample in samples for part in (sample, pause)][:-1]
    sound = np.round(np.clip(np.concatenate(parts), -1, 1) * LOUDEST)
    with whole_file(path) as temporary:
        wavfile.write(temporary, rate, sound.astype(np.int16))


def read_sounds(
    path: Path,
    window: int | None = None,
    hop: int | None = None,
    *,
    skip_broken: bool = False,
) -> Cut:
    """Windows of a WAV file, or of a folder of them.

    Args:
        path: A file, a folder of files, a folder with one sub-folder of files for each
            class, or with such folders `train`, `val` and `test`.
        window: Values of a window. The default is the length of the files, if all have
            the same.
        hop: Values from the start of a window to that of the next. The default is
            `window`.
        skip_broken: Whether to leave out files that cannot be read. A note lists them.

    Returns:
        The windows, float32 `(n, window, channels)`, mapped into memory.

    Raises:
        ValueError: If files cannot be read, if their rates or channels differ, if a
            file is shorter than the window, or if files have several lengths and
            `window` is None.
    """
    root = path if path.is_dir() else path.parent
    splits: dict[str, Classes] = {"": {"": [path]}}
    if path.is_dir():
        splits = by_split(path, SOUND_FILES, stacklevel=5)
    files = files_of(splits)
    seen = file_cache.looks([str(file) for file in files], _look, SoundLook, NOUN)
    found = root, files, seen, SOUND_FILES
    looks, broken = sorted_out(*found, skip_broken=skip_broken)
    splits = sound_of(root, splits, looks, SOUND_FILES)
    names = class_names(root, splits, SOUND_FILES, stacklevel=5)
    known = {file.relative_to(root).as_posix(): look for file, look in looks.items()}
    rates = {name: look.rate for name, look in known.items()}
    _check_same(path, rates, "values per second", "Resample one of them.")
    channels = {name: look.channels for name, look in known.items()}
    _check_same(path, channels, "channels", "Convert one of them.")
    lengths = {look.length for look in known.values()}
    if window is None and len(lengths) > 1:
        raise ValueError(
            f"{path}: WAV files have from {min(lengths):,} to {max(lengths):,} values. "
            f"Choose the length of examples with --window, at most {min(lengths)}."
        )
    width = min(lengths) if window is None else window
    step = width if hop is None else hop
    of_files = {name: look.length for name, look in known.items()}
    _check_lengths(of_files, width, str(path))
    places = list(looks)  # in the order of the splits
    if len(splits) == 1:
        *spans, how = _split([*of_files.values()], width, str(path))
        (classes,) = splits.values()
        labels = labels_of(classes, names)
        order = _order(spans, width, step)
    else:
        how, order, spans, labels = "by folder", None, [], []
        first = 0
        for classes in splits.values():
            count = sum(map(len, classes.values()))
            of_split = [*of_files.values()][first : first + count]
            spans.append([Span(first + i, 0, n) for i, n in enumerate(of_split)])
            labels.append(labels_of(classes, names))
            first += count
        labels = np.concatenate(labels) if names else None
    (depth,) = {*channels.values()}
    cached = [_cached(places, part, labels, (width, step, depth)) for part in spans]
    test, validation = held_out(cached)
    rate = next(iter(rates.values()))
    seconds = sum(look.length for look in known.values()) / rate
    facts = [
        ("recordings", f"{len(looks):,}, {seconds:,.1f} seconds together"),
        ("rate", f"{rate:,} values per second, {_channels(depth)}"),
        ("window", f"{width:,} values, {width / rate:.3g} seconds"),
        ("hop", f"{step:,} values"),
        ("held out", how),
    ]
    if broken:
        facts.append(("broken", listed(root, broken)))
    notes = skipped_in(root, broken, "WAV file")
    return Cut(cached[0], test, validation, names, notes, tuple(facts), rate, order)


def _cached(
    places: Sequence[Path],
    spans: Sequence[Span],
    labels: np.ndarray | None,
    sizes: tuple[int, int, int],
) -> WindowSplit:
    """Windows of files in the cache.

    Args:
        places: The files.
        spans: The parts of them to cut.
        labels: The class of each file, or None.
        sizes: Values of a window, hop and channels.
    """
    window, hop, channels = sizes
    used = dict.fromkeys(span.recording for span in spans)
    used = {recording: i for i, recording in enumerate(used)}
    counts = [span.num_windows(window, hop) for span in spans]
    most = max(1, READ_BYTES // (4 * window * channels))
    parts = [
        (
            str(places[span.recording]),
            span.start + hop * first,
            min(most, count - first),
        )
        for span, count in zip(spans, counts, strict=True)
        for first in range(0, count, most)
    ]

    def read(part: tuple[str, int, int]) -> bytes:
        path, start, count = part
        try:
            values = _raw(path)[1][start : start + hop * (count - 1) + window]
            return _windows(_floats(values), window, hop).tobytes()
        except ValueError as error:  # the file has changed
            raise ValueError(f"{path} cannot be read as a WAV file: {error}") from error

    items, whole = [str(places[i]) for i in used], (sum(counts), window, channels)
    known = sizes, [(used[span.recording], *span[1:]) for span in spans]
    how = {"parts": parts}
    x = file_cache.decoded(items, known, whole, np.float32, read, NOUN, **how)
    if labels is not None:
        labels = np.repeat(labels[[span.recording for span in spans]], counts)
    origins = _origins(spans, window, hop)
    files = tuple(map(str, places))
    return WindowSplit(x, labels, origins[:, 0], origins[:, 1], files)


def read_recording(values: np.ndarray, window: int, hop: int | None, where: str) -> Cut:
    """Windows of one recording in an array.

    Args:
        values: `(length,)` or `(length, channels)`.
        window: Values of a window.
        hop: Values from the start of a window to that of the next. The default is
            `window`.
        where: The name of the array in an error.

    Raises:
        ValueError: If the array has another shape or dtype, or if it is shorter than
            two windows.
    """
    from keras_gen.scaling import narrowed  # which imports TensorFlow
    from keras_gen.validation import check_numbers

    if values.ndim not in (1, 2) or 0 in values.shape[1:]:
        raise ValueError(
            f"{where} must be one recording of shape (length,) or (length, channels) "
            f"to be cut by --window, received {values.shape}."
        )
    values = values.reshape(len(values), -1)
    values = narrowed(check_numbers(values, values.shape[1:], name=where, wide=True))
    cut = cut_windows([Recording(where, values)], window, hop, where)
    facts = (
        ("recording", f"{len(values):,} values, {_channels(values.shape[1])}"),
        ("window", f"{window:,} values"),
    )
    return cut._replace(facts=facts + cut.facts)


def cut_windows(
    recordings: Sequence[Recording], window: int, hop: int | None, where: str
) -> Cut:
    """Windows of recordings in memory, a tenth of them held out.

    The last tenth of each recording is held out if it holds a window. Of shorter
    recordings, every tenth is held out as a whole. If that gives nothing, it is the
    last window of the last recording.

    Args:
        recordings: Recordings with the same number of channels.
        window: Values of a window.
        hop: Values from the start of a window to that of the next, or None for
            `window`.
        where: The name of the data in an error.

    Raises:
        ValueError: If a recording is shorter than the window, or if there is only one
            window.
    """
    hop = window if hop is None else hop
    lengths = {one.name: len(one.values) for one in recordings}
    _check_lengths(lengths, window, where)
    *spans, how = _split([len(one.values) for one in recordings], window, where)
    first, last = (
        np.concatenate(
            [
                _windows(recordings[i].values[start:stop], window, hop)
                for i, start, stop in part
            ]
        )
        for part in spans
    )
    facts = (("hop", f"{hop:,} values"), ("held out", how))
    order = _order(spans, window, hop)
    train, test = (
        WindowSplit(x, None, *_origins(part, window, hop).T)
        for x, part in zip((first, last), spans, strict=True)
    )
    return Cut(train, test, facts=facts, order=order)


def _check_lengths(lengths: dict[str, int], window: int, where: str) -> None:
    """Raises ValueError if a recording is shorter than a window."""
    if short := {name: n for name, n in lengths.items() if n < window}:
        named = some([f"{name} ({n:,})" for name, n in short.items()])
        raise ValueError(
            f"{where}: {len(short)} of {len(lengths)} recordings are shorter than the "
            f"window of {window:,} values: {named}. Choose --window "
            f"{min(short.values())} or less, or remove them."
        )


def _split(
    lengths: Sequence[int], window: int, where: str
) -> tuple[list[Span], list[Span], str]:
    """Parts for training, held-out parts, and what these are; see `cut_windows`."""
    train, test, short = [], [], 0
    for i, length in enumerate(lengths):
        tail = length // HELD_OUT
        if tail >= window:
            train.append(Span(i, 0, length - tail))
            test.append(Span(i, length - tail, length))
            continue
        short += 1
        (test if short % HELD_OUT == 0 else train).append(Span(i, 0, length))
    how = "the last tenth of each recording" if not short else "ends of recordings"
    how = f"every tenth recording, {len(test):,}" if short == len(lengths) else how
    if not test:
        how, last = "the end of the last recording", train[-1]
        if len(train) > 1:
            test.append(train.pop())
        elif last.stop < 2 * window:
            raise ValueError(
                f"{where} holds one window of {window:,} values, received "
                f"{last.stop:,}: expected at least two. Choose --window "
                f"{last.stop // 2} or less."
            )
        else:
            train[-1] = last._replace(stop=last.stop - window)
            test.append(last._replace(start=last.stop - window))
    return train, test, how


def _order(spans: Sequence[Sequence[Span]], window: int, hop: int) -> np.ndarray:
    """The position of each window among those of all spans."""
    origins = np.concatenate([_origins(part, window, hop) for part in spans])
    return np.argsort(np.lexsort(origins.T[::-1]))


def _origins(spans: Sequence[Span], window: int, hop: int) -> np.ndarray:
    """The recording and the first value of each window, int `(n, 2)`."""
    found = [
        (span.recording, span.start + hop * i)
        for span in spans
        for i in range(span.num_windows(window, hop))
    ]
    return np.array(found, np.int64).reshape(-1, 2)


def _windows(values: np.ndarray, window: int, hop: int) -> np.ndarray:
    """All windows, `(n, window, channels)`."""
    view: Any = np.lib.stride_tricks.sliding_window_view(values, window, axis=0)
    return np.moveaxis(view[::hop], -1, 1)


def _check_same(path: Path, numbers: dict[str, int], what: str, cure: str) -> None:
    """Raises ValueError, with two files, unless all have the same number."""
    first, number = next(iter(numbers.items()))
    for name, other in numbers.items():
        if other != number:
            raise ValueError(
                f"{path}: {first} has {number:,} {what} and {name} has {other:,}: "
                f"expected the same in all files. {cure}"
            )


def _channels(number: int) -> str:
    return f"{number} channel{'s' * (number != 1)}"
