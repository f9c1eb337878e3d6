"""The table of diamonds, and recipes of it: presets at chosen settings."""

import dataclasses
from typing import Any

from keras_gen.specs import Category, Columns, Integer, Numeric

from .optimizing import Cosine
from .preset import DEFAULT_SIZE, Preset
from .recipe import Recipe

BATCH_SIZE = 500
STEPS = 98  # of an epoch of 48,546 rows

DIAMONDS = Columns(
    [
        Numeric("carat", decimals=2),
        Category("cut", ["Fair", "Good", "Ideal", "Premium", "Very Good"]),
        Category("color", [*"DEFGHIJ"]),
        Category("clarity", ["I1", "IF", "SI1", "SI2", "VS1", "VS2", "VVS1", "VVS2"]),
        Numeric("depth", decimals=1),
        Numeric("table", decimals=1),
        Integer("price", low=326, high=18823),
        *(Numeric(name, decimals=2) for name in "xyz"),
    ]
)


def diamonds_recipe(
    preset: Preset, epochs: int, *, learning_rate: float = 1e-3, **facts: Any
) -> Recipe:
    """A preset of the default size for the table of diamonds.

    Args:
        preset: The preset.
        epochs: Passes over the 48,546 training rows.
        learning_rate: The highest one. It falls to 0 by half a cosine.
        **facts: Further fields of `Recipe`.
    """
    rate = Cosine(learning_rate, epochs * STEPS)
    preset = dataclasses.replace(preset, rate=rate)
    recipe = preset.pinned(DIAMONDS, None, DEFAULT_SIZE)
    facts |= {"data": "diamonds", "batch_size": BATCH_SIZE, "epochs": epochs}
    return dataclasses.replace(recipe, **facts)
