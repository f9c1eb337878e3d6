"""A transformer that predicts the tokens of a text."""

from typing import TYPE_CHECKING, Any

import keras_gen as kg

from ..languages import InWindows
from ..optimizing import Cosine
from ..preset import TEXT, Preset

if TYPE_CHECKING:
    from keras_gen.specs import Tokens

CONTEXT = 128


def make(inputs: "Tokens", condition: None, width: int, seed: int) -> kg.Autoregressive:
    """The model."""
    del condition
    network = kg.networks.causal_transformer(
        inputs.vocabulary_size,
        width=4 * width,
        depth=4,
        heads=4,
        context=inputs.length,
    )
    how: dict[str, Any] = {"length": inputs.length, "end_token": inputs.end_token}
    return kg.Autoregressive(network, inputs.tokenizer, **how, seed=seed)


recipe = Preset(
    make=make,
    kinds=(TEXT,),
    family="autoregressive",
    rate=Cosine(1e-3, 1),
    text=InWindows(CONTEXT + 1),
    source="Vaswani et al. 2017, Su et al. 2021",
)
