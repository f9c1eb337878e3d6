"""Statistics of the features of any number of examples, computed batch by batch."""

import hashlib
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..files import whole_file
from .arrays import check_vectors
from .classes import class_figures
from .estimate import Estimate
from .extractors import Extractor, Features
from .features import (
    class_counts,
    class_distance_from_counts,
    inception_score,
    kernel_distance,
)
from .moments import Moments, frechet_from_groups, group_moments, pool, row_keys
from .neighbours import neighbour_figures

VERSION = 1  # of the file


class FeatureStatistics:
    """Moments, a random sample and class counts of features, independent of batches.

    Memory is bounded by `keep` rows and ten matrices of d x d values.

    Attributes:
        extractor: The feature extractor.
        keep: Largest number of rows to keep.
        seed: Seed of the choice of rows.
        groups: Moments of ten disjoint groups of rows.
        features: The kept rows, a uniform sample without replacement in random order,
            `(min(count, keep), d)`.
        probabilities: Class probabilities of the kept rows,
            `(min(count, keep), classes)`, or None if the extractor does not classify.
        class_counts: Number of all rows with each most likely class, `(classes,)`, or
            None if the extractor does not classify.

    Example:
        >>> extractor = kg.metrics.extractors.raw((2,))
        >>> statistics = kg.metrics.FeatureStatistics(extractor, keep=100)
        >>> for seed in range(3):
        ...     statistics.update(np.random.default_rng(seed).normal(size=(80, 2)))
        >>> statistics.count, statistics.features.shape
        (240, (100, 2))
    """

    def __init__(
        self, extractor: Extractor, *, keep: int = 10_000, seed: int = 0
    ) -> None:
        self.extractor, self.keep, self.seed = extractor, keep, seed
        self.features = np.zeros((0, extractor.num_features), np.float32)
        self.groups = group_moments(self.features)
        self.probabilities: np.ndarray | None = None
        self.class_counts: np.ndarray | None = None
        self._keys = np.zeros(0, np.uint64)  # of the kept rows, ascending

    @property
    def count(self) -> int:
        """Number of examples so far."""
        return sum(group.count for group in self.groups)

    def update(self, x: Any) -> None:
        """Adds examples, `(n, ...)`, n >= 0.

        Raises:
            ValueError: If features are not finite numbers or not `num_features` wide.
        """
        if len(x):
            self.add(self.extractor(x))

    def add(self, features: Features) -> None:
        """Adds examples by their features; otherwise like `update`."""
        values, probabilities = features
        rows = check_vectors(values, "features")
        if rows.shape[1] != (width := self.extractor.num_features):
            raise ValueError(
                f"features of {self.extractor.name} must have shape (n, {width}), "
                f"received {rows.shape}."
            )
        new_keys = row_keys(len(rows), self.count, seed=self.seed)
        keys = np.concatenate([self._keys, new_keys])
        kept = keys.argsort()[: self.keep]  # smallest keys: a uniform sample of all
        if probabilities is not None:
            counts, old = class_counts(probabilities), []
            if self.probabilities is not None:
                counts, old = counts + self.class_counts, [self.probabilities]
            self.class_counts = counts
            self.probabilities = np.concatenate([*old, probabilities])[kept]
        self._keys = keys[kept]
        self.features = np.concatenate([self.features, values])[kept]
        new = group_moments(rows, self.count)
        self.groups = [pool(pair) for pair in zip(self.groups, new, strict=True)]

    def save(self, path: str | Path) -> None:
        """Writes an `.npz` file without pickled objects, completely or not at all."""
        counts, means, scatters = zip(*self.groups, strict=True)
        arrays = {
            "version": VERSION,
            "extractor": self.extractor.name,
            "keep": self.keep,
            "seed": self.seed,
            "counts": counts,
            "means": means,
            "scatters": scatters,
            "features": self.features,
            "keys": self._keys,
        }
        if self.probabilities is not None:
            arrays["probabilities"] = self.probabilities
            arrays["class_counts"] = self.class_counts
        with whole_file(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)

    @classmethod
    def load(
        cls, path: str | Path, extractor: Extractor | None = None
    ) -> "FeatureStatistics":
        """Reads a file that `save` has written.

        Args:
            path: The file.
            extractor: The extractor of the statistics. Without it, statistics can be
                compared and saved, but not updated.

        Raises:
            FileNotFoundError: If the file does not exist.
            ValueError: If the file is damaged, does not hold statistics, or holds those
                of another extractor.
        """
        arrays = _read(Path(path))
        name, width = str(arrays["extractor"]), arrays["features"].shape[1]
        extractor = extractor or Extractor(name, _no_extractor, width)
        if (extractor.name, extractor.num_features) != (name, width):
            raise ValueError(
                f"{path} holds {width} features of {name!r}, expected "
                f"{extractor.num_features} of {extractor.name!r}."
            )
        keep, seed = int(arrays["keep"]), int(arrays["seed"])
        statistics = cls(extractor, keep=keep, seed=seed)
        groups = zip(
            arrays["counts"].tolist(), arrays["means"], arrays["scatters"], strict=True
        )
        statistics.groups = [Moments(*group) for group in groups]
        statistics.features, statistics._keys = arrays["features"], arrays["keys"]
        statistics.probabilities = arrays.get("probabilities")
        statistics.class_counts = arrays.get("class_counts")
        return statistics


def reference_statistics(
    x: np.ndarray,
    extractor: Extractor,
    *,
    keep: int = 10_000,
    cache: str | Path | None = None,
) -> FeatureStatistics:
    """Statistics of real examples, computed once and then read from a folder.

    The name of the file is a hash of the examples (bytes, shape, dtype), of the
    extractor's name and its features of the first examples, and of `keep`.

    Args:
        x: Examples, `(n, ...)`.
        extractor: The feature extractor. It is fitted to `x`; use the `extractor` of
            the statistics for generated examples.
        keep: Largest number of rows to keep.
        cache: The folder. None means `$KERAS_HOME/keras_gen/statistics`, with
            `~/.keras` if `KERAS_HOME` is not set.

    Warns:
        UserWarning: If the file cannot be written. The statistics are still returned.
    """
    x = np.ascontiguousarray(x)
    if x.dtype.hasobject:
        raise ValueError(f"x must hold plain values, received dtype {x.dtype}.")
    extractor = extractor.fitted(x)
    if cache is None:
        home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
        cache = Path(home) / "keras_gen" / "statistics"
    facts = (VERSION, extractor.name, keep, x.shape, x.dtype.str)
    digest = hashlib.sha256(repr(facts).encode())
    digest.update(extractor(x[:4]).values.round(3).tobytes())
    digest.update(x.reshape(-1).view(np.uint8).data)
    path = Path(cache) / f"{digest.hexdigest()}.npz"
    try:
        return FeatureStatistics.load(path, extractor)
    except (OSError, ValueError):  # missing or damaged: computed again
        statistics = FeatureStatistics(extractor, keep=keep)
    statistics.update(x)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        statistics.save(path)
    except OSError as error:
        warnings.warn(f"{path} could not be written: {error}", stacklevel=2)
    return statistics


def compare(real: FeatureStatistics, fake: FeatureStatistics) -> dict[str, Estimate]:
    """Compares generated examples with real ones.

    Returns:
        `frechet_distance` of all examples; `kernel_distance`, `precision`, `recall`,
        `density` and `coverage` of the kept examples. If the extractor classifies, also
        `inception_score` of the kept fakes, `class_distance` of all examples, and
        `classes_found`, `smallest_class_share` and `class_divergence` of all fakes.

    Raises:
        ValueError: If the extractors differ, or if a set keeps fewer than six examples.
    """
    name = real.extractor.name
    if fake.extractor.name != name:
        raise ValueError(
            "real and fake must have the same extractor, received "
            f"{name!r} and {fake.extractor.name!r}."
        )
    rows = real.features, fake.features
    figures = {
        "frechet_distance": frechet_from_groups(
            real.groups, fake.groups, extractor=name
        ),
        "kernel_distance": kernel_distance(*rows, extractor=name),
        **neighbour_figures(*rows, extractor=name),
    }
    probabilities = fake.probabilities
    counts, others = fake.class_counts, real.class_counts
    if probabilities is not None and counts is not None and others is not None:
        splits = min(10, len(probabilities))
        figures["inception_score"] = inception_score(
            probabilities, splits=splits, extractor=name
        )._replace(num_samples=min(map(len, rows)))
        figures["class_distance"] = class_distance_from_counts(
            others, counts, extractor=name
        )
        figures |= class_figures(counts, extractor=name)
    return figures


def _read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file of statistics. Raises ValueError for another file."""
    try:
        with path.open("rb") as file:  # which numpy leaves open if it is damaged
            arrays = dict(np.load(file, allow_pickle=False))
        if int(arrays["version"]) != VERSION:
            raise ValueError(f"it has version {arrays['version']}, not {VERSION}")
    except FileNotFoundError:
        raise
    except Exception as error:  # zip, header and data can all be damaged
        raise ValueError(
            f"{path} is damaged or does not hold statistics: {error}"
        ) from error
    return arrays


def _no_extractor(x: np.ndarray) -> Features:
    raise ValueError(
        "these statistics were loaded without their extractor. Pass it to load."
    )
