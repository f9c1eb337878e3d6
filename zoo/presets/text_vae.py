"""A VAE of the lines of a text."""

from typing import TYPE_CHECKING

import keras_gen as kg

from ..languages import InLines
from ..optimizing import Cosine
from ..preset import TEXT, Preset
from ..texts import LINES

if TYPE_CHECKING:
    from keras_gen.specs import Tokens

LENGTH, WARMUP = 96, 1000


def make(inputs: "Tokens", condition: None, width: int, seed: int) -> kg.TextVAE:
    """The model."""
    del condition
    size = inputs.vocabulary_size
    return kg.TextVAE(
        kg.networks.text_encoder(size, width, width=2 * width),
        kg.networks.recurrent(size, width=2 * width, condition_size=width),
        inputs.tokenizer,
        objective=kg.ELBO(free_bits=0.5, warmup_steps=WARMUP),
        length=inputs.length,
        end_token=inputs.end_token,
        seed=seed,
    )


recipe = Preset(
    make=make,
    kinds=(TEXT,),
    family="VAE",
    rate=Cosine(2e-3, 1),
    adam={"clipnorm": 5.0},
    text=InLines(LENGTH),
    by=(LINES,),
    longest=LENGTH,
    source="Bowman et al. 2016",
)
