"""TensorFlow without its start-up chatter."""

import os
import sys
import warnings
from typing import Any


def quiet_tensorflow() -> None:
    """Imports TensorFlow and Keras with nothing printed.

    What TensorFlow logs before its logger is ready goes past every setting to file
    descriptor 2, which therefore points elsewhere during the import.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore", category=FutureWarning)
    sys.stderr.flush()
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
        tf.constant(0)  # starts the runtime, which logs too
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
    from .. import _check_backend

    _check_backend()


_printed: set[str] = set()


def short_warnings() -> None:
    """Prints each warning once, as one line, without the line of code that gave it."""
    warnings.showwarning = _print_note


def _print_note(message: Warning | str, *_: Any, **__: Any) -> None:
    text = " ".join(str(message).split())
    if text not in _printed:
        _printed.add(text)
        print(f"note: {text}", file=sys.stderr)
