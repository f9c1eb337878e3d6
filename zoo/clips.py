"""Clips: a folder of GIFs, or of folders of frames."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .decoding import CHANNELS, FITS, FORMATS, Framing, framed, read_image
from .embedded import ArraySplit
from .kinds import MOVING, Facts, refuse_splits, visible

MOST_FRAMES = 16  # of the default
MAX_NAMES = 5
FRAME_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")


class ClipData(NamedTuple):
    """The clips of a folder.

    Attributes:
        clips: uint8 `(n, frames, height, width, channels)`, with the labels of classes.
        class_names: Sorted names of the classes, or () if there are no classes.
        facts: What was read.
    """

    clips: ArraySplit
    class_names: tuple[str, ...]
    facts: Facts


def read_clips(
    folder: Path,
    frames: int | None = None,
    image_shape: Sequence[int | None] | None = None,
    framing: Framing | None = None,
    *,
    skip_broken: bool = False,
) -> ClipData:
    """Reads the clips of a folder.

    Args:
        folder: A folder of GIFs, or of folders of frames, or of folders of such clips,
            one for each class. The frames of a folder are in the order of the numbers
            in their names.
        frames: Frames of each clip, evenly spaced in time from the first to the last. A
            frame that lasts as long as several counts as several. The default is the
            smallest number that a clip has, at most 16.
        image_shape: (height, width) or (height, width, channels) with 1 channel (grey),
            3 (colour) or 4 (colour and opacity), or None for an axis that the files
            decide. The default is the size of the first clip, grey if all clips are
            grey.
        framing: How frames of another size or mode get this shape. Default: cropped at
            the centre, and on white.
        skip_broken: Whether to leave out clips that cannot be opened. A fact lists
            them.

    Raises:
        ValueError: If there are no clips, if files cannot be decoded, or if a clip has
            fewer frames.
    """
    classes = _clips_by_class(folder)
    known, broken = _frames_of_all(folder, classes, skip_broken=skip_broken)
    classes = {k: [p for p in found if p in known] for k, found in classes.items()}
    paths = list(known)
    counts = {path: len(places) for path, places in known.items()}
    fewest = min(counts, key=lambda path: counts[path])
    if frames is None:
        frames = min(MOST_FRAMES, counts[fewest])
    if counts[fewest] < frames:
        short = sum(count < frames for count in counts.values())
        raise ValueError(
            f"{folder}: {short} of {len(paths)} clips have fewer than {frames} frames, "
            f"such as {_name(folder, fewest)} with {counts[fewest]}. Choose --frames "
            f"{counts[fewest]}, or remove them."
        )
    height, width, *channels = image_shape or (None, None)
    asked = channels[0] if channels else None
    if asked not in (None, *CHANNELS):
        raise ValueError(f"{folder}: clips have 1, 3 or 4 channels, received {asked}.")
    sizes = [_size_of(path) for path in paths]
    if height is None or width is None:
        height, width = sizes[0]
    framing = framing or Framing()
    clips = np.empty((len(paths), frames, height, width, asked or 3), np.uint8)
    for i, path in enumerate(paths):
        chosen = np.linspace(0, counts[path] - 1, frames).round().astype(int)
        order = [known[path][place] for place in chosen]
        _read_into(clips[i], folder, path, order, framing)
    if asked is None and (clips == clips[..., :1]).all():
        clips = clips[..., :1]
    labels = None
    if "" not in classes:
        numbers = [len(found) for found in classes.values()]
        labels = np.repeat(np.arange(len(classes), dtype=np.int32), numbers)
    most = max(counts.values())
    found = (
        f"{counts[fewest]}" if most == counts[fewest] else f"{counts[fewest]} to {most}"
    )
    spaced = f"{frames} of the {found} frames of each clip, evenly spaced"
    facts = [("frames", spaced)]
    if broken:
        facts.append(("left out", f"{_some(broken)}, which cannot be decoded"))
    if resized := sum(size != (height, width) for size in sizes):
        how = f"{resized:,} of {len(paths):,} clips are resized to {height}x{width}"
        differ = any(h * width != w * height for h, w in sizes)
        facts.append(("size", f"{how}, {FITS[framing.fit]}" if differ else how))
    names = () if labels is None else tuple(classes)
    return ClipData(ArraySplit(clips, labels), names, tuple(facts))


def _clips_by_class(folder: Path) -> dict[str, list[Path]]:
    """GIFs and folders of frames by class, "" without classes."""
    entries = visible(folder)
    if own := [path for path in entries if _is_clip(path)]:
        return {"": own}
    classes = {
        path.name: [clip for clip in visible(path) if _is_clip(clip)]
        for path in entries
        if path.is_dir()
    }
    refuse_splits(folder, map(folder.joinpath, classes))
    if not classes:
        raise ValueError(
            f"{folder} holds no clips: expected GIFs, or folders of frames "
            f"({', '.join(FRAME_SUFFIXES)})."
        )
    for name, clips in classes.items():
        if not clips:
            raise ValueError(f"{folder / name} holds no GIFs and no folders of frames.")
    return classes


def _is_clip(path: Path) -> bool:
    if path.is_dir():
        return bool(_frame_files(path))
    return path.suffix.lower() == MOVING


def _frame_files(folder: Path) -> list[Path]:
    """Images in the order of the numbers in their names."""
    files = [path for path in visible(folder) if path.suffix.lower() in FRAME_SUFFIXES]

    def order(path: Path) -> list[tuple[int, str]]:
        parts = re.split(r"(\d+)", path.stem)
        return [(int(p), "") if p.isdigit() else (0, p) for p in parts]

    return sorted(files, key=order)


def _frames_of_all(
    folder: Path, classes: Mapping[str, list[Path]], *, skip_broken: bool
) -> tuple[dict[Path, list[int]], list[str]]:
    """Numbers of the frames of each clip, one for each unit of time; and broken clips.

    Raises one ValueError for all clips that cannot be opened, unless they are skipped,
    and if a class has no others.
    """
    known, broken = {}, {}
    for paths in classes.values():
        for path in paths:
            try:
                known[path] = _frames_in_time(path)
            except Exception as error:  # Pillow raises errors of many types
                broken[path] = error
    names = [_name(folder, path) for path in broken]
    is_empty = any(broken.keys() >= set(paths) for paths in classes.values())
    if broken and (is_empty or not skip_broken):
        raise ValueError(
            f"{folder}: {len(names)} of {len(known) + len(names)} clips cannot be "
            f"decoded: {_some(names)}. Repair or remove them. "
            f"({names[0]}: {next(iter(broken.values()))})"
        )
    return known, names


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more


def _frames_in_time(path: Path) -> list[int]:
    """The frame that shows in each unit of time, the shortest duration of a frame.

    Programs store equal frames that follow each other as one that lasts longer. The
    last frame lasts at most as long as the longest before it, since it often pauses.
    """
    from PIL import Image

    if path.is_dir():
        return [*range(len(_frame_files(path)))]
    durations = []
    with Image.open(path, formats=FORMATS) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            durations.append(image.info.get("duration", 0))
    unit = min(filter(None, durations), default=1)
    longest = max(durations[:-1], default=unit)
    times = [max(1, round(min(d, longest) / unit)) for d in durations]
    return np.repeat(np.arange(len(times)), times).tolist()


def _size_of(path: Path) -> tuple[int, int]:
    from PIL import Image

    with Image.open(_frame_files(path)[0] if path.is_dir() else path) as image:
        return image.height, image.width


def _read_into(
    clip: np.ndarray,
    folder: Path,
    path: Path,
    places: Sequence[int],
    framing: Framing,
) -> None:
    """Decodes and frames the images at `places`."""
    from PIL import Image

    shape = clip.shape[1:]
    try:
        if path.is_dir():
            files = _frame_files(path)
            for frame, place in zip(clip, places, strict=True):
                frame[:] = read_image(files[place], shape, framing)
            return
        with Image.open(path, formats=FORMATS) as image:
            for frame, place in zip(clip, places, strict=True):
                image.seek(place)
                frame[:] = framed(image.copy(), image.format or "", shape, framing)
    except Exception as error:
        raise ValueError(
            f"{folder}: {_name(folder, path)} cannot be decoded: {error}. Repair or "
            "remove it."
        ) from error


def _name(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()
