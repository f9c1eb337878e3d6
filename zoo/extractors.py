"""Which extractor measures the samples of which data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import store

if TYPE_CHECKING:
    from ..metrics import Extractor

CLASSIFIERS = {"digits": "classifier_digits", "mnist": "classifier_mnist"}
SMALLEST = 8  # side of images that random convolutions take


def extractor_for(data_shape: Sequence[int], data: str | None = None) -> "Extractor":
    """The extractor for examples of a data set, without a download.

    Args:
        data_shape: Shape of one example.
        data: Name of the data set, as `load_data` knows it. "digits" and "mnist" get
            the bundled classifiers, which were trained on them and say nothing of
            other images. None for data of your own.

    Returns:
        The classifier of the data; for other images random convolutions; for vectors,
        and images smaller than 8x8, the values themselves.
    """
    from ..metrics import extractors

    shape, name = tuple(data_shape), CLASSIFIERS.get(data)
    if name is not None:
        model = store.load(name)
        if model.inputs.shape == shape:
            return extractors.classifier(model, f"{name} (not Inception)")
    if len(shape) == 3 and min(shape[:2]) >= SMALLEST:
        return extractors.random_features(shape)
    return extractors.raw(shape)
