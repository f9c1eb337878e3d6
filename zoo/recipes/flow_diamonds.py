"""A neural spline flow of the table of diamonds."""

from ..diamonds import DIAMONDS, STEPS
from ..presets.flow import recipe as preset

recipe = preset.recipe_for(
    DIAMONDS,
    steps=STEPS,
    epochs=60,
    batch_size=500,
    data="diamonds",
    parameters=0,
    source="Durkan et al. 2019",
    expected={},
    results={},
    evaluation={"target": "price"},
)
