"""SampleEvaluation: figures of samples while a model trains."""

import time
from typing import Any

import keras
import numpy as np

from ..engine.examples import require_condition
from ..metrics.extractors import Extractor
from ..metrics.statistics import FeatureStatistics, compare
from ..validation import check_positive, check_type
from .samples import require_generator


class SampleEvaluation(keras.callbacks.Callback):
    """Compares few samples with held-out examples while the model trains.

    Adds `frechet_distance` and `kernel_distance` to the logs of the epochs that it
    evaluates, and so to the history. The Frechet distance of few samples is too high
    by an amount that depends on their number; the kernel distance is not.

    Args:
        x: Held-out examples, `(n, *inputs.shape)`, some hundreds at least.
        extractor: The features in which they are compared, see
            `keras_gen.metrics.extractors`.
        condition: Their condition, such as classes `(n,)`; the samples have the same.
        freq: Epochs between two evaluations.
        max_share: The most by which evaluations may lengthen the training, as a share
            of its time without them: those that would exceed it are left out. None
            evaluates always.
        seed: Decides the samples.

    Raises:
        ValueError: Before training, if the model cannot generate, or its condition and
            that of the examples do not fit.
    """

    model: Any  # a GenerativeModel that generates

    def __init__(
        self,
        x: np.ndarray,
        extractor: Extractor,
        *,
        condition: Any = None,
        freq: int = 1,
        max_share: float | None = 0.1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_positive(freq, "freq", integer=True)
        check_type(extractor, Extractor, "extractor")
        if max_share is not None:
            check_positive(max_share, "max_share")
        self.x, self.condition = np.asarray(x), condition
        self.extractor, self.freq = extractor, freq
        self.max_share, self.seed = max_share, seed
        self._real: Any = None  # the FeatureStatistics of x, once it trains

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Extracts the features of the held-out examples, once, and tries a sample."""
        self._start = time.perf_counter()
        require_generator(self.model)
        spec = self.model.condition
        require_condition(spec, self.condition)
        one = None
        if spec is not None:
            one = spec.check(self.condition, spec.name, rows=len(self.x))[:1]
        self.model.sample(1, seed=self.seed, condition=one)
        if self._real is None:
            self._real = FeatureStatistics(self.extractor.fitted(self.x))
            self._real.update(self.x)
        self._spent = time.perf_counter() - self._start
        self._cost = 2 * self._spent  # of the first evaluation, a guess

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Evaluates every `freq` epochs, if there is time."""
        if (epoch + 1) % self.freq or not self._has_time():
            return
        start = time.perf_counter()
        how = {"seed": self.seed, "condition": self.condition}
        samples = self.model.sample(len(self.x), **how)
        fake = FeatureStatistics(self._real.extractor)
        fake.update(samples)
        figures = compare(self._real, fake)
        logs = {} if logs is None else logs
        for name in ("frechet_distance", "kernel_distance"):
            logs[name] = figures[name].value
        self._cost = time.perf_counter() - start
        self._spent += self._cost

    def _has_time(self) -> bool:
        if self.max_share is None:
            return True
        trained = time.perf_counter() - self._start - self._spent
        return self._spent + self._cost <= self.max_share * trained
