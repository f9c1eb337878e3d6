"""Keras: `Input` gives one tensor, where its source says that it may be a list."""

from typing import Any

from keras.src.backend import KerasTensor as KerasTensor
from keras.src.backend import Variable as Variable
from keras.src.layers.layer import Layer as Layer
from keras.src.models.model import Model as Model
from keras.src.ops.operation import Operation as Operation

from . import callbacks as callbacks
from . import layers as layers
from . import ops as ops
from . import optimizers as optimizers
from . import utils as utils

def Input(*args: Any, **options: Any) -> Any: ...
def __getattr__(name: str) -> Any: ...
