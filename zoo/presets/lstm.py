"""An LSTM that predicts the characters of a text."""

from typing import TYPE_CHECKING

import keras_gen as kg

from ..languages import InWindows
from ..optimizing import Cosine
from ..preset import TEXT, Preset

if TYPE_CHECKING:
    from keras_gen.tokenizers import Tokenizer

LENGTH = 128


def make(tokenizer: "Tokenizer", width: int, seed: int) -> kg.Autoregressive:
    """The model."""
    units = (8 * width,)
    size = tokenizer.vocabulary_size
    network = kg.networks.recurrent(size, width=4 * width, units=units)
    return kg.Autoregressive(network, tokenizer, length=LENGTH, seed=seed)


recipe = Preset(
    make=make,
    kinds=(TEXT,),
    family="autoregressive",
    rate=Cosine(2e-3, 1),
    adam={"clipnorm": 1.0},
    text=InWindows(LENGTH + 1),
    source="Graves 2013",
)
