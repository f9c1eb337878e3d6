"""Which extractor measures the samples of which data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import store

if TYPE_CHECKING:
    from ..metrics import Extractor

CLASSIFIERS = {(8, 8, 1): "classifier_digits", (28, 28, 1): "classifier_mnist"}


def extractor_for(data_shape: Sequence[int]) -> "Extractor":
    """The extractor for examples of a shape, without a download.

    Args:
        data_shape: 8x8 and 28x28 grey images get the bundled classifiers, which know
            handwritten digits; other images random convolutions; vectors themselves.
    """
    from ..metrics import extractors

    shape = tuple(data_shape)
    if shape in CLASSIFIERS:
        name = CLASSIFIERS[shape]
        return extractors.classifier(store.load(name), f"{name} (not Inception)")
    if len(shape) == 3:
        return extractors.random_features(shape)
    return extractors.raw(shape)
