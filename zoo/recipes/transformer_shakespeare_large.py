"""A larger transformer of Shakespeare's plays, with a longer context."""

import keras_gen as kg

from ..languages import SHAKESPEARE, InWindows, language_recipe
from ..optimizing import Cosine

EPOCHS, STEPS, BATCH, CONTEXT = 8, 250, 16, 128

recipe = language_recipe(
    lambda tokenizer, seed: kg.Autoregressive(
        kg.networks.causal_transformer(
            tokenizer.vocabulary_size,
            width=192,
            depth=6,
            heads=6,
            context=CONTEXT,
        ),
        tokenizer,
        length=512,
        seed=seed,
    ),
    alphabet=SHAKESPEARE,
    rate=Cosine(1.5e-3, EPOCHS * STEPS, warmup_steps=100),
    adam={"beta_2": 0.99},
    family="autoregressive",
    data="shakespeare",
    epochs=EPOCHS,
    batch_size=BATCH,
    parameters=2_681_921,
    text=InWindows(CONTEXT + 1, num=STEPS * BATCH),
    source="Radford et al. 2019, small",
    expected={"nats_per_token": (1.47, 1.53)},
    results={
        "nats_per_token": 1.5024,
        "perplexity": 4.493,
        "bits_per_character": 2.1675,
    },
)
