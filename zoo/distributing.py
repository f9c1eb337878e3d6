"""Training a recipe on several devices, or by several processes."""

import contextlib
import functools
import json
import os
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .recipe import UsageError

if TYPE_CHECKING:
    import tensorflow as tf

STRATEGIES = ("mirrored", "multi_worker")
TASKS = ("chief", "worker")
EXAMPLE = (
    '{"cluster": {"worker": ["host1:12345", "host2:12345"]}, '
    '"task": {"type": "worker", "index": 0}}'
)


def check_strategy(name: str | None) -> None:
    """Raises UsageError if a strategy is unknown, or its TF_CONFIG is invalid.

    Args:
        name: `mirrored`, `multi_worker`, or None for one device.
    """
    if name is not None and name not in STRATEGIES:
        raise UsageError(
            f"strategy must be one of {', '.join(STRATEGIES)}, received {name!r}."
        )
    if name == "multi_worker":
        _check_environment()


def _check_environment() -> None:
    text = os.environ.get("TF_CONFIG")
    if not text:
        raise UsageError(
            "strategy multi_worker requires the environment variable TF_CONFIG, which "
            "names all processes and this one. Start the same command once for each "
            f"process, the first with TF_CONFIG='{EXAMPLE}', the next with index 1."
        )
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        kind, index = task["type"], int(task["index"])
        addresses = cluster[kind]
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"TF_CONFIG cannot be read ({type(error).__name__}: {error}), received "
            f"{text!r}, expected something like {EXAMPLE}."
        ) from error
    if kind not in TASKS:
        raise UsageError(
            f"the task of TF_CONFIG must be of type {' or '.join(TASKS)}, received "
            f"{kind!r}."
        )
    if not 0 <= index < len(addresses):
        raise UsageError(
            f"the task of TF_CONFIG has index {index}, but its cluster names "
            f"{len(addresses)} of type {kind}: count from 0."
        )


@functools.cache
def strategy_of(name: str | None) -> "tf.distribute.Strategy":
    """The strategy of this process, created once.

    Create it before any other TensorFlow operation. A strategy of several processes
    waits until all of them have started.

    Args:
        name: `mirrored`, `multi_worker`, or None for one device.
    """
    check_strategy(name)
    import tensorflow as tf

    if name is None:
        return tf.distribute.get_strategy()
    if name == "multi_worker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    strategy = tf.distribute.MirroredStrategy()
    if strategy.num_replicas_in_sync == 1:
        warnings.warn(
            "strategy mirrored found only one device. Training is the same without it.",
            stacklevel=2,
        )
    return strategy


def is_chief(strategy: "tf.distribute.Strategy") -> bool:
    """Whether this process writes files: the only process, or the first of several."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.cluster_spec().as_dict():
        return True
    kinds = resolver.cluster_spec().as_dict()
    is_first = resolver.task_id == 0
    return is_first and resolver.task_type == (
        "chief" if "chief" in kinds else "worker"
    )


def scope(strategy: "tf.distribute.Strategy") -> contextlib.AbstractContextManager[Any]:
    """The scope in which models of a strategy are built. One device has no scope."""
    import tensorflow as tf

    is_default = strategy is tf.distribute.get_strategy()
    return contextlib.nullcontext() if is_default else strategy.scope()


def is_lost(error: Exception) -> bool:
    """Whether an error says that another process cannot be reached."""
    import tensorflow as tf

    errors = tf.errors
    return isinstance(
        error, errors.UnavailableError | errors.AbortedError | errors.CancelledError
    )


def wait_for_all(strategy: "tf.distribute.Strategy") -> None:
    """Waits until all processes have called this function."""
    import tensorflow as tf

    def meet() -> Any:
        one = tf.constant(1)
        replica = tf.distribute.get_replica_context()
        return replica.all_reduce(tf.distribute.ReduceOp.SUM, one)

    tf.function(lambda: strategy.run(meet))()


def starter(name: str | None) -> Callable[[], Any] | None:
    """The function that starts TensorFlow for a strategy. None for the usual start."""
    return None if name is None else functools.partial(strategy_of, name)
