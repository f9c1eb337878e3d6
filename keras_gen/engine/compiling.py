"""The defaults of `compile`: those that are fast."""

import math
from collections.abc import Iterable

import keras
import tensorflow as tf

from . import internals

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
