"""A neural spline flow of the table of diamonds."""

from ..diamonds import STEPS, columns
from ..presets.flow import recipe as preset

recipe = preset.recipe_for(
    lambda: (columns(), None),
    steps=STEPS,
    epochs=60,
    batch_size=500,
    data="diamonds",
    parameters=193_950,
    source="Durkan et al. 2019",
    expected={
        "quality_score": (0.958, 0.972),
        "prediction_score": (0.93, 0.97),
    },
    results={
        "log_prob": -5.89,
        "quality_score": 0.9655,
        "prediction_score": 0.9561,
        "memorization": 0.34,
    },
    evaluation={"target": "price"},
)
