"""An LSTM that predicts the tokens of a text."""

from typing import TYPE_CHECKING, Any

import keras_gen as kg

from ..languages import InWindows
from ..optimizing import Cosine
from ..preset import TEXT, Preset

if TYPE_CHECKING:
    from keras_gen.specs import Tokens

LENGTH = 128


def make(inputs: "Tokens", condition: None, width: int, seed: int) -> kg.Autoregressive:
    """The model."""
    del condition
    units, size = (8 * width,), inputs.vocabulary_size
    network = kg.networks.recurrent(size, width=4 * width, units=units)
    how: dict[str, Any] = {"length": inputs.length, "end_token": inputs.end_token}
    return kg.Autoregressive(network, inputs.tokenizer, **how, seed=seed)


recipe = Preset(
    make=make,
    kinds=(TEXT,),
    family="autoregressive",
    rate=Cosine(2e-3, 1),
    adam={"clipnorm": 1.0},
    text=InWindows(LENGTH + 1),
    source="Graves 2013",
)
