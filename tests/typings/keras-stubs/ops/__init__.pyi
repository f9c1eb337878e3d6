"""Keras' operations, as the TensorFlow backend runs them.

A type checker that reads Keras' own source finds the union of what all backends
return, which no code can use.
"""

from typing import Any

def __getattr__(name: str) -> Any: ...
