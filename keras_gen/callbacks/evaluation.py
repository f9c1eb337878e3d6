"""SampleEvaluation: metrics of samples while a model trains."""

import time
from typing import Any

import keras
import numpy as np

from ..engine.examples import require_condition
from ..metrics.extractors import Extractor
from ..metrics.statistics import FeatureStatistics, compare
from ..validation import check_positive, check_type
from .previews import require_generator


class SampleEvaluation(keras.callbacks.Callback):
    """Compares samples with held-out examples while the model trains.

    It adds `frechet_distance` and `kernel_distance` to the logs of evaluated epochs,
    and so to the history. The Frechet distance is biased upwards for few samples, by an
    amount that depends on their number. The kernel distance is not biased.

    Args:
        x: Held-out examples, `(n, *inputs.shape)`, at least a few hundred, or a table
            of `specs.Columns`.
        extractor: The feature extractor, see `keras_gen.metrics.extractors`.
        condition: Their condition, such as classes `(n,)`. The samples have the same.
        freq: Epochs between two evaluations.
        max_share: Largest time of evaluations, as a share of the training time without
            them. Evaluations that would exceed it are skipped. None never skips.
        seed: Seed of the samples.

    Raises:
        ValueError: Before training, if the model cannot generate, or if the condition
            does not fit.

    Example:
        >>> model = kg.GAN(*kg.networks.mlp_gan((2,), noise_dim=2), seed=0)
        >>> model.compile(run_eagerly=True)
        >>> x = np.random.default_rng(0).normal(size=(2100, 2))
        >>> extractor = kg.metrics.extractors.raw(model.inputs)
        >>> evaluation = kg.callbacks.SampleEvaluation(x, extractor, max_share=None)
        >>> history = model.fit(x[:64], verbose=0, callbacks=[evaluation]).history
        >>> len(history["frechet_distance"]), len(history["kernel_distance"])
        (1, 1)
    """

    model: Any  # a GenerativeModel that generates

    def __init__(
        self,
        x: Any,
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
        self.x, self.condition = x, condition
        self.extractor, self.freq = extractor, freq
        self.max_share, self.seed = max_share, seed
        self._real: Any = None  # the FeatureStatistics of x, once it trains

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Extracts the features of the held-out examples, and tests sampling."""
        self._start = time.perf_counter()
        require_generator(self.model)
        self.x = np.asarray(self.model.inputs.as_rows(self.x, "x"))
        spec = self.model.condition
        require_condition(spec, self.condition)
        one = None
        if spec is not None and self.condition is not None:
            one = spec.check(self.condition, spec.name, rows=len(self.x))[:1]
        self.model.sample(1, seed=self.seed, condition=one)
        if self._real is None:
            self._real = FeatureStatistics(self.extractor.fitted(self.x))
            self._real.update(self.x)
        self._spent = time.perf_counter() - self._start
        self._cost = 2 * self._spent  # estimated cost of the first evaluation

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
