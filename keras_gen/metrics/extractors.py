"""Extractors: from examples to the features in which samples are compared."""

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np

from ..frames import is_frame
from ..models import Classifier
from ..networks import conv_features
from ..specs import Clips, Columns, Images, Series, Spec, of_shape
from ..validation import check_positive, check_shape, refuse_masked
from .arrays import check_vectors, resolution


class Features(NamedTuple):
    """The output of an extractor.

    Attributes:
        values: Features, float32 or float64, `(n, d)`.
        probabilities: Class probabilities, float32 `(n, classes)`, or None if the
            extractor does not classify.

    Example:
        >>> extractor = kg.metrics.extractors.raw((2,))
        >>> extractor(np.array([[1.0, 2.0]])).values
        array([[1., 2.]])
    """

    values: np.ndarray
    probabilities: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Extractor:
    """Turns examples into features, in batches.

    Attributes:
        name: The name to report with a figure. Figures of different extractors cannot
            be compared.
        extract: A function from float examples `(n, ...)` to `Features`, for up to
            `batch_size` examples.
        num_features: Number of features d.
        batch_size: Examples per call.
        fit: A function from real examples to an extractor fitted to them, or None.

    Example:
        >>> def brightness(x):
        ...     return kg.metrics.Features(x.mean(axis=(1, 2)))
        >>> extractor = kg.metrics.Extractor("brightness", brightness, num_features=1)
        >>> extractor(np.full((3, 8, 8, 1), 255, np.uint8)).values.ravel()
        array([1., 1., 1.], dtype=float32)
    """

    name: str
    extract: Callable[[np.ndarray], Features]
    num_features: int
    batch_size: int = 500
    fit: Callable[[np.ndarray], "Extractor"] | None = None

    def fitted(self, reference: Any) -> "Extractor":
        """The extractor fitted to real examples, `(n, ...)`, or to a table."""
        if self.fit is None:
            return self
        return self.fit(reference if is_frame(reference) else np.asarray(reference))

    def __call__(self, x: Any) -> Features:
        """Features of at least one example. uint8 images are divided by 255."""
        refuse_masked(x, "x")
        x = np.asarray(x)
        if len(x) == 0:
            raise ValueError(
                f"x must hold at least one example for {self.name}, received shape "
                f"{x.shape}."
            )
        parts = [
            self.extract(_to_float(x[i : i + self.batch_size]))
            for i in range(0, len(x), self.batch_size)
        ]
        values, probabilities = zip(*parts, strict=True)
        if probabilities[0] is None:
            return Features(np.concatenate(values))
        return Features(np.concatenate(values), np.concatenate(probabilities))


def raw(inputs: Spec | Sequence[int], reference: Any = None) -> Extractor:
    """An extractor that returns the values themselves, for vectors, series and clips.

    Distances and kernels depend on the unit of each column, so vectors and the channels
    of series are standardized by real examples. `evaluate`, `sample_figures`,
    `reference_statistics` and `SampleEvaluation` do this with `Extractor.fitted`.

    Args:
        inputs: A spec, such as `model.inputs`, or the shape of an example.
        reference: Real examples, `(n, *shape)`, or a table of the spec. Their mean and
            standard deviation standardize each column, or each channel of series. A
            constant column is divided by its absolute value, or by 1 if that is 0. None
            leaves values unchanged.

    Raises:
        ValueError: If the reference has no rows, another shape, or values that are not
            finite.
    """
    spec = _spec_of(inputs)
    if reference is not None:
        return _standardized(spec, spec.as_rows(reference, "reference"))

    def extract(x: np.ndarray) -> Features:
        check_shape(x.shape, spec.shape, name="x")
        return Features(x.reshape(-1, spec.size))

    is_seen = isinstance(spec, Images | Clips)  # all values have one unit
    fit = None if is_seen else functools.partial(raw, spec)
    return Extractor("raw values", extract, spec.size, batch_size=10_000, fit=fit)


def _spec_of(inputs: Spec | Sequence[int]) -> Spec:
    return inputs if isinstance(inputs, Spec) else of_shape(inputs)


def _standardized(spec: Spec, reference: Any) -> Extractor:
    """Columns, or channels, standardized by the reference.

    A missing number of a table counts as the mean, and whether it is missing is a value
    of its own.
    """
    flagged = [*spec.flagged] if isinstance(spec, Columns) else []
    axes, rounding = (0, *(a + 1 for a in spec.scale_axes)), resolution(reference)
    if len(spec.shape) > 1:
        check_shape(np.shape(reference), spec.shape, name="reference")
        reference = np.reshape(reference, (len(reference), spec.size))
    if flagged:
        reference = np.asarray(reference, np.float64)
        absent = np.isnan(reference)
        known = ~absent.all(axis=0)
        middle = np.zeros(reference.shape[1])
        middle[known] = np.nanmean(reference[:, known], axis=0)
        reference = np.where(absent, middle, reference)
    reference = check_vectors(reference, "reference", spec.size)
    reference = reference.reshape(-1, *spec.shape)
    mean, deviation = (
        f(reference, axis=axes, keepdims=True) for f in (np.mean, np.std)
    )
    magnitude = np.abs(reference).max(axis=axes, keepdims=True)
    is_constant = np.ptp(reference, axis=axes, keepdims=True) <= rounding * magnitude
    scale = np.where(is_constant, np.where(magnitude > 0, magnitude, 1), deviation)
    digest = hashlib.sha256(np.stack([mean, scale]).tobytes()).hexdigest()[:8]

    def extract(x: np.ndarray) -> Features:
        check_shape(x.shape, spec.shape, name="x")
        near = ((x - mean) / scale).astype(np.float32)
        near = near.reshape(-1, spec.size)
        if flagged:
            absent = np.isnan(near[:, flagged])
            near = np.concatenate([np.nan_to_num(near), absent], axis=1)
        return Features(near.astype(np.float32, copy=False))

    name, size = f"values standardized by reference {digest}", spec.size + len(flagged)
    return Extractor(name, extract, size, batch_size=10_000)


def classifier(
    model: Classifier, name: str | None = None, *, channels: int = 1
) -> Extractor:
    """An extractor of the features and classes of a trained `Classifier`.

    Its distances are not those of Inception. Compare them with figures of the same
    classifier only.

    Args:
        model: The classifier.
        name: The name to report with a figure. The default is the model's name.
        channels: Number of channels of images that a classifier of grey images
            classifies one by one, such as 3 for stacked MNIST. Features are then
            joined, and a class is that of all channels: digits 4, 0 and 7 make 407.

    Raises:
        ValueError: If `channels` is not an integer > 0, or > 1 for a classifier of
            other examples than grey images.
    """
    check_positive(channels, "channels", integer=True)
    spec, size = model.inputs, channels * model.num_features
    is_grey = isinstance(spec, Images) and spec.shape[-1] == 1
    if channels > 1 and not is_grey:
        raise ValueError(
            f"channels must be 1 for a classifier of {spec}, received {channels}: only "
            "grey images are classified channel by channel."
        )

    def extract(x: np.ndarray) -> Features:
        if channels == 1:
            return Features(model.features(x), np.exp(model.log_probabilities(x)))
        check_shape(x.shape, (*spec.shape[:-1], channels), name="x")
        grey = np.moveaxis(x, -1, 1).reshape(-1, *spec.shape)
        joint = np.ones((len(x), 1), np.float32)
        each = np.exp(model.log_probabilities(grey)).reshape(len(x), channels, -1)
        for part in np.moveaxis(each, 1, 0):
            joint = (joint[:, :, None] * part[:, None]).reshape(len(x), -1)
        return Features(model.features(grey).reshape(len(x), size), joint)

    return Extractor(name or model.name, extract, size)


def random_features(
    inputs: Spec | Sequence[int], num_features: int = 128, *, seed: int = 0
) -> Extractor:
    """An extractor with an untrained convolutional network, for images, series, clips.

    Random convolutions see texture and layout, not meaning. They distinguish good from
    bad samples of the same data (Naeem et al., "Reliable fidelity and diversity
    metrics", 2020, section 5). The channels of series are standardized by real
    examples, as by `raw`.

    Args:
        inputs: A spec of images, series or clips, such as `model.inputs`, or the shape
            of an example, of at least 8 or 8x8.
        num_features: Number of features.
        seed: Seed of the weights.

    Raises:
        ValueError: If examples are of another kind, or if they are too small.
    """
    spec = _spec_of(inputs)
    if not isinstance(spec, Images | Series | Clips):
        raise ValueError(
            f"inputs must be a spec or shape of images, series or clips, received "
            f"{spec}."
        )
    network = conv_features(spec.shape, num_features)
    for i, layer in enumerate(network.layers):
        if layer.weights:
            kernel, bias = layer.weights
            initial = keras.initializers.HeNormal(seed=seed * 100 + i)
            layer.set_weights([initial(kernel.shape), np.zeros(bias.shape)])

    def extract(x: np.ndarray) -> Features:
        check_shape(x.shape, spec.shape, name="x")
        return Features(network.predict_on_batch(x))

    def fitted(reference: np.ndarray) -> Extractor:
        scaled = raw(spec, reference)

        def extract_scaled(x: np.ndarray) -> Features:
            return extract(scaled(x).values.reshape(-1, *spec.shape))

        title = f"{name} of {scaled.name}"
        return Extractor(title, extract_scaled, num_features, batch_size=250)

    name = f"random convolutions, seed {seed}"
    fit = fitted if isinstance(spec, Series) else None
    return Extractor(name, extract, num_features, batch_size=250, fit=fit)


def inception_v3(weights: str = "imagenet") -> Extractor:
    """An extractor with the last pooling and classes of Keras' InceptionV3.

    It is close to the network of published "FID" figures, but that has other weights
    and another resize. Grey images are repeated to three channels, and
    transparent ones are shown on white. All images are resized to 299x299.

    Args:
        weights: "imagenet", which Keras downloads once, or a file with such weights.

    Raises:
        RuntimeError: If the weights are missing and cannot be downloaded.
    """
    try:
        network = keras.applications.InceptionV3(weights=weights)
    except Exception as error:  # network, file and HDF5 errors
        raise RuntimeError(
            f"the weights of InceptionV3 are missing ({error}). Pass the path of "
            "inception_v3_weights_tf_dim_ordering_tf_kernels.h5 as weights."
        ) from error
    outputs = [network.get_layer("avg_pool").output, network.output]
    both = keras.Model(network.input, outputs)

    def extract(x: np.ndarray) -> Features:
        if x.shape[-1] == 4:  # on white
            x = x[..., :3] * x[..., 3:] + (1 - x[..., 3:])
        x = np.broadcast_to(x, (*x.shape[:3], 3))
        x = keras.ops.image.resize(x, (299, 299))
        values, probabilities = both.predict_on_batch(2.0 * x - 1.0)
        return Features(values, probabilities)

    name = "InceptionV3 of keras.applications"
    return Extractor(name, extract, 2048, batch_size=50)


def _to_float(x: np.ndarray) -> np.ndarray:
    if np.issubdtype(x.dtype, np.floating):
        return x
    if x.dtype == np.uint8 and x.ndim > 3:
        return x.astype(np.float32) / np.float32(255)
    return x.astype(np.float64 if x.dtype.itemsize > 2 else np.float32)
