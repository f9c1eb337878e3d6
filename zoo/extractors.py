"""Which extractor measures the samples of which data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import store

if TYPE_CHECKING:
    from keras_gen.metrics import Extractor
    from keras_gen.specs import Spec

CLASSIFIERS = {"digits": "classifier_digits", "mnist": "classifier_mnist"}
SMALLEST = 8  # side of images that random convolutions take


def extractor_for(
    inputs: "Spec | Sequence[int]", data: str | None = None
) -> "Extractor":
    """The extractor for examples of a data set, without a download.

    Args:
        inputs: What the examples are: a spec, or their shape.
        data: Name of the data set, as `load_data` knows it. "digits" and "mnist" get
            the bundled classifiers, which were trained on them and say nothing of
            other images. None for data of your own.

    Returns:
        The classifier of the data; for other images random convolutions; for all else,
        and images smaller than 8x8, the values themselves.
    """
    from keras_gen.metrics import extractors
    from keras_gen.specs import Images, Spec, of_shape

    spec = inputs if isinstance(inputs, Spec) else of_shape(inputs)
    name = CLASSIFIERS.get(data or "")
    if name is not None:
        model = store.load(name)
        if model.inputs == spec:
            return extractors.classifier(model, f"{name} (not Inception)")
    if isinstance(spec, Images) and min(spec.height, spec.width) >= SMALLEST:
        return extractors.random_features(spec.shape)
    return extractors.raw(spec)
