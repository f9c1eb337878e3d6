"""An LSTM that predicts the characters of a text."""

from typing import TYPE_CHECKING, Annotated, Literal

import keras_gen as kg

from ..languages import InWindows
from ..optimizing import Cosine
from ..preset import TEXT, Preset
from ..settings import Says

if TYPE_CHECKING:
    from keras_gen.tokenizers import Tokenizer


def make(
    tokenizer: "Tokenizer",
    width: int,
    seed: int,
    *,
    length: Annotated[int, Says("Tokens of a window of training.", least=2)] = 128,
    channels: Annotated[
        int | None, Says("Channels of a token. Default: 4 x width.")
    ] = None,
    units: Annotated[
        tuple[int, ...] | None, Says("Units of each layer. Default: 8 x width.")
    ] = None,
    cell: Annotated[Literal["lstm", "gru"], Says("Kind of the layers.")] = "lstm",
    dropout: Annotated[
        float, Says("Share of features set to 0 in training.", 0, 0.99)
    ] = 0.0,
) -> "kg.Autoregressive":
    """The model."""
    network = kg.networks.recurrent(
        tokenizer.vocabulary_size,
        width=channels or 4 * width,
        units=units or (8 * width,),
        cell=cell,
        dropout=dropout,
    )
    return kg.Autoregressive(network, tokenizer, length=length, seed=seed)


recipe = Preset(
    make=make,
    kinds=(TEXT,),
    family="autoregressive",
    rate=Cosine(2e-3, 1),
    adam={"clipnorm": 1.0},
    rows=lambda length: InWindows(length + 1),
    source="Graves 2013",
)
