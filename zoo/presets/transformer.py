"""A transformer that predicts the tokens of a text."""

from typing import TYPE_CHECKING, Annotated, Any

import keras_gen as kg

from ..languages import InWindows
from ..model_settings import Dropout, TokenChannels
from ..optimizing import Cosine
from ..preset import TEXT, Preset
from ..settings import Says

if TYPE_CHECKING:
    from keras_gen.specs import Classes, Tokens

LENGTH = 128


def make(
    inputs: "Tokens",
    condition: "Classes | None",
    width: int,
    seed: int,
    steps: int | None,
    *,
    channels: TokenChannels = None,
    depth: Annotated[int, Says("Blocks.")] = 4,
    heads: Annotated[int, Says("Heads of attention, a divisor of the channels.")] = 4,
    dropout: Dropout = 0.0,
) -> "kg.Autoregressive":
    """The model."""
    del steps
    network = kg.networks.causal_transformer(
        inputs.vocabulary_size,
        width=channels or 4 * width,
        depth=depth,
        heads=heads,
        context=inputs.length,
        dropout=dropout,
        condition_size=0 if condition is None else condition.num_classes,
    )
    how: dict[str, Any] = {"length": inputs.length, "end_token": inputs.end_token}
    return kg.Autoregressive(network, inputs.tokenizer, **how, seed=seed)


recipe = Preset(
    make=make,
    kinds=(TEXT,),
    family="autoregressive",
    least_steps=0,
    rate=Cosine(1e-3, 1),
    text=InWindows(LENGTH + 1),
    source="Vaswani et al. 2017, Su et al. 2021",
)
