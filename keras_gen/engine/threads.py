"""Calls shared out to threads, with a bar if they take long."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import tensorflow as tf

PATIENCE = 2.0  # seconds until a bar appears


def num_threads() -> int:
    """How many calls run at a time: one per core; one on GPUs or under a strategy."""
    if tf.config.list_physical_devices("GPU") or tf.distribute.has_strategy():
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def share_out(
    work: Callable[[int], np.ndarray], starts: Sequence[int]
) -> list[np.ndarray]:
    """The results of `work`, in order.

    After two seconds a bar of Keras shows how many are there, on a terminal and in a
    notebook, unless `keras.config.disable_interactive_logging()` was called.

    Args:
        work: A function that lets other threads run, as TensorFlow's do.
        starts: Its arguments.

    Raises:
        Exception: What a call raised; those that have not begun are given up.
    """
    if len(starts) == 1:
        return [work(starts[0])]
    bar, pool = _Bar(len(starts)), ThreadPoolExecutor(num_threads())
    try:
        return [bar.after(result) for result in pool.map(work, starts)]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


class _Bar:
    """Keras' bar, once its time has come."""

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
