"""A VAE of the lines of Shakespeare's plays."""

from ..languages import SHAKESPEARE, InLines, text_vae_recipe

EPOCHS, STEPS = 10, 400

recipe = text_vae_recipe(
    length=48,
    warmup_steps=1_500,
    alphabet=SHAKESPEARE,
    steps=EPOCHS * STEPS,
    data="shakespeare",
    epochs=EPOCHS,
    batch_size=64,
    parameters=562_977,
    text=InLines(48),
    expected={"elbo": (-53.7, -51.7)},
    results={
        "elbo": -52.66,
        "importance_log_prob": -50.28,
        "rate": 8.13,
        "distortion": 44.53,
        "active_units": 16,
    },
)
