"""The examples and labels that `fit` and `evaluate` receive, in any form."""

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from .texts.windows import Windows
from .tokens import PAD, TakesTokens, is_texts
from .validation import (
    check_context,
    check_labels,
    check_rows,
    check_shape,
    warn_of_scale,
)

if TYPE_CHECKING:
    from .model import GenerativeModel


def check_examples(
    model: "GenerativeModel", x: Any, y: Any, *, name: str
) -> tuple[Any, Any]:
    """Checks arrays whole and streams by their first batch.

    Args:
        model: The model that will see the examples.
        x: An array of examples, `Windows`, or a stream of batches.
        y: Labels, if `x` is an array.
        name: What to call `x` in an error.

    Returns:
        `(x, y)`, arrays as uint8 or float32 and int32.

    Raises:
        ValueError: If they do not fit the model.

    Warns:
        UserWarning: If training examples are vectors on a scale that the model was not
            made for.
    """
    if x is None:
        raise ValueError(f"{name} is missing: pass examples or a dataset of batches.")
    if isinstance(x, dict):
        raise ValueError(f"{name} must be an array or a dataset, received a dict.")
    if isinstance(x, Windows):
        if y is not None:
            raise ValueError(f"y must be None when {name} is Windows, which have none.")
        if isinstance(model, TakesTokens):
            x.check_vocabulary(model.vocabulary_size, name)
        _check_arrays(model, x.head(1), None, f"the first of {name}")
        return x, None
    if not _is_stream(x):
        x, y = _check_arrays(model, x, y, name)
        _check_scale(model, x, name)
        return x, y
    if y is not None:
        raise ValueError(f"labels belong into the dataset when {name} is a dataset.")
    batch = _first_batch(x, name)
    if batch is not None:
        batch_x, batch_y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        first = f"the first batch of {name}"
        _check_scale(model, _check_arrays(model, batch_x, batch_y, first)[0], name)
    return x, None


def _check_scale(model: "GenerativeModel", x: np.ndarray, name: str) -> None:
    is_scaled = model.standardizes or model.unit_interval
    if (
        name == "x"
        and x.ndim == 2
        and not (is_scaled or isinstance(model, TakesTokens))
    ):
        warn_of_scale(x, model.name)


def check_validation(model: "GenerativeModel", validation_data: Any) -> Any:
    """`validation_data` checked like the examples, arrays as `(x, y)`.

    Raises:
        ValueError: If it does not fit the model or holds sample weights.
    """
    is_list = isinstance(validation_data, list)
    if isinstance(validation_data, Windows) or (is_list and is_texts(validation_data)):
        validation_data = (validation_data, None)
    if not isinstance(validation_data, tuple | list):
        if validation_data is not None:
            check_examples(model, validation_data, None, name="validation_data")
        return validation_data
    if not 1 <= len(validation_data) <= 3:
        raise ValueError(
            f"validation_data must be (x, labels) or (x, None), received a "
            f"{type(validation_data).__name__} of {len(validation_data)}."
        )
    x, y, weights = (*validation_data, None, None)[:3]
    if weights is not None:
        raise ValueError("sample weights are not supported by generative models.")
    return check_examples(model, x, y, name="validation_data")


def check_batch(
    model: "GenerativeModel", batch: Any, *, name: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """A batch of a stream, checked like an array.

    Args:
        model: The model that will see it.
        batch: Examples, or examples and labels, as arrays or tensors.
        name: What to call the examples in an error.

    Returns:
        Examples, and labels or context or None, as arrays.

    Raises:
        ValueError: If it does not fit the model.
    """
    x, y, weights = keras.utils.unpack_x_y_sample_weight(batch)
    if weights is not None:
        raise ValueError("sample weights are not supported by generative models.")
    absent = y is None or isinstance(y, tf.experimental.Optional)
    return _check_arrays(model, np.asarray(x), None if absent else np.asarray(y), name)


def unpack(model: "GenerativeModel", data: Any) -> tuple[tf.Tensor, tf.Tensor | None]:
    """A training batch as float32 examples and int32 labels.

    Runs while the step is traced, so that a wrong shape, dtype or missing label
    raises before the first step.
    """
    x, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
    if weights is not None:
        raise ValueError("sample weights are not supported by generative models.")
    return model.as_input(x), _condition(model, labels)


def to_float(x: tf.Tensor, *, unit_interval: bool, wide: bool = False) -> tf.Tensor:
    """float32 examples; uint8 stands for value / 255 where [0, 1] is meant.

    Where it is `wide`, float64 and integers of more than 16 bits become float64.
    """
    if x.dtype == tf.uint8 and unit_interval:
        return tf.cast(x, tf.float32) / 255.0
    if not (x.dtype.is_floating or x.dtype.is_integer or x.dtype.is_bool):
        raise ValueError(f"x must hold numbers, received dtype {x.dtype.name}.")
    is_long = x.dtype == tf.float64 or (x.dtype.is_integer and x.dtype.size > 2)
    return tf.cast(x, tf.float64 if wide and is_long else tf.float32)


def check_symbolic_labels(model: "GenerativeModel", labels: Any) -> None:
    """Raises ValueError unless a traced batch has labels of a fitting kind."""
    if labels is None or model.num_classes is None:
        check_labels(labels, model.num_classes)
    elif not labels.dtype.is_integer:
        raise ValueError(f"labels must be integers, received {labels.dtype.name}.")


def first_rows(
    model: "GenerativeModel", x: Any, y: Any, rows: int
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Examples to set weights from: of an array spread over it, of a stream the first.

    Args:
        model: The model that will see them.
        x: An array of examples, or a stream of batches.
        y: Labels or context, if `x` is an array.
        rows: The largest number of examples.

    Returns:
        Examples as the model takes them, and labels, context or None.

    Raises:
        ValueError: If they do not fit the model, or `x` is a generator, which gives
            each batch once.
    """
    if isinstance(x, Windows):
        x = x.head(rows)
    if _is_stream(x):
        batch = _first_batch(x, "x")
        if batch is None:
            raise ValueError(
                f"x is a generator, which gives each batch once: call {model.name}."
                "initialize with an array or dataset first."
            )
        if isinstance(x, tf.data.Dataset):
            batch = next(iter(x.unbatch().batch(rows)))
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
    x, y = _check_arrays(model, x, y, "x")
    chosen = np.linspace(0, len(x) - 1, min(rows, len(x))).astype(int)
    condition = None if y is None else tf.constant(y[chosen])
    return model.as_input(tf.constant(x[chosen])), condition


def _check_arrays(
    model: "GenerativeModel", x: Any, y: Any, name: str
) -> tuple[np.ndarray, np.ndarray | None]:
    x = model.check_array(x, name)
    check_rows(x, name)
    if isinstance(model, TakesTokens) and (x == PAD).all():
        raise ValueError(f"{name} holds no tokens: its texts are empty.")
    if model.context_size is not None:
        return x, check_context(y, model.context_size, len(x), name=f"y of {name}")
    y = check_labels(y, model.num_classes, len(x), name=f"labels of {name}")
    return x, y


def _condition(model: "GenerativeModel", y: Any) -> tf.Tensor | None:
    """int32 labels or float32 (or float64) context of a batch, or None."""
    if model.context_size is not None:
        if y is None:
            check_context(None, model.context_size)
        check_shape(y.shape, (model.context_size,), name="y")
        return to_float(y, unit_interval=False, wide=True)
    if y is None and model.num_classes is None:
        return None
    check_symbolic_labels(model, y)
    return tf.cast(tf.reshape(y, (-1,)), tf.int32)


def _is_stream(x: Any) -> bool:
    return not (isinstance(x, list | tuple | str) or hasattr(x, "__array__"))


def is_repeatable(x: Any) -> bool:
    """Whether examples can be looked at before training: a generator's cannot."""
    return not _is_stream(x) or isinstance(x, tf.data.Dataset | keras.utils.PyDataset)


def _first_batch(x: Any, name: str) -> Any:
    if isinstance(x, tf.data.Dataset):
        for batch in x.take(1):
            return batch
        raise ValueError(f"{name} is empty: the dataset yields no batch.")
    if isinstance(x, keras.utils.PyDataset):
        if x.num_batches == 0:
            raise ValueError(f"{name} is empty: the dataset yields no batch.")
        return x[0]
    return None  # a generator gives each batch once: the traced step checks it
