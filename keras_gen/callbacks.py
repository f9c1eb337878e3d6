"""Callbacks for any generative model."""

import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from .capabilities import Encodes, Generates
from .metrics.extractors import Extractor
from .metrics.statistics import FeatureStatistics, compare
from .pictures import save_image_grid
from .validation import check_labels, check_positive, check_type


class SampleGrid(keras.callbacks.Callback):
    """Draws the same samples every few epochs and at the end of training.

    A model that cannot generate yet shows held-out images above their
    reconstructions.

    Args:
        path: The PNG file, replaced each time.
        every: Epochs between two pictures.
        num_samples: Images in the picture, at least one per class.
        seed: Seed of the samples.
        examples: Held-out images, `(n, height, width, channels)`, for models that
            only reconstruct.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        every: int = 1,
        num_samples: int = 64,
        seed: int = 0,
        examples: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        self.path, self.every = Path(path), every
        self.num_samples, self.seed, self.examples = num_samples, seed, examples

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Draws the picture every `every` epochs."""
        if (epoch + 1) % self.every == 0:
            self.draw()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Draws the last picture."""
        self.draw()

    def draw(self) -> None:
        """Writes the picture of the model as it is."""
        model = self.model
        if len(model.data_shape) != 3 or model.data_shape[-1] not in (1, 3):
            return
        if isinstance(model, Generates) and model.can_generate:
            num = self.num_samples - self.num_samples % (model.num_classes or 1)
            labels = default_labels(model, num)
            images = model.sample(num, seed=self.seed, labels=labels)
            save_image_grid(self.path, images, columns=model.num_classes)
        elif isinstance(model, Encodes) and self.examples is not None:
            save_image_grid(self.path, *reconstructions(model, self.examples))


class SampleEvaluation(keras.callbacks.Callback):
    """Compares few samples with held-out examples while the model trains.

    Adds `frechet_distance` and `kernel_distance` to the logs of the epochs that it
    evaluates, and so to the history. The Frechet distance of few samples is too high
    by an amount that depends on their number; the kernel distance is not.

    Args:
        x: Held-out examples, `(n, *data_shape)`, some hundreds at least.
        extractor: The features in which they are compared, see
            `keras_gen.metrics.extractors`.
        labels: Their classes, `(n,)`, for a class-conditional model.
        every: Epochs between two evaluations.
        max_share: The most by which evaluations may lengthen the training, as a share
            of its time without them: those that would exceed it are left out. None
            evaluates always.
        seed: Decides the samples.

    Raises:
        ValueError: Before training, if the model cannot generate, or its classes and
            the labels do not fit.
    """

    def __init__(
        self,
        x: np.ndarray,
        extractor: Extractor,
        *,
        labels: Any = None,
        every: int = 1,
        max_share: float | None = 0.1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_positive(every, "every", integer=True)
        check_type(extractor, Extractor, "extractor")
        if max_share is not None:
            check_positive(max_share, "max_share")
        if labels is not None:
            labels = check_labels(labels, 2**31 - 1, len(x))
        self.x, self.labels = np.asarray(x), labels
        self.extractor, self.every = extractor, every
        self.max_share, self.seed = max_share, seed
        self._real: FeatureStatistics | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Extracts the features of the held-out examples, once, and tries a sample."""
        self._start = time.perf_counter()
        if not getattr(self.model, "can_generate", False):
            raise ValueError(f"{self.model.name} cannot generate samples to evaluate.")
        labels = None if self.labels is None else self.labels[:1]
        self.model.sample(1, seed=self.seed, labels=labels)
        if self._real is None:
            self._real = FeatureStatistics(self.extractor)
            self._real.update(self.x)
        self._spent = time.perf_counter() - self._start
        self._cost = 2 * self._spent  # of the first evaluation, a guess

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Evaluates every `every` epochs, if there is time."""
        if (epoch + 1) % self.every or not self._has_time():
            return
        start = time.perf_counter()
        samples = self.model.sample(len(self.x), seed=self.seed, labels=self.labels)
        fake = FeatureStatistics(self.extractor)
        fake.update(samples)
        figures = compare(self._real, fake)
        for name in ("frechet_distance", "kernel_distance"):
            logs[name] = figures[name].value
        self._cost = time.perf_counter() - start
        self._spent += self._cost

    def _has_time(self) -> bool:
        if self.max_share is None:
            return True
        trained = time.perf_counter() - self._start - self._spent
        return self._spent + self._cost <= self.max_share * trained


def default_labels(model: keras.Model, num_samples: int) -> np.ndarray | None:
    """Labels 0, 1, 2, ... in turn for a class-conditional model, else None."""
    if model.num_classes is None:
        return None
    return np.arange(num_samples, dtype=np.int32) % model.num_classes


def reconstructions(
    model: keras.Model, examples: np.ndarray, columns: int = 8
) -> tuple[np.ndarray, int]:
    """Rows of examples, each above the row of their reconstructions.

    Args:
        model: A model that encodes, without classes.
        examples: Images; all full rows of `columns` are shown.
        columns: Images per row.

    Returns:
        Images and columns for `save_image_grid`.
    """
    examples = np.asarray(examples)[: max(1, len(examples) // columns) * columns]
    columns = min(columns, len(examples))
    pairs = np.stack([examples, model.reconstruct(examples)])
    rows = pairs.reshape((2, -1, columns, *examples.shape[1:])).swapaxes(0, 1)
    return rows.reshape((-1, *examples.shape[1:])), columns
