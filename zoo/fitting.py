"""What `fit` takes of the data of a run."""

from collections.abc import Sized
from typing import TYPE_CHECKING, Any

from keras_gen.capabilities import Translates
from keras_gen.engine.examples import Unpaired
from keras_gen.texts import Windows

from .data import Data, Split
from .languages import TokenSplit

if TYPE_CHECKING:
    from keras_gen.model import GenerativeModel


def arguments_of(
    model: "GenerativeModel", data: Data, batch_size: int
) -> dict[str, Any]:
    """Arguments of `fit`: arrays, of images as they are in the cache."""
    train, test = data.train, data.splits[-1]
    batch_size = min(batch_size, max(len(rows_of(train)), len(rows_of(test))))
    if isinstance(train, TokenSplit):
        arrays = {"x": train.rows, "validation_data": (test.rows, None)}
        if isinstance(train.rows, Windows):  # which hold their classes
            return {**arrays, "batch_size": batch_size}
        if model.condition is not None:
            labelled = (test.rows, test.labels)
            arrays |= {"y": train.labels, "validation_data": labelled}
        return {**arrays, "batch_size": batch_size}
    if isinstance(model, Translates) and not model.paired:
        sets = {"x": Unpaired(train.x, train.labels)}
        sets["validation_data"] = Unpaired(test.x, test.labels)
        return {**sets, "batch_size": batch_size}
    arrays = {"x": train.x, "validation_data": (test.x, None)}
    if takes_labels(model):
        arrays |= {"y": train.labels, "validation_data": (test.x, test.labels)}
    return {**arrays, "batch_size": batch_size}


def takes_labels(model: "GenerativeModel") -> bool:
    """Whether the condition of a model is the labels of its data."""
    return model.condition is not None and model.condition.unasked is None


def rows_of(split: Split) -> Sized:
    """The examples of a split, as many as in an epoch of training."""
    return split.rows if isinstance(split, TokenSplit) else split
