"""The schema of `.tflite` files, generated: it says of each field that it may be None."""

from typing import Any

def __getattr__(name: str) -> Any: ...
