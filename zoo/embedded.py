"""Arrays in memory, and data sets of arrays and texts that require no download.

Each data set is a function that returns its training split, its test split and the
names of its classes, always the same.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np

from keras_gen.extras import package

from .densities import DENSITIES, RING_STDDEV, ring_modes
from .heartbeats import CLASSES, beats
from .texts import TextSplit, split_text

__all__ = [
    "BUILDERS",
    "RING_STDDEV",
    "ArraySplit",
    "Arrays",
    "UnpairedSplit",
    "ring_modes",
    "split_off",
]

PATCH, STRIDE = 32, 8
FIRST_TEST_COLUMN = 512


@dataclass(frozen=True, eq=False)
class ArraySplit:
    """Examples in memory.

    Attributes:
        x: Images, uint8 or float32 in [0, 1], (n, height, width, channels), or
            vectors, float32, or float64 if float32 would round them too much,
            (n, features).
        labels: Class of each example, int32, (n,), or its caption, a text, (n,), or of
            pairs the images to translate, (n, height, width, channels), or None.
    """

    x: np.ndarray
    labels: np.ndarray | None

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.x)

    @property
    def data_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.x.shape[1:]

    def head(self, n: int) -> np.ndarray:
        """First `n` examples, (n, *data_shape). uint8 values are divided by 255."""
        x = self.x[:n]
        return x.astype(np.float32) / 255 if x.dtype == np.uint8 else x

    def subset(self, indices: np.ndarray) -> "ArraySplit":
        """The examples at `indices`, int, (m,), in that order."""
        labels = None if self.labels is None else self.labels[indices]
        return ArraySplit(self.x[indices], labels)


@dataclass(frozen=True, eq=False)
class UnpairedSplit(ArraySplit):
    """Images of two sets without pairs: `x`, and to translate `labels`, `(m, ...)`."""

    labels: np.ndarray

    def __len__(self) -> int:
        """Number of images of the larger set."""
        return max(len(self.x), len(self.labels))

    def some(self, most: int) -> ArraySplit:
        """As many images of each set, at most `most`, evenly over all of them."""
        from keras_gen.metrics.arrays import spread_rows

        number = min(len(self.x), len(self.labels), most)
        x, others = (
            rows[spread_rows(len(rows), number)] for rows in (self.x, self.labels)
        )
        return ArraySplit(x, others)


Arrays = tuple[ArraySplit, ArraySplit, tuple[str, ...]]


def digits() -> Arrays:
    """1,437 and 360 scanned digits: float32 in [0, 1], (n, 8, 8, 1), 10 classes."""
    package("sklearn", "this data set")
    from sklearn.datasets import load_digits

    scans = cast(Any, load_digits())
    images = (scans.images[..., None] / 16).astype(np.float32)
    train, test = _stratified(images, scans.target)
    return train, test, tuple(map(str, scans.target_names))


def photos() -> Arrays:
    """Patches of a photograph of a temple and one of a flower: uint8, (n, 32, 32, 3).

    Test patches come from the right of each photograph, and training patches from the
    left. No pixel is in both.
    """
    package("sklearn", "this data set")
    from sklearn.datasets import load_sample_images

    images = load_sample_images().images
    train = _patches([image[:, :FIRST_TEST_COLUMN] for image in images])
    test = _patches([image[:, FIRST_TEST_COLUMN:] for image in images])
    return train, test, ("china", "flower")


def breast_cancer() -> Arrays:
    """Measurements of 455 and 114 tumours: float32, (n, 30), standardised."""
    package("sklearn", "this data set")
    from sklearn.datasets import load_breast_cancer

    return _standardised(load_breast_cancer())


def wine() -> Arrays:
    """Analyses of 142 and 36 wines of 3 cultivars: float32, (n, 13), standardised."""
    package("sklearn", "this data set")
    from sklearn.datasets import load_wine

    return _standardised(load_wine())


def heartbeats(num_train: int = 6_000, num_test: int = 1_500) -> Arrays:
    """Synthetic electrocardiograms of a second: float32, (n, 128, 1), 4 classes."""
    both = (ArraySplit(*beats(num, i)) for i, num in enumerate((num_train, num_test)))
    train, test = both
    return train, test, CLASSES


def plane(name: str, num_train: int = 50_000, num_test: int = 10_000) -> Arrays:
    """Points of a density of `densities`: float32, (n, 2)."""
    draw, class_names = DENSITIES[name]
    train, test = (_split(*draw(num, i)) for i, num in enumerate((num_train, num_test)))
    return train, test, class_names


def pydocs() -> tuple[TextSplit, TextSplit]:
    """The help topics of the running Python, in the order of their names."""
    from pydoc_data.topics import topics

    return split_text("".join(topics[name] for name in sorted(topics)))


BUILDERS = {
    "breast_cancer": breast_cancer,
    "digits": digits,
    "heartbeats": heartbeats,
    "photos": photos,
    "pydocs": pydocs,
    "wine": wine,
    **{name: partial(plane, name) for name in DENSITIES},
    "ring": partial(plane, "ring", 10_000, 2_000),
}


def split_off(rows: Any, name: str) -> tuple[Any, Any, np.ndarray]:
    """Holds out a tenth, at least one example, always the same.

    Args:
        rows: Examples with a length and `subset`.
        name: Their name in an error.

    Returns:
        The examples for training, those held out, and the position of each.
    """
    if len(rows) < 2:
        raise ValueError(f"{name} must hold at least 2 examples, received {len(rows)}.")
    order = np.random.RandomState(0).permutation(len(rows))
    cut = len(rows) - max(1, len(rows) // 10)
    return rows.subset(order[:cut]), rows.subset(order[cut:]), order


def _split(x: np.ndarray, labels: np.ndarray | None) -> ArraySplit:
    """Vectors as float32, labels as int32."""
    labels = None if labels is None else labels.astype(np.int32)
    return ArraySplit(x.astype(np.float32), labels)


def _stratified(x: np.ndarray, labels: np.ndarray) -> tuple[ArraySplit, ArraySplit]:
    """Holds out a fifth, with the same share of each class."""
    from sklearn.model_selection import train_test_split

    parts = train_test_split(x, labels, test_size=0.2, stratify=labels, random_state=0)
    x_train, x_test, y_train, y_test = map(np.asarray, parts)
    return _split(x_train, y_train), _split(x_test, y_test)


def _standardised(table: Any) -> Arrays:
    """Splits a table and scales both parts by the training mean and deviation."""
    train, test = _stratified(table.data, table.target)
    mean, deviation = train.x.mean(axis=0), train.x.std(axis=0)
    train, test = (_split((s.x - mean) / deviation, s.labels) for s in (train, test))
    return train, test, tuple(map(str, table.target_names))


def _patches(images: list[np.ndarray]) -> ArraySplit:
    """Cuts overlapping patches, in a fixed random order. The label is the image."""
    cut = np.lib.stride_tricks.sliding_window_view
    windows = [
        cut(image, (PATCH, PATCH), (0, 1))[::STRIDE, ::STRIDE] for image in images
    ]
    patches = [np.moveaxis(w, 2, -1).reshape(-1, PATCH, PATCH, 3) for w in windows]
    labels = np.repeat(
        np.arange(len(images), dtype=np.int32), [len(p) for p in patches]
    )
    order = np.random.RandomState(0).permutation(len(labels))
    return ArraySplit(np.concatenate(patches), labels).subset(order)
