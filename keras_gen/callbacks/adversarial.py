"""AdversarialDiagnostics: the balance of generator and discriminator."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from ..validation import check_positive, check_rows
from .previews import classes_in_turn, require_generator, same_samples


class AdversarialDiagnostics(keras.callbacks.Callback):
    """Measures the diversity of samples, and warns if adversarial training fails.

    It adds `sample_diversity` to the logs of evaluated epochs, and so to the history:
    the mean Euclidean distance between samples from fixed noise, divided by that
    between as many examples. 1 means as diverse as the examples, 0 that all samples are
    equal. A generator that draws a few of many kinds of examples may still be near 1.
    Samples of a class-conditional model are compared within their class, and are
    somewhat below 1. The warnings are those of `training_faults`, each once per
    training, and again after a recovery.

    Args:
        examples: Real examples, `(n, *inputs.shape)`, of which `num_samples` are drawn.
        num_samples: Number of samples, and of real examples, to compare. For a
            class-conditional model it is rounded down to equally many per class.
        seed: Seed of the samples and the examples.
        freq: Epochs between two evaluations.
        warn: Whether to warn.
        collapsed_below: Smallest diversity without a warning.
        won_above: Largest accuracy of the discriminator without a warning. Use 1, which
            never warns, for a Wasserstein critic: the sign of its logits has no
            meaning.

    Raises:
        ValueError: If a number is not positive. Before training, if the model cannot
            generate, or if the examples do not fit it, are too few or all equal.

    Example:
        >>> model = kg.GAN(*kg.networks.mlp_gan((2,), noise_dim=2), seed=0)
        >>> model.compile(run_eagerly=True)
        >>> x = np.random.default_rng(0).normal(size=(64, 2))
        >>> diagnostics = kg.callbacks.AdversarialDiagnostics(x, num_samples=32)
        >>> history = model.fit(x, verbose=0, callbacks=[diagnostics]).history
        >>> len(history["sample_diversity"])
        1
    """

    model: Any  # a GenerativeModel that generates

    def __init__(
        self,
        examples: np.ndarray,
        *,
        num_samples: int = 64,
        seed: int = 0,
        freq: int = 1,
        warn: bool = True,
        collapsed_below: float = 0.2,
        won_above: float = 0.98,
    ) -> None:
        super().__init__()
        check_positive(num_samples, "num_samples", integer=True)
        check_positive(freq, "freq", integer=True)
        check_positive(collapsed_below, "collapsed_below")
        check_positive(won_above, "won_above")
        self.examples, self.num_samples, self.seed = examples, num_samples, seed
        self.freq, self.warn = freq, warn
        self.collapsed_below, self.won_above = collapsed_below, won_above

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Measures the diversity of the examples."""
        model = self.model
        require_generator(model)
        x = model.inputs.check(self.examples, "examples")
        check_rows(x, "examples")
        num = len(same_samples(model, self.num_samples, self.seed))
        least = 2 * (classes_in_turn(model) or 1)
        if not least <= num <= len(x):
            raise ValueError(
                f"num_samples must be >= {least}, two per class, and <= {len(x)}, the "
                f"number of examples, received {self.num_samples}."
            )
        rows = np.random.default_rng(self.seed).choice(len(x), num, replace=False)
        self._of_examples = mean_distance(x[rows] / (255 if x.dtype == np.uint8 else 1))
        if self._of_examples == 0:
            raise ValueError(
                "examples must differ, received examples that are all equal."
            )
        self._evaluated: list[dict[str, float]] = []
        self._reported: set[str] = set()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Evaluates every `freq` epochs."""
        if (epoch + 1) % self.freq:
            return
        samples = same_samples(self.model, self.num_samples, self.seed)
        classes = classes_in_turn(self.model) or 1  # labels are in turn
        distances = [mean_distance(samples[label::classes]) for label in range(classes)]
        logs = {} if logs is None else logs
        logs["sample_diversity"] = float(np.mean(distances)) / self._of_examples
        self._evaluated = [*self._evaluated[-1:], dict(logs)]
        faults = training_faults(
            self._evaluated,
            collapsed_below=self.collapsed_below,
            won_above=self.won_above,
        )
        for kind in sorted(set(faults) - self._reported) if self.warn else ():
            warnings.warn(f"epoch {epoch + 1}: {faults[kind]}", stacklevel=2)
        self._reported = set(faults)


def training_faults(
    evaluated: Sequence[Mapping[str, float]],
    *,
    collapsed_below: float = 0.2,
    won_above: float = 0.98,
) -> dict[str, str]:
    """Describes faults of an adversarial training.

    - "collapsed": `sample_diversity` is below its limit.
    - "won": `real_accuracy` and `fake_accuracy` are both above their limit.

    A fault is reported if it holds at the last two evaluated epochs.

    Args:
        evaluated: Logs of each evaluated epoch, the latest last. A fault is not
            reported if its logs are missing.
        collapsed_below: Smallest diversity without a fault.
        won_above: Largest accuracy without a fault.

    Returns:
        A sentence for each fault, with its logs and remedies.
    """
    faults: dict[str, str] = {}
    if len(evaluated) < 2:
        return faults
    latest = evaluated[-1]
    diversities = [
        figures.get("sample_diversity", np.nan) for figures in evaluated[-2:]
    ]
    diversity = diversities[-1]
    if max(diversities) < collapsed_below:
        faults["collapsed"] = (
            f"the generator has collapsed: the diversity of its samples is "
            f"{diversity:.3g} of that of the examples, for two evaluations in a row "
            f"less than {collapsed_below:g}. Try a gradient penalty, more "
            "discriminator_steps, or a lower learning rate of the generator."
        )
    worst = [
        np.min([figures.get(f"{kind}_accuracy", np.nan) for kind in ("real", "fake")])
        for figures in evaluated[-2:]
    ]
    if all(accuracy > won_above for accuracy in worst):
        norm = latest.get("generator_gradient_norm")
        rest = "" if norm is None else f"; the generator's gradient norm is {norm:.3g}"
        faults["won"] = (
            "the discriminator has won: for two evaluations in a row, it was right "
            f"about more than {won_above:.1%} of real and of generated examples, at "
            f"last {latest['real_accuracy']:.1%} and {latest['fake_accuracy']:.1%}"
            f"{rest}. Try a gradient penalty, a lower learning rate of the "
            "discriminator, or AdaptiveAugmentation if there are few examples."
        )
    return faults


def mean_distance(x: np.ndarray) -> float:
    """Mean Euclidean distance of two different rows, `(n, ...)` with n >= 2."""
    from scipy.spatial.distance import pdist

    return float(pdist(np.reshape(x, (len(x), -1))).mean())
