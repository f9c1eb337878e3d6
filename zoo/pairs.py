"""Pairs of images: files of the same name in `A/` and `B/`, or `trainA/`, `trainB/`."""

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .decoding import STRETCH, Framing, Look
from .embedded import split_off
from .folders import (
    ROLES,
    ImageFiles,
    LeftOut,
    check_shape,
    entries,
    leave_out,
    notes_of,
    read_folder,
    role_of,
    roles_of,
    seen_in,
    shape_of,
    some,
    warn_of_left_out,
)

SIDES = ("A", "B")
Files = dict[str, Path]  # by the name without the suffix
Both = tuple[Path, Path]  # the folders of both sides


@dataclass(frozen=True, eq=False)
class ImagePairs:
    """Pairs of images, in the same order.

    Attributes:
        a: The images of one folder.
        b: Their partners in the other folder.
    """

    a: ImageFiles
    b: ImageFiles

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.a)

    def subset(self, indices: np.ndarray) -> "ImagePairs":
        """The pairs at `indices`, int, (m,), in that order."""
        return ImagePairs(self.a.subset(indices), self.b.subset(indices))


@dataclass(frozen=True, eq=False)
class PairData:
    """A folder of pairs.

    Attributes:
        name: Name of the folder.
        train: Pairs for training.
        test: Held-out pairs, always the same for the same folder.
        notes: What was done to files of other sizes or modes, in sentences.
    """

    name: str
    train: ImagePairs
    test: ImagePairs
    notes: tuple[str, ...] = ()


def load_pairs(
    folder: str | os.PathLike,
    image_shape: Sequence[int | None] | None = None,
    *,
    sides: tuple[str, str] = SIDES,
    fit: str | None = None,
    background: str | float | Sequence[float] | None = None,
    skip_broken: bool = False,
) -> PairData:
    """Reads pairs of images, such as sketches and paintings, from two folders.

    Args:
        folder: A folder that holds two folders with files of the same names, of which
            the suffix may differ; or folders `train` and `test` with two such folders
            each; or `trainA`, `trainB`, `testA` and `testB`. In place of `test` there
            may be `val`. Without splits, a tenth of the pairs is held out.
        image_shape: As in `load_data`, for both sides. Without a size, each side has
            the size of its first image, and without channels, its own.
        sides: Names of the two folders.
        fit: As in `load_data`. Both images of a pair must have the same proportions
            unless they are stretched.
        background: As in `load_data`.
        skip_broken: Whether to leave out pairs of which an image cannot be decoded.

    Raises:
        ValueError: If a folder is missing or empty, if an image has no partner or two,
            if both images of a pair differ in their proportions, or as for
            `load_data`.

    Example:
        >>> pairs = kg.zoo.load_pairs("facades", (64, 64))  # doctest: +SKIP
        >>> pairs.train.a.x.shape, pairs.train.b.x.shape  # doctest: +SKIP
        ((360, 64, 64, 3), (360, 64, 64, 3))
    """
    check_shape(image_shape)
    framing = Framing.of(fit, background)
    root, left_out = Path(os.path.abspath(folder)), {}
    places = _places(root, sides)
    splits = [_matched(root, both, left_out) for both in places]
    warn_of_left_out(root, left_out, stacklevel=4)
    paths = [path for both in splits for files in both for path in files.values()]
    looks, broken = seen_in(root, paths, skip_broken=skip_broken)
    for both in splits:
        _check_proportions(root, both, looks, framing)
    for both in splits:
        for name in [n for n in both[0] if {f[n] for f in both} & broken.keys()]:
            for files in both:
                del files[name]
        if not both[0]:
            raise ValueError(f"{root}: no pair of a folder can be decoded.")
    made, notes = [], []
    for side in range(2):
        seen = {path: looks[path] for both in splits for path in both[side].values()}
        shape = shape_of(list(seen.values()), image_shape, framing)
        files = [tuple(map(str, both[side].values())) for both in splits]
        made.append([ImageFiles(paths, None, shape, framing) for paths in files])
        own = {both[side] for both in places}
        of_side = {path: why for path, why in broken.items() if path.parent in own}
        found = notes_of(root, seen, of_side, shape, framing)
        notes += [f"{sides[side]}: {note}" for note in found]
    pairs = [ImagePairs(a, b) for a, b in zip(*made, strict=True)]
    if len(pairs) == 1:
        pairs = split_off(pairs[0], root.stem)[:2]
    return PairData(root.stem, pairs[0], pairs[1], tuple(notes))


def load_unpaired(
    folder: str | os.PathLike,
    image_shape: Sequence[int | None] | None = None,
    *,
    sides: tuple[str, str] = SIDES,
    fit: str | None = None,
    background: str | float | Sequence[float] | None = None,
    skip_broken: bool = False,
) -> PairData:
    """Reads two sets of images without pairs, such as photographs and paintings.

    Args:
        folder: As in `load_pairs`, with any files and any number of them on each side.
            Without splits, a tenth of each side is held out.
        image_shape: As in `load_pairs`.
        sides: Names of the two folders.
        fit: As in `load_data`.
        background: As in `load_data`.
        skip_broken: Whether to leave out images that cannot be decoded.

    Returns:
        The sets. Their sides differ in length.

    Raises:
        ValueError: If a folder is missing, if a side holds fewer than two images, or as
            for `load_data`.
    """
    root, framing = Path(os.path.abspath(folder)), Framing.of(fit, background)
    places, made, notes = _places(root, sides), [], []
    for side in range(2):
        shape, files = image_shape, []
        for both in places:
            if not both[side].is_dir():
                raise ValueError(f"{both[side]} must be a folder of images.")
            found = read_folder(both[side], shape, framing, skip_broken=skip_broken)
            shape = found.train.image_shape
            files.append(dataclasses.replace(found.train, labels=None))
            notes += [f"{both[side].name}: {note}" for note in found.notes]
        if len(files) == 1:
            files = split_off(files[0], str(places[0][side]))[:2]
        made.append(files)
    train, test = (ImagePairs(a, b) for a, b in zip(*made, strict=True))
    return PairData(root.stem, train, test, tuple(notes))


def _places(root: Path, sides: tuple[str, str]) -> list[Both]:
    """Both sides of the folder itself, or of its splits."""
    if not root.is_dir():
        raise ValueError(f"{root} must be a folder with {' and '.join(sides)}.")
    whole = root / sides[0], root / sides[1]
    if any(path.is_dir() for path in whole):
        return [whole]
    folders = [path for path in sorted(root.iterdir()) if path.is_dir()]
    if joined := _joined(root, folders, sides):
        return joined
    roles = roles_of(root, folders)
    found = [roles[role] for role in ROLES if role in roles][:2]
    return [(path / sides[0], path / sides[1]) for path in found] or [whole]


def _joined(root: Path, folders: list[Path], sides: tuple[str, str]) -> list[Both]:
    """Both sides of splits whose folders have names such as trainA and test_B."""
    found: dict[str, dict[str, Path]] = {}
    for path in folders:
        for side in sides:
            role = role_of(path.name.removesuffix(side))
            if role and path.name.endswith(side):
                found.setdefault(side, {})[role] = path
    if not found:
        return []
    here, there = (found.get(side, {}) for side in sides)
    roles = [role for role in ROLES if role in {**here, **there}][:2]
    if roles[0] != "train":
        names = some([path.name for path in folders])
        raise ValueError(
            f"{root} holds {names}: expected train{sides[0]} and train{sides[1]} too."
        )
    for one, other, side in ((here, there, sides[1]), (there, here, sides[0])):
        if alone := [one[role].name for role in roles if role not in other]:
            raise ValueError(
                f"{root} holds {some(alone)}, but no folders of their partners on the "
                f"side {side}."
            )
    return [(here[role], there[role]) for role in roles]


def _matched(root: Path, both: Both, left_out: LeftOut) -> tuple[Files, Files]:
    """The files of both sides by name, in the same order."""
    a, b = (_files(root, place, left_out) for place in both)
    for mine, others, here, there in ((a, b, *both), (b, a, *both[::-1])):
        alone = [path.name for name, path in mine.items() if name not in others]
        if alone:
            raise ValueError(
                f"{here} holds {len(alone)} images without a partner of the same name "
                f"in {there}: {some(alone)}. Add or remove them."
            )
    return a, {name: b[name] for name in a}


def _files(root: Path, folder: Path, left_out: LeftOut) -> Files:
    if not folder.is_dir():
        raise ValueError(f"{folder} must be a folder of images.")
    images, folders = entries(root, folder, left_out)
    for path in folders:
        leave_out(left_out, "folders inside of a side", root, path)
    if not images:
        raise ValueError(f"{folder} holds no images.")
    files: Files = {}
    for path in images:
        if path.stem in files:
            raise ValueError(
                f"{folder} holds {files[path.stem].name} and {path.name}: expected one "
                "image of each name."
            )
        files[path.stem] = path
    return files


def _check_proportions(
    root: Path, both: tuple[Files, Files], looks: dict[Path, Look], framing: Framing
) -> None:
    """Raises ValueError if what is cut off would differ within a pair."""
    for a, b in zip(both[0].values(), both[1].values(), strict=True):
        if framing.fit == STRETCH or a not in looks or b not in looks:
            continue
        (height, width), (other_height, other_width) = looks[a][:2], looks[b][:2]
        if height * other_width != other_height * width:
            raise ValueError(
                f"{root}: {a.relative_to(root).as_posix()} has {height}x{width} pixels "
                f"and {b.relative_to(root).as_posix()} {other_height}x{other_width}: "
                "expected the same proportions, or fit='stretch'."
            )
