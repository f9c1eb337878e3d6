"""A GAN of the table of diamonds."""

from ..diamonds import DIAMONDS, STEPS
from ..presets.gan import recipe as preset

recipe = preset.recipe_for(
    DIAMONDS,
    steps=STEPS,
    epochs=200,
    learning_rate=4e-4,
    batch_size=500,
    data="diamonds",
    parameters=0,
    source="Huang et al. 2025, Xu et al. 2019 (table and sizes)",
    expected={},
    results={},
    evaluation={"target": "price"},
)
