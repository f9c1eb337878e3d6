"""Checks of `model(x)` and `predict`, as in the capabilities."""

from collections.abc import Iterator, Sized
from typing import Any, Protocol, cast

import keras
import numpy as np
import tensorflow as tf

from ..specs import Spec
from ..tokens import is_texts
from .batches import ExampleSource
from .examples import TakesExamples, check_examples, is_stream, require_condition

DEFAULT_BATCH = 32


class Answers(TakesExamples, Protocol):
    """The interface of a model for `predict`."""

    _answers_with_labels: bool


def separated(model: Answers, x: Any) -> tuple[Any, Any]:
    """Separates examples and the condition of a conditional model."""
    takes_two = not model._answers_with_labels and model.condition is not None
    is_pair = isinstance(x, list | tuple) and len(x) == 2 and not is_texts(x)
    x, y = tuple(x) if takes_two and is_pair else (x, None)
    return model.inputs.as_rows(x), y


def checked(model: Answers, x: Any, y: Any, name: str) -> tuple[Any, Any]:
    """Checks arrays. Raises ValueError if they do not fit the model."""
    if model._answers_with_labels:
        return model.inputs.check(x, name), None
    require_condition(model.condition, y)
    return check_examples(model, x, y, name=name)


def batches_of(
    model: Answers, x: Any, batch_size: int | None, refused: list[ValueError]
) -> tuple[Any, int | None]:
    """The data for Keras' `predict`, and the number of batches of a stream.

    Args:
        model: The model.
        x: Examples, with their condition if the model has one; or a stream.
        batch_size: Examples per batch of a source, such as `Windows`.
        refused: A list that gets the error of a batch that does not fit. The error is
            raised too.
    """
    x, y = separated(model, x)
    if isinstance(x, ExampleSource):
        x = x.dataset(batch_size or DEFAULT_BATCH)
    if not is_stream(x):
        x, y = checked(model, x, y, "x")
        return (x if y is None else [x, y]), None
    if not model._answers_with_labels:
        check_examples(model, x, y, name="x")
    return _checked_batches(model, x, refused), _length(x)


def signature(inputs: Spec, condition: Spec | None) -> list[Any]:
    """The input of `call`, for any number of examples."""
    x = keras.InputSpec(shape=(None, *inputs.shape), dtype=inputs.dtype, name="x")
    if condition is None:
        return [x]
    shape, dtype = (None, *condition.shape), condition.dtype
    return [[x, keras.InputSpec(shape=shape, dtype=dtype, name=condition.name)]]


def _checked_batches(
    model: Answers, stream: Any, refused: list[ValueError]
) -> Iterator[Any]:
    """Checks and yields the batches of a stream."""
    is_indexed = isinstance(stream, keras.utils.PyDataset)
    batches = (
        (stream[i] for i in range(len(cast(Sized, stream)))) if is_indexed else stream
    )
    for number, batch in enumerate(batches, start=1):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        x, y = (None if v is None else np.asarray(v) for v in (x, y))
        try:
            x, y = checked(model, x, y, f"batch {number} of x")
        except ValueError as error:
            refused.append(error)
            raise
        yield (x,) if y is None else (x, y)


def _length(stream: Any) -> int | None:
    """The number of batches, if it is known and finite."""
    if isinstance(stream, tf.data.Dataset):
        number = int(stream.cardinality())
        return number if number >= 0 else None
    return getattr(stream, "num_batches", None)
