"""A VAE of the lines of a text."""

from typing import TYPE_CHECKING

import keras_gen as kg

from ..languages import InLines
from ..optimizing import Cosine
from ..preset import TEXT, Preset

if TYPE_CHECKING:
    from keras_gen.tokenizers import Tokenizer

LENGTH, WARMUP = 96, 1000


def make(tokenizer: "Tokenizer", width: int, seed: int) -> kg.TextVAE:
    """The model."""
    size = tokenizer.vocabulary_size
    return kg.TextVAE(
        kg.networks.text_encoder(size, width, width=2 * width),
        kg.networks.recurrent(size, width=2 * width, condition_size=width),
        tokenizer,
        objective=kg.ELBO(free_bits=0.5, warmup_steps=WARMUP),
        length=LENGTH,
        seed=seed,
    )


recipe = Preset(
    make=make,
    kinds=(TEXT,),
    family="VAE",
    rate=Cosine(2e-3, 1),
    adam={"clipnorm": 5.0},
    text=InLines(LENGTH),
    source="Bowman et al. 2016",
)
