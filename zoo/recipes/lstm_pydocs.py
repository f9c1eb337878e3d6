"""An LSTM of Python's documentation, character by character."""

import keras_gen as kg

from ..languages import PYDOCS, InWindows, language_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 20, 102

recipe = language_recipe(
    lambda tokenizer, seed: kg.Autoregressive(
        kg.networks.recurrent(tokenizer.vocabulary_size),
        tokenizer,
        length=256,
        seed=seed,
    ),
    alphabet=PYDOCS,
    rate=Cosine(4e-3, EPOCHS * STEPS, warmup_steps=100),
    family="autoregressive",
    data="pydocs",
    epochs=EPOCHS,
    batch_size=32,
    parameters=436_073,
    text=InWindows(129),
    source="Graves 2013, one layer",
    expected={"nats_per_token": (1.31, 1.37)},
    results={
        "nats_per_token": 1.3397,
        "perplexity": 3.818,
        "bits_per_character": 1.9328,
    },
)
