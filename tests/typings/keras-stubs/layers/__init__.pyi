"""Keras' layers: what their source says of arguments is the type of the default alone,
and of a call that it may be a list of tensors.
"""

from typing import Any

from keras.src.layers.layer import Layer as Layer

def __getattr__(name: str) -> Any: ...
