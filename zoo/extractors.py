"""The choice of the extractor that measures samples."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import store
from .stacked import CHANNELS

if TYPE_CHECKING:
    from keras_gen.metrics import Extractor
    from keras_gen.specs import Spec

CLASSIFIERS = {
    "binarized_mnist": "classifier_mnist",
    "digits": "classifier_digits",
    "emoji": "classifier_emoji",
    "fashion_mnist": "classifier_fashion",
    "mnist": "classifier_mnist",
    "stacked_mnist": "classifier_mnist",
}
STACKED = {"stacked_mnist": CHANNELS}  # channels that are classified one by one
SMALLEST = 8  # smallest side of images and clips for random convolutions
LONGEST = 256  # values of series that are compared themselves


def extractor_for(
    inputs: "Spec | Sequence[int]", data: str | None = None
) -> "Extractor":
    """The extractor for examples of a data set, without a download.

    Args:
        inputs: The spec of the examples, or their shape.
        data: Name of the data set, as in `load_data`. "digits", "emoji",
            "fashion_mnist" and "mnist" use the bundled classifiers, which were trained
            on them and are not valid for other images. "binarized_mnist" uses that of
            "mnist", and "stacked_mnist" for each channel. None for your own data.

    Returns:
        The classifier of the data, or random convolutions for other images, clips and
        long series, or the values themselves for other data and images smaller than
        8x8.
    """
    from keras_gen.metrics import extractors
    from keras_gen.specs import Clips, Images, Series, Spec, of_shape

    spec = inputs if isinstance(inputs, Spec) else of_shape(inputs)
    name = CLASSIFIERS.get(data or "")
    if name is not None:
        model, channels = store.load(name), STACKED.get(data or "", 1)
        *sides, depth = model.inputs.shape
        if of_shape((*sides, channels * depth)) == spec:
            title = f"{name} (not Inception)" + " of each channel" * (channels > 1)
            return extractors.classifier(model, title, channels=channels)
    is_long = isinstance(spec, Series) and spec.size > LONGEST
    is_seen = isinstance(spec, Images | Clips) or is_long
    if is_seen and min(spec.shape[-3:-1]) >= SMALLEST:
        return extractors.random_features(spec)
    return extractors.raw(spec)
