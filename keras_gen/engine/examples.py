"""Checks of the examples and conditions of `fit` and `evaluate`, in any form."""

from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from ..limits import PAD
from ..specs import Spec, Tokens
from ..tokens import is_texts
from ..validation import check_counts, check_rows
from .batches import ExampleSource, epoch_order


class TakesExamples(Protocol):
    """The interface of a model that takes examples and a condition."""

    @property
    def name(self) -> str:
        """The name of the model in errors."""
        ...

    @property
    def inputs(self) -> Spec:
        """The spec of the examples."""
        ...

    @property
    def condition(self) -> Spec | None:
        """The spec of the condition, None without one."""
        ...


def check_examples(
    model: TakesExamples, x: Any, y: Any, *, name: str
) -> tuple[Any, Any]:
    """Checks arrays whole and streams by their first batch.

    Args:
        model: The model that will see the examples.
        x: An array of examples, a source such as `Windows`, or a stream of batches.
        y: The condition, if `x` is an array.
        name: The name of `x` in an error.

    Returns:
        `(x, y)`, arrays in the dtype of their specs.

    Raises:
        ValueError: If they do not fit the model.
    """
    if x is None:
        raise ValueError(f"{name} is missing. Pass examples or a dataset of batches.")
    x = model.inputs.as_rows(x, name)
    if isinstance(x, dict):
        raise ValueError(f"{name} must be an array or a dataset, received a dict.")
    if isinstance(x, ExampleSource):
        if y is not None:
            raise ValueError(
                f"y must be None if {name} is {type(x).__name__}, which includes the "
                "condition."
            )
        return x.checked(model, name), None
    if not is_stream(x):
        return check_arrays(model, x, y, name)
    if y is not None:
        raise ValueError(
            f"y must be None if {name} is a dataset. Labels belong into the dataset: "
            "(x, labels)."
        )
    batch = _first_batch(x, name)
    if batch is not None:
        batch_x, batch_y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        if isinstance(batch_x, dict):
            raise ValueError(
                f"{name} must have arrays as batches, received dicts. Convert tables "
                "with model.inputs.check(table, 'x')."
            )
        check_arrays(model, batch_x, batch_y, f"the first batch of {name}")
    return x, None


def check_validation(model: TakesExamples, validation_data: Any) -> Any:
    """`validation_data` checked like the examples, arrays as `(x, y)`.

    Raises:
        ValueError: If it does not fit the model or holds sample weights.
    """
    is_list = isinstance(validation_data, list)
    is_whole = isinstance(validation_data, ExampleSource)
    is_whole |= model.inputs.holds_rows(validation_data)
    if is_whole or (is_list and is_texts(validation_data)):
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
    model: TakesExamples, batch: Any, *, name: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """A batch of a stream, checked like an array.

    Args:
        model: The model that will see it.
        batch: Examples, or examples and their condition, as arrays or tensors.
        name: The name of the examples in an error.

    Returns:
        Examples, and their condition or None, as arrays.

    Raises:
        ValueError: If it does not fit the model.
    """
    x, y, weights = keras.utils.unpack_x_y_sample_weight(batch)
    if weights is not None:
        raise ValueError("sample weights are not supported by generative models.")
    absent = y is None or isinstance(y, tf.experimental.Optional)
    return check_arrays(model, np.asarray(x), None if absent else np.asarray(y), name)


def unpack(model: TakesExamples, data: Any) -> tuple[tf.Tensor, tf.Tensor | None]:
    """A training batch as the model sees it: examples, and their condition or None.

    Runs while the step is traced, so that a wrong shape, dtype or missing condition
    raises before the first step.
    """
    x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
    if weights is not None:
        raise ValueError("sample weights are not supported by generative models.")
    require_condition(model.condition, y)
    spec = model.condition
    if y is None and spec is not None:
        y = tf.fill(tf.shape(x)[:1], tf.constant(spec.unasked, spec.dtype))
    known = None if y is None or spec is None else spec.as_input(y, spec.name)
    return model.inputs.as_input(x), known


def require_condition(spec: Spec | None, y: Any, name: str | None = None) -> None:
    """Raises ValueError if a condition is missing, or given to an unconditional model.

    A condition may be missing if its spec has a row that asks for nothing.

    Args:
        spec: The spec of the model's condition, or None for an unconditional model.
        y: The condition, or None.
        name: The name of the condition in an error.
    """
    if spec is None and y is not None:
        raise ValueError(
            f"{name or 'condition'} must be None for an unconditional model. Leave it "
            "out (for a dataset: .map(lambda x, y: x)), or build conditional networks "
            "(num_classes=..., or condition_size=... for tokens). A model of your own "
            "is conditional if it passes condition=spec to super().__init__."
        )
    if spec is not None and y is None and spec.unasked is None:
        shape = ", ".join(map(str, ("n", *spec.shape)))
        raise ValueError(
            f"{name or spec.name} {'are' if spec.name[-1] == 's' else 'is'} missing: "
            f"this model is conditional on {spec}. "
            f"Pass it, of shape ({shape}{',' * (not spec.shape)})."
        )


def first_rows(
    model: TakesExamples, x: Any, y: Any, rows: int
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Examples to initialize weights from, spread over an array or first of a stream.

    Args:
        model: The model that will see them.
        x: An array of examples, or a stream of batches.
        y: The condition, if `x` is an array.
        rows: The largest number of examples.

    Returns:
        Examples as the model takes them, and their condition or None.

    Raises:
        ValueError: If they do not fit the model, or if `x` is a generator, which yields
            each batch once.
    """
    if isinstance(x, ExampleSource):
        x, y = x.some(rows)
    if is_stream(x):
        batch = _first_batch(x, "x")
        if batch is None:
            raise ValueError(
                "x is a generator, which yields each batch once. Call "
                f"{model.name}.initialize with an array or dataset first."
            )
        if isinstance(x, tf.data.Dataset):
            batch = next(iter(x.unbatch().batch(rows)))
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
    x, y = check_arrays(model, x, y, "x")
    chosen = np.linspace(0, len(x) - 1, min(rows, len(x))).astype(int)
    return unpack(model, (tf.constant(x[chosen]), _chosen(y, chosen)))


def _chosen(y: np.ndarray | None, rows: np.ndarray) -> tf.Tensor | None:
    return None if y is None else tf.constant(y[rows])


def check_arrays(
    model: TakesExamples, x: Any, y: Any, name: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """Checks arrays of examples and their condition; see `check_examples`."""
    x = model.inputs.check(x, name)
    check_rows(x, name)
    if isinstance(model.inputs, Tokens) and (x == PAD).all():
        raise ValueError(f"{name} holds no tokens: all texts are empty.")
    spec = model.condition
    place = f"{'y' if spec is None else spec.name} of {name}"
    require_condition(spec, y, place)
    if y is None or spec is None:
        return x, None
    known = spec.check(y, place)
    cure = "train a CycleGAN" if needs_pairs(model) else "pass keras_gen.Unpaired(a, b)"
    is_set = len(spec.shape) > 1  # examples themselves, neither labels nor context
    hint = f" For two sets without pairs, {cure}." * is_set
    check_counts(len(known), len(x), name=place, hint=hint)
    return x, known


def needs_pairs(model: Any) -> bool:
    """Whether a model learns from examples that each have their condition."""
    return getattr(model, "paired", True)


class Unpaired(ExampleSource):
    """Examples of two unpaired sets: `model.fit(Unpaired(a, b))`.

    A model gets a batch of each set: `a` as examples and `b` as condition. Each set has
    its own order, which depends on the model's seed and the epoch, so resumed training
    sees the same pairs. An epoch goes once through the longer set. The shorter set is
    repeated, in a new order each time. Validation data and `evaluate` keep the order of
    both sets.

    It is for models that learn without pairs, such as `CycleGAN`, and for your own.
    All other models of the package refuse it, since in them each example has its
    condition. A class of your own takes it if it has `paired = False`.

    Args:
        a: Examples, `(n, *inputs.shape)`.
        b: Examples of the other set, `(m, *condition.shape)`.

    Raises:
        ValueError: If a set is empty.

    References:
        Zhu et al., "Unpaired image-to-image translation using cycle-consistent
        adversarial networks", 2017.

    Example:
        >>> import numpy as np
        >>> import keras_gen as kg
        >>> examples = kg.Unpaired(np.zeros((3, 8, 8, 1)), np.ones((5, 8, 8, 1)))
        >>> len(examples)
        5
        >>> [batch.shape for batch in examples.fetch(examples.in_order())]
        [TensorShape([5, 8, 8, 1]), TensorShape([5, 8, 8, 1])]
    """

    def __init__(self, a: Any, b: Any) -> None:
        self.a, self.b = np.asanyarray(a), np.asanyarray(b)
        for name, rows in (("a", self.a), ("b", self.b)):
            if not rows.ndim or not len(rows):
                raise ValueError(
                    f"{name} must hold at least one example, received an array of "
                    f"shape {rows.shape}."
                )
        self.row_bytes = self.a[:1].nbytes + self.b[:1].nbytes

    def __len__(self) -> int:
        """Pairs per epoch: the length of the longer set."""
        return max(len(self.a), len(self.b))

    def num_rows(self, *, shuffled: bool) -> int:
        """The length of the longer set."""
        del shuffled
        return len(self)

    def in_order(self) -> np.ndarray:
        """Numbers of pairs, int64: `a`'s number times `len(b)`, plus `b`'s.

        The shorter set is repeated.
        """
        rows = np.arange(len(self), dtype=np.int64)
        return rows % len(self.a) * len(self.b) + rows % len(self.b)

    def at_random(self, seed: int, epoch: int | tf.Tensor) -> tf.Tensor:
        """Numbers of the pairs of an epoch of training, int64 `(len(self),)`."""
        a = self._order(len(self.a), seed, epoch, 0)
        return a * len(self.b) + self._order(len(self.b), seed, epoch, 1)

    def _order(self, length: int, seed: int, epoch: Any, stream: int) -> tf.Tensor:
        """The order of one set: seeds beyond 32 bits are those of further passes."""
        passes = -(-len(self) // length)
        seeds = [seed + (2 * i + stream << 32) for i in range(passes)]
        return tf.concat([epoch_order(length, s, epoch) for s in seeds], 0)[: len(self)]

    def fetch(self, rows: np.ndarray) -> tuple[tf.Tensor, ...]:
        """Examples of `a` and of `b`; see `ExampleSource`."""
        a, b = np.divmod(rows, len(self.b))
        return tf.constant(self.a[a]), tf.constant(self.b[b])

    def checked(self, model: TakesExamples, name: str) -> "Unpaired":
        """Checks both sets.

        Raises:
            ValueError: If one does not fit, or if the model learns from pairs.
        """
        spec = model.condition
        if needs_pairs(model) and spec is not None:
            is_set = len(spec.shape) > 1  # neither labels nor context
            hint = ", or train a CycleGAN on two sets without pairs" * is_set
            raise ValueError(
                f"{name} must be pairs for {model.name}, received Unpaired: it learns "
                "from examples that each have their condition. Pass arrays of pairs, "
                f"fit(x, condition){hint}. A class of your own that learns from such "
                "sets has `paired = False`."
            )
        if model.condition is None:
            raise ValueError(
                f"{name} must not be Unpaired for an unconditional model, since its "
                "second set is the condition. Pass the first set alone."
            )
        a = model.inputs.check(self.a, f"a of {name}")
        return Unpaired(a, model.condition.check(self.b, f"b of {name}"))


def is_stream(x: Any) -> bool:
    """Whether examples come batch by batch."""
    return not (isinstance(x, list | tuple | str) or hasattr(x, "__array__"))


def is_repeatable(x: Any) -> bool:
    """Whether examples can be read before training, unlike those of a generator."""
    return not is_stream(x) or isinstance(x, tf.data.Dataset | keras.utils.PyDataset)


def _first_batch(x: Any, name: str) -> Any:
    if isinstance(x, tf.data.Dataset):
        for batch in x.take(1):
            return batch
        raise ValueError(f"{name} is empty: the dataset yields no batch.")
    if isinstance(x, keras.utils.PyDataset):
        if x.num_batches == 0:
            raise ValueError(f"{name} is empty: the dataset yields no batch.")
        return x[0]
    return None  # a generator yields each batch once: the traced step checks it
