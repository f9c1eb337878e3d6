"""Flow matching of the table of diamonds."""

from ..diamonds import DIAMONDS, STEPS
from ..presets.diffusion import recipe as preset

recipe = preset.recipe_for(
    DIAMONDS,
    steps=STEPS,
    epochs=100,
    batch_size=500,
    data="diamonds",
    parameters=0,
    source="Lipman et al. 2023, Kotelnikov et al. 2023 (quantiles)",
    expected={},
    results={},
    evaluation={"target": "price"},
)
