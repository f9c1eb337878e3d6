"""Folders of images, read while training: memory does not grow with the files."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
FORMATS = ("PNG", "JPEG", "BMP", "GIF")
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
MAX_NAMES = 10


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """Images in files, decoded when they are fetched.

    Attributes:
        paths: The files.
        labels: Class of each file, int32, (n,), or None.
        image_shape: (height, width, channels) of every fetched image; a file of
            another size is resized, which does not keep its aspect ratio. EXIF
            orientation is not applied.
    """

    paths: tuple[str, ...]
    labels: np.ndarray | None
    image_shape: tuple[int, int, int]

    def __len__(self) -> int:
        """Number of files."""
        return len(self.paths)

    @property
    def data_shape(self) -> tuple[int, int, int]:
        """Shape of one example, (height, width, channels)."""
        return self.image_shape

    def fetch(self, indices: "tf.Tensor") -> "tf.Tensor":
        """Reads, decodes and resizes files; usable in `tf.data.Dataset.map`.

        Args:
            indices: int64, (batch,), each in [0, len(self)).

        Returns:
            float32 in [0, 1], (batch, height, width, channels).
        """
        import tensorflow as tf

        with tf.init_scope():
            paths = tf.constant([os.fsencode(path) for path in self.paths])
        spec = tf.TensorSpec(self.image_shape, tf.float32)
        names = tf.gather(paths, indices)
        return tf.map_fn(self._decode, names, fn_output_signature=spec)

    def head(self, n: int) -> np.ndarray:
        """First `n` images, float32 in [0, 1], (n, height, width, channels)."""
        return self.fetch(np.arange(min(n, len(self)))).numpy()

    def subset(self, indices: np.ndarray) -> "ImageFiles":
        """The files at `indices`, int, (m,), in that order."""
        labels = None if self.labels is None else self.labels[indices]
        paths = tuple(self.paths[index] for index in indices)
        return ImageFiles(paths, labels, self.image_shape)

    def _decode(self, path: "tf.Tensor") -> "tf.Tensor":
        """Decodes one file to float32 in [0, 1], (height, width, channels)."""
        import tensorflow as tf

        *size, channels = self.image_shape
        image = tf.io.decode_image(tf.io.read_file(path), expand_animations=False)
        # Grey has one channel or, with alpha, two: 0, 0, 0. Colour: 0, 1, 2.
        colour = tf.cast(tf.shape(image)[-1] > 2, tf.int32) * tf.range(3)
        image = tf.cast(tf.gather(image, colour, axis=-1), tf.float32) / 255
        if channels == 1:
            image = tf.tensordot(image, tf.constant(LUMA)[:, None], axes=1)
        image = tf.image.resize(image, size, antialias=True)
        return tf.clip_by_value(image, 0.0, 1.0)


def read_folder(
    folder: Path, image_shape: tuple[int, int, int] | None = None
) -> tuple[ImageFiles, tuple[str, ...]]:
    """Finds the images of a folder and decodes each once, to refuse corrupt ones.

    Args:
        folder: Holds images, or one sub-folder of images per class. Hidden files
            and files with other suffixes than `SUFFIXES` are left out.
        image_shape: (height, width, channels) with one or three channels; by
            default the size and the channels of the first image.

    Returns:
        The images sorted by name, and the class names, sorted, () without classes.

    Raises:
        ValueError: If the folder or a class has no images, images lie beside class
            folders, images are corrupt or `image_shape` is invalid.
    """
    if image_shape is not None:
        image_shape = tuple(image_shape)
        if (
            len(image_shape) != 3
            or min(image_shape) < 1
            or image_shape[2] not in (1, 3)
        ):
            raise ValueError(
                "image_shape must be (height, width, channels) with 1 or 3 channels, "
                f"received {image_shape}."
            )
    classes = _classes(folder)
    paths = [path for images in classes.values() for path in images]
    _check_decodable(folder, paths)
    names, labels = tuple(classes), None
    if names == ("",):
        names = ()
    else:
        counts = [len(images) for images in classes.values()]
        labels = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    shape = image_shape or _first_shape(paths[0])
    return ImageFiles(tuple(map(str, paths)), labels, shape), names


def _classes(folder: Path) -> dict[str, list[Path]]:
    """Images by the name of their folder, "" for `folder` itself."""
    folders = sorted(path for path in _visible(folder) if path.is_dir())
    images = _images(folder)
    if images and folders:
        raise ValueError(
            f"{folder} holds images (such as {images[0].name}) beside folders (such as "
            f"{folders[0].name}); expected images only, or one folder per class only."
        )
    classes = {path.name: _images(path) for path in folders} or {"": images}
    for name, images in classes.items():
        if not images:
            raise ValueError(
                f"{folder / name} holds no images ({', '.join(SUFFIXES)})."
            )
    return classes


def _visible(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def _images(folder: Path) -> list[Path]:
    return sorted(p for p in _visible(folder) if p.suffix.lower() in SUFFIXES)


def _first_shape(path: Path) -> tuple[int, int, int]:
    from PIL import Image

    with Image.open(path) as image:
        grey = image.mode in ("1", "L", "LA") or image.mode.startswith("I")
        return image.height, image.width, 1 if grey else 3


def _check_decodable(folder: Path, paths: list[Path]) -> None:
    """Refuses, in one error, all files that cannot be decoded."""
    from multiprocessing.pool import ThreadPool

    with ThreadPool(min(8, os.cpu_count() or 1)) as pool:
        decodable = pool.imap(_is_decodable, paths, chunksize=32)
        bad = [path for path, good in zip(paths, decodable, strict=True) if not good]
    if bad:
        names = [path.relative_to(folder).as_posix() for path in bad[:MAX_NAMES]]
        more = " and others" if len(bad) > MAX_NAMES else ""
        raise ValueError(
            f"{folder}: {len(bad)} of {len(paths)} images cannot be decoded: "
            f"{', '.join(names)}{more}. Repair or remove them."
        )


def _is_decodable(path: Path) -> bool:
    """Decodes with both: Pillow sees broken GIFs, TensorFlow cut-off PNGs."""
    import tensorflow as tf
    from PIL import Image

    try:
        with Image.open(path, formats=FORMATS) as image:
            image.load()
            palette_bmp = image.format == "BMP" and image.mode == "P"
        with tf.device("CPU:0"):
            tf.io.decode_image(path.read_bytes(), expand_animations=False)
    except Exception:  # the decoders raise errors of many unrelated types
        return False
    return not palette_bmp  # TensorFlow reads a palette's indices as grey values
