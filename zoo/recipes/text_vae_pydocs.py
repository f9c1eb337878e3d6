"""A VAE of the sentences of Python's documentation."""

from ..languages import PYDOCS, InLines, text_vae_recipe

EPOCHS, STEPS = 48, 45

recipe = text_vae_recipe(
    length=128,
    warmup_steps=800,
    dropout=0.1,
    alphabet=PYDOCS,
    steps=EPOCHS * STEPS,
    data="pydocs",
    epochs=EPOCHS,
    batch_size=64,
    parameters=578_377,
    text=InLines(128, sentences=True),
    expected={"elbo": (-89.78, -86.78)},
    results={
        "elbo": -88.28,
        "importance_log_prob": -85.3,
        "rate": 7.45,
        "distortion": 80.83,
        "active_units": 16,
    },
)
