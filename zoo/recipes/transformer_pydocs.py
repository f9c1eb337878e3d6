"""A small transformer of Python's documentation, character by character."""

import keras_gen as kg

from ..languages import PYDOCS, InWindows, language_recipe
from ..optimizing import Cosine

EPOCHS, STEPS = 20, 102

recipe = language_recipe(
    lambda tokenizer, seed: kg.Autoregressive(
        kg.networks.causal_transformer(tokenizer.vocabulary_size, context=128),
        tokenizer,
        length=256,
        seed=seed,
    ),
    alphabet=PYDOCS,
    rate=Cosine(2e-3, EPOCHS * STEPS, warmup_steps=100),
    family="autoregressive",
    data="pydocs",
    epochs=EPOCHS,
    batch_size=32,
    parameters=814_697,
    text=InWindows(129),
    source="Radford et al. 2019, small",
    expected={"nats_per_token": (1.29, 1.35)},
    results={
        "nats_per_token": 1.3176,
        "perplexity": 3.734,
        "bits_per_character": 1.9008,
    },
)
