"""A variational autoencoder of the table of diamonds."""

from ..diamonds import DIAMONDS, STEPS
from ..presets.vae import recipe as preset

recipe = preset.recipe_for(
    DIAMONDS,
    steps=STEPS,
    epochs=150,
    batch_size=500,
    data="diamonds",
    parameters=0,
    source="Kingma and Welling 2013, Xu et al. 2019 (table)",
    expected={},
    results={},
    evaluation={"target": "price"},
)
