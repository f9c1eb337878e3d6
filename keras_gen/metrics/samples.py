"""Figures of a model's samples compared with real examples."""

from typing import Any, NamedTuple

import numpy as np

from ..capabilities import Generates
from ..specs import Clips, Columns, Images, Spec, num_classes
from .arrays import spread_rows
from .classes import label_agreement
from .estimate import Estimate
from .extractors import Extractor, Features, raw
from .neighbours import memorization
from .similarity import pairwise_ms_ssim
from .statistics import FeatureStatistics, compare
from .tables import closest_record_figures, prediction_score, table_quality
from .two_sample import classifier_two_sample_test
from .vectors import mode_coverage, sliced_wasserstein

DEVIATIONS = 3  # a vector is near a mode within this many standard deviations


def sample_figures(
    model: Generates,
    x: np.ndarray,
    condition: Any = None,
    *,
    extractor: Extractor,
    train: np.ndarray | None = None,
    train_condition: Any = None,
    num_samples: int | None = None,
    modes: Any = None,
    stddev: float | None = None,
    target: str | None = None,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Compares a model's samples with held-out examples.

    Args:
        model: A model that generates.
        x: Held-out examples, `(n, *inputs.shape)`, or a table of `specs.Columns`.
        condition: Their condition, such as classes `(n,)`. The samples have the same.
        extractor: The extractor of the features to compare. It is fitted to `x`:
            `extractors.raw` standardizes by the columns or channels of `x`.
        train: Training examples. As many of them as there are samples, evenly over all
            of them, are compared with `x` too. The result is the `reference` of each
            figure, the value for a perfect model.
        train_condition: The condition of the training examples, for the reference of
            predictions of classes.
        num_samples: Number of samples. The default is n.
        modes: Centers of the modes of the data, `(k, d)`, if they are known.
        stddev: Standard deviation of a mode, given with `modes`.
        target: The column of a table that `prediction_score` predicts. None predicts
            the classes of a class-conditional model.
        seed: Seed of the samples.

    Returns:
        Figures by name: those of `compare`; for images `ms_ssim`, for clips that of
        their frames; for vectors and series `sliced_wasserstein`, in standard
        deviations of the columns or channels of `x`, and `two_sample_accuracy`. With
        `modes` also `modes_found`, and `near_a_mode`, the share of samples within three
        standard deviations of a mode. With `train` also `memorization`, which is about
        0.5 for a model that does not copy, and somewhat more if the extractor was
        trained on `train`. A class-conditional model of the extractor's classes has
        `label_agreement`, with that of `x` as reference; its `class_distance`,
        `classes_found`, `smallest_class_share` and `class_divergence` are good by
        construction if it follows its labels. For tables also those of `table_quality`,
        `prediction_score` if there is a target, and with `train` those of
        `closest_record_figures`.

    Raises:
        ValueError: If only one of `modes` and `stddev` is given.
    """
    if (modes is None) != (stddev is None):
        raise ValueError(
            "modes and stddev must be given together, received "
            f"{modes!r} and {stddev!r}."
        )
    x = model.inputs.as_rows(x, "x")
    train = None if train is None else model.inputs.as_rows(train, "train")
    extractor = extractor.fitted(x)
    name, num_samples = extractor.name, num_samples or len(x)
    asked = _repeated(condition, num_samples)
    samples = model.sample(num_samples, seed=seed, condition=asked)
    real, fake = _Examples.of(x, extractor), _Examples.of(samples, extractor)
    spec, is_class = model.inputs, num_classes(model.condition) is not None
    figures = _against(spec, real, fake, extractor, modes, stddev)
    labels = condition if is_class else None
    figures |= _predictions(spec, real, fake, target, labels, asked)
    if train is not None:
        known = _Examples.of(train, extractor)
        chosen = spread_rows(len(train), num_samples)
        best = known.at(chosen)
        ideal = _against(spec, real, best, extractor, modes, stddev)
        classes = (
            None if train_condition is None else np.asarray(train_condition)[chosen]
        )
        ideal |= _predictions(spec, real, best, target, labels, classes)
        figures = {
            key: figure._replace(reference=ideal[key].value) if key in ideal else figure
            for key, figure in figures.items()
        }
        if isinstance(spec, Columns):
            figures |= closest_record_figures(fake.x, real.x, known.x, spec)
        features = (part.features.values for part in (known, fake, real))
        figures["memorization"] = memorization(*features, extractor=name)
    if condition is not None and num_classes(model.condition) == fake.num_classes:
        made, found = (
            label_agreement(
                np.asarray(part.features.probabilities), given, extractor=name
            )
            for part, given in ((fake, asked), (real, condition))
        )
        figures["label_agreement"] = made._replace(reference=found.value)
    return figures


def _repeated(rows: Any, number: int) -> Any:
    """Repeats rows cyclically to a number of rows."""
    if rows is None:
        return None
    rows = np.asarray(rows)
    return rows[np.arange(number) % len(rows)]


class _Examples(NamedTuple):
    """Examples and their features."""

    x: np.ndarray
    features: Features

    @classmethod
    def of(cls, x: np.ndarray, extractor: Extractor) -> "_Examples":
        return cls(x, extractor(x))

    @property
    def num_classes(self) -> int | None:
        """Number of classes of the extractor, or None if it does not classify."""
        probabilities = self.features.probabilities
        return None if probabilities is None else probabilities.shape[1]

    def at(self, rows: np.ndarray) -> "_Examples":
        values, probabilities = self.features
        if probabilities is not None:
            probabilities = probabilities[rows]
        return _Examples(self.x[rows], Features(values[rows], probabilities))


def _against(
    spec: Spec,
    real: _Examples,
    fake: _Examples,
    extractor: Extractor,
    modes: Any,
    stddev: float | None,
) -> dict[str, Estimate]:
    statistics = [FeatureStatistics(extractor) for _ in range(2)]
    for part, examples in zip(statistics, (real, fake), strict=True):
        part.add(examples.features)
    figures = compare(*statistics)
    if isinstance(spec, Images | Clips):
        figures["ms_ssim"] = pairwise_ms_ssim(_frames_as_channels(spec, fake.x))
    else:
        scaled = raw(spec, real.x)
        vectors = [scaled(part.x).values for part in (real, fake)]
        distance = sliced_wasserstein(*vectors)
        figures["sliced_wasserstein"] = distance._replace(unit="standard deviations")
        flat = [np.reshape(part.x, (-1, spec.size)) for part in (real, fake)]
        is_table = isinstance(spec, Columns)  # whose numbers may be missing
        test = classifier_two_sample_test(*(vectors if is_table else flat))
        figures["two_sample_accuracy"] = test.statistic
    if isinstance(spec, Columns):
        figures |= table_quality(real.x, fake.x, spec)
    if modes is not None and stddev is not None:
        found = mode_coverage(fake.x, modes, radius=DEVIATIONS * stddev)
        number = round(found.covered.value * len(modes))
        figures["modes_found"] = found.covered._replace(value=number, unit="modes")
        figures["near_a_mode"] = found.quality
    return figures


def _predictions(
    spec: Spec, real: _Examples, fake: _Examples, target: str | None, *labels: Any
) -> dict[str, Estimate]:
    """`prediction_score` of a table on the real rows, if there is a target.

    Args:
        spec: The spec of the examples.
        real: Real rows, which are predicted.
        fake: The rows to learn from.
        target: Name of a column, or None.
        *labels: The classes of the real rows and of the others, or None.
    """
    is_told = target is not None or not any(part is None for part in labels)
    if not isinstance(spec, Columns) or not is_told:
        return {}
    given = dict(zip(("test_labels", "train_labels"), labels, strict=True))
    given = given if target is None else {}
    score = prediction_score(fake.x, real.x, spec, target, **given)
    return {"prediction_score": score}


def _frames_as_channels(spec: Spec, x: np.ndarray) -> np.ndarray:
    """Images unchanged, or clips as images with the channels of all frames."""
    if isinstance(spec, Images):
        return x
    return np.moveaxis(x, 1, 3).reshape(len(x), *spec.shape[1:3], -1)
