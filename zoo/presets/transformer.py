"""A transformer that predicts the characters of a text."""

from typing import TYPE_CHECKING

import keras_gen as kg

from ..languages import InWindows
from ..optimizing import Cosine
from ..preset import TEXT, Preset

if TYPE_CHECKING:
    from keras_gen.tokenizers import Tokenizer

CONTEXT = 128


def make(tokenizer: "Tokenizer", width: int, seed: int) -> kg.Autoregressive:
    """The model."""
    network = kg.networks.causal_transformer(
        tokenizer.vocabulary_size, width=4 * width, depth=4, heads=4, context=CONTEXT
    )
    return kg.Autoregressive(network, tokenizer, seed=seed)


recipe = Preset(
    make=make,
    kinds=(TEXT,),
    family="autoregressive",
    rate=Cosine(1e-3, 1),
    text=InWindows(CONTEXT + 1),
    source="Vaswani et al. 2017, Su et al. 2021",
)
