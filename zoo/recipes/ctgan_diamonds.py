"""A GAN of the table of diamonds, asked for one category at a time."""

import keras_gen as kg

from ..diamonds import STEPS, columns
from ..presets.gan import recipe as preset


def specs() -> "tuple[kg.specs.Columns, kg.specs.AnyCategory]":
    """The table, and as condition any category of it."""
    table = columns()
    return table, kg.specs.AnyCategory(table)


recipe = preset.recipe_for(
    specs,
    steps=STEPS,
    epochs=100,
    learning_rate=4e-4,
    chosen={"packing": 2},
    batch_size=500,
    data="diamonds",
    parameters=184_907,
    source="Xu et al. 2019, Huang et al. 2025",
    expected={"quality_score": (0.94, 0.972), "prediction_score": (0.87, 0.95)},
    results={
        "quality_score": 0.9552,
        "prediction_score": 0.9077,
        "memorization": 0.272,
    },
    evaluation={"target": "price"},
)
