"""How near the samples of a model are to real examples."""

from typing import Any

import numpy as np

from ..capabilities import Generates
from .extractors import Extractor
from .figure import Figure
from .neighbours import memorization
from .similarity import diversity
from .statistics import FeatureStatistics, compare
from .two_sample import classifier_two_sample_test
from .vectors import sliced_wasserstein


def sample_figures(
    model: Generates,
    x: np.ndarray,
    labels: Any = None,
    *,
    extractor: Extractor,
    train: np.ndarray | None = None,
    num_samples: int | None = None,
    seed: int = 0,
) -> dict[str, Figure]:
    """Figures of a model's samples against held-out examples.

    Args:
        model: A model that generates.
        x: Held-out examples, `(n, *data_shape)`.
        labels: Their classes, `(n,)`, for a class-conditional model; the samples
            have the same classes.
        extractor: The features in which they are compared.
        train: Training examples. As many of them as there are samples are compared
            with `x` too: the `reference` of each figure, what a perfect model scores.
        num_samples: Number of samples; default n.
        seed: Decides the samples.

    Returns:
        Figures by name: those of `compare`; for images `ms_ssim`; for vectors
        `sliced_wasserstein` and `two_sample_accuracy`; with `train`, `memorization`,
        which is about 0.5 for an honest model, somewhat more if the extractor was
        trained on `train`. `class_distance` is small by construction for a
        class-conditional model.
    """
    num_samples = num_samples or len(x)
    if labels is not None:
        labels = np.resize(np.asarray(labels), num_samples)
    samples = model.sample(num_samples, seed=seed, labels=labels)
    figures = _against(x, samples, extractor)
    if train is None:
        return figures
    real = _against(x, train[:num_samples], extractor)
    features = (extractor(part).values for part in (train, samples, x))
    figures["memorization"] = memorization(*features, extractor=extractor.name)
    return {
        name: figure._replace(reference=real[name].value if name in real else None)
        for name, figure in figures.items()
    }


def _against(
    x: np.ndarray, samples: np.ndarray, extractor: Extractor
) -> dict[str, Figure]:
    real, fake = (FeatureStatistics(extractor) for _ in range(2))
    real.update(x)
    fake.update(samples)
    figures = compare(real, fake)
    if samples.ndim == 4:
        figures["ms_ssim"] = diversity(samples)
    else:
        figures["sliced_wasserstein"] = sliced_wasserstein(x, samples)
        test = classifier_two_sample_test(x, samples)
        figures["two_sample_accuracy"] = test.statistic
    return figures
