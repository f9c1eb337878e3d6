"""A small transformer of Shakespeare's plays, in nanoGPT's setting for a CPU."""

import keras_gen as kg

from ..languages import SHAKESPEARE, InWindows, language_recipe
from ..optimizing import Cosine

EPOCHS, STEPS, BATCH = 8, 250, 12

recipe = language_recipe(
    lambda tokenizer, seed: kg.Autoregressive(
        kg.networks.causal_transformer(tokenizer.vocabulary_size),
        tokenizer,
        length=256,
        seed=seed,
    ),
    alphabet=SHAKESPEARE,
    rate=Cosine(2e-3, EPOCHS * STEPS, warmup_steps=100),
    adam={"beta_2": 0.99},
    family="autoregressive",
    data="shakespeare",
    epochs=EPOCHS,
    batch_size=BATCH,
    parameters=804_417,
    text=InWindows(65, num=STEPS * BATCH),
    source="nanoGPT's setting for a CPU",
    expected={"nats_per_token": (1.65, 1.71)},
    results={
        "nats_per_token": 1.6808,
        "perplexity": 5.37,
        "bits_per_character": 2.4249,
    },
)
