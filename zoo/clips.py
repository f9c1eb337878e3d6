"""Clips: a folder of GIFs, or of folders of frames, decoded once into a cache."""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import file_cache
from .decoding import (
    CHANNELS,
    FITS,
    FORMATS,
    Framing,
    Look,
    framed,
    look_at,
    opened,
    read_image,
)
from .folders import (
    Classes,
    Sort,
    by_split,
    class_names,
    files_of,
    held_out,
    labels_of,
    listed,
    shape_of,
    share_decoded,
    skipped_in,
    sorted_out,
    sound_of,
)
from .kinds import MOVING, Facts, visible

MOST_FRAMES = 16  # of the default
FRAME_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
NOUN = "clips"
Files = tuple[str, ...]  # of a clip: a GIF, or its frames


class ClipLook(NamedTuple):
    """What a clip holds.

    Attributes:
        order: The frame that shows in each unit of time.
        height: Rows of pixels of the first frame.
        width: Its columns.
        is_grey: Whether all visible pixels are grey.
        is_transparent: Whether a pixel is transparent.
    """

    order: Sequence[int]
    height: int
    width: int
    is_grey: bool
    is_transparent: bool


@dataclass(frozen=True, eq=False)
class ClipFiles:
    """Clips in files, decoded once into a cache on disk.

    Attributes:
        files: The files of each clip: a GIF, or its frames.
        order: The frames of each clip.
        labels: Class of each clip, int32, (n,), or None.
        data_shape: Shape of one clip, (frames, height, width, channels).
        framing: How frames of another size or mode get this shape.
    """

    files: tuple[Files, ...]
    order: tuple[tuple[int, ...], ...]
    labels: np.ndarray | None
    data_shape: tuple[int, int, int, int]
    framing: Framing = Framing()

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.files)

    @property
    def paths(self) -> tuple[str, ...]:
        """The GIF of each clip, or the folder of its frames."""
        firsts = [Path(files[0]) for files in self.files]
        is_one = [path.suffix.lower() == MOVING for path in firsts]
        both = zip(firsts, is_one, strict=True)
        return tuple(str(path if one else path.parent) for path, one in both)

    @functools.cached_property
    def x(self) -> np.ndarray:
        """The clips, uint8, (n, frames, height, width, channels), mapped into memory.

        The first use decodes the files, unless the cache holds them.
        """
        shape = (len(self), *self.data_shape)

        def read(part: tuple[Files, tuple[int, ...], str]) -> bytes:
            files, order, path = part
            try:
                return _read(files, order, shape[2:], self.framing).tobytes()
            except Exception as error:  # the decoders raise errors of many types
                raise ValueError(f"{path} cannot be decoded: {error}") from error

        parts = list(zip(self.files, self.order, self.paths, strict=True))
        known = self.data_shape, self.framing
        how = {"parts": parts}
        return file_cache.decoded(self.files, known, shape, np.uint8, read, NOUN, **how)

    def head(self, n: int) -> np.ndarray:
        """First `n` clips, float32 in [0, 1]."""
        return self.x[:n].astype(np.float32) / 255

    def subset(self, indices: np.ndarray) -> "ClipFiles":
        """The clips at `indices`, int, (m,), in that order."""
        labels = None if self.labels is None else self.labels[indices]
        files, order = (
            tuple(all_[i] for i in indices) for all_ in (self.files, self.order)
        )
        part = ClipFiles(files, order, labels, self.data_shape, self.framing)
        return share_decoded(self, part, indices)


class ClipData(NamedTuple):
    """The clips of a folder.

    Attributes:
        train: The clips. If there are splits, the clips of the training folder.
        test: The held-out clips, or None if there are no splits.
        validation: The clips of a third split, or None.
        class_names: Sorted names of the classes, or () if there are no classes.
        notes: What was done to broken files, in sentences.
        facts: What was read.
    """

    train: ClipFiles
    test: ClipFiles | None
    validation: ClipFiles | None
    class_names: tuple[str, ...]
    notes: tuple[str, ...]
    facts: Facts


def read_clips(
    folder: Path,
    frames: int | None = None,
    image_shape: Sequence[int | None] | None = None,
    framing: Framing | None = None,
    *,
    skip_broken: bool = False,
) -> ClipData:
    """Finds the clips of a folder and decodes each once, to reject corrupt ones.

    Args:
        folder: A folder of GIFs, or of folders of frames, or of folders of such clips,
            one for each class, or of such folders `train`, `val` and `test`. The frames
            of a folder are in the order of the numbers in their names.
        frames: Frames of each clip, evenly spaced in time from the first to the last. A
            frame that lasts as long as several counts as several. The default is the
            smallest number that a clip has, at most 16.
        image_shape: (height, width) or (height, width, channels) with 1 channel (grey),
            3 (colour) or 4 (colour and opacity), or None for an axis that the files
            decide. The default is the size of the first clip, grey if all clips are
            grey.
        framing: How frames of another size or mode get this shape. Default: cropped at
            the centre, and on white.
        skip_broken: Whether to leave out clips that cannot be decoded. A note lists
            them.

    Raises:
        ValueError: If there are no clips, if files cannot be decoded, or if a clip has
            fewer frames.
    """
    asked = (*(image_shape or ()), None, None, None)[2]
    if asked not in (None, *CHANNELS):
        raise ValueError(f"{folder}: clips have 1, 3 or 4 channels, received {asked}.")
    framing = framing or Framing()
    splits = by_split(folder, CLIP_FILES, stacklevel=5)
    paths = files_of(splits)
    files = {path: _files(path) for path in paths}
    seen = file_cache.looks([*files.values()], _look, ClipLook, NOUN)
    found = folder, paths, seen, CLIP_FILES
    looks, broken = sorted_out(*found, skip_broken=skip_broken)
    splits = sound_of(folder, splits, looks, CLIP_FILES)
    names = class_names(folder, splits, CLIP_FILES, stacklevel=5)
    counts = {path: len(look.order) for path, look in looks.items()}
    fewest = min(counts, key=lambda path: counts[path])
    if frames is None:
        frames = min(MOST_FRAMES, counts[fewest])
    if counts[fewest] < frames:
        short = sum(count < frames for count in counts.values())
        raise ValueError(
            f"{folder}: {short} of {len(counts)} clips have fewer than {frames} frames,"
            f" such as {fewest.relative_to(folder).as_posix()} with {counts[fewest]}. "
            f"Choose --frames {counts[fewest]}, or remove them."
        )
    images = [
        Look(one.height, one.width, "", one.is_grey, one.is_transparent, is_flat=False)
        for one in looks.values()
    ]
    shape = (frames, *shape_of(images, image_shape, framing))

    def split_of(classes: Classes) -> ClipFiles:
        own = [path for paths in classes.values() for path in paths]
        order = tuple(_chosen(looks[path].order, frames) for path in own)
        labels = labels_of(classes, names)
        return ClipFiles(tuple(files[p] for p in own), order, labels, shape, framing)

    parts = [split_of(classes) for classes in splits.values()]
    test, validation = held_out(parts)
    most = max(counts.values())
    known = (
        f"{counts[fewest]}" if most == counts[fewest] else f"{counts[fewest]} to {most}"
    )
    facts = [("frames", f"{frames} of the {known} frames of each clip, evenly spaced")]
    if broken:
        facts.append(("broken", listed(folder, broken)))
    height, width = shape[1:3]
    sizes = [(look.height, look.width) for look in looks.values()]
    if resized := sum(size != (height, width) for size in sizes):
        how = f"{resized:,} of {len(sizes):,} clips are resized to {height}x{width}"
        differ = any(h * width != w * height for h, w in sizes)
        facts.append(("size", f"{how}, {FITS[framing.fit]}" if differ else how))
    notes = skipped_in(folder, broken, "clip")
    return ClipData(parts[0], test, validation, names, notes, tuple(facts))


def _is_clip(path: Path) -> bool:
    if path.is_dir():
        return bool(_frame_files(path))
    return path.suffix.lower() == MOVING


CLIP_FILES = Sort(
    NOUN, f"GIFs, or folders of frames: {', '.join(FRAME_SUFFIXES)}", _is_clip
)


def _frame_files(folder: Path) -> list[Path]:
    """Images in the order of the numbers in their names."""
    files = [path for path in visible(folder) if path.suffix.lower() in FRAME_SUFFIXES]

    def order(path: Path) -> list[tuple[int, str]]:
        parts = re.split(r"(\d+)", path.stem)
        return [(int(p), "") if p.isdigit() else (0, p) for p in parts]

    return sorted(files, key=order)


def _files(path: Path) -> Files:
    return tuple(map(str, _frame_files(path))) if path.is_dir() else (str(path),)


def _chosen(order: Sequence[int], frames: int) -> tuple[int, ...]:
    """The frames at even distances in time."""
    places = np.linspace(0, len(order) - 1, frames).round().astype(int)
    return tuple(order[place] for place in places)


def _look(files: Files) -> ClipLook:
    """Decodes all frames, and finds the one that shows in each unit of time.

    The unit is the shortest duration of a frame. Programs store equal frames that
    follow each other as one that lasts longer. The last frame lasts at most as long as
    the longest before it, since it often pauses.
    """
    from PIL import Image

    looks, durations = [], []
    if Path(files[0]).suffix.lower() == MOVING:
        with Image.open(files[0], formats=FORMATS) as image:
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                durations.append(image.info.get("duration", 0))
                looks.append(look_at(image.copy(), image.format or "", by_value=True))
    else:
        for path in files:
            try:
                looks.append(look_at(*opened(path), by_value=True))
            except Exception as error:  # the decoders raise errors of many types
                reason = f"{Path(path).name}: {file_cache.reason_of(error)}"
                raise ValueError(reason) from error
    order = _in_time(durations) if durations else [*range(len(files))]
    grey, clear = all(o.is_grey for o in looks), any(o.is_transparent for o in looks)
    return ClipLook(order, looks[0].height, looks[0].width, grey, clear)


def _in_time(durations: Sequence[int]) -> list[int]:
    """The frame that shows in each unit of time."""
    unit = min(filter(None, durations), default=1)
    longest = max(durations[:-1], default=unit)
    times = [max(1, round(min(d, longest) / unit)) for d in durations]
    return np.repeat(np.arange(len(times)), times).tolist()


def _read(
    files: Files, order: Sequence[int], shape: Sequence[int], framing: Framing
) -> np.ndarray:
    """Decodes and frames the images at the places `order`."""
    from PIL import Image

    if Path(files[0]).suffix.lower() != MOVING:
        return np.stack([read_image(files[place], shape, framing) for place in order])
    clip = []
    with Image.open(files[0], formats=FORMATS) as image:
        for place in order:
            image.seek(place)
            clip.append(framed(image.copy(), image.format or "", shape, framing))
    return np.stack(clip)
