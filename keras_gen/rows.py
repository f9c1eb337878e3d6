"""Calling a model on many rows: checked, compiled, in batches and threads."""

import functools
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import keras
import numpy as np
import tensorflow as tf

from .engine.loop import Recent, default_jit
from .refusals import collects, require, require_equal_counts
from .scaling import double_outputs
from .specs import Spec

ROWS_PER_CALL, VALUES_PER_CALL = (512, 16_384), 2**19
MOST_VALUES = 2**22  # of one call, whose features take many times the memory
FUNCTIONS = 32  # number of functions that are kept; each takes some MB
PATIENCE = 2.0  # seconds until a progress bar appears
XLA_ROWS = 2048  # fewer rows do not repay XLA's compilation
Rows = TypeVar("Rows", np.ndarray, tf.Tensor)  # arrays give arrays, tensors tensors
Given = Mapping[str, tuple[Any, Spec]]  # rows by name, with their specs


class RowRunner:
    """Runs functions of rows for a model.

    Tensors are passed to the function directly, so that an exported function or a
    gradient can contain the call. Arrays are checked, run compiled in batches and
    returned as an array. Tensors are checked too: symbolic ones by assertions (see
    `refusals`), which XLA removes.

    Args:
        model: The model, which has `training_steps`.
        scale: The scale of the examples. It decides whether arrays are returned as
            float64.

    Example:
        >>> networks = kg.networks.mlp_autoencoder((8, 8, 1), 2, units=(16,))
        >>> model = kg.Autoencoder(*networks)
        >>> runner = kg.rows.RowRunner(model, model.scale)
        >>> given = {"x": (np.ones((2, 8, 8, 1)), model.inputs)}
        >>> runner.run(lambda x: tf.reduce_mean(x, axis=(1, 2, 3)), given)
        array([1., 1.], dtype=float32)
    """

    def __init__(self, model: keras.Model, scale: Any = None) -> None:
        self._model, self._scale = model, scale
        self._finite_at: int | None = None
        self._functions = Recent(FUNCTIONS)

    def run(
        self,
        function: Callable[..., tf.Tensor],
        given: Given,
        *,
        rows: int | None = None,
        xla: bool | None = None,
        static: dict[str, Any] | None = None,
        trusted: bool = False,
        many_small: bool = False,
    ) -> Any:
        """Calls `function(**inputs, **static)` on all rows.

        Args:
            function: A function whose inputs and output have the batch axis first.
            given: Inputs by name with their specs. None values are left out.
            rows: The largest number of rows per call. None derives it from the size of
                the first input.
            xla: Whether XLA compiles the function. None means yes for calls with a
                single row.
            static: Arguments that are not rows.
            trusted: Whether arrays have been checked already.
            many_small: Whether the function consists of many small operations, which
                XLA speeds up on many rows.

        Returns:
            Tensor or array with the rows of the output: float32 for floating-point
            outputs of any precision, and the dtype of the output otherwise, such as
            int32 for codes; a float64 array if float32 would round values of a table
            visibly.

        Raises:
            ValueError: If an input does not fit its spec.
            FloatingPointError: If weights are NaN or infinite. This is checked for
                arrays at the first call, after training steps, and if outputs are not
                finite.
        """
        static, unasked = static or {}, _unasked(given)
        given = {k: pair for k, pair in given.items() if pair[0] is not None}
        specs = {k: spec for k, (_, spec) in given.items()} | unasked
        if any(tf.is_tensor(value) for value, _ in given.values()):
            tensors = {
                k: checked_tensor(_name(k, s), v, s) for k, (v, s) in given.items()
            }
            number = tf.shape(next(iter(tensors.values())))[:1]
            for k, spec in unasked.items():
                tensors[k] = tf.fill(number, tf.constant(spec.unasked, spec.dtype))
            _count(tensors)
            call = functools.partial(_in_full, function, **static)
            return _on_tensors(call, require_equal_counts(tensors), specs)
        arrays = {
            k: np.asarray(value) if trusted else spec.check(value, _name(k, spec))
            for k, (value, spec) in given.items()
        }
        for k, spec in unasked.items():
            number = len(next(iter(arrays.values())))
            arrays[k] = np.full(number, spec.unasked, spec.dtype)
        num_rows = _count(arrays)
        if not num_rows:
            return self._without_rows(function, static, arrays, specs)
        rows = rows or rows_per_call(next(iter(specs.values())).size)
        if xla is None:
            gains = many_small and self.gains_by_xla(num_rows, rows)
            xla = gains or self._uses_xla(rows)
        if xla:
            rows = _few_sizes(min(num_rows, rows))
            arrays = {k: _filled_up(v, rows) for k, v in arrays.items()}
        self.require_finite_weights()
        compiled = self._compiled(function, static, arrays, specs, rows if xla else 0)

        def call_part(start: int) -> np.ndarray:
            part = {k: v[start : start + rows] for k, v in arrays.items()}
            return compiled({k: tf.constant(v) for k, v in part.items()}).numpy()

        outputs = share_out(call_part, range(0, num_rows, rows))
        if not np.isfinite(outputs[-1]).all():
            self.require_finite_weights(known=False)
        return self._as_answer(np.concatenate(outputs)[:num_rows])

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """A compiled function of the model, made once per key."""
        return self._functions.find(key, make)

    def forget(self) -> None:
        """Forgets compiled functions, which may use replaced parts of the model."""
        self._functions = Recent(FUNCTIONS)

    def require_finite_weights(self, *, known: bool = True) -> None:
        """Raises FloatingPointError if weights are NaN or infinite.

        Args:
            known: Whether weights that were finite at this training step need no
                further check.
        """
        step = self._model.training_steps
        if known and self._finite_at == step:
            return
        floats = [
            v for v in self._model.weights if keras.backend.is_float_dtype(v.dtype)
        ]
        if bad := [v.path for v in floats if not np.isfinite(v.value.numpy()).all()]:
            others = f" and {len(bad) - 1} others" if len(bad) > 1 else ""
            raise FloatingPointError(
                f"weights of {self._model.name} are NaN or infinite ({bad[0]}{others}),"
                " so its outputs are meaningless. Load earlier weights, or train again "
                "with a lower learning rate or clipped gradients."
            )
        self._finite_at = step

    def _as_answer(self, outputs: np.ndarray) -> np.ndarray:
        keeps = self._scale is not None and self._scale.is_far
        is_long = outputs.dtype == np.float64 and not keeps
        return outputs.astype(np.float32) if is_long else outputs

    def _uses_xla(self, rows: int) -> bool:
        """Whether XLA compiles by default: operations on a single row are small."""
        return rows == 1 and not tf.distribute.has_strategy()

    def gains_by_xla(self, num_rows: int, rows: int) -> bool:
        """Whether XLA pays off for a model of many small operations."""
        enough = num_rows >= min(rows, XLA_ROWS)
        is_dense = default_jit(self._model) is True
        return self._uses_xla(rows) or (enough and is_dense)

    def _without_rows(
        self,
        function: Callable[..., tf.Tensor],
        static: dict[str, Any],
        arrays: dict[str, np.ndarray],
        specs: dict[str, Spec],
    ) -> np.ndarray:
        """An empty output with the right shape and dtype, from a stand-in row."""
        row = {
            k: np.full((1, *v.shape[1:]), specs[k].limit.safe, v.dtype)
            for k, v in arrays.items()
        }
        compiled = self._compiled(function, static, row, specs, 0)
        row = {k: tf.constant(v) for k, v in row.items()}
        return self._as_answer(compiled(row).numpy()[:0])

    def _compiled(
        self,
        function: Callable[..., tf.Tensor],
        static: dict[str, Any],
        arrays: dict[str, np.ndarray],
        specs: dict[str, Spec],
        jit_rows: int,
    ) -> Callable[[dict[str, tf.Tensor]], tf.Tensor]:
        """The function, traced for any number of rows, or compiled by XLA for one."""
        signature = {
            k: tf.TensorSpec((jit_rows or None, *v.shape[1:]), v.dtype)
            for k, v in arrays.items()
        }
        of = getattr(function, "__func__", function)
        key = (of, *sorted(static.items()), *sorted(signature.items()))

        def call(arrays: dict[str, tf.Tensor]) -> tf.Tensor:
            inputs = {k: specs[k].as_input(v, k) for k, v in arrays.items()}
            with double_outputs():
                return _in_full(function, **inputs, **static)

        def trace() -> Callable[[dict[str, tf.Tensor]], tf.Tensor]:
            options = {"autograph": False, "jit_compile": jit_rows > 0 or None}
            traced = tf.function(call, input_signature=[signature], **options)
            return traced.get_concrete_function()

        return self.once(key, trace)


def run_rows(model: Any, function: Callable[..., Any], given: Given, **how: Any) -> Any:
    """Calls a function of rows for a model: checked, compiled, in batches.

    Use it for methods of a `GenerativeModel` that take arrays and are exported. Tensors
    are passed to the function directly, so that an exported function or a gradient can
    contain the call. Each function is compiled once per shape and dtype.

    Args:
        model: The model, a `GenerativeModel`.
        function: A method of the model or a module-level function, not one that is
            created at each call. It takes rows by name as float32 or int32 tensors in
            units of the data, and returns a tensor with the batch axis first.
        given: Rows by name with their specs, such as `{"x": (x, model.inputs)}`. None
            values are left out.
        **how: As in `RowRunner.run`: `static`, arguments of `function` that are not
            rows; `rows`, the largest number of rows per call; and `xla`.

    Returns:
        Tensor or array with the rows of the output: float32, under mixed precision
        too, or the dtype of an output that is not floating-point, such as int32 codes.

    Raises:
        ValueError: If an input does not fit its spec, or if numbers of rows differ.
        FloatingPointError: If weights of the model are NaN or infinite.

    Example:
        >>> import numpy as np
        >>> import keras_gen as kg
        >>> pair = kg.networks.mlp_autoencoder((8, 8, 1), 2, units=(16,))
        >>> model = kg.Autoencoder(*pair, seed=0)
        >>> def brightness(x):
        ...     return keras.ops.mean(x, axis=(1, 2, 3))
        >>> x = np.full((2, 8, 8, 1), 255, np.uint8)
        >>> kg.rows.run_rows(model, brightness, {"x": (x, model.inputs)})
        array([1., 1.], dtype=float32)
    """
    return model._rows.run(function, given, **how)


def checked_tensor(name: str, value: Any, spec: Spec) -> tf.Tensor:
    """A checked tensor of rows as models see it. Known values are checked too."""
    value = spec.as_input(tf.convert_to_tensor(value), name)
    return require(value, spec.limit, name)


def _in_full(function: Callable[..., tf.Tensor], /, **inputs: Any) -> tf.Tensor:
    """The outputs of a function: half precision becomes float32."""
    outputs = function(**inputs)
    is_half = outputs.dtype in (tf.float16, tf.bfloat16)
    return tf.cast(outputs, tf.float32) if is_half else outputs


def _unasked(given: Given) -> dict[str, Spec]:
    """The specs of missing conditions that may be missing; see `Spec.unasked`."""
    return {
        k: spec
        for k, (value, spec) in given.items()
        if k == "condition" and value is None and spec.unasked is not None
    }


def _name(key: str, spec: Spec) -> str:
    """The name of an input in errors: a condition has the name of its spec."""
    return spec.name if key == "condition" else key


def rows_per_call(values: int) -> int:
    """Rows per call: few large rows, to save memory, or many small ones."""
    fewest, most = ROWS_PER_CALL
    rows = min(max(fewest, VALUES_PER_CALL // values), most)
    return max(1, min(rows, MOST_VALUES // values))


def per_thread(num_rows: int, most: int) -> int:
    """Rows per call: few, since threads are faster with one call each."""
    return max(1, min(most, -(-num_rows // num_threads())))


def _on_tensors(
    function: Callable[..., tf.Tensor],
    tensors: dict[str, tf.Tensor],
    specs: dict[str, Spec],
) -> tf.Tensor:
    """Calls the function on tensors; an empty batch gets a stand-in row.

    The row is cut off again. TensorFlow's convolutions fail on an empty batch on a CPU.
    """
    first = next(iter(tensors.values()))
    if first.shape[0] or collects():
        return function(**tensors)
    rows = tf.shape(first)[0]
    missing = tf.cast(tf.equal(rows, 0), tf.int32)
    for name, values in tensors.items():
        sizes = enumerate(values.shape[1:], start=1)
        shape = [tf.shape(values)[i] if n is None else n for i, n in sizes]
        safe = tf.constant(specs[name].limit.safe, values.dtype)
        row = tf.broadcast_to(safe, [missing, *shape])
        tensors[name] = tf.concat([values, row], 0)
    return function(**tensors)[:rows]


def _count(inputs: dict[str, Any]) -> int | None:
    """The common number of rows of all inputs, or None if it is not known yet."""
    counts = {k: v.shape[0] for k, v in inputs.items()}
    known = {count for count in counts.values() if count is not None}
    if len(known) > 1:
        raise ValueError(
            f"inputs must have the same number of rows, received {counts}."
        )
    return next(iter(known), None)


def _few_sizes(rows: int) -> int:
    """The next size with three binary digits: XLA compiles each size separately."""
    step = 2 ** max(rows.bit_length() - 3, 0)
    return -(-rows // step) * step


def _filled_up(values: np.ndarray, rows: int) -> np.ndarray:
    """The last row repeated, up to a multiple of `rows`."""
    missing = -len(values) % rows
    return np.concatenate([values, np.repeat(values[-1:], missing, axis=0)])


def num_threads() -> int:
    """Number of parallel calls: one per core, or one on GPUs or under a strategy."""
    if tf.config.list_physical_devices("GPU") or tf.distribute.has_strategy():
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def share_out(
    work: Callable[[int], np.ndarray], starts: Sequence[int]
) -> list[np.ndarray]:
    """Calls `work` in threads and returns the results in order.

    After two seconds Keras' progress bar shows the number of results, on a terminal and
    in a notebook, unless `keras.config.disable_interactive_logging()` was called.

    Args:
        work: A function that lets other threads run, as TensorFlow's functions do.
        starts: The argument of each call.

    Raises:
        Exception: The error of a call. Calls that have not begun are cancelled.
    """
    if len(starts) == 1:
        return [work(starts[0])]
    bar, pool = _Bar(len(starts)), ThreadPoolExecutor(num_threads())
    try:
        return [bar.after(result) for result in pool.map(work, starts)]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


class _Bar:
    """Keras' progress bar, which appears after some seconds."""

    def __init__(self, total: int) -> None:
        seen = sys.stdout.isatty() or "ipykernel" in sys.modules
        self.is_shown = seen and keras.config.is_interactive_logging_enabled()
        self.bar = keras.utils.Progbar(total, unit_name="call")
        self.done, self.start = 0, time.perf_counter()

    def after(self, result: np.ndarray) -> np.ndarray:
        """The result, counted."""
        self.done += 1
        if self.is_shown and time.perf_counter() - self.start > PATIENCE:
            self.bar.update(self.done)
        return result
