"""Calling a model on many rows: checked, compiled, in batches."""

import functools
import math
from collections.abc import Callable, Collection, Sequence, Set
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .engine.caching import Recent
from .engine.compiling import default_jit
from .engine.threads import share_out
from .examples import check_symbolic_labels, to_float
from .limits import limits_of
from .refusals import collects, require, require_equal_counts
from .scaling import double_outputs
from .validation import (
    as_float32,
    check_context,
    check_data,
    check_labels,
    check_limit,
    check_shape,
)

ROWS_PER_CALL, VALUES_PER_CALL = (512, 16_384), 2**19
FUNCTIONS = 32  # that are kept; each takes some MB
XLA_ROWS = 2048  # fewer do not repay XLA's compilation
Rows = np.ndarray | tf.Tensor


class RunsRows:
    """Runs functions of rows for the capabilities of a model.

    Inputs are known by name: `x` has the shape `data_shape`, `z` `latent_shape`,
    `noise` `noise_shape`; `labels` and `seed` are one integer per row. The `context` of
    a model with a context reaches the function as its `labels`. Tensors flow straight
    through, so that an exported function or a gradient can contain the call. Arrays are
    checked, run compiled in batches of `rows` and come back as an array. Tensors are
    checked too, those without a value yet by assertions (see `refusals`), which XLA
    leaves out.
    """

    gains_by_xla = False  # as many small operations do; a few large ones lose
    standardizes = False  # whether it brings columns of any scale to its own
    takes_float64 = False  # of examples, until their origin is subtracted
    keeps_float64 = False  # of examples that leave as arrays
    example_names: Set[str] = frozenset({"x"})
    like_data: Set[str] = (
        frozenset()
    )  # inputs in units of the data that may leave [0, 1]

    def check_array(self, x: Any, name: str = "x") -> np.ndarray:
        """Examples in the dtype in which they are fed; raises ValueError if unfit.

        There may be none.
        """
        own = {"unit_interval": self.unit_interval, "wide": self.takes_float64}
        return check_data(x, self.data_shape, **own, name=name, empty=True)

    def as_input(self, x: tf.Tensor, name: str = "x") -> tf.Tensor:
        """Examples of a traced batch as `loss_terms` and the capabilities see them."""
        check_shape(x.shape, self.data_shape, name=name)
        own = {"unit_interval": self.unit_interval, "wide": self.takes_float64}
        return to_float(x, **own)

    def run(
        self,
        function: Callable[..., tf.Tensor],
        *,
        rows: int | None = None,
        xla: bool | None = None,
        static: dict[str, Any] | None = None,
        shapes: dict[str, tuple[int, ...]] | None = None,
        **inputs: Any,
    ) -> Any:
        """Calls `function(**inputs, **static)` on all rows.

        Args:
            function: A bound method whose inputs and output have a batch axis first.
            rows: The largest number of rows per call; None counts the values of an
                example.
            xla: Whether XLA compiles it; None lets the number of rows decide.
            static: Arguments that are no rows.
            shapes: Shapes of inputs that are not the usual ones.
            **inputs: Rows by name; None is left out of the checks of rows.

        Returns:
            float32 tensor or array with the rows of the output; an array of float64
            where float32 would round values of a table visibly.

        Raises:
            ValueError: If an input does not fit the model.
            FloatingPointError: If weights are NaN or infinite. Checked on arrays, at
                the first call, after training steps, and where outputs are not finite.
        """
        static, shapes = static or {}, shapes or {}
        shapes = self._shapes(inputs.keys() - shapes.keys()) | shapes
        if any(tf.is_tensor(value) for value in inputs.values()):
            tensors = {k: self._check_tensor(k, v, shapes) for k, v in inputs.items()}
            _check_counts(tensors)
            given = {k: v for k, v in tensors.items() if v is not None}
            given = require_equal_counts(given)
            call = functools.partial(function, **static)
            return self._call_on_rows(call, tensors.keys() - given.keys(), given)
        arrays = {k: self._check_array(k, v, shapes) for k, v in inputs.items()}
        arrays = {k: v for k, v in arrays.items() if v is not None}
        num_rows = _check_counts(arrays)
        arrays = self._condition(arrays)
        if num_rows == 0:
            return self._without_rows(function, static, arrays)
        rows = self._rows_for(arrays, rows or self._rows_per_call(num_rows))
        if jit := self.uses_xla(num_rows, rows) if xla is None else xla:
            rows = _few_sizes(min(num_rows, rows))
            arrays = {k: _filled_up(v, rows) for k, v in arrays.items()}
        self._require_finite_weights()
        compiled = self._compiled(function, static, arrays, rows if jit else None)

        def call(start: int) -> np.ndarray:
            part = {k: v[start : start + rows] for k, v in arrays.items()}
            return compiled({k: tf.constant(v) for k, v in part.items()}).numpy()

        outputs = share_out(call, range(0, num_rows, rows))
        if not np.isfinite(outputs[-1]).all():
            self._require_finite_weights(known=False)
        return self._as_answer(np.concatenate(outputs)[:num_rows])

    def _as_answer(self, outputs: np.ndarray) -> np.ndarray:
        is_long = outputs.dtype == np.float64 and not self.keeps_float64
        return outputs.astype(np.float32) if is_long else outputs

    def _call_on_rows(
        self,
        function: Callable[..., tf.Tensor],
        absent: Collection[str],
        tensors: dict[str, tf.Tensor],
    ) -> tf.Tensor:
        """The function of tensors; of no rows by a row of our own, which is cut off.

        Convolutions of TensorFlow on a CPU fail without rows.
        """
        first, limits = next(iter(tensors.values())), limits_of(self, tensors)
        none = dict.fromkeys(absent)
        if first.shape[0] or collects():
            return function(**self._condition({**tensors, **none}))
        rows = tf.shape(first)[0]
        missing = tf.cast(tf.equal(rows, 0), tf.int32)
        for name, values in tensors.items():
            sizes = enumerate(values.shape[1:], start=1)
            shape = [tf.shape(values)[i] if n is None else n for i, n in sizes]
            safe = tf.constant(limits[name].safe if name in limits else 0, values.dtype)
            tensors[name] = tf.concat([values, tf.fill([missing, *shape], safe)], 0)
        return function(**self._condition({**tensors, **none}))[:rows]

    def _without_rows(
        self,
        function: Callable[..., tf.Tensor],
        static: dict[str, Any],
        arrays: dict[str, np.ndarray],
    ) -> np.ndarray:
        """No rows, in the shape and dtype of the output: that of a row of our own."""
        limits = limits_of(self, arrays)
        row = {
            k: np.full((1, *v.shape[1:]), limits[k].safe if k in limits else 0, v.dtype)
            for k, v in arrays.items()
        }
        compiled = self._compiled(function, static, row, None)
        row = {k: tf.constant(v) for k, v in row.items()}
        return self._as_answer(compiled(row).numpy()[:0])

    def uses_xla(self, num_rows: int, rows: int | None = None) -> bool:
        """Whether XLA compiles a run on so many rows, `rows` at once.

        It does if operations are many and small: those on a single row always are.
        """
        rows = rows or self._rows_per_call(num_rows)
        if rows == 1:
            return not tf.distribute.has_strategy()
        enough = num_rows >= min(rows, XLA_ROWS)
        return self.gains_by_xla and enough and default_jit(self) is True

    def _compiled(
        self,
        function: Callable[..., tf.Tensor],
        static: dict[str, Any],
        arrays: dict[str, np.ndarray],
        rows: int | None,
    ) -> Callable[[dict[str, tf.Tensor]], tf.Tensor]:
        """The function, traced once for any number of rows, or by XLA for one."""
        specs = {
            k: tf.TensorSpec((rows, *v.shape[1:]), v.dtype) for k, v in arrays.items()
        }
        key = (function.__name__, *sorted(static.items()), *sorted(specs.items()))

        def call(arrays: dict[str, tf.Tensor]) -> tf.Tensor:
            examples = self.example_names & arrays.keys()
            arrays = arrays | {k: self.as_input(arrays[k], k) for k in examples}
            with double_outputs():
                return function(**arrays, **static)

        def trace() -> Callable[[dict[str, tf.Tensor]], tf.Tensor]:
            options = {"autograph": False, "jit_compile": rows is not None or None}
            traced = tf.function(call, input_signature=[specs], **options)
            return traced.get_concrete_function()

        return self.traced_once(key, trace)

    def traced_once(self, key: Any, make: Callable[[], Any]) -> Any:
        """A compiled function of the model, made for each key once."""
        if not hasattr(self, "_functions"):
            self._functions = Recent(FUNCTIONS)
        return self._functions.find(key, make)

    def forget_functions(self) -> None:
        """Lets functions be traced anew that would call what a model no longer has."""
        self._functions = Recent(FUNCTIONS)

    def _require_finite_weights(self, *, known: bool = True) -> None:
        """Raises FloatingPointError if weights are NaN or infinite.

        Args:
            known: Whether weights that were finite at this step of the training are
                so still.
        """
        if known and getattr(self, "_finite_at", None) == self.training_steps:
            return
        floats = [v for v in self.weights if keras.backend.is_float_dtype(v.dtype)]
        if bad := [v.path for v in floats if not np.isfinite(v.value.numpy()).all()]:
            others = f" and {len(bad) - 1} others" if len(bad) > 1 else ""
            raise FloatingPointError(
                f"weights of {self.name} are NaN or infinite ({bad[0]}{others}): what "
                "it gives means nothing. Load weights from before, or train again with "
                "a lower learning rate or clipped gradients."
            )
        self._finite_at = self.training_steps

    def _rows_per_call(self, num_rows: int) -> int:
        """Few of large examples, for the memory; many of small ones, for the speed."""
        del num_rows
        fewest, most = ROWS_PER_CALL
        return min(max(fewest, VALUES_PER_CALL // math.prod(self.data_shape)), most)

    def _rows_for(self, arrays: dict[str, np.ndarray], most: int) -> int:
        """At most `most` rows at once; fewer if what is made of them is large."""
        del arrays
        return most

    def _condition(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """The inputs, the context in the place of the labels."""
        context = inputs.pop("context", None)
        return inputs if context is None else {**inputs, "labels": context}

    def _shapes(self, inputs: Collection[str]) -> dict[str, tuple[int, ...]]:
        names = {"x": "data_shape", "z": "latent_shape", "noise": "noise_shape"}
        shapes = {k: getattr(self, v) for k, v in names.items() if k in inputs}
        return shapes | {"context": (self.context_size,)}

    def _check_tensor(
        self, name: str, value: Any, shapes: dict[str, tuple[int, ...]]
    ) -> tf.Tensor | None:
        if value is None:
            return self._check_array(name, None, shapes)
        limit = limits_of(self, [name]).get(name)
        value = tf.convert_to_tensor(value)
        if name == "labels":
            check_symbolic_labels(self, value)
            value = tf.reshape(value, (-1,))
        elif name == "seed":
            _require_seeds(value.dtype.as_numpy_dtype, value.shape)
        elif name in self.example_names:
            value = self.as_input(value, name)
        elif name == "context" and self.context_size is None:
            check_context(value, None)
        else:
            check_shape(value.shape, shapes[name], name=name)
        if limit is not None and limit.is_integer:
            _check_integers(value.dtype.as_numpy_dtype, name)
            return tf.cast(require(value, limit, name), tf.int32)
        if name not in self.example_names:
            wide = name == "context" or self._is_wide(name)
            value = to_float(value, unit_interval=False, wide=wide)
        return require(value, limit, name)

    def _check_array(
        self, name: str, value: Any, shapes: dict[str, tuple[int, ...]]
    ) -> np.ndarray | None:
        if name == "labels":
            return check_labels(value, self.num_classes)
        if name == "seed":
            return _check_seeds(value)
        if name == "context":
            return check_context(value, self.context_size)
        if name in self.example_names:
            return self.check_array(value, name)
        limit = limits_of(self, [name]).get(name)
        if limit is None or not limit.is_scalar:
            own = {"unit_interval": False, "wide": self._is_wide(name), "empty": True}
            return check_data(value, shapes[name], **own, name=name)
        value = np.asarray(value)
        if limit.is_integer:
            _check_integers(value.dtype, name)
        else:
            value = as_float32(value, name)
        check_shape(value.shape, shapes[name], name=name)
        check_limit(value, limit, name)
        return value.astype(np.int32) if limit.is_integer else value

    def _is_wide(self, name: str) -> bool:
        return self.takes_float64 and name in self.like_data


def _check_counts(inputs: dict[str, Any]) -> int | None:
    """The number of rows that all inputs have; None if it is not known yet."""
    counts = {k: v.shape[0] for k, v in inputs.items() if v is not None}
    known = {count for count in counts.values() if count is not None}
    if len(known) > 1:
        raise ValueError(f"inputs differ in their number of rows: {counts}.")
    return next(iter(known), None)


def _check_seeds(seed: Any) -> np.ndarray:
    seeds = np.asarray(seed)
    _require_seeds(seeds.dtype, seeds.shape)
    kept = seeds.astype(np.int32)
    if (kept != seeds).any():
        raise ValueError(
            f"seed must fit into int32, received values in [{seeds.min()}, "
            f"{seeds.max()}]: keras_gen.random.row_seeds makes seeds of any integer."
        )
    return kept


def _check_integers(dtype: Any, name: str) -> None:
    """Raises ValueError unless a type is one of integers."""
    if not np.issubdtype(dtype, np.integer):
        raise ValueError(f"{name} must be integers, received {np.dtype(dtype).name}.")


def _require_seeds(dtype: Any, shape: Sequence[int | None]) -> None:
    """Raises ValueError unless an array of that kind holds one seed per row."""
    if len(shape) != 1 or not np.issubdtype(dtype, np.integer):
        raise ValueError(
            "seed must hold one integer per row, (batch,), received "
            f"{np.dtype(dtype).name} of shape {tuple(shape)}."
        )


def _few_sizes(rows: int) -> int:
    """The next size of three binary digits: XLA compiles for each size anew."""
    step = 2 ** max(rows.bit_length() - 3, 0)
    return -(-rows // step) * step


def _filled_up(values: np.ndarray, rows: int) -> np.ndarray:
    """The last row repeated, up to a multiple of `rows`."""
    missing = -len(values) % rows
    return np.concatenate([values, np.repeat(values[-1:], missing, axis=0)])
