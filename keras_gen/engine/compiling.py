"""`compile` with defaults that are fast."""

import contextlib
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from ..serialization import deserialize, serialize
from . import internals
from .execution import Executes

STEPS_PER_EXECUTION = 32
BATCH_HOOKS = (
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_batch_begin",
    "on_test_batch_end",
    "on_batch_begin",
    "on_batch_end",
)
CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
)


def default_jit(model: keras.Model) -> bool | str:
    """Whether XLA should compile the steps of `model`.

    On a CPU, XLA speeds dense networks up and slows convolutions down, and other layers
    with `loses_by_xla`; it cannot follow variables that a distribution strategy
    mirrors. On a GPU, Keras decides.
    """
    if tf.distribute.has_strategy():
        return False
    if tf.config.list_physical_devices("GPU"):
        return "auto"
    return not any(
        isinstance(layer, CONVOLUTIONS) or getattr(layer, "loses_by_xla", False)
        for layer in internals.layers_of(model)
    )


def default_steps(
    callbacks: Iterable[keras.callbacks.Callback] = (), counts: Iterable[int] = ()
) -> int:
    """Training steps per compiled call.

    1 if a callback watches single batches. Else the largest number up to 32 that
    divides the `counts` of steps asked for, because Keras makes whole calls only.
    """
    if any(map(watches_batches, callbacks)):
        return 1
    common = math.gcd(*counts)
    return max(n for n in range(1, STEPS_PER_EXECUTION + 1) if common % n == 0)


def watches_batches(callback: keras.callbacks.Callback) -> bool:
    """Whether `callback` expects to be called after every single batch."""
    known = keras.callbacks
    if isinstance(callback, known.ModelCheckpoint | known.BackupAndRestore):
        return callback.save_freq != "epoch"
    if isinstance(callback, known.TensorBoard):
        return callback.update_freq != "epoch" or internals.profiles_batches(callback)
    if isinstance(callback, known.ProgbarLogger | known.TerminateOnNaN):
        return False
    return any(
        hook in vars(callback)
        or getattr(type(callback), hook) is not getattr(known.Callback, hook)
        for hook in BATCH_HOOKS
    )


class CompilesFast(Executes):
    """`compile` for a `keras.Model` with its own loss; mixed in before it."""

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "adam",
        *,
        steps_per_execution: int | str = "auto",
        jit_compile: bool | str = "auto",
        run_eagerly: bool = False,
        auto_scale_loss: bool = True,
        **unknown: Any,
    ) -> None:
        """Chooses the optimizer; the defaults are fast.

        Args:
            optimizer: A Keras optimizer or its name.
            steps_per_execution: Training steps per compiled call. "auto" runs 32,
                or 1 where `fit` gets a callback that watches single batches.
            jit_compile: Whether XLA compiles the steps. On a CPU, "auto" means
                yes for dense networks and no for convolutions, which XLA slows.
            run_eagerly: Runs Python line by line, for debugging.
            auto_scale_loss: Scales the loss under mixed float16.
            **unknown: Refused.

        Raises:
            TypeError: If `loss`, `metrics` or anything unknown is passed.
            ValueError: If XLA is to compile a model of a distribution strategy.
        """
        if unknown:
            raise TypeError(
                f"compile() got {', '.join(map(repr, sorted(unknown)))}: a generative "
                "model brings its own loss (see its constructor) and reports its "
                "loss terms as metrics."
            )
        if jit_compile is True and self.distributed():
            raise ValueError(
                "jit_compile must be False or 'auto' under a distribution strategy, "
                "received True: XLA cannot follow its variables."
            )
        self._requested = {
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
            "run_eagerly": run_eagerly,
            "auto_scale_loss": auto_scale_loss,
        }
        resolved = dict(self._requested)
        if steps_per_execution == "auto":
            resolved["steps_per_execution"] = default_steps()
        if jit_compile == "auto":
            without = run_eagerly or self.distributed()
            resolved["jit_compile"] = False if without else default_jit(self)
        super().compile(optimizer=optimizer, **resolved)
        if self.trainable_variables:
            self.optimizer.build(self.trainable_variables)

    def get_compile_config(self) -> dict[str, Any]:
        """What `compile_from_config` needs to go on training."""
        if not self.compiled:
            return {}
        return serialize({**self._optimizers(), **self._requested})

    def _optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        """The arguments of `compile` that are optimizers."""
        return {"optimizer": self.optimizer}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles as before saving; Keras then loads the optimizer's state."""
        if config:
            self.compile(**deserialize(config))

    def choose_steps(
        self,
        callbacks: Sequence[keras.callbacks.Callback],
        counts: Iterable[int | None],
    ) -> None:
        """Sets the steps per execution that `fit`'s callbacks and counts allow."""
        if self._requested["steps_per_execution"] != "auto":
            return
        steps = _allowed_steps(callbacks, counts)
        if steps != self.steps_per_execution:
            self.steps_per_execution = steps
            self.train_function = self.test_function = self.predict_function = None

    @contextlib.contextmanager
    def steps_of_evaluation(
        self, callbacks: Sequence[keras.callbacks.Callback], steps: int | None
    ) -> Iterator[None]:
        """As `choose_steps`, for one call of `evaluate`."""
        before = self.steps_per_execution, getattr(self, "test_function", None)
        if self.compiled and self._requested["steps_per_execution"] == "auto":
            self.steps_per_execution = _allowed_steps(callbacks, (steps,))
            if self.steps_per_execution != before[0]:
                self.test_function = None
        try:
            yield
        finally:
            if self.steps_per_execution != before[0]:
                self.steps_per_execution, self.test_function = before


def _allowed_steps(
    callbacks: Sequence[keras.callbacks.Callback], counts: Iterable[int | None]
) -> int:
    return default_steps(callbacks, filter(None, counts))
