"""An LSTM of molecules as strings (SMILES), one per line of a file of the user's."""

import keras_gen as kg

from ..languages import SMILES, InLines, language_recipe

LENGTH = 100

recipe = language_recipe(
    lambda tokenizer, seed: kg.Autoregressive(
        kg.networks.recurrent(tokenizer.vocabulary_size, units=(256, 256)),
        tokenizer,
        length=LENGTH,
        end_token=int(tokenizer.encode("\n")[0]),
        seed=seed,
    ),
    alphabet=SMILES,
    rate=1e-3,
    family="autoregressive",
    data="smiles",
    epochs=10,
    batch_size=128,
    parameters=952_784,
    text=InLines(LENGTH),
    source="Segler et al. 2018, small",
    expected={},
    results={},
)
