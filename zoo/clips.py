"""Clips: a folder of GIFs, or of folders of frames."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .embedded import ArraySplit
from .kinds import MOVING, Facts, refuse_splits, visible

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_FRAMES = 16  # of the default
MAX_NAMES = 5
FRAME_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP")


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
) -> ClipData:
    """Reads the clips of a folder.

    Args:
        folder: A folder of GIFs, or of folders of frames, or of folders of such clips,
            one for each class. The frames of a folder are in the order of the numbers
            in their names.
        frames: Frames of each clip, evenly spaced in time from the first to the last. A
            frame that lasts as long as several counts as several. The default is the
            smallest number that a clip has, at most 16.
        image_shape: (height, width) or (height, width, channels) with one or three
            channels, or None for an axis that the files decide. The default is the
            size of the first clip, grey if all clips are grey.

    Raises:
        ValueError: If there are no clips, if files cannot be decoded, or if a clip has
            fewer frames.
    """
    classes = _clips_by_class(folder)
    paths = [path for found in classes.values() for path in found]
    known = _frames_of_all(folder, paths)
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
    if channels not in ([], [1], [3]):
        raise ValueError(f"{folder}: clips have 1 or 3 channels, received {channels}.")
    if height is None or width is None:
        height, width = _size_of(paths[0])
    clips = np.empty((len(paths), frames, height, width, 3), np.uint8)
    for i, path in enumerate(paths):
        chosen = np.linspace(0, counts[path] - 1, frames).round().astype(int)
        _read_into(clips[i], folder, path, [known[path][place] for place in chosen])
    if channels == [1] and not _is_grey(clips):
        clips = _luminance(clips)
    elif channels == [1] or (not channels and _is_grey(clips)):
        clips = clips[..., :1]
    labels = None
    if "" not in classes:
        sizes = [len(found) for found in classes.values()]
        labels = np.repeat(np.arange(len(classes), dtype=np.int32), sizes)
    most = max(counts.values())
    found = (
        f"{counts[fewest]}" if most == counts[fewest] else f"{counts[fewest]} to {most}"
    )
    spaced = f"{frames} of the {found} frames of each clip, evenly spaced"
    names = () if labels is None else tuple(classes)
    return ClipData(ArraySplit(clips, labels), names, (("frames", spaced),))


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


def _frames_of_all(folder: Path, paths: Sequence[Path]) -> dict[Path, list[int]]:
    """Numbers of the frames of each clip, one for each unit of time.

    Raises one ValueError for all clips that cannot be opened.
    """
    known, broken = {}, {}
    for path in paths:
        try:
            known[path] = _frames_in_time(path)
        except Exception as error:  # Pillow raises errors of many types
            broken[path] = error
    if broken:
        names = [_name(folder, path) for path in broken]
        more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        raise ValueError(
            f"{folder}: {len(names)} of {len(paths)} clips cannot be decoded: "
            f"{', '.join(names[:MAX_NAMES])}{more}. Repair or remove them. "
            f"({names[0]}: {next(iter(broken.values()))})"
        )
    return known


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
    clip: np.ndarray, folder: Path, path: Path, places: Sequence[int]
) -> None:
    """Decodes and resizes the frames at `places`."""
    from PIL import Image

    size = clip.shape[2], clip.shape[1]
    try:
        if path.is_dir():
            files = _frame_files(path)
            for frame, place in zip(clip, places, strict=True):
                with Image.open(files[place], formats=FORMATS) as image:
                    frame[:] = _pixels(image, size)
            return
        with Image.open(path, formats=FORMATS) as image:
            for frame, place in zip(clip, places, strict=True):
                image.seek(place)
                frame[:] = _pixels(image, size)
    except Exception as error:
        raise ValueError(
            f"{folder}: {_name(folder, path)} cannot be decoded: {error}. Repair or "
            "remove it."
        ) from error


def _pixels(image: "Image", size: tuple[int, int]) -> np.ndarray:
    """Red, green and blue, uint8, composited on white and resized."""
    from PIL import Image

    colour = image.convert("RGBA")
    white = Image.new("RGBA", colour.size, "white")
    colour = Image.alpha_composite(white, colour).convert("RGB")
    if colour.size != size:
        colour = colour.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(colour)


def _is_grey(clips: np.ndarray) -> bool:
    return all((clip == clip[..., :1]).all() for clip in clips)


def _luminance(clips: np.ndarray) -> np.ndarray:
    grey = [np.round(clip @ np.array(LUMA))[..., None] for clip in clips]
    return np.stack(grey).astype(np.uint8)


def _name(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()
