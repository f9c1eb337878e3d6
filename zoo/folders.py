"""Folders of images, decoded once into a cache: memory does not grow with the files."""

import functools
import re
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from . import image_cache
from .caption_files import TABLES
from .decoding import CHANNELS, FITS, Framing, Look

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp"),
    *(".tif", ".tiff", ".gif", ".bmp"),
)
MAX_NAMES, MAX_LISTED = 10, 20  # in a message, in a list
JUNK = ("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir")
SPLITS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
}
ROLES = ("train", "test", "validation")
Classes = dict[str, list[Path]]  # files by the name of their class, "" without classes
LeftOut = dict[str, list[str]]  # entries by the reason


class Sort(NamedTuple):
    """Which entries of a folder are its examples.

    Attributes:
        noun: What they are called in messages.
        expected: What their names look like, in messages.
        accepts: Whether a path is an example.
    """

    noun: str
    expected: str
    accepts: Callable[[Path], bool]


def _is_image(path: Path) -> bool:
    is_file = path.is_file() or path.is_symlink()
    return path.suffix.lower() in SUFFIXES and is_file and not path.is_dir()


IMAGE_FILES = Sort("images", ", ".join(SUFFIXES), _is_image)


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """Images in files, decoded once into a cache on disk.

    Attributes:
        paths: The files.
        labels: Class of each file, int32, (n,), or None.
        image_shape: (height, width, channels) of every image.
        framing: How files of another size or mode get this shape.
    """

    paths: tuple[str, ...]
    labels: np.ndarray | None
    image_shape: tuple[int, int, int]
    framing: Framing = Framing()

    def __len__(self) -> int:
        """Number of files."""
        return len(self.paths)

    @property
    def data_shape(self) -> tuple[int, int, int]:
        """Shape of one example, (height, width, channels)."""
        return self.image_shape

    @functools.cached_property
    def x(self) -> np.ndarray:
        """The images, uint8, (n, height, width, channels), mapped into memory.

        The first use decodes the files, unless the cache holds them.
        """
        return image_cache.pixels(self.paths, self.image_shape, self.framing)

    def head(self, n: int) -> np.ndarray:
        """First `n` images, float32 in [0, 1], (n, height, width, channels)."""
        return self.x[:n].astype(np.float32) / 255

    def subset(self, indices: np.ndarray) -> "ImageFiles":
        """The files at `indices`, int, (m,), in that order."""
        labels = None if self.labels is None else self.labels[indices]
        paths = tuple(self.paths[index] for index in indices)
        part = ImageFiles(paths, labels, self.image_shape, self.framing)
        return share_decoded(self, part, indices)


def share_decoded(whole: Any, part: Any, indices: np.ndarray) -> Any:
    """Gives examples that follow each other what is decoded already; returns them."""
    first = int(indices[0]) if len(indices) else 0
    is_range = np.array_equal(indices, np.arange(first, first + len(indices)))
    if is_range and "x" in vars(whole):
        vars(part)["x"] = whole.x[first : first + len(indices)]
    return part


def is_pictures(path: Path) -> bool:
    """Whether a path is a folder, or the name of an image."""
    return path.is_dir() or path.suffix.lower() in SUFFIXES


class FolderData(NamedTuple):
    """The images of a folder.

    Attributes:
        train: The images. If there are splits, the images of the training folder.
        test: The held-out images, or None if there are no splits.
        validation: The images of a third split, or None.
        class_names: Sorted names of the classes, or () if there are no classes.
        notes: What was done to files of other sizes or modes, in sentences.
        facts: What the files are, as pairs of a name and a text.
    """

    train: ImageFiles
    test: ImageFiles | None
    validation: ImageFiles | None
    class_names: tuple[str, ...]
    notes: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]


def read_folder(
    folder: Path,
    image_shape: Sequence[int | None] | None = None,
    framing: Framing | None = None,
    *,
    skip_broken: bool = False,
) -> FolderData:
    """Finds the images of a folder and decodes each once, to reject corrupt ones.

    Args:
        folder: A folder with images, or with one sub-folder of images per class, or
            with such folders `train`, `val` and `test` (`training`, `validation`, ...,
            in upper or lower case). Hidden files and files of operating systems are
            ignored. Other files that are not images, and links that lead outside the
            folder, are left out with a warning.
        image_shape: (height, width, channels) with 1 channel (grey), 3 (colour) or 4
            (colour and opacity). None for an axis that the files decide: the size of
            the first image, grey if all images are grey, otherwise colour. (height,
            width) leaves the channels to the images.
        framing: How files of another size or mode get this shape. Default: cropped at
            the centre, and on white.
        skip_broken: Whether to leave out images that cannot be decoded. A note lists
            them.

    Returns:
        The images sorted by name. Classes are numbered in the order of their names
        over all splits.

    Raises:
        ValueError: If the folder or a class has no images, if there are both images and
            class folders, or both splits and classes, if splits differ in kind, if
            images are corrupt, or if an argument is invalid.

    Warns:
        UserWarning: If files are left out, or if a split lacks classes.
    """
    check_shape(image_shape)
    framing = framing or Framing()
    splits = by_split(folder, IMAGE_FILES, stacklevel=5)
    looks, broken = seen_in(folder, files_of(splits), skip_broken=skip_broken)
    splits = sound_of(folder, splits, looks, IMAGE_FILES)
    names = class_names(folder, splits, IMAGE_FILES, stacklevel=5)
    shape = shape_of(list(looks.values()), image_shape, framing)
    parts = [
        _image_files(classes, names, shape, framing) for classes in splits.values()
    ]
    test, validation = held_out(parts)
    notes = notes_of(folder, looks, broken, shape, framing)
    facts = tuple(_facts(folder, looks, broken))
    return FolderData(parts[0], test, validation, names, notes, facts)


def by_split(folder: Path, sort: Sort, *, stacklevel: int) -> dict[str, Classes]:
    """Examples of a folder by class, and these by split; see `read_folder`.

    Returns:
        Classes by the name of the split's folder, "" for a folder without splits. The
        training folder is first, the folder of held-out examples second. A third is for
        validation during training.
    """
    left_out: LeftOut = {}
    splits = _splits(folder, left_out, sort)
    warn_of_left_out(folder, left_out, stacklevel=stacklevel + 1)
    return splits


def files_of(splits: dict[str, Classes]) -> list[Path]:
    """All examples, in their order."""
    return [p for classes in splits.values() for name in classes for p in classes[name]]


def sound_of(
    folder: Path, splits: dict[str, Classes], known: dict[Path, Any], sort: Sort
) -> dict[str, Classes]:
    """The examples that can be decoded, of classes that have any."""
    sound = {}
    for split, classes in splits.items():
        found = {k: [p for p in paths if p in known] for k, paths in classes.items()}
        sound[split] = {name: paths for name, paths in found.items() if paths}
    if empty := [split for split, classes in sound.items() if not classes]:
        place = folder / empty[0]
        raise ValueError(f"no {sort.noun} of {place} can be decoded.")
    return sound


def class_names(
    folder: Path, splits: dict[str, Classes], sort: Sort, *, stacklevel: int
) -> tuple[str, ...]:
    """Names of the classes of all splits, sorted. () if there are no classes."""
    names = tuple(sorted({name for classes in splits.values() for name in classes}))
    for split, classes in splits.items():
        if lacking := [name for name in names if name not in classes]:
            warnings.warn(
                f"{folder / split} has no {sort.noun} of {some(lacking)}, which "
                "another split has.",
                stacklevel=stacklevel,
            )
    return () if names == ("",) else names


def labels_of(
    classes: Classes, names: Sequence[str], counts: Sequence[int] | None = None
) -> np.ndarray | None:
    """The class of each example, int32 `(n,)`, or None without classes.

    Args:
        classes: The examples.
        names: The names of all classes.
        counts: How often the label of each file is repeated. Default: once.
    """
    if not names:
        return None
    numbers = [names.index(name) for name in classes]
    labels = np.repeat(
        np.array(numbers, np.int32), [len(paths) for paths in classes.values()]
    )
    return labels if counts is None else np.repeat(labels, counts)


def held_out(splits: Sequence[Any]) -> tuple[Any, Any]:
    """The held-out split and that for validation, None if they do not exist."""
    test, validation = [*splits[1:], None, None][:2]
    return test, validation


def warn_of_left_out(folder: Path, left_out: LeftOut, *, stacklevel: int) -> None:
    """Warns of files that are not read, one warning for each reason."""
    for reason, left in left_out.items():
        text = f"{folder}: left out {reason}: {some(left)}."
        warnings.warn(text, stacklevel=stacklevel)


def check_shape(image_shape: Sequence[int | None] | None) -> None:
    """Raises ValueError unless it is the shape of an image; see `read_folder`."""
    shape = (None, None) if image_shape is None else tuple(image_shape)
    height, width, channels = (*shape, None)[:3] if len(shape) in (2, 3) else (0, 0, 0)
    sizes = [n for n in (height, width) if n is not None]
    if len(shape) == 3 and channels not in (*CHANNELS, None):
        raise ValueError(
            "channels must be 1 (grey), 3 (red, green, blue) or 4 (with opacity), "
            f"received {channels!r}."
        )
    if len(shape) not in (2, 3) or min(sizes, default=1) < 1:
        raise ValueError(
            "image_shape must be (height, width) or (height, width, channels), all at "
            f"least 1, received {shape}."
        )


def shape_of(
    looks: Sequence[Look], image_shape: Sequence[int | None] | None, framing: Framing
) -> tuple[int, int, int]:
    """The shape of all images: as asked for, otherwise as the files decide."""
    height, width, channels = (*(image_shape or ()), None, None, None)[:3]
    is_grey = all(
        one.is_grey and (framing.is_grey or not one.is_transparent) for one in looks
    )
    first = looks[0]
    return height or first.height, width or first.width, channels or 3 - 2 * is_grey


def seen_in(
    folder: Path, paths: Sequence[Path], *, skip_broken: bool
) -> tuple[dict[Path, Look], dict[Path, str]]:
    """What the images of a folder hold, and why others cannot be decoded.

    Raises:
        ValueError: If an image cannot be decoded and is not to be skipped, or if none
            can be decoded.
    """
    seen = image_cache.looks([str(path) for path in paths])
    return sorted_out(folder, paths, seen, IMAGE_FILES, skip_broken=skip_broken)


def sorted_out(
    folder: Path,
    paths: Sequence[Path],
    seen: Sequence[Any],
    sort: Sort,
    *,
    skip_broken: bool,
) -> tuple[dict[Path, Any], dict[Path, str]]:
    """What files hold, and the reasons of others, which `seen` has as texts.

    Raises:
        ValueError: As `seen_in`.
    """
    looks, broken = {}, {}
    for path, one in zip(paths, seen, strict=True):
        (broken if isinstance(one, str) else looks)[path] = one
    if broken and not (skip_broken and looks):
        names = [path.relative_to(folder).as_posix() for path in broken]
        raise ValueError(
            f"{folder}: {len(broken)} of {len(paths)} {sort.noun} cannot be decoded: "
            f"{some(names)}. Repair or remove them, or leave them out with "
            f"--skip-broken (skip_broken=True). ({names[0]}: "
            f"{next(iter(broken.values()))})"
        )
    return looks, broken


def notes_of(
    folder: Path,
    looks: dict[Path, Look],
    broken: dict[Path, str],
    shape: tuple[int, int, int],
    framing: Framing,
) -> tuple[str, ...]:
    """What is done to files of other sizes or modes."""
    height, width, channels = shape
    seen, notes = list(looks.values()), []
    sizes = Counter((one.height, one.width) for one in seen)
    if others := [size for size in sizes if size != (height, width)]:
        resized = sum(sizes[size] for size in others)
        bent = sum(sizes[h, w] for h, w in others if h * width != w * height)
        how = f", {bent:,} of them {FITS[framing.fit]} (--fit)" if bent else ""
        notes.append(
            f"{resized:,} of {len(seen):,} images are resized to {height}x{width}, "
            f"from {_counted(Counter({s: sizes[s] for s in others}), _size)}{how}"
        )
    if channels == 1 and (count := sum(not one.is_grey for one in seen)):
        notes.append(f"{count:,} of {len(seen):,} images lose their colour")
    if channels < 4 and (count := sum(one.is_transparent for one in seen)):
        notes.append(
            f"{count:,} of {len(seen):,} images have transparent pixels, which show "
            "the background (--background; --channels 4 keeps them transparent)"
        )
    if flat := [path for path, one in looks.items() if one.is_flat]:
        names = some([path.relative_to(folder).as_posix() for path in flat])
        notes.append(f"{len(flat):,} of {len(seen):,} images have one colour: {names}")
    return (*notes, *skipped_in(folder, broken, "image"))


def skipped_in(folder: Path, broken: dict[Path, str], noun: str) -> tuple[str, ...]:
    """A note of files that are skipped, if there are any."""
    if not broken:
        return ()
    return (
        f"skipped {len(broken):,} {noun}{'s' * (len(broken) > 1)} that cannot be "
        f"decoded: {listed(folder, broken)}",
    )


def _facts(
    folder: Path, looks: dict[Path, Look], broken: dict[Path, str]
) -> list[tuple[str, str]]:
    """Sizes and modes of the files, and those that are broken or of one colour."""
    seen = list(looks.values())
    facts = [
        ("sizes", _counted(Counter((one.height, one.width) for one in seen), _size)),
        ("modes", _counted(Counter(one.mode for one in seen), str)),
    ]
    if count := sum(one.is_transparent for one in seen):
        facts.append(("transparent", f"{count:,} of {len(seen):,}"))
    if flat := [path for path, one in looks.items() if one.is_flat]:
        facts.append(("of one colour", listed(folder, flat)))
    if broken:
        facts.append(("broken", listed(folder, broken)))
    return facts


def listed(folder: Path, paths: "Sequence[Path] | dict[Path, str]") -> str:
    """Names of files, with the reasons if there are any, at most `MAX_LISTED`."""
    texts = [path.relative_to(folder).as_posix() for path in paths]
    if isinstance(paths, dict):
        reasons = paths.values()
        texts = [f"{t} ({reason})" for t, reason in zip(texts, reasons, strict=True)]
    more = len(texts) - MAX_LISTED
    return ", ".join(texts[:MAX_LISTED]) + (f" and {more:,} more" if more > 0 else "")


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _counted(counts: Counter, text: Callable[[Any], str]) -> str:
    """Values with their counts, the most frequent first."""
    most = [f"{text(one)} ({count:,})" for one, count in counts.most_common(MAX_NAMES)]
    more = len(counts) - MAX_NAMES
    return ", ".join(most) + (f" and {more:,} others" if more > 0 else "")


def _splits(folder: Path, left_out: LeftOut, sort: Sort) -> dict[str, Classes]:
    files, folders = entries(folder, folder, left_out, sort)
    roles = roles_of(folder, folders)
    if not roles:
        return {"": _classes(folder, folder, files, folders, left_out, sort)}
    _check_unmixed(folder, files, folders, sort)
    splits = {}
    for path in [roles[role] for role in ROLES if role in roles]:
        found = (*entries(folder, path, left_out, sort), left_out, sort)
        splits[path.name] = _classes(folder, path, *found, may_be_empty=True)
        if not any(splits[path.name].values()):
            raise ValueError(_no_files(path, sort))
    if len({"" in classes for classes in splits.values()}) > 1:
        flat, *_, deep = sorted(splits, key=lambda split: "" not in splits[split])
        raise ValueError(
            f"{folder / deep} holds one folder per class, but {folder / flat} holds "
            f"{sort.noun}: expected the same in both."
        )
    full = {name for classes in splits.values() for name in classes if classes[name]}
    for split, classes in splits.items():
        if empty := [name for name in classes if name not in full]:
            raise ValueError(_no_files(folder / split / empty[0], sort))
        splits[split] = {name: found for name, found in classes.items() if found}
    return splits


def roles_of(folder: Path, folders: list[Path]) -> dict[str, Path]:
    """Folders by split. Empty if the folders are classes.

    Folders are splits if all have names of splits, or if there are both a training and
    a held-out folder.
    """
    roles: dict[str, Path] = {}
    for path in folders:
        role = role_of(path.name)
        if role in roles:
            raise ValueError(
                f"{folder} holds {roles[role].name} and {path.name}: expected one "
                f"folder for {role}."
            )
        if role:
            roles[role] = path
    needed = "train" in roles and len(roles) > 1
    if not needed and len(roles) < len(folders):
        return {}
    if roles and "train" not in roles:
        raise ValueError(
            f"{folder} holds {some([path.name for path in folders])} but no folder "
            "train: add it, or rename folders that are classes."
        )
    if len(roles) < len(folders):
        splits = [path.name for path in folders if role_of(path.name)]
        others = [path.name for path in folders if not role_of(path.name)]
        raise ValueError(
            f"{folder} holds both splits ({some(splits)}) and other folders "
            f"({some(others)}): expected only splits, or only one folder per class."
        )
    return roles


def role_of(name: str) -> str | None:
    """The split of a folder name such as "Test_set", "train images" or "val"."""
    bare = re.sub(r"[-_ ]*(set|data|images|split)?$", "", name.casefold())
    return SPLITS.get(bare)


def _classes(
    root: Path,
    folder: Path,
    files: list[Path],
    folders: list[Path],
    left_out: LeftOut,
    sort: Sort,
    *,
    may_be_empty: bool = False,
) -> Classes:
    """Examples of `folder` by class, given its own files and folders."""
    _check_unmixed(folder, files, folders, sort)
    classes = {} if folders else {"": files}
    for path in folders:
        classes[path.name], inner = entries(root, path, left_out, sort)
        if inner and not classes[path.name]:
            raise ValueError(
                f"{_no_files(path, sort)} Pass {path} if its folders, such as "
                f"{inner[0].name}, are the classes."
            )
        for nested in inner:
            leave_out(left_out, "folders inside of classes", root, nested)
    for name, found in classes.items():
        if not (found or may_be_empty):
            raise ValueError(_no_files(folder / name, sort))
    return classes


def _check_unmixed(
    folder: Path, files: list[Path], folders: list[Path], sort: Sort
) -> None:
    if files and folders:
        raise ValueError(
            f"{folder} holds both {sort.noun} (such as {files[0].name}) and folders "
            f"(such as {folders[0].name}): expected only {sort.noun}, or one folder "
            "per class."
        )


def _no_files(folder: Path, sort: Sort) -> str:
    others = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
    held = f"but {some(others)}" if others else "and is empty"
    return f"{folder} holds no {sort.noun} ({sort.expected}), {held}."


def entries(
    root: Path, folder: Path, left_out: LeftOut, sort: Sort = IMAGE_FILES
) -> tuple[list[Path], list[Path]]:
    """The examples and the folders in a folder, sorted."""
    files, folders = [], []
    inside = root.resolve()
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name.casefold() in (*JUNK, *TABLES):
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(inside):
            leave_out(left_out, "links that lead outside the folder", root, path)
        elif sort.accepts(path):
            files.append(path)
        elif path.is_dir():
            folders.append(path)
        else:
            leave_out(left_out, f"files that are not {sort.noun}", root, path)
    return files, folders


def leave_out(left_out: LeftOut, reason: str, root: Path, path: Path) -> None:
    """Notes a path that is not read, by the reason."""
    left_out.setdefault(reason, []).append(path.relative_to(root).as_posix())


def some(names: Sequence[str]) -> str:
    """Names in a message, at most `MAX_NAMES`."""
    more = " and others" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more


def _image_files(
    classes: Classes,
    names: tuple[str, ...],
    shape: tuple[int, int, int],
    framing: Framing,
) -> ImageFiles:
    paths = [str(path) for images in classes.values() for path in images]
    return ImageFiles(tuple(paths), labels_of(classes, names), shape, framing)
