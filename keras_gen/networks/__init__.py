"""Networks: tensors to tensors. Each builder returns a usual encoder-decoder pair.

Any Functional or Sequential model can stand in for a network that is built here.
A class-conditional network is a model of two inputs, the value and the one-hot
labels `(batch, num_classes)`.
"""

from .checks import check_players
from .conv import conv_autoencoder, conv_decoder, conv_encoder, conv_vae
from .features import conv_features
from .mlp import mlp, mlp_autoencoder, mlp_vae
from .structure import (
    apply,
    check_pair,
    check_raw_output,
    input_shape,
    num_classes,
    output_shape,
)

__all__ = [
    "apply",
    "check_pair",
    "check_players",
    "check_raw_output",
    "conv_autoencoder",
    "conv_decoder",
    "conv_encoder",
    "conv_features",
    "conv_vae",
    "input_shape",
    "mlp",
    "mlp_autoencoder",
    "mlp_vae",
    "num_classes",
    "output_shape",
]
