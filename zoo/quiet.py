"""Output without start-up messages, lines of code and graphs in errors."""

import contextlib
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NoReturn


def quiet_tensorflow(start: Callable[[], Any] | None = None) -> None:
    """Imports TensorFlow and Keras without printing anything.

    TensorFlow writes its first logs to file descriptor 2, whatever its settings. The
    descriptor is therefore redirected during the import.

    Args:
        start: A function that starts the runtime, which logs too. None for any
            operation.
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
        if start is None:
            tf.constant(0)
        else:
            start()
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
    from keras_gen import _check_backend

    _check_backend()


_printed: set[str] = set()


def short_warnings() -> None:
    """Prints each warning once, as one line, without its line of code."""
    warnings.showwarning = _print_note


def _print_note(message: Warning | str, *_: Any, **__: Any) -> None:
    text = " ".join(str(message).split())
    if text not in _printed:
        _printed.add(text)
        print(f"note: {text}", file=sys.stderr)


MISTAKES = (FileExistsError, FileNotFoundError, ValueError)  # of the user's
INTERRUPTED, TRACEBACK = 130, "KERAS_GEN_TRACEBACK"
EXPLAINED = (ValueError, OSError, RuntimeError, ArithmeticError, MemoryError)
EXPLAINED += (ImportError,)
MOST = 600  # characters of a reason
NOISE = re.compile(
    r"\[?\[?\{\{.*?\}\}\]?\]?|\[Op:.*?\]( name:.*)?|Graph execution error:|"
    r"Detected at node.*|<stack traces unavailable>|Stack trace for op definition:.*|"
    r"Error in user-defined function passed to \S+ transformation with iterator: \S+: "
)


def reason_of(error: BaseException) -> str:
    """The reason of an error, in one line for someone who did not write the code.

    Names of graph nodes and printed configurations are left out, and so are Keras'
    messages that advise to run the code inside a file.
    """
    text = str(error)
    if "safe_mode" in text or "unsafe_deserialization" in text:
        return (
            "it holds Python code, such as a Lambda layer, which is never run on "
            "loading: use a registered subclass of keras.layers.Layer instead"
        )
    text = text.rpartition("Exception encountered: ")[2]  # after a configuration
    if type(error).__module__.startswith("tensorflow"):
        text = NOISE.sub("", text.partition("Traceback (most recent call last)")[0])
    text = " ".join(text.split())
    if len(text) > MOST:
        text = f"{text[:MOST]} ..."
    exhausted = type(error).__name__ == "ResourceExhaustedError"
    is_disk = "No space left" in text
    if isinstance(error, MemoryError) or (exhausted and not is_disk):
        reason = f" ({text})" if text else ""
        return f"out of memory{reason}: use a smaller batch size or fewer examples"
    if text and (is_disk or isinstance(error, EXPLAINED)):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Ends the process with one line on standard error if anything is raised.

    The exit status is 2 for a mistake of the user, 130 for Ctrl-C and 1 for other
    errors. If the environment variable `KERAS_GEN_TRACEBACK` is set, the traceback is
    printed first.
    """
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        fail(error)


def fail(error: BaseException | str, status: int | None = None) -> NoReturn:
    """Prints an error and ends the process. The error decides the default status."""
    if isinstance(error, KeyboardInterrupt):
        text, status = "interrupted", INTERRUPTED
    elif isinstance(error, BaseException):
        text, status = reason_of(error), 2 if isinstance(error, MISTAKES) else 1
        if isinstance(error, PermissionError) and error.filename:
            place = os.fspath(error.filename)
            text = (
                f"{place}: permission denied. Choose another path, or change its mode."
            )
            status = 2
        if os.environ.get(TRACEBACK):
            traceback.print_exception(error)
        elif text.startswith(type(error).__name__):  # nobody expected it
            text = f"{text} ({TRACEBACK}=1 shows where)"
    else:
        text = error
    print(f"keras-gen: {text}", file=sys.stderr)
    sys.exit(status)
