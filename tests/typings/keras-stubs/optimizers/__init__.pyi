"""Keras' optimizers: their source has `learning_rate=0.001`, which a type checker takes
for a float, not for a schedule.
"""

from typing import Any

from keras.src.optimizers.loss_scale_optimizer import (
    LossScaleOptimizer as LossScaleOptimizer,
)
from keras.src.optimizers.optimizer import Optimizer as Optimizer

def __getattr__(name: str) -> Any: ...
