"""The classes that a classifier finds among examples."""

from typing import Any

import numpy as np

from ..specs import Classes
from .estimate import Estimate
from .features import check_probabilities
from .vectors import divergence_from_uniform, share, share_of_count


def class_figures(
    counts: np.ndarray, *, extractor: str | None = None
) -> dict[str, Estimate]:
    """The number of classes found, the rarest one's share, and their imbalance.

    Args:
        counts: Number of examples with each most likely class, `(classes,)`.
        extractor: Name of the classifier.

    Returns:
        `classes_found`, the number of classes with at least one example, including
        errors of the classifier. `smallest_class_share`, the share of the class with
        the fewest examples, in [0, 1 / classes], with the standard error of a fixed
        class. The smallest of several counts depends on n: compare at equal n only.
        `class_divergence`, the KL divergence between the histogram of classes and the
        uniform one, nats in [0, log(classes)]. With n examples of equally frequent
        classes it is about (classes - 1) / (2 n). Of the 1,000 classes of stacked
        MNIST, `classes_found` and `class_divergence` are the number of modes and the KL
        of Lin et al. 2018, section 4.2, there with 26,000 samples.
    """
    total = int(counts.sum())
    found = Estimate(int((counts > 0).sum()), None, "classes", total, extractor)
    smallest = share_of_count(int(counts.min()), total)
    divergence = Estimate(*divergence_from_uniform(counts), "nats", total, extractor)
    return {
        "classes_found": found,
        "smallest_class_share": smallest._replace(extractor=extractor),
        "class_divergence": divergence,
    }


def label_agreement(
    probabilities: np.ndarray, labels: Any, *, extractor: str | None = None
) -> Estimate:
    """Share of conditional samples to which a classifier assigns their label.

    For real examples it is the accuracy of the classifier, which a model should not
    exceed by much. Samples of k classes that ignore their labels score about 1 / k.

    Args:
        probabilities: Class probabilities of the examples, `(n, classes)`.
        labels: Integers in [0, classes), `(n,)`.
        extractor: Name of the classifier.

    Raises:
        ValueError: If `probabilities` are invalid, or if `labels` do not fit them.

    Example:
        >>> probabilities = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]]
        >>> kg.metrics.label_agreement(np.array(probabilities), [0, 1, 1, 1]).value
        0.75
    """
    p = check_probabilities(probabilities, "probabilities")
    labels = Classes(p.shape[1]).check(labels, "labels", rows=len(p))
    return share(p.argmax(axis=1) == labels)._replace(extractor=extractor)
