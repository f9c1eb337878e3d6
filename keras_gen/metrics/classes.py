"""Which classes a classifier finds among examples."""

from typing import Any

import numpy as np

from ..specs import Classes
from .estimate import Estimate
from .features import check_probabilities
from .vectors import share, share_of_count


def class_figures(
    counts: np.ndarray, *, extractor: str | None = None
) -> dict[str, Estimate]:
    """How many classes examples have, and how rare the rarest is.

    Args:
        counts: How many examples belong most likely to each class, `(classes,)`.
        extractor: Name of the classifier.

    Returns:
        `classes_found`, the classes of at least one example: a mistake of the
        classifier counts too. `smallest_class_share`, the share of the class with the
        fewest examples, in [0, 1 / classes]; its standard error is that of a fixed
        class. The fewest of several counts are fewer in a small set: compare at equal
        n only.
    """
    total = int(counts.sum())
    found = Estimate(int((counts > 0).sum()), None, "classes", total, extractor)
    smallest = share_of_count(int(counts.min()), total)
    return {
        "classes_found": found,
        "smallest_class_share": smallest._replace(extractor=extractor),
    }


def label_agreement(
    probabilities: np.ndarray, labels: Any, *, extractor: str | None = None
) -> Estimate:
    """Share of examples that a classifier gives the label they were made for.

    For real examples and their labels it is the accuracy of the classifier, which no
    model should exceed by much. Samples of k classes that ignore their labels score
    about 1 / k.

    Args:
        probabilities: Of the classes of the examples, `(n, classes)`; rows sum to 1.
        labels: Integers in [0, classes), `(n,)`.
        extractor: Name of the classifier.

    Raises:
        ValueError: If the probabilities are none, or the labels do not fit them.
    """
    p = check_probabilities(probabilities, "probabilities")
    labels = Classes(p.shape[1]).check(labels, "labels", rows=len(p))
    return share(p.argmax(axis=1) == labels)._replace(extractor=extractor)
