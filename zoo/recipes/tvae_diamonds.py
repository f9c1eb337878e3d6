"""A variational autoencoder of the table of diamonds."""

from ..diamonds import STEPS, columns
from ..presets.vae import recipe as preset

recipe = preset.recipe_for(
    lambda: (columns(), None),
    steps=STEPS,
    epochs=150,
    batch_size=500,
    data="diamonds",
    parameters=319_586,
    source="Kingma and Welling 2013, Xu et al. 2019 (table)",
    expected={
        "quality_score": (0.96, 0.975),
        "prediction_score": (0.93, 0.97),
    },
    results={
        "elbo": -6.88,
        "importance_log_prob": -6.68,
        "active_units": 4,
        "quality_score": 0.9675,
        "prediction_score": 0.9515,
        "memorization": 0.346,
    },
    evaluation={"target": "price"},
)
