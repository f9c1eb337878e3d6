"""Settings that several presets have: their types, meanings and limits."""

from typing import Annotated, Literal

from .settings import Says

Channels = Annotated[
    tuple[int, ...] | None,
    Says("Channels of each halving. Default: width to 4 x width.", of="images"),
]
DenseUnits = Annotated[
    int | None, Says("Units of the dense layer. Default: 8 x width.", of="images")
]
Units = Annotated[
    tuple[int, ...] | None,
    Says("Units of each layer. Default: 16 x width, 8 x width.", of="others"),
]
Activation = Annotated[
    Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh"],
    Says("Activation of the hidden layers."),
]
LatentSize = Annotated[
    int | None, Says("Numbers of the latent vector. Default: the width.")
]
Beta = Annotated[float, Says("Factor of the KL term of the loss.", least=0)]
KLWarmup = Annotated[
    float, Says("Share of the run over which that factor grows from 0.", 0, 1)
]
FreeBits = Annotated[
    float, Says("Nats of each latent number that the KL term leaves free.", least=0)
]
TokenChannels = Annotated[int | None, Says("Channels of a token. Default: 4 x width.")]
Cell = Annotated[Literal["lstm", "gru"], Says("Kind of the layers.")]
Dropout = Annotated[float, Says("Share of features set to 0 in training.", 0, 0.99)]
SizeChannels = Annotated[
    tuple[int, ...] | None,
    Says("Channels of each size. Default: width to 4 x width.", of="images"),
]
Patch = Annotated[
    int | None,
    Says(
        "Side of the squares of pixels that are one place. Default: 2 from 64 pixels "
        "on, 4 from 128 on, 1 of smaller ones, of series and of clips.",
        of="images",
    ),
]
Blocks = Annotated[int, Says("Residual blocks of each size.", of="images")]
Heads = Annotated[int, Says("Heads of attention.", of="images")]
BlockDropout = Annotated[
    float, Says("Share of features set to 0 in training.", 0, 0.99, of="images")
]
EMADecay = Annotated[
    float | None, Says("Decay of the moving average of the weights.", 0, 0.999999)
]
LabelDropout = Annotated[
    float, Says("Share of conditions hidden in training, for guidance.", 0, 0.99)
]
GuidanceScale = Annotated[
    float, Says("Default strength of guidance by the condition.", least=0)
]
DenoiserUnits = Annotated[
    tuple[int, ...] | None,
    Says("Units of each layer. Default: three times 16 x width.", of="others"),
]
