"""Loss terms: their means over an epoch, and how Keras' callbacks see them."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import keras
import tensorflow as tf

RISING = ("accuracy", "elbo", "log_prob", "log_likelihood", "information")
NEITHER = ("real_accuracy", "fake_accuracy", "_norm", "_probability")


class Means:
    """The mean of each loss term over the batches of an epoch.

    Args:
        names: Terms that are known before the first step; others come as they are
            observed.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._means: dict[str, Any] = {
            name: keras.metrics.Mean(name=name) for name in names
        }
        self._observed: dict[str, keras.metrics.Mean] = {}
        self.rows = keras.metrics.Sum(name="rows")

    def __iter__(self) -> Iterator[str]:
        return iter(self._means)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """One running mean per term."""
        return list(self._means.values())

    def begin(self) -> None:
        """Forgets which terms a step has observed."""
        self._observed = {}

    def track(self, name: str, value: tf.Tensor, weight: tf.Tensor | float) -> None:
        """Adds a batch's value of a term, with the weight of the batch."""
        if name not in self._means:
            with tf.init_scope():
                self._means[name] = keras.metrics.Mean(name=name)
        self._means[name].update_state(value, sample_weight=weight)
        self._observed[name] = self._means[name]

    def results(self) -> dict[str, tf.Tensor]:
        """The means of the terms that the step has observed, in their order."""
        return {k: v.result() for k, v in self._means.items() if k in self._observed}

    def seen(self) -> dict[str, tf.Tensor]:
        """The means of the terms that any batch had since the last reset."""
        found = {k: v for k, v in self._means.items() if v.count.numpy() > 0}
        return {k: v.result() for k, v in (found or self._means).items()}


def choose_modes(callbacks: Iterable[Any], names: Iterable[str]) -> None:
    """Tells callbacks that monitor a term whether they want it low or high.

    Keras knows it of `loss` alone. Terms of a loss, and the distances that
    `SampleEvaluation` logs, are minimised; bounds, accuracies and information are not.
    Of what is best somewhere between (a discriminator's accuracies, norms,
    probabilities) Keras goes on to ask for a `mode`.

    Args:
        callbacks: Any callbacks; those with a `monitor` and the mode "auto" change.
        names: Names of the model's terms.
    """
    for callback in callbacks:
        name = str(getattr(callback, "monitor", "")).removeprefix("val_")
        is_known = name in names or name.endswith("_distance")
        is_open = getattr(callback, "mode", None) == "auto" and is_known
        if is_open and not name.endswith(NEITHER):
            callback.mode = "max" if name.endswith(RISING) else "min"
