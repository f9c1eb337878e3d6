"""Folders of images, read during training: memory does not grow with the files."""

import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf
    from PIL.Image import Image

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp"),
    *(".tif", ".tiff", ".gif", ".bmp"),
)
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP")
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
WHITE = (1.0, 1.0, 1.0)
MAX_NAMES = 10
JUNK = ("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir")
ORIENTATION = 0x0112  # the tag of EXIF
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
Classes = dict[str, list[Path]]  # images by the name of their class, "" without classes
LeftOut = dict[str, list[str]]  # entries by the reason


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """Images in files, decoded when they are fetched.

    Attributes:
        paths: The files.
        labels: Class of each file, int32, (n,), or None.
        image_shape: (height, width, channels) of every fetched image; a file of
            another size is resized, which does not keep its aspect ratio.
        background: Colour behind transparent pixels: red, green and blue in [0, 1].
    """

    paths: tuple[str, ...]
    labels: np.ndarray | None
    image_shape: tuple[int, int, int]
    background: tuple[float, float, float] = WHITE

    def __len__(self) -> int:
        """Number of files."""
        return len(self.paths)

    @property
    def data_shape(self) -> tuple[int, int, int]:
        """Shape of one example, (height, width, channels)."""
        return self.image_shape

    def fetch(self, indices: "np.ndarray | tf.Tensor") -> "tf.Tensor":
        """Reads, decodes and resizes files; usable in `tf.data.Dataset.map`.

        Args:
            indices: int64, (batch,), each in [0, len(self)).

        Returns:
            float32 in [0, 1], (batch, height, width, channels).
        """
        import tensorflow as tf

        spec = tf.TensorSpec(self.image_shape, tf.float32)
        return tf.map_fn(self._decode, indices, fn_output_signature=spec)

    def head(self, n: int) -> np.ndarray:
        """First `n` images, float32 in [0, 1], (n, height, width, channels)."""
        return self.fetch(np.arange(min(n, len(self)))).numpy()

    def subset(self, indices: np.ndarray) -> "ImageFiles":
        """The files at `indices`, int, (m,), in that order."""
        labels = None if self.labels is None else self.labels[indices]
        paths = tuple(self.paths[index] for index in indices)
        return ImageFiles(paths, labels, self.image_shape, self.background)

    def _decode(self, index: "tf.Tensor") -> "tf.Tensor":
        """One file as float32 in [0, 1], (height, width, channels)."""
        import tensorflow as tf

        *size, channels = self.image_shape
        image = tf.numpy_function(self._read, [index], tf.float32)
        image.set_shape((None, None, channels))
        image = tf.image.resize(image, size, antialias=True)
        return tf.clip_by_value(image, 0.0, 1.0)

    def _read(self, index: np.ndarray) -> np.ndarray:
        """One file in its own size, with the number of channels of `image_shape`."""
        image = read_image(self.paths[int(index)], self.background)
        channels = self.image_shape[-1]
        if channels == 1 and image.shape[-1] == 3:
            return image @ np.asarray(LUMA, np.float32)[:, None]
        return np.broadcast_to(image, (*image.shape[:2], channels))


def read_image(
    path: str | Path, background: tuple[float, float, float] = WHITE
) -> np.ndarray:
    """Decodes the first frame of an image, rotated according to its EXIF data.

    Transparent pixels are composited on the background. ICC profiles are ignored.

    Args:
        path: A file of one of `FORMATS`, with any suffix.
        background: Red, green and blue in [0, 1].

    Returns:
        float32 in [0, 1], (height, width, 1) if the image is grey, otherwise (height,
        width, 3). A grey image with transparency has three channels if the background
        is not grey.

    Raises:
        ValueError: If the range of the values is unknown: 32-bit integers, or floats
            outside [0, 1].
        Exception: Of several types, if the file cannot be decoded.
    """
    return _composited(*_opened(path), background)


def _opened(path: str | Path) -> tuple["Image", str]:
    """A loaded image, rotated according to its EXIF data, and its format."""
    from PIL import Image

    # Pillow maps uncompressed TIFF from a path into memory, and misreads rotated ones.
    with open(path, "rb") as file, Image.open(file, formats=FORMATS) as image:
        image.load()
        return _upright(image), image.format or ""


def _composited(
    image: "Image", kind: str, background: tuple[float, float, float]
) -> np.ndarray:
    """Values on the background, (height, width, 1 or 3)."""
    values, alpha = _values(image, kind)
    if alpha is None:
        return values
    below = np.asarray(background, np.float32)
    if values.shape[-1] == 1 and len(set(background)) == 1:
        below = below[:1]
    return (values * alpha + below * (1 - alpha)).astype(np.float32)


class FolderData(NamedTuple):
    """The images of a folder.

    Attributes:
        train: The images. If there are splits, the images of the training folder.
        test: The held-out images, or None if there are no splits.
        class_names: Sorted names of the classes, or () if there are no classes.
    """

    train: ImageFiles
    test: ImageFiles | None
    class_names: tuple[str, ...]


def read_folder(
    folder: Path,
    image_shape: Sequence[int] | None = None,
    background: str | float | Sequence[float] | None = None,
) -> FolderData:
    """Finds the images of a folder and decodes each once, to reject corrupt ones.

    Args:
        folder: A folder with images, or with one sub-folder of images per class, or
            with such folders `train` and `test` (`training`, `val`, `validation`, ...,
            in upper or lower case). Hidden files and files of operating systems are
            ignored. Other files that are not images, and links that lead outside the
            folder, are left out with a warning.
        image_shape: (height, width, channels) with one or three channels. Default: the
            size of the first image, grey if all images are grey. (height, width) leaves
            the channels to the images.
        background: Colour behind transparent pixels: a grey value in [0, 1], a colour
            (red, green, blue) in [0, 1], or a name such as "black" or "#ff8000".
            Default: white.

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
    _check_shape(image_shape)
    colour = _colour(background)
    left_out: LeftOut = {}
    splits = _splits(folder, left_out)
    for reason, entries in left_out.items():
        warnings.warn(f"{folder}: left out {reason}: {_some(entries)}.", stacklevel=4)
    names = tuple(sorted({name for classes in splits.values() for name in classes}))
    for split, classes in splits.items():
        if lacking := [name for name in names if name not in classes]:
            warnings.warn(
                f"{folder / split} has no images of {_some(lacking)}, which another "
                "split has.",
                stacklevel=4,
            )
    paths = [
        p for classes in splits.values() for name in classes for p in classes[name]
    ]
    facts = _check_decodable(folder, paths, colour)
    grey = all(channels == 1 for *_, channels in facts)
    height, width, *channels = image_shape or facts[0][:2]
    shape = height, width, channels[0] if channels else (1 if grey else 3)
    parts = [_image_files(classes, names, shape, colour) for classes in splits.values()]
    test = parts[1] if len(parts) > 1 else None
    return FolderData(parts[0], test, () if names == ("",) else names)


def _check_shape(image_shape: Sequence[int] | None) -> None:
    if image_shape is None:
        return
    shape = tuple(image_shape)
    if len(shape) not in (2, 3) or min(shape) < 1 or shape[2:] not in ((), (1,), (3,)):
        raise ValueError(
            "image_shape must be (height, width) or (height, width, channels) with 1 "
            f"or 3 channels, received {shape}."
        )


def _colour(
    background: str | float | Sequence[float] | None,
) -> tuple[float, float, float]:
    """Red, green and blue in [0, 1]."""
    from PIL import ImageColor

    try:
        if background is None:
            return WHITE
        if isinstance(background, str):
            red, green, blue = ImageColor.getrgb(background)[:3]
            return red / 255, green / 255, blue / 255
        colour = np.broadcast_to(np.asarray(background, np.float64), (3,))
        if not ((colour >= 0) & (colour <= 1)).all():
            raise ValueError("outside [0, 1]")
    except (ValueError, TypeError) as error:
        raise ValueError(
            "background must be a grey value in [0, 1], three values (red, green, "
            f"blue) in [0, 1], or the name of a colour, received {background!r}."
        ) from error
    red, green, blue = colour.tolist()
    return red, green, blue


def _splits(folder: Path, left_out: LeftOut) -> dict[str, Classes]:
    """Classes by the name of the split's folder, "" for a folder without splits.

    The training folder is first, and the folder of held-out images is second.
    """
    images, folders = _entries(folder, folder, left_out)
    roles = _roles(folder, folders)
    if not roles:
        return {"": _classes(folder, folder, images, folders, left_out)}
    _check_unmixed(folder, images, folders)
    held_out = roles.get("test", roles.get("validation"))
    if len(roles) == 3 and held_out is not None:
        reason = f"the images of a third split ({held_out.name} is held out)"
        left_out.setdefault(reason, []).append(roles["validation"].name)
    splits = {}
    for path in filter(None, (roles["train"], held_out)):
        found = _entries(folder, path, left_out)
        splits[path.name] = _classes(folder, path, *found, left_out, may_be_empty=True)
        if not any(splits[path.name].values()):
            raise ValueError(_no_images(path))
    if len({"" in classes for classes in splits.values()}) > 1:
        flat, deep = sorted(splits, key=lambda split: "" not in splits[split])
        raise ValueError(
            f"{folder / deep} holds one folder per class, but {folder / flat} holds "
            "images: expected the same in both."
        )
    full = {name for classes in splits.values() for name in classes if classes[name]}
    for split, classes in splits.items():
        if empty := [name for name in classes if name not in full]:
            raise ValueError(_no_images(folder / split / empty[0]))
        splits[split] = {name: found for name, found in classes.items() if found}
    return splits


def _roles(folder: Path, folders: list[Path]) -> dict[str, Path]:
    """Folders by split. Empty if the folders are classes.

    Folders are splits if all have names of splits, or if there are both a training and
    a held-out folder.
    """
    roles: dict[str, Path] = {}
    for path in folders:
        role = _role(path.name)
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
            f"{folder} holds {_some([path.name for path in folders])} but no folder "
            "train: add it, or rename folders that are classes."
        )
    if len(roles) < len(folders):
        splits = [path.name for path in folders if _role(path.name)]
        others = [path.name for path in folders if not _role(path.name)]
        raise ValueError(
            f"{folder} holds both splits ({_some(splits)}) and other folders "
            f"({_some(others)}): expected only splits, or only one folder per class."
        )
    return roles


def _role(name: str) -> str | None:
    """The split of a folder name such as "Test_set", "train images" or "val"."""
    bare = re.sub(r"[-_ ]*(set|data|images|split)?$", "", name.casefold())
    return SPLITS.get(bare)


def _classes(
    root: Path,
    folder: Path,
    images: list[Path],
    folders: list[Path],
    left_out: LeftOut,
    *,
    may_be_empty: bool = False,
) -> Classes:
    """Images of `folder` by class, given its own images and folders."""
    _check_unmixed(folder, images, folders)
    classes = {} if folders else {"": images}
    for path in folders:
        classes[path.name], inner = _entries(root, path, left_out)
        if inner and not classes[path.name]:
            raise ValueError(
                f"{_no_images(path)[:-1]}, but folders such as {inner[0].name}: pass "
                f"{path} if it holds the classes."
            )
        for nested in inner:
            _leave_out(left_out, "folders inside of classes", root, nested)
    for name, found in classes.items():
        if not (found or may_be_empty):
            raise ValueError(_no_images(folder / name))
    return classes


def _check_unmixed(folder: Path, images: list[Path], folders: list[Path]) -> None:
    if images and folders:
        raise ValueError(
            f"{folder} holds both images (such as {images[0].name}) and folders (such "
            f"as {folders[0].name}): expected only images, or one folder per class."
        )


def _no_images(folder: Path) -> str:
    return f"{folder} holds no images ({', '.join(SUFFIXES)})."


def _entries(
    root: Path, folder: Path, left_out: LeftOut
) -> tuple[list[Path], list[Path]]:
    """The images and the folders in a folder, sorted."""
    images, folders = [], []
    inside = root.resolve()
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name.casefold() in JUNK:
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(inside):
            _leave_out(left_out, "links that lead outside the folder", root, path)
        elif path.is_dir():
            folders.append(path)
        elif path.suffix.lower() in SUFFIXES and (path.is_file() or path.is_symlink()):
            images.append(path)
        else:
            _leave_out(left_out, "files that are not images", root, path)
    return images, folders


def _leave_out(left_out: LeftOut, reason: str, root: Path, path: Path) -> None:
    left_out.setdefault(reason, []).append(path.relative_to(root).as_posix())


def _some(names: Sequence[str]) -> str:
    more = " and others" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more


def _image_files(
    classes: Classes,
    names: tuple[str, ...],
    shape: tuple[int, int, int],
    background: tuple[float, float, float],
) -> ImageFiles:
    paths = [str(path) for images in classes.values() for path in images]
    labels = None
    if names != ("",):
        numbers = [names.index(name) for name in classes]
        counts = [len(images) for images in classes.values()]
        labels = np.repeat(np.array(numbers, np.int32), counts)
    return ImageFiles(tuple(paths), labels, shape, background)


def _check_decodable(
    folder: Path, paths: list[Path], background: tuple[float, float, float]
) -> list[tuple[int, int, int]]:
    """Shapes of all files. Raises one error for all files that cannot be decoded."""
    from multiprocessing.pool import ThreadPool

    def look(path: Path) -> tuple[int, int, int] | Exception:
        try:
            return _shape(path, background)
        except Exception as error:  # the decoders raise errors of many unrelated types
            return error

    with ThreadPool(min(8, os.cpu_count() or 1)) as pool:
        facts = list(pool.imap(look, paths, chunksize=32))
    both = zip(paths, facts, strict=True)
    bad = {path: fact for path, fact in both if isinstance(fact, Exception)}
    if bad:
        names = [path.relative_to(folder).as_posix() for path in bad]
        raise ValueError(
            f"{folder}: {len(bad)} of {len(paths)} images cannot be decoded: "
            f"{_some(names)}. Repair or remove them. ({names[0]}: "
            f"{next(iter(bad.values()))})"
        )
    return [fact for fact in facts if not isinstance(fact, Exception)]


def _shape(path: Path, background: tuple[float, float, float]) -> tuple[int, int, int]:
    """Shape of `read_image`. Verifies checksums too, unlike loading."""
    from PIL import Image

    with Image.open(path, formats=FORMATS) as image:
        image.verify()
    image, kind = _opened(path)
    height, width = image.height, image.width
    if not _decided_by_values(image, kind):  # floats of a photograph take 150 MB
        image = image.crop((0, 0, 1, 1))
    return height, width, _composited(image, kind, background).shape[-1]


def _decided_by_values(image: "Image", kind: str) -> bool:
    """Whether only the values decide if an image is grey, or is valid."""
    return kind == "WEBP" or image.mode in ("P", "PA", "I", "F")


def _upright(image: "Image") -> "Image":
    """Rotates and mirrors an image by its EXIF data. Ignores damaged EXIF data."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    try:
        orientation = image.getexif().get(ORIENTATION)
    except Exception:  # of any type: EXIF data can hold anything
        return image
    return image.transpose(turns[orientation]) if orientation in turns else image


def _values(image: "Image", kind: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Values, (height, width, 1 or 3), and opacity, (height, width, 1), or None."""
    if image.mode.startswith("I;16") or (image.mode == "I" and kind == "PNG"):
        values = np.asarray(image)[..., None]
        hidden = image.info.get("transparency")
        alpha = None if hidden is None else (values != hidden).astype(np.float32)
        return values.astype(np.float32) / 65535, alpha
    if image.mode in ("I", "F"):
        values = np.asarray(image)[..., None].astype(np.float32)
        if image.mode == "I" or not (values.min() >= 0 and values.max() <= 1):
            raise ValueError(
                f"32-bit values in [{values.min():g}, {values.max():g}] have no known "
                "range: expected 8 or 16 bits, or floats in [0, 1]"
            )
        return values, None
    grey = image.mode in ("1", "L", "LA", "La")
    transparent = image.has_transparency_data
    if image.mode in ("La", "RGBa"):  # premultiplied
        image = image.convert("LA" if grey else "RGBA")
    values = np.asarray(image.convert("RGBA" if transparent else "RGB"))
    values = values.astype(np.float32) / 255
    alpha = values[..., 3:] if transparent else None
    if _decided_by_values(image, kind) and not grey:
        same = values[..., :1] == values[..., :3]
        grey = bool((same if alpha is None else same | (alpha == 0)).all())
    return values[..., : 1 if grey else 3], alpha
