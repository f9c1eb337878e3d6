"""A transformer that predicts the characters of a text."""

from typing import TYPE_CHECKING, Annotated

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
    length: Annotated[int, Says("Tokens that it looks back on.", least=2)] = 128,
    channels: Annotated[
        int | None, Says("Channels of a token. Default: 4 x width.")
    ] = None,
    depth: Annotated[int, Says("Blocks.")] = 4,
    heads: Annotated[int, Says("Heads of attention, a divisor of the channels.")] = 4,
    dropout: Annotated[
        float, Says("Share of features set to 0 in training.", 0, 0.99)
    ] = 0.0,
) -> "kg.Autoregressive":
    """The model."""
    network = kg.networks.causal_transformer(
        tokenizer.vocabulary_size,
        width=channels or 4 * width,
        depth=depth,
        heads=heads,
        context=length,
        dropout=dropout,
    )
    return kg.Autoregressive(network, tokenizer, seed=seed)


recipe = Preset(
    make=make,
    kinds=(TEXT,),
    family="autoregressive",
    rate=Cosine(1e-3, 1),
    rows=lambda length: InWindows(length + 1),
    source="Vaswani et al. 2017, Su et al. 2021",
)
