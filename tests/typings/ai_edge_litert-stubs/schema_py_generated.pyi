"""The generated schema of `.tflite` files says of each field that it may be None."""

from typing import Any

def __getattr__(name: str) -> Any: ...
