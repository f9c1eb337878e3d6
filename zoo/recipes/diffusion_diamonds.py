"""Flow matching of the table of diamonds."""

from ..diamonds import STEPS, columns
from ..presets.diffusion import recipe as preset

recipe = preset.recipe_for(
    lambda: (columns(), None),
    steps=STEPS,
    epochs=100,
    batch_size=500,
    data="diamonds",
    parameters=642_698,
    source="Lipman et al. 2023, Kotelnikov et al. 2023 (quantiles)",
    expected={
        "quality_score": (0.958, 0.972),
        "prediction_score": (0.93, 0.97),
    },
    results={
        "log_prob": -7.66,
        "quality_score": 0.9648,
        "prediction_score": 0.9328,
        "memorization": 0.311,
    },
    evaluation={"target": "price"},
)
