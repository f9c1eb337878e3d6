"""Sounds and other long recordings, cut into windows.

Held-out windows come from the end of recordings, so that no window of the training
overlaps one of them.
"""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_gen.files import whole_file

from .embedded import ArraySplit
from .kinds import SOUND, Facts, by_class

HELD_OUT = 10  # one of so many is held out
MAX_NAMES = 5
PAUSE = 0.25  # seconds between samples in one file
LOUDEST = 2**15 - 1  # of 16 bits
UNITS = {"u1": 2**7, "i2": 2**15, "i4": 2**31, "i8": 2**63}  # by dtype


class Recording(NamedTuple):
    """One recording.

    Attributes:
        name: Its name in errors.
        values: Values by time and channel, `(length, channels)`.
        label: The number of its class.
    """

    name: str
    values: np.ndarray
    label: int = 0


class Cut(NamedTuple):
    """Windows of recordings.

    Attributes:
        train: The windows for training.
        test: The held-out windows.
        class_names: Sorted names of the classes, or () if there are no classes.
        facts: What was read.
        rate: Values per second, or None if unknown.
    """

    train: ArraySplit
    test: ArraySplit
    class_names: tuple[str, ...] = ()
    facts: Facts = ()
    rate: int | None = None


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
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # further chunks
            rate, values = wavfile.read(path)
    except Exception as error:  # struct.error, EOFError and others, besides ValueError
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path} cannot be read as a WAV file: {reason}") from error
    unit = UNITS.get(values.dtype.str[1:])
    floats = values.astype(np.float32)
    if unit is not None:
        floats = (floats - (unit if values.dtype == np.uint8 else 0)) / unit
    if not np.isfinite(floats).all():
        raise ValueError(f"{path} holds NaN or infinite values.")
    return int(rate), floats.reshape(len(floats), -1)


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


def read_sounds(path: Path, window: int | None = None, hop: int | None = None) -> Cut:
    """Windows of a WAV file, or of a folder of them.

    Args:
        path: A file, a folder of files, or a folder with one sub-folder of files for
            each class.
        window: Values of a window. The default is the length of the files, if all have
            the same.
        hop: Values from the start of a window to that of the next. The default is
            `window`.

    Raises:
        ValueError: If files cannot be read, if their rates or channels differ, if a
            file is shorter than the window, or if files have several lengths and
            `window` is None.
    """
    classes = by_class(path, (SOUND,), "WAV files") if path.is_dir() else {"": [path]}
    root = path if path.is_dir() else path.parent
    rates, recordings, broken = {}, [], {}
    for label, files in enumerate(classes.values()):
        for file in files:
            name = file.relative_to(root).as_posix()
            try:
                rates[name], values = read_wav(file)
            except ValueError as error:
                broken[name] = error
                continue
            recordings.append(Recording(name, values, label))
    if broken:
        total, names = len(broken) + len(recordings), list(broken)
        raise ValueError(
            f"{path}: {len(broken)} of {total} WAV files cannot be read: "
            f"{_some(names)}. Repair or remove them. ({broken[names[0]]})"
        )
    _check_same(path, rates, "values per second", "Resample one of them.")
    channels = {one.name: one.values.shape[1] for one in recordings}
    _check_same(path, channels, "channels", "Convert one of them.")
    lengths = {len(one.values) for one in recordings}
    if window is None and len(lengths) > 1:
        raise ValueError(
            f"{path}: WAV files have from {min(lengths):,} to {max(lengths):,} values. "
            f"Choose the length of examples with --window, at most {min(lengths)}."
        )
    rate = next(iter(rates.values()))
    window = min(lengths) if window is None else window
    cut = cut_windows(recordings, window, hop, str(path))
    names = () if "" in classes else tuple(classes)
    seconds = sum(len(one.values) for one in recordings) / rate
    known = (
        ("recordings", f"{len(recordings):,}, {seconds:,.1f} seconds together"),
        (
            "rate",
            f"{rate:,} values per second, {_channels(recordings[0].values)}",
        ),
        ("window", f"{window:,} values, {window / rate:.3g} seconds"),
    )
    train, test = cut.train, cut.test
    if not names:
        train, test = (ArraySplit(split.x, None) for split in (train, test))
    return Cut(train, test, names, known + cut.facts, rate)


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
        ("recording", f"{len(values):,} values, {_channels(values)}"),
        ("window", f"{window:,} values"),
    )
    train, test = (ArraySplit(split.x, None) for split in (cut.train, cut.test))
    return Cut(train, test, (), facts + cut.facts)


def cut_windows(
    recordings: Sequence[Recording], window: int, hop: int | None, where: str
) -> Cut:
    """Windows of recordings, a tenth of them held out.

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
    if short := [one for one in recordings if len(one.values) < window]:
        lengths = [f"{one.name} ({len(one.values):,})" for one in short]
        least = min(len(one.values) for one in short)
        raise ValueError(
            f"{where}: {len(short)} of {len(recordings)} recordings are shorter than "
            f"the window of {window:,} values: {_some(lengths)}. Choose --window "
            f"{least} or less, or remove them."
        )
    train, test, short = [], [], 0
    for one in recordings:
        length = len(one.values)
        tail = length // HELD_OUT
        if tail >= window:
            train.append(one._replace(values=one.values[: length - tail]))
            test.append(one._replace(values=one.values[length - tail :]))
            continue
        short += 1
        (test if short % HELD_OUT == 0 else train).append(one)
    how = "the last tenth of each recording" if not short else "ends of recordings"
    how = f"every tenth recording, {len(test):,}" if short == len(recordings) else how
    if not test:
        how, last = "the end of the last recording", train[-1]
        if len(train) > 1:
            test.append(train.pop())
        elif len(last.values) < 2 * window:
            raise ValueError(
                f"{where} holds one window of {window:,} values, received "
                f"{len(last.values):,}: expected at least two. Choose --window "
                f"{len(last.values) // 2} or less."
            )
        else:
            train[-1] = last._replace(values=last.values[:-window])
            test.append(last._replace(values=last.values[-window:]))
    facts = (("hop", f"{hop:,} values"), ("held out", how))
    first, last = (_windows_of(part, window, hop) for part in (train, test))
    return Cut(first, last, facts=facts)


def _windows_of(recordings: Sequence[Recording], window: int, hop: int) -> ArraySplit:
    """All windows, `(n, window, channels)`, with the label of their recording."""
    view = np.lib.stride_tricks.sliding_window_view
    parts = [
        np.moveaxis(view(one.values, window, axis=0)[::hop], -1, 1)
        for one in recordings
    ]
    labels = [one.label for one in recordings]
    labels = np.repeat(np.array(labels, np.int32), [len(part) for part in parts])
    return ArraySplit(np.concatenate(parts), labels)


def _check_same(path: Path, numbers: dict[str, int], what: str, cure: str) -> None:
    """Raises ValueError, with two files, unless all have the same number."""
    first, number = next(iter(numbers.items()))
    for name, other in numbers.items():
        if other != number:
            raise ValueError(
                f"{path}: {first} has {number:,} {what} and {name} has {other:,}: "
                f"expected the same in all files. {cure}"
            )


def _channels(values: np.ndarray) -> str:
    return f"{values.shape[1]} channel{'s' * (values.shape[1] != 1)}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMES:,} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more
